/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client has said to log in: whose mailbox, by which mechanism, and
 * what is handed to the home in its place. Holds secrets; wiped when cleared.
 */
#ifndef REHOME_GATEWAY_LOGIN_H
#define REHOME_GATEWAY_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

enum login_mechanism {
	LOGIN_PASSWORD, /* IMAP LOGIN, POP3 USER and PASS */
	LOGIN_PLAIN,
	LOGIN_LOGIN,
	LOGIN_XOAUTH2,
	LOGIN_OAUTHBEARER,
	LOGIN_SCRAM_SHA_1,
	LOGIN_SCRAM_SHA_256,
	LOGIN_MECHANISMS
};

/* Longest user name and password. */
#define LOGIN_USER_MAX	   512
#define LOGIN_PASSWORD_MAX 1024

struct login {
	enum login_mechanism mechanism;
	char *user;	 /* whose mailbox it is */
	char *authority; /* who logs in for that user: a master user; or NULL */
	char *password;	 /* NULL where the mechanism does not show it */
	char *initial;	 /* the client's first answer as it came, in base64, for
			    mechanisms that are relayed; or NULL */
};

/* True when the client's words are handed on as they came: the password is
 * never seen. */
bool login_is_relayed(enum login_mechanism mechanism);

/* "PLAIN", ...; LOGIN_PASSWORD has no name in SASL: NULL. */
const char *login_mechanism_name(enum login_mechanism mechanism);
/* The mechanism of that SASL name, in any case; -1 when it is none of ours. */
int login_mechanism_find(const char *name, size_t size);

/* Wipes and frees all; an empty login again. */
void login_clear(struct login *login);

#endif

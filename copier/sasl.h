/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's part of SASL (RFC 4422), for any protocol: which mechanism, and
 * its messages, without their base64. Nothing here reads or writes a
 * connection, and no secret is ever put into an error.
 */
#ifndef REHOME_COPIER_SASL_H
#define REHOME_COPIER_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#include "copier/secret.h"

enum sasl_mechanism {
	SASL_AUTO,
	SASL_LOGIN, /* no SASL: the protocol's own command (IMAP's LOGIN) */
	SASL_PLAIN, /* RFC 4616 */
	SASL_SCRAM_SHA_256, /* RFC 5802, RFC 7677 */
	SASL_XOAUTH2,	    /* as Google documents it */
	SASL_OAUTHBEARER,   /* RFC 7628 */
	SASL_MECHANISMS,
};

/* In a set of mechanisms. */
#define SASL_BIT(mechanism) (1u << (mechanism))

/* Who logs in, and by what. Strings are the caller's. */
struct sasl_account {
	const char *login;	/* whose mailbox */
	const char *authorizer; /* acts on its behalf, or NULL */
	const char *password;	/* of the authorizer or the login, or NULL */
	const char *token;	/* OAuth access token, or NULL */
	const char *host;
	unsigned port;
};

/* "auto", "login", "plain", "scram-sha-256", ...: 0, or -1 for another. */
int sasl_parse(const char *name, enum sasl_mechanism *mechanism_r);
/* As servers announce it, "SCRAM-SHA-256"; "LOGIN" for IMAP's command. */
const char *sasl_name(enum sasl_mechanism mechanism);

struct sasl_choice {
	enum sasl_mechanism wanted; /* SASL_AUTO: the strongest */
	unsigned offered;	    /* set of what the server offers */
	unsigned failed;	    /* set of what it has refused before */
	bool token;		    /* there is a token, else a password */
	bool authorizer;
	bool exposed; /* others can read what is sent */
};

/*
 * Chooses the mechanism. With SASL_AUTO nothing is taken that would expose a
 * password or token. SASL_AUTO is returned, with an error, when none is left.
 */
enum sasl_mechanism sasl_choose(
	const struct sasl_choice *choice, struct error *error);

struct sasl;

/* Begins an exchange of a mechanism (not SASL_AUTO, not SASL_LOGIN). */
struct sasl *sasl_new(
	enum sasl_mechanism mechanism, const struct sasl_account *account);
/* Wipes and frees it; takes NULL. */
void sasl_free(struct sasl **sasl);

/* The first message, which all of our mechanisms have. -1 with an error: the
 * credentials cannot be used. */
int sasl_begin(struct sasl *sasl, struct secret *message, struct error *error);
/*
 * The answer to a challenge. -1 with an error when the challenge is wrong: the
 * exchange is to be cancelled.
 */
int sasl_answer(struct sasl *sasl, const char *challenge, size_t size,
	struct secret *message, struct error *error);
/*
 * Asked once the server has said that all is well: -1 with an error when it has
 * not proved that it knows the password, though the mechanism wants that.
 */
int sasl_finish(const struct sasl *sasl, struct error *error);
/* What a server that refused said in the exchange, as a word or two
 * ("invalid_token"), or "". */
const char *sasl_refusal(const struct sasl *sasl);

#endif

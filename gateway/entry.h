/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conversation with a home that lets a client in: greeting, STARTTLS, the
 * client's address, the login on the client's behalf. Pure, as a dialog is;
 * what the home says is bounded, too.
 */
#ifndef REHOME_GATEWAY_ENTRY_H
#define REHOME_GATEWAY_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"

#include "gateway/dialog.h"
#include "gateway/login.h"

/* How the client's address is told to the home. */
enum entry_forward {
	ENTRY_NOTHING,
	ENTRY_ID,      /* IMAP ID, as Dovecot takes it */
	ENTRY_XCLIENT, /* Postfix, and Dovecot for the others */
};

/* All strings are the caller's and live as long as the entry. */
struct entry_terms {
	enum dialog_protocol protocol;
	bool starttls; /* TLS is to be begun first */
	const struct login *login;
	const char *user; /* login name of the mailbox at that system */
	/* A user who may log in for all others, and its password: instead of
	 * the client's own; or NULL. */
	const char *master, *master_password;
	enum entry_forward forward;
	const char *client_address; /* without port and brackets */
	unsigned client_port;
	const char *client_name; /* of EHLO */
};

enum entry_result {
	ENTRY_MORE,
	ENTRY_STARTTLS,	 /* write the output, then do the handshake */
	ENTRY_CHALLENGE, /* for the client: entry_challenge() */
	ENTRY_ACCEPTED,	 /* the client is in; what is left is for it */
	ENTRY_DENIED,	 /* the home refused the login for good */
	ENTRY_LATER,	 /* it cannot now, or was not understood */
};

struct entry;

struct entry *entry_new(const struct entry_terms *terms);
/* Wipes what was to be sent; takes NULL. */
void entry_free(struct entry **entry);

/* The TLS handshake is done. */
void entry_secured(struct entry *entry, struct buffer *out);

/* As dialog_input: takes what the home says, adds what it is to be told. */
enum entry_result entry_input(struct entry *entry, const char *data,
	size_t size, size_t *used_r, struct buffer *out);

/* After ENTRY_CHALLENGE: base64, valid until the next call. */
const char *entry_challenge(const struct entry *entry);
/* The client's answer to it; NULL: it has given up. */
void entry_answer(struct entry *entry, const char *answer, struct buffer *out);

/* The home's words with the last result: a line, "" when it had none. */
const char *entry_words(const struct entry *entry);
/* IMAP's capabilities behind the login, or NULL. */
const char *entry_capabilities(const struct entry *entry);

#endif

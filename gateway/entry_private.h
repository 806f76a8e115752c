/* SPDX-License-Identifier: BSD-2-Clause */
/* Between entry.c, which cuts what a home says into lines, and the protocols.
 */
#ifndef REHOME_GATEWAY_ENTRY_PRIVATE_H
#define REHOME_GATEWAY_ENTRY_PRIVATE_H

#include "gateway/entry.h"

/* A line of a home (capabilities may be long), and lines before the login. */
#define ENTRY_LINE_MAX	16384
#define ENTRY_LINES_MAX 1000

/* What the home's next answer is to. */
enum entry_step {
	ENTRY_AT_GREETING,
	ENTRY_AT_STARTTLS,
	ENTRY_AT_HANDSHAKE,
	ENTRY_AT_CAPABILITY,
	ENTRY_AT_FORWARD,
	ENTRY_AT_USER,
	ENTRY_AT_LOGIN,
	ENTRY_AT_LAST, /* capabilities behind the login */
};

struct entry_ops {
	void (*secured)(struct entry *entry, struct buffer *out);
	/* A line of the home, without its end, in entry->line. */
	enum entry_result (*line)(struct entry *entry, struct buffer *out);
	void (*answer)(
		struct entry *entry, const char *answer, struct buffer *out);
};

struct entry {
	const struct entry_ops *ops;
	struct entry_terms terms;
	enum entry_step step;
	struct buffer line;
	unsigned lines;
	bool secure;
	bool sasl_ir;	   /* the first answer may go with the command */
	bool plain;	   /* SASL PLAIN is offered */
	bool xclient;	   /* XCLIENT is offered */
	bool sent_initial; /* the first answer has been sent */
	char *initial;	   /* the first answer, in base64, or NULL */
	char *capabilities;
	struct buffer words;
};

extern const struct entry_ops entry_imap;
extern const struct entry_ops entry_pop3;
extern const struct entry_ops entry_smtp;
extern const struct entry_ops entry_sieve;

/* The SASL mechanism that is to be used with the home. */
const char *entry_mechanism(const struct entry *entry);
/* Ends with a result and the home's words. */
enum entry_result entry_end(struct entry *entry, enum entry_result result,
	const char *words, size_t size);
/* Gives XCLIENT, where the terms want it, in a protocol that needs no offer of
 * it. False: the login comes at once. */
bool entry_begin_forward(struct entry *entry, struct buffer *out);
/* "XCLIENT ADDR=192.0.2.1 PORT=1 ..." without line end. */
void entry_add_xclient(const struct entry *entry, struct buffer *out);

#endif

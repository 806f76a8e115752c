/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies of SMTP and LMTP (RFC 5321 section 4.2, RFC 2034): those of a home
 * are read here, bounded, and go on to the client in our own words' form. Pure.
 */
#ifndef REHOME_GATEWAY_LMTP_REPLY_H
#define REHOME_GATEWAY_LMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"

/* Octets of a line, of a whole reply, and of what goes on to a client. */
#define LMTP_REPLY_LINE_MAX  2048
#define LMTP_REPLY_MAX	     16384
#define LMTP_REPLY_WORDS_MAX 1024

struct lmtp_reply {
	int code;	    /* 0: none yet */
	struct buffer text; /* lines without code, a newline between them */
};

/* A reply of our own; words begin with the enhanced code: "4.2.1 moved". */
void lmtp_reply_set(struct lmtp_reply *reply, int code, const char *words);
void lmtp_reply_copy(struct lmtp_reply *reply, const struct lmtp_reply *from);
void lmtp_reply_clear(struct lmtp_reply *reply);

static inline bool lmtp_reply_is_good(const struct lmtp_reply *reply)
{
	return reply->code >= 200 && reply->code < 300;
}

/*
 * Makes of a home's reply one that can be given to a client for a recipient:
 * 250, 4xx or 5xx, each line with an enhanced code, plain ASCII, not too long.
 * 421 and what is out of place become 451: only the home's connection ends.
 */
void lmtp_reply_tame(struct lmtp_reply *reply);

/* Adds it as it is sent: "250-first\r\n250 last\r\n". */
void lmtp_reply_print(const struct lmtp_reply *reply, struct buffer *out);
/* Its first line, for a log; valid until the reply changes. Newlines of
 * further lines are in it: the caller's log replaces them. */
const char *lmtp_reply_words(const struct lmtp_reply *reply);

/* The resumable parser. */
struct lmtp_reply_parser {
	struct buffer line;
	struct lmtp_reply reply; /* complete after a 1, until the next call */
	bool complete;
};

/*
 * 1 a reply is complete, 0 all was taken and more is needed, -1 this is none:
 * the connection is of no further use. *used_r: octets taken.
 */
int lmtp_reply_feed(struct lmtp_reply_parser *parser, const char *data,
	size_t size, size_t *used_r);
void lmtp_reply_parser_clear(struct lmtp_reply_parser *parser);

#endif

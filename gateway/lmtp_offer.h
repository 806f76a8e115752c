/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The extensions of SMTP and LMTP that matter to a delivery: what a home
 * offers in its answer to LHLO or EHLO, what all homes have in common, and
 * what we offer because of it. Pure.
 */
#ifndef REHOME_GATEWAY_LMTP_OFFER_H
#define REHOME_GATEWAY_LMTP_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buffer.h"
#include "lib/error.h"

enum lmtp_extension {
	LMTP_PIPELINING = 1 << 0, /* RFC 2920 */
	LMTP_8BITMIME = 1 << 1,	  /* RFC 6152 */
	LMTP_SMTPUTF8 = 1 << 2,	  /* RFC 6531 */
	LMTP_SIZE = 1 << 3,	  /* RFC 1870 */
	LMTP_CHUNKING = 1 << 4,	  /* RFC 3030 */
	LMTP_BINARYMIME = 1 << 5, /* RFC 3030 */
	LMTP_DSN = 1 << 6,	  /* RFC 3461 */
	LMTP_ENHANCED = 1 << 7,	  /* RFC 2034 */
	LMTP_STARTTLS = 1 << 8,	  /* RFC 3207 */
	LMTP_XCLIENT = 1 << 9,	  /* Postfix, Dovecot */
};

/* What only a home can do; the others are done here whatever a home can. */
#define LMTP_OF_HOMES                                                          \
	(LMTP_8BITMIME | LMTP_SMTPUTF8 | LMTP_BINARYMIME | LMTP_DSN)

struct lmtp_offer {
	unsigned extensions; /* of enum lmtp_extension */
	uint64_t size;	     /* octets of a message at most; 0: not told */
};

/* Takes a line of a home's answer to its greeting: "SIZE 1000", "8BITMIME". */
void lmtp_offer_learn(struct lmtp_offer *offer, const char *line);

/*
 * Reads names of extensions with blanks between ("8BITMIME SMTPUTF8 DSN").
 * Returns 0, or -1 with an error that names the one which is none of a home's.
 */
int lmtp_offer_parse(
	const char *text, struct lmtp_offer *offer_r, struct error *error);

/* Keeps of offer what other has too. The larger limit of size, for a message
 * that is too large for one home may be for another. */
void lmtp_offer_limit(struct lmtp_offer *offer, const struct lmtp_offer *other);

/* Adds the lines of our answer to LHLO, "250-NAME" each, all but the last. */
void lmtp_offer_print(const struct lmtp_offer *offer, struct buffer *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of a message as it travels behind DATA (RFC 5321 section 4.5.2):
 * dots that were put in front are taken away, and put there again for a home.
 * Only CRLF "." CRLF ends a message, so that nobody is able to smuggle one
 * into another. Pure and resumable.
 */
#ifndef REHOME_GATEWAY_LMTP_CONTENT_H
#define REHOME_GATEWAY_LMTP_CONTENT_H

#include <stddef.h>

#include "lib/buffer.h"

enum lmtp_place {
	LMTP_LINE_BEGIN, /* of the message, or behind a CRLF */
	LMTP_LINE_TEXT,
	LMTP_LINE_CR,
	LMTP_LINE_DOT,	  /* the first of a line; decoding only */
	LMTP_LINE_DOT_CR, /* the same */
};

/*
 * Adds the decoded text to out. Returns 1 behind the end of data, with *used_r
 * octets taken, or 0 when all was taken. *place begins as LMTP_LINE_BEGIN and
 * is so again behind the end.
 */
int lmtp_decode(enum lmtp_place *place, const char *data, size_t size,
	size_t *used_r, struct buffer *out);

/*
 * Adds the encoded text to out. A bare LF becomes CRLF: there are servers that
 * would see the end of data in "LF . LF", which a chunk may have brought.
 */
void lmtp_encode(enum lmtp_place *place, const char *data, size_t size,
	struct buffer *out);
/* The end of data, behind a line end. */
void lmtp_encode_end(enum lmtp_place *place, struct buffer *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cuts what an IMAP server sends into responses (RFC 3501 section 7). Bodies of
 * messages are passed on in pieces and never kept; all else of a response is
 * collected. Resumable: fed any pieces of the stream it gives the same events.
 * It never reads the connection itself.
 */
#ifndef REHOME_COPIER_IMAP_WIRE_H
#define REHOME_COPIER_IMAP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"
#include "lib/error.h"

/* Hard limits of what is collected; a server beyond them is given up. */
#define IMAP_WIRE_RESPONSE_MAX (1 << 20)
#define IMAP_WIRE_LITERAL_MAX  65536

enum imap_wire_event {
	IMAP_WIRE_BAD = -1, /* the stream cannot be used any further */
	IMAP_WIRE_MORE,	    /* all was taken, more is needed */
	IMAP_WIRE_RESPONSE, /* text is a whole response without its CRLF */
	IMAP_WIRE_BODY,	    /* a body begins; text is what stood before it */
	IMAP_WIRE_DATA,	    /* a piece of the body */
	IMAP_WIRE_BODY_END, /* the body is complete; the response goes on */
};

struct imap_wire {
	/*
	 * The response: literals stand in it as on the wire, "{5}\r\nabcde";
	 * in the place of a body that was passed on stands NIL.
	 */
	struct buffer text;
	uint64_t body;	  /* IMAP_WIRE_BODY: its octets */
	const char *data; /* IMAP_WIRE_DATA: inside what was fed */
	size_t data_size;

	int state;
	uint64_t left;	  /* octets of the literal still to come */
	size_t announced; /* where in text the "{" of the body stands */
	size_t line; /* where in the text the line begins: behind a literal */
};

void imap_wire_init(struct imap_wire *wire);
void imap_wire_free(struct imap_wire *wire);
/* True when a response has begun and has not come to its end. */
bool imap_wire_is_inside(const struct imap_wire *wire);

/*
 * Takes bytes up to the next event. *used_r is how many were taken; feed the
 * rest again. The text is valid until the feed after IMAP_WIRE_RESPONSE.
 */
enum imap_wire_event imap_wire_feed(struct imap_wire *wire, const char *data,
	size_t size, size_t *used_r, struct error *error);

#endif

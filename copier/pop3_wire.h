/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a POP3 server sends (RFC 1939), taken apart as it comes: status lines,
 * the lines of a list, the octets of a message with their dots unstuffed. Reads
 * no socket, keeps one line, and has limits on lines and their number.
 */
#ifndef REHOME_COPIER_POP3_WIRE_H
#define REHOME_COPIER_POP3_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* RFC 1939 section 3 says 512, RFC 2449 leaves UIDLs at 70; servers differ. */
#define POP3_WIRE_LINE_MAX 2048
/* Lines of one list. */
#define POP3_WIRE_LIST_MAX 2000000

/* What follows a positive status line. */
enum pop3_wire_shape {
	POP3_WIRE_SHORT, /* nothing */
	POP3_WIRE_LIST,	 /* lines */
	POP3_WIRE_BODY,	 /* a message */
};

enum pop3_wire_event {
	POP3_WIRE_BAD = -1,
	POP3_WIRE_MORE,	 /* all input is used */
	POP3_WIRE_REPLY, /* the status line is in line */
	POP3_WIRE_LINE,	 /* a line of a list is in line */
	POP3_WIRE_DATA,	 /* octets of a message are in data, data_size */
	POP3_WIRE_END,	 /* the response is over: expect the next one */
};

struct pop3_wire {
	enum pop3_wire_shape shape;
	int state;			   /* of pop3_wire.c */
	char line[POP3_WIRE_LINE_MAX + 1]; /* ended by NUL, without CRLF */
	size_t line_size;
	size_t lines;
	bool ok;	  /* the status line was no error */
	const char *data; /* in the input, or static */
	size_t data_size;
};

/* Makes it ready for a response of this shape; also for the first one. */
void pop3_wire_expect(struct pop3_wire *wire, enum pop3_wire_shape shape);

/* True inside a status line or a message; lists may be slow, since a server has
 * to look at each message for them. */
bool pop3_wire_is_inside(const struct pop3_wire *wire);
/*
 * Takes from size octets at data what belongs to the next event, and says in
 * *used_r how many; data of an event is valid until the next call. A response
 * that is negative or "+ text" (RFC 5034) ends with its line. Only CRLF ends a
 * line, so that no message can end itself by ways of its own. BAD with an error
 * when this is no POP3 or beyond the limits; the wire is of no further use.
 */
enum pop3_wire_event pop3_wire_feed(struct pop3_wire *wire, const char *data,
	size_t size, size_t *used_r, struct error *error);

#endif

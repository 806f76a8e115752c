/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes an mbox apart (RFC 4155 and what came before it): messages part at a
 * line "From ADDRESS DATE" behind an empty line. Fields in which mail programs
 * keep their own state (Status, X-Keywords, X-UID, X-Mozilla-Status, ...) are
 * read and left out, as servers do, for they are not of the message. Reads no
 * file, and keeps one line at most.
 */
#ifndef REHOME_COPIER_MBOX_PARSE_H
#define REHOME_COPIER_MBOX_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"

#include "copier/driver.h"

/* A longer line is no From_ line and no field of ours. */
#define MBOX_LINE 4096
/* Characters of flags and keywords of one message. */
#define MBOX_FLAGS_MAX 2048

enum mbox_event {
	MBOX_BAD = -1, /* this is no mbox */
	MBOX_MORE,     /* all input is used */
	MBOX_BEGIN,    /* a From_ line; date is set */
	MBOX_DATA,     /* octets of the message are in data, data_size */
	MBOX_HEAD,     /* its header is over: see content_length */
	MBOX_END,      /* of the message; flags, deleted and internal are set */
};

struct mbox_parser {
	enum mailbox_quoting quoting;
	int state; /* of mbox_parse.c */
	char line[MBOX_LINE + 4];
	size_t line_size;
	char empty[2]; /* an empty line that may part two messages */
	size_t empty_size;
	bool parts;    /* the line before was empty */
	bool lenient;  /* From_ lines without a date are taken */
	bool hiding;   /* the field is left out */
	bool keywords; /* and its lines are keywords */
	bool subject_internal;
	uint64_t trusted; /* octets of a body that are not looked at */

	/* Of the present message. */
	char date[MAILDATE_SIZE]; /* "" when the From_ line has none */
	size_t from_size;	  /* octets of that line */
	struct buffer flags;	  /* as flagpool_get takes them */
	bool deleted;		  /* in its mail program, and not yet removed */
	bool internal; /* no message: a server's "folder internal data" */
	int64_t content_length; /* -1: not told */
	const char *data;
	size_t data_size;
};

void mbox_parse_begin(struct mbox_parser *parser, enum mailbox_quoting quoting);
void mbox_parse_free(struct mbox_parser *parser);

/*
 * Takes from size octets at data what belongs to the next event and says in
 * *used_r how many; data of an event is valid until the next call. Lines end
 * as they do in the file.
 */
enum mbox_event mbox_parse_feed(struct mbox_parser *parser, const char *data,
	size_t size, size_t *used_r);
/* At the end of the file: to be called until it returns MORE. */
enum mbox_event mbox_parse_finish(struct mbox_parser *parser);
/*
 * After HEAD: the body has so many octets, and no line of them parts messages,
 * as the caller has seen behind it.
 */
void mbox_parse_trust(struct mbox_parser *parser, uint64_t size);

/*
 * The date of a From_ line without its end; a date without a zone is of this
 * machine's. 1; 0 it has none; -1 it is no From_ line.
 */
int mbox_from_date(const char *line, size_t size, char date_r[MAILDATE_SIZE]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a submission is in the middle of a mail, told by what the client
 * says alone (RFC 5321, 3030). In doubt it is. Pure.
 */
#ifndef REHOME_GATEWAY_SUBMISSION_H
#define REHOME_GATEWAY_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>

#define SUBMISSION_LINE_MAX 64

enum submission_place {
	SUBMISSION_COMMAND,
	SUBMISSION_CONTENT, /* of DATA */
	SUBMISSION_CHUNK,   /* of BDAT */
};

/* Zeroed at first; the fields are submission.c's. */
struct submission {
	enum submission_place place;
	char line[SUBMISSION_LINE_MAX]; /* the beginning of a command */
	size_t size;			/* of the whole line */
	size_t chunk;			/* octets still to come */
	bool last;			/* chunk of the mail */
	bool open;
};

/* The next octets of the client, cut anywhere. */
void submission_take(
	struct submission *submission, const char *data, size_t size);
/* From MAIL up to the end of its content, or RSET; what the server said to it
 * is the caller's to wait for. */
bool submission_is_open(const struct submission *submission);

#endif

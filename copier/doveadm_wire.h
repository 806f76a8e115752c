/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a doveadm server sends, taken to pieces as it comes: lines of the
 * handshake, then answers, which a server of protocol 1.1 or later sends in
 * packets beside those of its log. No input or output here.
 */
#ifndef REHOME_COPIER_DOVEADM_WIRE_H
#define REHOME_COPIER_DOVEADM_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"
#include "lib/error.h"

/* A longer line is no answer to anything that we ask. */
#define DOVEADM_LINE_MAX 65536

enum doveadm_place {
	DOVEADM_HANDSHAKE, /* single lines */
	DOVEADM_OUTPUT,	   /* first line of an answer: what was asked for */
	DOVEADM_STATUS,	   /* second line: + or -CODE */
};

struct doveadm_wire {
	enum doveadm_place place;
	bool packets;	       /* octets come in packets now */
	unsigned char head[5]; /* of the packet: channel, length */
	size_t head_size;
	size_t left;	      /* of the packet */
	struct buffer line;   /* that has not ended yet */
	struct buffer output; /* of the present answer */
	struct buffer status; /* line that ended the last event */
	struct buffer log;    /* line that has not ended yet */
	struct error words;   /* last logged for the present answer */
	struct error told;    /* those of the last one */
};

/* What an answer or a line of the handshake says; the text is valid until the
 * next call. */
struct doveadm_event {
	const char *line; /* of the handshake; NULL: an answer */
	bool ok;
	const char *code;   /* of a failure: "NOTFOUND", "" */
	const char *output; /* fields, still escaped */
	const char *words;  /* of the log, "" when it says nothing */
};

/* The wire is all zero at first. */
void doveadm_wire_clear(struct doveadm_wire *wire);

/* The handshake is over; what comes next are answers. */
void doveadm_wire_begin(struct doveadm_wire *wire, bool packets);

/*
 * Takes octets up to the end of the next event: 1 there is one, 0 all taken
 * and more needed, -1 no doveadm server speaks so (with an error). *used_r is
 * how many were taken.
 */
int doveadm_wire_feed(struct doveadm_wire *wire, const char *data, size_t size,
	size_t *used_r, struct doveadm_event *event_r, struct error *error);

/* Appends a field of a command, escaped. */
void doveadm_wire_escape(struct buffer *command, const char *field);

#endif

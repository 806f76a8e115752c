/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was seen of an account's logins: by which protocol, mechanism and
 * program, and when last. Pure: the text is what the store keeps, messages in
 * control form, one for each way of logging in.
 */
#ifndef REHOME_SEEN_H
#define REHOME_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buffer.h"

#define SEEN_DOCUMENT  "seen" /* its name in the store */
#define SEEN_WORD_SIZE 32
#define SEEN_TEXT_SIZE 128
/* Ways that are kept of an account; the oldest gives way. */
#define SEEN_WAYS_MAX 32

struct seen_way {
	char protocol[SEEN_WORD_SIZE];
	char mechanism[SEEN_WORD_SIZE]; /* "" when not known */
	char client[SEEN_TEXT_SIZE];	/* what it calls itself, or "" */
	int64_t last;			/* instant */
};

struct seen {
	struct seen_way ways[SEEN_WAYS_MAX];
	size_t count;
};

/* Copies, and cuts what is too long. NULL is "". */
void seen_way_set(struct seen_way *way, const char *protocol,
	const char *mechanism, const char *client, int64_t last);
/* Reads a text; what is damaged of it is left out. */
void seen_read(struct seen *seen, const char *text);
/* Appends the text. */
void seen_print(const struct seen *seen, struct buffer *text);
/* Adds a login. Returns whether that is news: a way that was not known, or one
 * that was last seen more than precision ms before. */
bool seen_add(struct seen *seen, const struct seen_way *way, int64_t precision);
/* The newest login, 0 when there was none. */
int64_t seen_last(const struct seen *seen);

#endif

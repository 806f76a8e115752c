/* SPDX-License-Identifier: BSD-2-Clause */
/* A set of UIDs in ascending order, printed as an IMAP sequence-set. */
#ifndef REHOME_COPIER_UIDSET_H
#define REHOME_COPIER_UIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"

struct uidset {
	uint32_t *uids;
	size_t count;
	size_t room;  /* from uids on */
	size_t front; /* in front of them */
};

#define UIDSET_EMPTY                                                           \
	{                                                                      \
		NULL, 0, 0, 0                                                  \
	}

/*
 * Adds a UID wherever it belongs; quick near both ends, so that ascending and
 * descending UIDs cost the same. For UIDs in a server's order see uidmarks.h.
 */
void uidset_add(struct uidset *set, uint32_t uid);
/* Takes the lowest UIDs out, count at most; to be freed. */
struct uidset uidset_take(struct uidset *set, size_t count);
/* Takes a UID out, quick near both ends; false when it was not there. */
bool uidset_drop(struct uidset *set, uint32_t uid);
bool uidset_has(const struct uidset *set, uint32_t uid);
/* Empties the set and frees its memory. */
void uidset_free(struct uidset *set);

/*
 * Appends UIDs from index on in the form "1:4,7": at most count of them and
 * about room characters. Returns the index behind the last one printed.
 */
size_t uidset_print(const struct uidset *set, size_t index, size_t count,
	size_t room, struct buffer *text);

#endif

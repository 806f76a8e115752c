/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of message flags: system flags and keywords (RFC 3501 section 2.3.2),
 * interned, so that thousands of messages with the same flags share one and
 * sets are compared by one look. \Recent is never part of a set. A pool may be
 * used by several threads at once.
 */
#ifndef REHOME_COPIER_FLAGS_H
#define REHOME_COPIER_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

struct flagset {
	const char *text; /* "\Answered \Seen $Forwarded"; sorted, "" none */
	const struct flagset *folded; /* the same set in lower case */
};

struct flagpool;

struct flagpool *flagpool_new(void);
/* Frees the pool and every set that it gave out. */
void flagpool_free(struct flagpool **pool);

/*
 * The set of blank-separated flags, in any order and with repeats. System
 * flags are written as in the RFC, keywords as they come. Valid as long as the
 * pool.
 */
const struct flagset *flagpool_get(
	struct flagpool *pool, const char *text, size_t size);

/*
 * The flags of set that permanent has too, and with any_keyword all keywords.
 * permanent may be NULL: all of set.
 */
const struct flagset *flagpool_filter(struct flagpool *pool,
	const struct flagset *set, const struct flagset *permanent,
	bool any_keyword);

/* Flags are equal whatever their case. */
static inline bool flagset_same(
	const struct flagset *one, const struct flagset *other)
{
	return one->folded == other->folded;
}

#endif

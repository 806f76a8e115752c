/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers by name: where a folder stands in an array. An account may have
 * thousands of folders, and each is looked up several times in a round.
 */
#ifndef REHOME_COPIER_NAMEHASH_H
#define REHOME_COPIER_NAMEHASH_H

#include <stddef.h>
#include <stdint.h>

struct namehash_place {
	char *name; /* ours; NULL: free */
	uint32_t hash;
	size_t value;
};

struct namehash {
	struct namehash_place *places;
	size_t room; /* a power of two, or 0 */
	size_t count;
};

/* The value of the name, 0 when it has none. */
size_t namehash_get(const struct namehash *hash, const char *name);
/* Gives the name a value, 0 to take it away; the name is copied. */
void namehash_set(struct namehash *hash, const char *name, size_t value);
/* Empties it and frees its memory. */
void namehash_free(struct namehash *hash);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UIDs that a server has told, in whatever order it likes: a hash table, since
 * the order may be the worst one for a sorted array.
 */
#ifndef REHOME_COPIER_UIDMARKS_H
#define REHOME_COPIER_UIDMARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is empty. */
struct uidmarks {
	uint32_t *places; /* 0: free */
	size_t room;	  /* a power of two, or 0 */
	size_t count;
	uint64_t key; /* of the places; nobody can guess it */
};

/* Marks a UID, which is not 0; true when it was not marked before. */
bool uidmarks_add(struct uidmarks *marks, uint32_t uid);
bool uidmarks_has(const struct uidmarks *marks, uint32_t uid);
/* Empties it and frees its memory. */
void uidmarks_free(struct uidmarks *marks);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* An open table with linear probing, at most half full. Each has a key of its
 * own, so that no server can choose UIDs that all want the same place. */
#include "config.h"

#include "copier/uidmarks.h"

#include <stdlib.h>

#include "lib/xalloc.h"

#define UIDMARKS_ROOM 64

/* Where the UID is, or would be. */
static uint32_t *uidmarks_place(const struct uidmarks *marks, uint32_t uid)
{
	uint64_t hash = (uid ^ marks->key) * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)((hash ^ hash >> 32) * (marks->key | 1) >> 32);

	for (at &= marks->room - 1;
		marks->places[at] != 0 && marks->places[at] != uid;
		at = (at + 1) & (marks->room - 1))
		;
	return &marks->places[at];
}

static void uidmarks_grow(struct uidmarks *marks)
{
	struct uidmarks old = *marks;
	size_t i;

	if (old.room == 0)
		arc4random_buf(&marks->key, sizeof(marks->key));
	marks->room = old.room > 0 ? 2 * old.room : UIDMARKS_ROOM;
	marks->places = xcalloc(marks->room, sizeof(*marks->places));
	for (i = 0; i < old.room; i++)
		if (old.places[i] != 0)
			*uidmarks_place(marks, old.places[i]) = old.places[i];
	free(old.places);
}

bool uidmarks_add(struct uidmarks *marks, uint32_t uid)
{
	uint32_t *place;

	if (2 * marks->count >= marks->room)
		uidmarks_grow(marks);
	place = uidmarks_place(marks, uid);
	if (*place == uid)
		return false;
	*place = uid;
	marks->count++;
	return true;
}

bool uidmarks_has(const struct uidmarks *marks, uint32_t uid)
{
	return marks->room > 0 && *uidmarks_place(marks, uid) == uid;
}

void uidmarks_free(struct uidmarks *marks)
{
	free(marks->places);
	*marks = (struct uidmarks){ .room = 0 };
}

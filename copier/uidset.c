/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of UIDs: a sorted array, filled from the front in nearly every use. */
#include "config.h"

#include "copier/uidset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* The index of the first UID that is not below uid. */
static size_t uidset_seek(const struct uidset *set, uint32_t uid)
{
	size_t low = 0, high = set->count;

	if (high > 0 && set->uids[high - 1] < uid)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->uids[middle] < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void uidset_add(struct uidset *set, uint32_t uid)
{
	size_t at = uidset_seek(set, uid);

	if (at < set->count && set->uids[at] == uid)
		return;
	if (set->count == set->room) {
		set->room = set->room > 0 ? set->room * 2 : 16;
		set->uids =
			xreallocarray(set->uids, set->room, sizeof(*set->uids));
	}
	memmove(set->uids + at + 1, set->uids + at,
		(set->count - at) * sizeof(*set->uids));
	set->uids[at] = uid;
	set->count++;
}

bool uidset_drop(struct uidset *set, uint32_t uid)
{
	size_t at = uidset_seek(set, uid);

	if (at == set->count || set->uids[at] != uid)
		return false;
	set->count--;
	memmove(set->uids + at, set->uids + at + 1,
		(set->count - at) * sizeof(*set->uids));
	return true;
}

bool uidset_has(const struct uidset *set, uint32_t uid)
{
	size_t at = uidset_seek(set, uid);

	return at < set->count && set->uids[at] == uid;
}

void uidset_free(struct uidset *set)
{
	free(set->uids);
	*set = (struct uidset)UIDSET_EMPTY;
}

size_t uidset_print(const struct uidset *set, size_t index, size_t count,
	size_t room, struct buffer *text)
{
	size_t start = text->size, limit = index + count;

	if (limit > set->count || limit < index)
		limit = set->count;
	while (index < limit && text->size - start < room) {
		uint32_t first = set->uids[index], last = first;

		while (++index < limit && set->uids[index] == last + 1)
			last++;
		if (text->size > start)
			buffer_add(text, ",", 1);
		if (first == last)
			buffer_printf(text, "%" PRIu32, first);
		else
			buffer_printf(
				text, "%" PRIu32 ":%" PRIu32, first, last);
	}
	return index;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of UIDs: a sorted array with room at both ends; what is added or taken
 * out moves the shorter side. */
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

/* Makes room at both ends, in proportion to what is there. */
static void uidset_grow(struct uidset *set)
{
	size_t more = set->count / 2 + 8;
	uint32_t *old = set->uids != NULL ? set->uids - set->front : NULL;
	uint32_t *all =
		xreallocarray(NULL, set->count + 2 * more, sizeof(*set->uids));

	if (set->count > 0)
		memcpy(all + more, set->uids, set->count * sizeof(*all));
	free(old);
	set->uids = all + more;
	set->front = more;
	set->room = set->count + more;
}

void uidset_add(struct uidset *set, uint32_t uid)
{
	size_t at = uidset_seek(set, uid);
	bool low = at < set->count / 2;

	if (at < set->count && set->uids[at] == uid)
		return;
	if (low ? set->front == 0 : set->count == set->room)
		uidset_grow(set);
	if (low) {
		set->uids--;
		set->front--;
		set->room++;
		memmove(set->uids, set->uids + 1, at * sizeof(*set->uids));
	} else {
		memmove(set->uids + at + 1, set->uids + at,
			(set->count - at) * sizeof(*set->uids));
	}
	set->uids[at] = uid;
	set->count++;
}

bool uidset_drop(struct uidset *set, uint32_t uid)
{
	size_t at = uidset_seek(set, uid);

	if (at == set->count || set->uids[at] != uid)
		return false;
	if (at < set->count / 2) {
		memmove(set->uids + 1, set->uids, at * sizeof(*set->uids));
		set->uids++;
		set->front++;
		set->room--;
	} else {
		memmove(set->uids + at, set->uids + at + 1,
			(set->count - at - 1) * sizeof(*set->uids));
	}
	set->count--;
	return true;
}

bool uidset_has(const struct uidset *set, uint32_t uid)
{
	size_t at = uidset_seek(set, uid);

	return at < set->count && set->uids[at] == uid;
}

void uidset_free(struct uidset *set)
{
	if (set->uids != NULL)
		free(set->uids - set->front);
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

struct uidset uidset_take(struct uidset *set, size_t count)
{
	struct uidset taken = UIDSET_EMPTY;
	size_t i;

	if (count >= set->count) {
		taken = *set;
		*set = (struct uidset)UIDSET_EMPTY;
		return taken;
	}
	for (i = 0; i < count; i++)
		uidset_add(&taken, set->uids[i]);
	set->count -= count;
	memmove(set->uids, set->uids + count, set->count * sizeof(*set->uids));
	return taken;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The journal in memory: folders, pairs, and each change written as a line. */
#include "config.h"

#include "copier/journal_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* Of two folders of one name the first that is not gone is found by it. */
static void journal_index_folder(struct journal *journal, size_t place)
{
	const struct journal_folder *folder = journal->folders[place];
	int side;

	if (folder->gone)
		return;
	for (side = 0; side < 2; side++)
		if (namehash_get(&journal->names[side], folder->name[side]) ==
			0)
			namehash_set(&journal->names[side], folder->name[side],
				place + 1);
}

void journal_index(struct journal *journal)
{
	size_t i;

	namehash_free(&journal->names[0]);
	namehash_free(&journal->names[1]);
	for (i = 0; i < journal->folders_count; i++)
		journal_index_folder(journal, i);
}

struct journal_folder *journal_folder_new(
	struct journal *journal, unsigned id, const char *const names[2])
{
	struct journal_folder *folder = xcalloc(1, sizeof(*folder));

	folder->id = id;
	folder->paired = xcalloc(1, sizeof(*folder->paired));
	folder->name[0] = xstrdup(names[0]);
	folder->name[1] = xstrdup(names[1]);
	if (journal->folders_count == journal->folders_room) {
		journal->folders_room = journal->folders_room > 0
						? journal->folders_room * 2
						: 32;
		journal->folders = xreallocarray(journal->folders,
			journal->folders_room, sizeof(*journal->folders));
	}
	journal->folders[journal->folders_count++] = folder;
	journal_index_folder(journal, journal->folders_count - 1);
	if (id >= journal->next_id)
		journal->next_id = id + 1;
	return folder;
}

void journal_folder_free(struct journal_folder *folder)
{
	free(folder->name[0]);
	free(folder->name[1]);
	free(folder->pairs);
	free(folder->intents);
	journal_free_verdicts(folder);
	free(folder->intents_heads);
	free(folder->intents_next);
	uidset_free(&folder->foreign[0]);
	uidset_free(&folder->foreign[1]);
	free(folder);
}

struct journal_folder *journal_by_id(const struct journal *journal, unsigned id)
{
	size_t low = 0, high = journal->folders_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (journal->folders[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < journal->folders_count && journal->folders[low]->id == id
		       ? journal->folders[low]
		       : NULL;
}

size_t journal_damaged(const struct journal *journal)
{
	return journal->damaged;
}

bool journal_is_empty(const struct journal *journal)
{
	size_t i;

	for (i = 0; i < journal->folders_count; i++)
		if (!journal->folders[i]->gone &&
			journal->folders[i]->known[0] +
					journal->folders[i]->known[1] >
				0)
			return false;
	return true;
}

size_t journal_count(const struct journal *journal)
{
	return journal->folders_count;
}

struct journal_folder *journal_at(const struct journal *journal, size_t index)
{
	return journal->folders[index];
}

struct journal_folder *journal_find(
	const struct journal *journal, enum journal_side side, const char *name)
{
	size_t place = namehash_get(&journal->names[side], name);

	return place > 0 ? journal->folders[place - 1] : NULL;
}

struct journal_folder *journal_add(
	struct journal *journal, const char *const names[2])
{
	struct journal_folder *folder =
		journal_folder_new(journal, journal->next_id, names);

	journal_print_folder(journal, folder);
	return folder;
}

/* The name on that side is no longer this folder's. */
static void journal_unname(struct journal *journal,
	const struct journal_folder *folder, enum journal_side side)
{
	const char *name = folder->name[side];
	size_t i;

	if (journal_find(journal, side, name) != folder)
		return;
	namehash_set(&journal->names[side], name, 0);
	for (i = 0; i < journal->folders_count; i++)
		if (journal->folders[i] != folder &&
			strcmp(journal->folders[i]->name[side], name) == 0)
			journal_index_folder(journal, i);
}

void journal_apply_drop(struct journal *journal, struct journal_folder *folder)
{
	journal_unname(journal, folder, JOURNAL_SOURCE);
	journal_unname(journal, folder, JOURNAL_DESTINATION);
	folder->gone = true;
}

void journal_drop(struct journal *journal, struct journal_folder *folder)
{
	pthread_mutex_lock(&journal->mutex);
	journal_apply_drop(journal, folder);
	pthread_mutex_unlock(&journal->mutex);
	journal_line(journal, "f %u", folder->id);
}

void journal_rename_unwritten(struct journal *journal,
	struct journal_folder *folder, const char *const names[2])
{
	size_t place = 0;
	int side;

	while (journal->folders[place] != folder)
		place++;
	for (side = 0; side < 2; side++) {
		char *old = folder->name[side];

		if (strcmp(old, names[side]) == 0)
			continue;
		journal_unname(journal, folder, (enum journal_side)side);
		folder->name[side] = xstrdup(names[side]);
		free(old);
	}
	journal_index_folder(journal, place);
}

void journal_rename(struct journal *journal, struct journal_folder *folder,
	const char *const names[2])
{
	journal_rename_unwritten(journal, folder, names);
	journal_print_rename(journal, folder);
}

void journal_made(struct journal *journal, struct journal_folder *folder,
	enum journal_side side)
{
	folder->made[side] = true;
	journal_line(journal, "M %u %d", folder->id, (int)side);
}

void journal_subscribed(struct journal *journal, struct journal_folder *folder,
	enum journal_side side, bool on)
{
	folder->subscribed[side] = on;
	journal_line(journal, "B %u %d %d", folder->id, (int)side, (int)on);
}

/* Takes a pair into the counts of its folder (1), or out of them (-1). */
static void journal_count_pair(struct journal_folder *folder,
	const struct journal_pair *pair, int sign)
{
	size_t one = sign > 0 ? 1 : SIZE_MAX;
	int side;

	if (pair->gone)
		return;
	for (side = 0; side < 2; side++) {
		if (pair->uid[side] != 0)
			folder->known[side] += one;
		if (pair->uid[side] >= folder->next[side] &&
			pair->uid[side] != 0)
			folder->next[side] = pair->uid[side] + 1;
	}
	if (pair->uid[0] != 0 && pair->uid[1] != 0) {
		folder->live += one;
		if (pair->risk != JOURNAL_NO_RISK)
			folder->risky += one;
		folder->bytes += sign > 0 ? pair->size : -pair->size;
	}
}

void journal_apply_uidvalidity(struct journal_folder *folder,
	enum journal_side side, uint32_t uidvalidity)
{
	size_t i;

	if (folder->uidvalidity[side] != 0 &&
		folder->uidvalidity[side] != uidvalidity) {
		for (i = 0; i < folder->pairs_count; i++)
			journal_apply_widow(folder, i, side);
		for (i = 0; i < folder->intents_count; i++)
			if (folder->intents[i].from == side)
				folder->intents[i].uid = 0;
			else
				folder->intents[i].uidnext = 0;
		journal_void_verdicts(folder, side);
		journal_index_intents(folder);
		folder->next[side] = folder->heard[side] =
			folder->done_from[side] = 0;
		uidset_free(&folder->foreign[side]);
		memset(&folder->seen[side], 0, sizeof(folder->seen[side]));
	}
	folder->uidvalidity[side] = uidvalidity;
}

void journal_uidvalidity(struct journal *journal, struct journal_folder *folder,
	enum journal_side side, uint32_t uidvalidity)
{
	if (folder->uidvalidity[side] == uidvalidity)
		return;
	journal_apply_uidvalidity(folder, side, uidvalidity);
	journal_print_uidvalidity(journal, folder, side);
}

void journal_seen(struct journal *journal, struct journal_folder *folder,
	enum journal_side side, const struct mailbox_status *status)
{
	static const struct mailbox_status unknown;

	if (status == NULL)
		status = &unknown;
	if (mailbox_status_same(status, &folder->seen[side]))
		return;
	folder->seen[side] = *status;
	journal_print_seen(journal, folder, side);
}

void journal_apply_pair(struct journal_folder *folder, size_t index,
	const struct journal_pair *pair)
{
	if (index >= folder->pairs_room) {
		folder->pairs_room = (index + 1) * 2;
		folder->pairs = xreallocarray(folder->pairs, folder->pairs_room,
			sizeof(*folder->pairs));
	}
	for (; folder->pairs_count <= index; folder->pairs_count++) {
		memset(&folder->pairs[folder->pairs_count], 0,
			sizeof(*folder->pairs));
		folder->pairs[folder->pairs_count].gone = true;
	}
	folder->pairs[index] = *pair;
	journal_count_pair(folder, pair, 1);
	journal_end_intent(folder, pair);
	journal_revive_verdict(folder, pair);
}

size_t journal_pair(struct journal *journal, struct journal_folder *folder,
	const struct journal_pair *pair)
{
	size_t index = folder->pairs_count;

	journal_apply_pair(folder, index, pair);
	journal_print_pair(journal, folder, index);
	return index;
}

void journal_apply_unpair(struct journal_folder *folder, size_t index)
{
	journal_count_pair(folder, &folder->pairs[index], -1);
	folder->pairs[index].gone = true;
}

void journal_unpair(
	struct journal *journal, struct journal_folder *folder, size_t index)
{
	journal_apply_unpair(folder, index);
	journal_line(journal, "X %u %zu", folder->id, index);
}

void journal_apply_assure(struct journal_folder *folder, size_t index)
{
	journal_count_pair(folder, &folder->pairs[index], -1);
	folder->pairs[index].risk = JOURNAL_NO_RISK;
	journal_count_pair(folder, &folder->pairs[index], 1);
}

void journal_assure(
	struct journal *journal, struct journal_folder *folder, size_t index)
{
	journal_apply_assure(folder, index);
	journal_line(journal, "A %u %zu", folder->id, index);
}

void journal_apply_widow(
	struct journal_folder *folder, size_t index, enum journal_side side)
{
	journal_count_pair(folder, &folder->pairs[index], -1);
	folder->pairs[index].uid[side] = 0;
	journal_count_pair(folder, &folder->pairs[index], 1);
}

void journal_widow(struct journal *journal, struct journal_folder *folder,
	size_t index, enum journal_side side)
{
	journal_apply_widow(folder, index, side);
	journal_line(journal, "W %u %zu %d", folder->id, index, (int)side);
}

void journal_flags(struct journal *journal, struct journal_folder *folder,
	size_t index, const struct flagset *flags)
{
	if (folder->pairs[index].flags == flags)
		return;
	folder->pairs[index].flags = flags;
	journal_line(journal, "G %u %zu %s", folder->id, index, flags->text);
}

void journal_foreign(struct journal *journal, struct journal_folder *folder,
	enum journal_side side, uint32_t uid, bool on)
{
	if (on)
		uidset_add(&folder->foreign[side], uid);
	else
		uidset_drop(&folder->foreign[side], uid);
	journal_line(journal, "%c %u %d %u", on ? 'O' : 'o', folder->id,
		(int)side, (unsigned)uid);
}

struct journal_order {
	uint32_t uid;
	size_t index;
};

static int journal_order_compare(const void *left, const void *right)
{
	const struct journal_order *a = left, *b = right;

	return (a->uid > b->uid) - (a->uid < b->uid);
}

size_t *journal_sorted(const struct journal_folder *folder,
	enum journal_side side, size_t *count_r)
{
	struct journal_order *order =
		xreallocarray(NULL, folder->pairs_count + 1, sizeof(*order));
	size_t *indexes;
	size_t i, count = 0;
	bool ascending = true;

	for (i = 0; i < folder->pairs_count; i++) {
		const struct journal_pair *pair = &folder->pairs[i];

		if (pair->gone || pair->uid[side] == 0)
			continue;
		order[count] = (struct journal_order){ pair->uid[side], i };
		if (count > 0 && order[count].uid < order[count - 1].uid)
			ascending = false;
		count++;
	}
	if (!ascending)
		qsort(order, count, sizeof(*order), journal_order_compare);
	indexes = xreallocarray(NULL, count + 1, sizeof(*indexes));
	for (i = 0; i < count; i++)
		indexes[i] = order[i].index;
	free(order);
	*count_r = count;
	return indexes;
}

bool journal_has_size(const struct journal *journal, uint64_t size)
{
	size_t i, j;

	for (i = 0; i < journal->folders_count; i++) {
		const struct journal_folder *folder = journal->folders[i];

		for (j = 0; j < folder->pairs_count; j++)
			if (!folder->pairs[j].gone &&
				folder->pairs[j].size == size)
				return true;
	}
	return false;
}

bool journal_has_digest(
	const struct journal *journal, const unsigned char *digest)
{
	size_t i, j;

	for (i = 0; i < journal->folders_count; i++) {
		const struct journal_folder *folder = journal->folders[i];

		for (j = 0; j < folder->pairs_count; j++)
			if (!folder->pairs[j].gone &&
				memcmp(folder->pairs[j].digest, digest,
					JOURNAL_DIGEST) == 0)
				return true;
	}
	return false;
}

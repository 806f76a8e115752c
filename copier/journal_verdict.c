/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the other side has stored otherwise, beside the pairs. Few of many, or
 * each of all, as the server likes: so each is found by its UID; one whose UID
 * is void, by what it is on either side; and its pair by an index that is made
 * when it is first asked for.
 */
#include "config.h"

#include "copier/journal_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define JOURNAL_VERDICTS_ROOM 16

/* ---- an index of the verdicts ---- */

/* A link of a verdict: by its UID, or while that is void by both digests. */
enum verdict_link {
	VERDICT_UID,
	VERDICT_DIGEST = VERDICT_UID,
	VERDICT_STORED,
	VERDICT_LINKS,
};

static uint32_t verdict_digest_hash(const unsigned char *digest)
{
	uint32_t hash;

	memcpy(&hash, digest, sizeof(hash));
	return hash;
}

static uint32_t verdict_uid_hash(uint32_t uid)
{
	uint32_t hash = uid * UINT32_C(2654435761);

	return hash ^ hash >> 16;
}

static uint32_t verdict_hash(
	const struct journal_verdict *verdict, enum verdict_link link)
{
	if (link == VERDICT_STORED)
		return verdict_digest_hash(verdict->stored);
	return verdict->uid != 0 ? verdict_uid_hash(verdict->uid)
				 : verdict_digest_hash(verdict->digest);
}

static size_t *verdict_head(const struct journal_folder *folder, uint32_t hash)
{
	return &folder->verdicts_heads[hash & (folder->verdicts_room - 1)];
}

static enum verdict_link verdict_links(const struct journal_verdict *verdict)
{
	return verdict->uid != 0 ? VERDICT_STORED : VERDICT_LINKS;
}

static void verdict_link(struct journal_folder *folder, size_t index)
{
	const struct journal_verdict *verdict = &folder->verdicts[index];
	unsigned link;

	for (link = 0; link < verdict_links(verdict); link++) {
		size_t *head = verdict_head(
			folder, verdict_hash(verdict, (enum verdict_link)link));
		size_t place = VERDICT_LINKS * index + link;

		folder->verdicts_next[place] = *head;
		*head = place + 1;
	}
}

static void verdict_unlink(struct journal_folder *folder, size_t index)
{
	const struct journal_verdict *verdict = &folder->verdicts[index];
	unsigned link;

	for (link = 0; link < verdict_links(verdict); link++) {
		size_t *at = verdict_head(
			folder, verdict_hash(verdict, (enum verdict_link)link));
		size_t place = VERDICT_LINKS * index + link;

		while (*at != place + 1)
			at = &folder->verdicts_next[*at - 1];
		*at = folder->verdicts_next[place];
	}
}

static void verdict_index(struct journal_folder *folder)
{
	size_t i;

	if (folder->verdicts_room == 0)
		return;
	memset(folder->verdicts_heads, 0,
		folder->verdicts_room * sizeof(*folder->verdicts_heads));
	for (i = 0; i < folder->verdicts_count; i++)
		verdict_link(folder, i);
}

static void verdict_grow(struct journal_folder *folder)
{
	size_t room = folder->verdicts_room > 0 ? 2 * folder->verdicts_room
						: JOURNAL_VERDICTS_ROOM;

	folder->verdicts_room = room;
	folder->verdicts = xreallocarray(
		folder->verdicts, room, sizeof(*folder->verdicts));
	folder->verdicts_heads = xreallocarray(
		folder->verdicts_heads, room, sizeof(*folder->verdicts_heads));
	folder->verdicts_next = xreallocarray(folder->verdicts_next, room,
		VERDICT_LINKS * sizeof(*folder->verdicts_next));
	verdict_index(folder);
}

/* The index of a verdict, or SIZE_MAX. */
static size_t verdict_find(const struct journal_folder *folder,
	enum journal_side from, uint32_t uid)
{
	size_t at;

	if (uid == 0 || folder->verdicts_room == 0)
		return SIZE_MAX;
	at = *verdict_head(folder, verdict_uid_hash(uid));
	for (; at != 0; at = folder->verdicts_next[at - 1]) {
		size_t index = (at - 1) / VERDICT_LINKS;

		if (folder->verdicts[index].uid == uid &&
			folder->verdicts[index].from == from)
			return index;
	}
	return SIZE_MAX;
}

/* ---- writing ---- */

void journal_apply_judge(
	struct journal_folder *folder, const struct journal_verdict *verdict)
{
	size_t index = verdict_find(folder, verdict->from, verdict->uid);

	if (index != SIZE_MAX) {
		folder->verdicts[index] = *verdict;
		return;
	}
	if (folder->verdicts_count == folder->verdicts_room)
		verdict_grow(folder);
	folder->verdicts[folder->verdicts_count] = *verdict;
	verdict_link(folder, folder->verdicts_count++);
}

void journal_judge(struct journal *journal, struct journal_folder *folder,
	const struct journal_verdict *verdict)
{
	journal_apply_judge(folder, verdict);
	journal_print_verdict(journal, folder, verdict);
}

/* All whose UID is void have the same one. */
static void verdict_remove_void(
	struct journal_folder *folder, enum journal_side from)
{
	size_t i, kept = 0;

	for (i = 0; i < folder->verdicts_count; i++)
		if (folder->verdicts[i].from != from ||
			folder->verdicts[i].uid != 0)
			folder->verdicts[kept++] = folder->verdicts[i];
	folder->verdicts_count = kept;
	verdict_index(folder);
}

/* The last takes the place of the one that is over. */
void journal_apply_acquit(
	struct journal_folder *folder, enum journal_side from, uint32_t uid)
{
	size_t index = verdict_find(folder, from, uid);
	size_t last = folder->verdicts_count - 1;

	if (uid == 0)
		verdict_remove_void(folder, from);
	if (index == SIZE_MAX)
		return;
	verdict_unlink(folder, index);
	if (index != last) {
		verdict_unlink(folder, last);
		folder->verdicts[index] = folder->verdicts[last];
		verdict_link(folder, index);
	}
	folder->verdicts_count = last;
}

void journal_acquit(struct journal *journal, struct journal_folder *folder,
	enum journal_side from, uint32_t uid)
{
	journal_apply_acquit(folder, from, uid);
	journal_line(
		journal, "v %u %d %u", folder->id, (int)from, (unsigned)uid);
}

void journal_void_verdicts(
	struct journal_folder *folder, enum journal_side side)
{
	size_t i;

	for (i = 0; i < folder->verdicts_count; i++)
		if (folder->verdicts[i].from == side)
			folder->verdicts[i].uid = 0;
	verdict_index(folder);
}

void journal_revive_verdict(
	struct journal_folder *folder, const struct journal_pair *pair)
{
	size_t at, index;

	if (folder->verdicts_count == 0)
		return;
	at = *verdict_head(folder, verdict_digest_hash(pair->digest));
	for (; at != 0; at = folder->verdicts_next[at - 1]) {
		const struct journal_verdict *verdict;

		index = (at - 1) / VERDICT_LINKS;
		verdict = &folder->verdicts[index];
		if (verdict->uid != 0 || pair->uid[verdict->from] == 0 ||
			(memcmp(verdict->digest, pair->digest,
				 JOURNAL_DIGEST) != 0 &&
				memcmp(verdict->stored, pair->digest,
					JOURNAL_DIGEST) != 0))
			continue;
		verdict_unlink(folder, index);
		folder->verdicts[index].uid = pair->uid[verdict->from];
		verdict_link(folder, index);
		return;
	}
}

void journal_free_verdicts(struct journal_folder *folder)
{
	free(folder->verdicts);
	free(folder->verdicts_heads);
	free(folder->verdicts_next);
	journal_forget_paired(folder);
	free(folder->paired);
}

/* ---- reading ---- */

const struct journal_verdict *journal_verdict(
	const struct journal_folder *folder, enum journal_side from,
	uint32_t uid)
{
	size_t index = verdict_find(folder, from, uid);

	return index != SIZE_MAX ? &folder->verdicts[index] : NULL;
}

const struct journal_verdict *journal_pair_verdict(
	const struct journal_folder *folder, const struct journal_pair *pair)
{
	const struct journal_verdict *verdict = journal_verdict(
		folder, JOURNAL_SOURCE, pair->uid[JOURNAL_SOURCE]);

	return verdict != NULL ? verdict
			       : journal_verdict(folder, JOURNAL_DESTINATION,
					 pair->uid[JOURNAL_DESTINATION]);
}

void journal_forget_paired(struct journal_folder *folder)
{
	free(folder->paired->heads);
	free(folder->paired->next);
	*folder->paired = (struct journal_paired){ .count = 0 };
}

/* Puts in what it does not have yet. */
static void paired_catch_up(
	struct journal_paired *paired, const struct journal_folder *folder)
{
	if (paired->room < folder->pairs_count) {
		while (paired->room < folder->pairs_count)
			paired->room = paired->room > 0 ? 2 * paired->room
							: JOURNAL_VERDICTS_ROOM;
		free(paired->heads);
		paired->heads = xcalloc(paired->room, sizeof(*paired->heads));
		paired->next = xreallocarray(
			paired->next, paired->room, 2 * sizeof(*paired->next));
		paired->count = 0;
	}
	for (; paired->count < folder->pairs_count; paired->count++) {
		const struct journal_pair *pair = &folder->pairs[paired->count];
		int side;

		for (side = 0; side < 2; side++) {
			size_t place = 2 * paired->count + (size_t)side;
			size_t *head = &paired->heads[verdict_uid_hash(
							      pair->uid[side]) &
						      (paired->room - 1)];

			if (pair->gone || pair->uid[side] == 0)
				continue;
			paired->next[place] = *head;
			*head = place + 1;
		}
	}
}

size_t journal_verdict_pair(const struct journal_folder *folder,
	const struct journal_verdict *verdict)
{
	struct journal_paired *paired = folder->paired;
	size_t at, found = SIZE_MAX;

	if (verdict->uid == 0 || folder->pairs_count == 0)
		return SIZE_MAX;
	paired_catch_up(paired, folder);
	at = paired->heads[verdict_uid_hash(verdict->uid) & (paired->room - 1)];
	for (; at != 0; at = paired->next[at - 1]) {
		size_t index = (at - 1) / 2;
		const struct journal_pair *pair = &folder->pairs[index];

		if (!pair->gone && pair->uid[0] != 0 && pair->uid[1] != 0 &&
			pair->uid[verdict->from] == verdict->uid &&
			index < found)
			found = index;
	}
	return found;
}

const unsigned char *journal_pair_digest(const struct journal_folder *folder,
	const struct journal_pair *pair, enum journal_side side)
{
	const struct journal_verdict *verdict =
		journal_pair_verdict(folder, pair);

	if (verdict == NULL)
		return pair->digest;
	return verdict->from == side ? verdict->digest : verdict->stored;
}

uint64_t journal_pair_size(const struct journal_folder *folder,
	const struct journal_pair *pair, enum journal_side side)
{
	const struct journal_verdict *verdict =
		journal_pair_verdict(folder, pair);

	if (verdict == NULL)
		return pair->size;
	return verdict->from == side ? verdict->size : verdict->stored_size;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was under way, in memory. A server without UIDPLUS leaves an intent of
 * every message of a folder: each is found by its UID, not by looking at all.
 */
#include "config.h"

#include "copier/journal_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define JOURNAL_INTENTS_ROOM 16

/* The first place of the chain of that UID. The room is a power of two. */
static size_t *journal_intent_head(
	const struct journal_folder *folder, uint32_t uid)
{
	uint32_t hash = uid * UINT32_C(2654435761);

	return &folder->intents_heads[(hash ^ hash >> 16) &
				      (folder->intents_room - 1)];
}

static void journal_intent_link(struct journal_folder *folder, size_t index)
{
	size_t *head = journal_intent_head(folder, folder->intents[index].uid);

	folder->intents_next[index] = *head;
	*head = index + 1;
}

static void journal_intent_unlink(struct journal_folder *folder, size_t index)
{
	size_t *link = journal_intent_head(folder, folder->intents[index].uid);

	while (*link != index + 1)
		link = &folder->intents_next[*link - 1];
	*link = folder->intents_next[index];
}

void journal_index_intents(struct journal_folder *folder)
{
	size_t i;

	if (folder->intents_room == 0)
		return;
	memset(folder->intents_heads, 0,
		folder->intents_room * sizeof(*folder->intents_heads));
	for (i = 0; i < folder->intents_count; i++)
		journal_intent_link(folder, i);
}

static void journal_intent_grow(struct journal_folder *folder)
{
	size_t room = folder->intents_room > 0 ? 2 * folder->intents_room
					       : JOURNAL_INTENTS_ROOM;

	folder->intents_room = room;
	folder->intents =
		xreallocarray(folder->intents, room, sizeof(*folder->intents));
	folder->intents_heads = xreallocarray(
		folder->intents_heads, room, sizeof(*folder->intents_heads));
	folder->intents_next = xreallocarray(
		folder->intents_next, room, sizeof(*folder->intents_next));
	journal_index_intents(folder);
}

/* The last takes the place of the one that ends. */
static void journal_intent_remove(struct journal_folder *folder, size_t index)
{
	size_t last = folder->intents_count - 1;

	journal_intent_unlink(folder, index);
	if (index != last) {
		journal_intent_unlink(folder, last);
		folder->intents[index] = folder->intents[last];
		journal_intent_link(folder, index);
	}
	folder->intents_count = last;
}

const struct journal_intent *journal_intent_next(
	const struct journal_folder *folder, enum journal_side from,
	uint32_t uid, const struct journal_intent *after)
{
	size_t at;

	if (folder->intents_room == 0)
		return NULL;
	at = after != NULL ? folder->intents_next[after - folder->intents]
			   : *journal_intent_head(folder, uid);
	for (; at != 0; at = folder->intents_next[at - 1])
		if (folder->intents[at - 1].uid == uid &&
			folder->intents[at - 1].from == from)
			return &folder->intents[at - 1];
	return NULL;
}

void journal_apply_intent(
	struct journal_folder *folder, const struct journal_intent *intent)
{
	if (folder->intents_count == folder->intents_room)
		journal_intent_grow(folder);
	folder->intents[folder->intents_count++] = *intent;
	journal_intent_link(folder, folder->intents_count - 1);
}

/* The newest, since an older one may still come true at the server. */
void journal_end_intent(
	struct journal_folder *folder, const struct journal_pair *pair)
{
	const struct journal_intent *found = NULL, *intent;
	int side;

	for (side = 0; side < 2; side++) {
		enum journal_side from = (enum journal_side)side;

		for (intent = journal_intent_next(
			     folder, from, pair->uid[side], NULL);
			intent != NULL; intent = journal_intent_next(folder,
						from, pair->uid[side], intent))
			if (memcmp(pair->digest, intent->digest,
				    JOURNAL_DIGEST) == 0 &&
				(found == NULL || intent->at > found->at))
				found = intent;
	}
	if (found != NULL)
		journal_intent_remove(
			folder, (size_t)(found - folder->intents));
}

void journal_apply_answer(
	struct journal_folder *folder, enum journal_side from, uint32_t uid)
{
	const struct journal_intent *intent = NULL;

	while ((intent = journal_intent_next(folder, from, uid, intent)) !=
		NULL)
		folder->intents[intent - folder->intents].answered = true;
}

void journal_apply_unintend(
	struct journal_folder *folder, enum journal_side from, uint32_t uid)
{
	const struct journal_intent *intent;

	while ((intent = journal_intent_next(folder, from, uid, NULL)) != NULL)
		journal_intent_remove(
			folder, (size_t)(intent - folder->intents));
}

void journal_apply_forget(struct journal_folder *folder, int64_t before)
{
	size_t i, kept = 0;

	for (i = 0; i < folder->intents_count; i++)
		if (folder->intents[i].answered ||
			folder->intents[i].at >= before)
			folder->intents[kept++] = folder->intents[i];
	folder->intents_count = kept;
	journal_index_intents(folder);
}

void journal_intend(struct journal *journal, struct journal_folder *folder,
	const struct journal_intent *intent)
{
	journal_apply_intent(folder, intent);
	journal_print_intent(journal, folder, intent);
}

void journal_forget_intents(
	struct journal *journal, struct journal_folder *folder, int64_t before)
{
	size_t count = folder->intents_count;

	journal_apply_forget(folder, before);
	if (folder->intents_count != count)
		journal_line(
			journal, "i %u %lld", folder->id, (long long)before);
}

void journal_answer(struct journal *journal, struct journal_folder *folder,
	enum journal_side from, uint32_t uid)
{
	journal_apply_answer(folder, from, uid);
	journal_line(
		journal, "K %u %d %u", folder->id, (int)from, (unsigned)uid);
}

const struct journal_intent *journal_answered(
	const struct journal_folder *folder, enum journal_side from,
	uint32_t uid)
{
	const struct journal_intent *intent = NULL;

	while ((intent = journal_intent_next(folder, from, uid, intent)) !=
		NULL)
		if (intent->answered)
			return intent;
	return NULL;
}

void journal_unintend(struct journal *journal, struct journal_folder *folder,
	enum journal_side from, uint32_t uid)
{
	journal_apply_unintend(folder, from, uid);
	journal_line(
		journal, "j %u %d %u", folder->id, (int)from, (unsigned)uid);
}

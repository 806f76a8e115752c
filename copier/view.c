/* SPDX-License-Identifier: BSD-2-Clause */
/* One side: its folders and messages, measured and digested. */
#include "config.h"

#include "copier/view.h"

#include <stdlib.h>
#include <string.h>

#include "copier/digest.h"

#include "lib/xalloc.h"

struct view_folder *view_add(struct view *view, const char *name)
{
	struct view_folder *folder;

	if (view->count == view->room) {
		view->room = view->room > 0 ? view->room * 2 : 32;
		view->folders = xreallocarray(
			view->folders, view->room, sizeof(*view->folders));
	}
	folder = &view->folders[view->count++];
	memset(folder, 0, sizeof(*folder));
	folder->name = xstrdup(name);
	folder->any_keyword = true;
	namehash_set(&view->names, name, view->count);
	return folder;
}

void view_forget(struct view_folder *folder)
{
	size_t i;

	for (i = 0; i < folder->count; i++)
		free(folder->messages[i].digest);
	folder->count = 0;
	folder->unsorted = false;
	folder->vanished_count = 0;
}

void view_clear(struct view *view)
{
	size_t i;

	for (i = 0; i < view->count; i++) {
		view_forget(&view->folders[i]);
		free(view->folders[i].messages);
		free(view->folders[i].vanished);
		free(view->folders[i].words);
		free(view->folders[i].name);
	}
	free(view->folders);
	namehash_free(&view->names);
	memset(view, 0, sizeof(*view));
}

struct view_folder *view_find(const struct view *view, const char *name)
{
	size_t place = namehash_get(&view->names, name);

	return place > 0 ? &view->folders[place - 1] : NULL;
}

void view_rename(
	struct view *view, struct view_folder *folder, const char *name)
{
	size_t place = (size_t)(folder - view->folders);
	char *old = folder->name;

	namehash_set(&view->names, old, 0);
	folder->name = xstrdup(name);
	namehash_set(&view->names, name, place + 1);
	free(old);
}

static int view_listed(void *context, const struct mailbox_folder *listed)
{
	struct view *view = context;
	struct view_folder *folder = view_add(view, listed->name);

	folder->separator = listed->separator;
	folder->selectable = listed->selectable;
	folder->subscribed = listed->subscribed;
	folder->has_status = listed->has_status;
	folder->use = listed->use;
	folder->status = listed->status;
	return 0;
}

int view_list(struct view *view, struct mailbox *mailbox, struct error *error)
{
	view->features = *mailbox_features(mailbox);
	view->excluded = &mailbox->excluded;
	return mailbox_list(mailbox, view_listed, view, error);
}

/* The index where that UID is or belongs. */
static size_t view_seek(const struct view_folder *folder, uint32_t uid)
{
	size_t low = 0, high = folder->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (folder->messages[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct view_message *view_message_find(
	const struct view_folder *folder, uint32_t uid)
{
	size_t at = view_seek(folder, uid);

	if (at == folder->count || folder->messages[at].uid != uid)
		return NULL;
	return &folder->messages[at];
}

static int view_message_compare(const void *left, const void *right)
{
	const struct view_message *a = left, *b = right;

	if (a->uid != b->uid)
		return a->uid > b->uid ? 1 : -1;
	return (a->told > b->told) - (a->told < b->told);
}

/* Of those that were told more than once the last word stays. */
static void view_message_sort(struct view_folder *folder)
{
	size_t i, kept = 0;

	qsort(folder->messages, folder->count, sizeof(*folder->messages),
		view_message_compare);
	for (i = 0; i < folder->count; i++) {
		if (kept > 0 && folder->messages[kept - 1].uid ==
					folder->messages[i].uid)
			free(folder->messages[--kept].digest);
		folder->messages[kept++] = folder->messages[i];
	}
	folder->count = kept;
	folder->unsorted = false;
}

/* Who tells the same again and again fills no memory by it. */
static void view_message_room(struct view_folder *folder)
{
	if (folder->unsorted)
		view_message_sort(folder);
	if (folder->room > 0 && folder->count <= folder->room / 2)
		return;
	folder->room = folder->room > 0 ? folder->room * 2 : 32;
	folder->messages = xreallocarray(
		folder->messages, folder->room, sizeof(*folder->messages));
}

struct view_message *view_message_add(
	struct view_folder *folder, uint32_t uid, const struct flagset *flags)
{
	struct view_message *message;

	if (folder->count == folder->room)
		view_message_room(folder);
	if (folder->count > 0 && folder->messages[folder->count - 1].uid >= uid)
		folder->unsorted = true;
	message = &folder->messages[folder->count++];
	memset(message, 0, sizeof(*message));
	message->uid = uid;
	message->told = ++folder->words_told;
	message->flags = flags;
	return message;
}

bool view_is_seen(const struct view_folder *folder,
	const struct journal_folder *journal, enum journal_side side,
	bool strict)
{
	const struct mailbox_status *seen;

	if (journal == NULL || !folder->has_status)
		return false;
	seen = &journal->seen[side];
	return seen->uidvalidity != 0 && seen->uidnext != 0 &&
	       (seen->modseq != 0 || !strict) &&
	       mailbox_status_same(seen, &folder->status);
}

/* The UIDNEXT that the folder has if nobody but us has added to it. */
static uint32_t view_expected_uidnext(const struct journal_folder *journal,
	enum journal_side side, uint32_t from)
{
	return journal->next[side] > from ? journal->next[side] : from;
}

/* Whether all UIDs that were given since then are of our messages. */
static bool view_is_ours(const struct journal_folder *journal,
	enum journal_side side, uint32_t from, uint32_t next)
{
	size_t i, ours = 0;

	for (i = 0; i < journal->pairs_count; i++)
		ours += !journal->pairs[i].gone &&
			journal->pairs[i].uid[side] >= from;
	return ours == next - from;
}

bool view_is_as_journal(const struct view_folder *now,
	const struct journal_folder *journal, enum journal_side side,
	uint32_t from)
{
	return now->has_status &&
	       now->status.uidvalidity == journal->uidvalidity[side] &&
	       now->status.messages == journal_known(journal, side) &&
	       now->status.uidnext ==
		       view_expected_uidnext(journal, side, from) &&
	       (now->status.uidnext == from ||
		       view_is_ours(journal, side, from, now->status.uidnext));
}

void view_vanish(struct view_folder *folder, uint32_t first, uint32_t last)
{
	if (folder->vanished_count == folder->vanished_room) {
		folder->vanished_room = folder->vanished_room > 0
						? folder->vanished_room * 2
						: 16;
		folder->vanished = xreallocarray(folder->vanished,
			folder->vanished_room, sizeof(*folder->vanished));
	}
	folder->vanished[folder->vanished_count++] =
		(struct view_range){ first, last };
}

static int view_range_compare(const void *left, const void *right)
{
	const struct view_range *a = left, *b = right;

	return (a->first > b->first) - (a->first < b->first);
}

static void view_vanish_sort(struct view_folder *folder)
{
	size_t i, kept = 0;

	if (folder->vanished_count == 0)
		return;
	qsort(folder->vanished, folder->vanished_count,
		sizeof(*folder->vanished), view_range_compare);
	for (i = 1; i < folder->vanished_count; i++) {
		struct view_range *last = &folder->vanished[kept];

		if (folder->vanished[i].first > last->last)
			folder->vanished[++kept] = folder->vanished[i];
		else if (folder->vanished[i].last > last->last)
			last->last = folder->vanished[i].last;
	}
	folder->vanished_count = kept + 1;
}

void view_settle(struct view_folder *folder)
{
	if (folder->unsorted)
		view_message_sort(folder);
	view_vanish_sort(folder);
}

bool view_has_vanished(const struct view_folder *folder, uint32_t uid)
{
	size_t low = 0, high = folder->vanished_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (folder->vanished[middle].last < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < folder->vanished_count &&
	       folder->vanished[low].first <= uid;
}

static int view_measured(void *context, const struct mailbox_message *message)
{
	struct view_message *known = view_message_find(context, message->uid);

	if (known != NULL) {
		known->measured = true;
		known->size = message->size;
		known->date = maildate_seconds(message->date);
	}
	return 0;
}

int view_measure(struct view_folder *folder, struct mailbox *mailbox,
	const struct uidset *uids, struct error *error)
{
	struct mailbox_scan scan = { .uids = uids, .measured = true };
	struct mailbox_selected selected;
	int result =
		mailbox_select(mailbox, folder->name, false, &selected, error);

	if (result != 1)
		return result;
	return mailbox_scan(mailbox, &scan, view_measured, folder, error);
}

void view_message_digest(
	struct view_message *message, const unsigned char *digest)
{
	if (message->digest == NULL)
		message->digest = xmalloc(JOURNAL_DIGEST);
	memcpy(message->digest, digest, JOURNAL_DIGEST);
}

static void view_digested(void *context, const struct digest_message *message)
{
	struct view_message *known = view_message_find(context, message->uid);

	if (known == NULL)
		return;
	view_message_digest(known, message->digest);
	known->skeleton = message->skeleton;
}

int view_digest(struct view_folder *folder, struct mailbox *mailbox,
	const struct uidset *uids, struct error *error)
{
	struct mailbox_selected selected;
	int result =
		mailbox_select(mailbox, folder->name, false, &selected, error);

	if (result != 1)
		return result;
	return digest_fetch(mailbox, uids, view_digested, folder, error);
}

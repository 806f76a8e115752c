/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading one side: listing, scanning, measuring. */
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
	return folder;
}

static void view_forget_messages(struct view_folder *folder)
{
	size_t i;

	for (i = 0; i < folder->count; i++)
		free(folder->messages[i].digest);
	folder->count = 0;
}

void view_clear(struct view *view)
{
	size_t i;

	for (i = 0; i < view->count; i++) {
		view_forget_messages(&view->folders[i]);
		free(view->folders[i].messages);
		free(view->folders[i].name);
	}
	free(view->folders);
	memset(view, 0, sizeof(*view));
}

struct view_folder *view_find(const struct view *view, const char *name)
{
	size_t i;

	for (i = 0; i < view->count; i++)
		if (strcmp(view->folders[i].name, name) == 0)
			return &view->folders[i];
	return NULL;
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
	return mailbox_list(mailbox, view_listed, view, error);
}

/* The index where that UID is or belongs. */
static size_t view_seek(const struct view_folder *folder, uint32_t uid)
{
	size_t low = 0, high = folder->count;

	if (high > 0 && folder->messages[high - 1].uid < uid)
		return high;
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

struct view_message *view_message_add(
	struct view_folder *folder, uint32_t uid, const struct flagset *flags)
{
	size_t at = view_seek(folder, uid);

	/* Told twice: the later word counts. */
	if (at < folder->count && folder->messages[at].uid == uid) {
		folder->messages[at].flags = flags;
		return &folder->messages[at];
	}
	if (folder->count == folder->room) {
		folder->room = folder->room > 0 ? folder->room * 2 : 32;
		folder->messages = xreallocarray(folder->messages, folder->room,
			sizeof(*folder->messages));
	}
	memmove(folder->messages + at + 1, folder->messages + at,
		(folder->count - at) * sizeof(*folder->messages));
	folder->count++;
	memset(&folder->messages[at], 0, sizeof(*folder->messages));
	folder->messages[at].uid = uid;
	folder->messages[at].flags = flags;
	return &folder->messages[at];
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

static int view_scanned(void *context, const struct mailbox_message *message)
{
	struct view_folder *folder = context;

	view_message_add(folder, message->uid, message->flags)->modseq =
		message->modseq;
	return 0;
}

/* How many messages there are by the journal and the scan together. */
static size_t view_count_all(const struct view_folder *folder,
	const struct journal_folder *journal, enum journal_side side)
{
	size_t paired, known = 0, i, at = 0;
	size_t *order = journal_sorted(journal, side, &paired);

	for (i = 0; i < folder->count; i++) {
		uint32_t uid = folder->messages[i].uid;

		while (at < paired && journal->pairs[order[at]].uid[side] < uid)
			at++;
		if ((at < paired &&
			    journal->pairs[order[at]].uid[side] == uid) ||
			uidset_has(&journal->foreign[side], uid))
			known++;
	}
	free(order);
	return paired + journal->foreign[side].count + folder->count - known;
}

/*
 * Reads what changed since the journal saw the folder. 0 when that is not all
 * that happened: messages have vanished too if there are fewer than journal
 * and scan know of, and all must be read.
 */
static int view_scan_changed(struct view_folder *folder,
	struct mailbox *mailbox, const struct journal_folder *journal,
	enum journal_side side, const struct mailbox_status *now,
	struct error *error)
{
	const struct mailbox_status *seen = &journal->seen[side];
	struct mailbox_scan scan = { .changed_since = seen->modseq };
	int result;

	if (seen->uidvalidity != now->uidvalidity || seen->modseq == 0 ||
		now->modseq == 0)
		return 0;
	result = mailbox_scan(mailbox, &scan, view_scanned, folder, error);
	if (result != 1)
		return result;
	return view_count_all(folder, journal, side) == now->messages;
}

int view_scan(struct view_folder *folder, struct mailbox *mailbox,
	const struct journal_folder *journal, enum journal_side side,
	bool write, struct error *error)
{
	struct mailbox_selected selected;
	struct mailbox_scan all = { .uids = NULL };
	int result =
		mailbox_select(mailbox, folder->name, write, &selected, error);

	if (result != 1)
		return result;
	folder->permanent = selected.permanent;
	folder->any_keyword = selected.any_keyword;
	if (!folder->has_status) {
		folder->status = selected.status;
		folder->has_status = true;
	}
	/* Deleted and made anew since the listing: what was listed is void. */
	if (folder->status.uidvalidity != selected.status.uidvalidity)
		folder->status = selected.status;
	folder->whole = false;
	if (journal != NULL) {
		result = view_scan_changed(folder, mailbox, journal, side,
			&selected.status, error);
		if (result != 0)
			return result;
	}
	view_forget_messages(folder);
	result = mailbox_scan(mailbox, &all, view_scanned, folder, error);
	folder->whole = result == 1;
	return result;
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

static void view_digested(
	void *context, uint32_t uid, const unsigned char *digest)
{
	struct view_message *known = view_message_find(context, uid);

	if (known != NULL)
		view_message_digest(known, digest);
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

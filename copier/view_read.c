/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the folders of one side that are not as the journal has seen them. A
 * server that tells what has changed is believed when it adds up: the messages
 * that the journal knows, less what has vanished, and those that are new, are
 * as many as there are. UIDs are never given twice, so that nothing else can be
 * behind the same number.
 */
#include "config.h"

#include "copier/view.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* Folders looked at before it is asked whether to go on. */
#define VIEW_READ_PIECE 64

struct view_reading {
	struct view *view;
	struct mailbox *mailbox;
	const struct view_order *order;
	struct mailbox_look looks[VIEW_READ_PIECE];
	size_t count;
};

static int view_read_message(
	void *context, const struct mailbox_message *message)
{
	view_message_add(context, message->uid, message->flags)->modseq =
		message->modseq;
	return 0;
}

static void view_read_vanished(void *context, uint32_t first, uint32_t last)
{
	view_vanish(context, first, last);
}

size_t view_count_left(const struct view_folder *folder,
	const struct journal_folder *journal, enum journal_side side)
{
	const struct uidset *foreign = &journal->foreign[side];
	size_t i, count = 0;

	for (i = 0; i < journal->pairs_count; i++) {
		const struct journal_pair *pair = &journal->pairs[i];

		count += !pair->gone && pair->uid[side] != 0 &&
			 !view_has_vanished(folder, pair->uid[side]);
	}
	for (i = 0; i < foreign->count; i++)
		count += !view_has_vanished(folder, foreign->uids[i]);
	return count;
}

/* Whether what has changed explains how many messages there are now. */
static bool view_adds_up(const struct view_folder *folder,
	const struct journal_folder *journal, enum journal_side side,
	uint32_t messages)
{
	size_t paired, at = 0, i;
	size_t count = view_count_left(folder, journal, side);
	size_t *order = journal_sorted(journal, side, &paired);
	bool doubtful = false;

	for (i = 0; i < folder->count; i++) {
		uint32_t uid = folder->messages[i].uid;

		while (at < paired && journal->pairs[order[at]].uid[side] < uid)
			at++;
		doubtful = doubtful || view_has_vanished(folder, uid);
		count +=
			!((at < paired &&
				  journal->pairs[order[at]].uid[side] == uid) ||
				uidset_has(&journal->foreign[side], uid));
	}
	free(order);
	return !doubtful && count == messages;
}

/* The state from which on changes can be told: modseq 0 when there is none. */
static struct mailbox_status view_since(const struct view_folder *folder,
	const struct journal_folder *journal, enum journal_side side)
{
	static const struct mailbox_status never;
	const struct mailbox_status *seen, *now = &folder->status;

	if (journal == NULL || !folder->has_status)
		return never;
	seen = &journal->seen[side];
	/* What goes backwards has been restored from somewhere. */
	if (seen->uidvalidity != now->uidvalidity || seen->modseq == 0 ||
		now->modseq < seen->modseq || now->uidnext < seen->uidnext)
		return never;
	return *seen;
}

static void view_refused(
	struct view_folder *folder, const struct mailbox_look *look)
{
	view_forget(folder);
	folder->has_status = false;
	folder->unread = true;
	free(folder->words);
	folder->words = xstrdup(look->words.text);
}

/* Takes in what a look has told. False when all must be read after all. */
static bool view_take(
	struct view_reading *reading, const struct mailbox_look *look)
{
	const struct view_order *order = reading->order;
	struct view_folder *folder = look->context;
	const struct mailbox_selected *selected = &look->selected;

	if (look->result == 0) {
		view_refused(folder, look);
		return true;
	}
	folder->permanent = selected->permanent;
	folder->any_keyword = selected->any_keyword;
	/* Deleted and made anew since the listing: what was listed is void. */
	if (!folder->has_status ||
		folder->status.uidvalidity != selected->status.uidvalidity)
		folder->status = selected->status;
	folder->has_status = true;
	folder->whole = look->whole;
	view_settle(folder);
	return look->whole ||
	       (selected->status.uidvalidity == look->since.uidvalidity &&
		       view_adds_up(folder,
			       journal_find(order->journal, order->side,
				       folder->name),
			       order->side, selected->status.messages));
}

/* Looks at the folders that have been put together. */
static int view_read_piece(struct view_reading *reading, struct error *error)
{
	const struct view_order *order = reading->order;
	size_t count = reading->count, again = 0, i;
	int result = 1;

	reading->count = 0;
	if (count == 0)
		return 1;
	if (order->go_on != NULL && !order->go_on(order->context, error))
		return -1;
	result = mailbox_look(reading->mailbox, reading->looks, count,
		view_read_message, view_read_vanished, error);
	for (i = 0; result == 1 && i < count; i++) {
		struct mailbox_look *look = &reading->looks[i];

		if (view_take(reading, look))
			continue;
		view_forget(look->context);
		look->since.modseq = 0;
		reading->looks[again++] = *look;
	}
	if (result == 1 && again > 0)
		result = mailbox_look(reading->mailbox, reading->looks, again,
			view_read_message, view_read_vanished, error);
	for (i = 0; result == 1 && i < again; i++)
		view_take(reading, &reading->looks[i]);
	return result;
}

/*
 * What is known without reading: the folder is as the journal saw it, or none
 * at all. That it is empty is not: a Dovecot whose UIDVALIDITY was changed
 * calls a folder so until somebody opens it, and what was there is not gone
 * because a listing says so. An empty folder is opened once, then it has been
 * seen.
 */
static bool view_need_not_read(
	const struct view_order *order, struct view_folder *folder)
{
	const struct journal_folder *known =
		journal_find(order->journal, order->side, folder->name);

	folder->seen =
		view_is_seen(folder, known, order->side, order->strict) ||
		(order->counted && known != NULL &&
			known->done_from[order->side] != 0 &&
			folder->status.messages > 0 &&
			view_is_as_journal(folder, known, order->side,
				known->done_from[order->side]));
	return !folder->selectable || folder->seen;
}

int view_read(struct view *view, struct mailbox *mailbox,
	const struct view_order *order, struct error *error)
{
	struct view_reading *reading = xcalloc(1, sizeof(*reading));
	int result = 1;
	size_t i;

	reading->mailbox = mailbox;
	reading->order = order;
	for (i = 0; result == 1 && i < view->count; i++) {
		struct view_folder *folder = &view->folders[i];
		struct mailbox_look *look = &reading->looks[reading->count];

		if (view_need_not_read(order, folder))
			continue;
		memset(look, 0, sizeof(*look));
		look->folder = folder->name;
		look->write = order->write;
		look->since = view_since(folder,
			journal_find(order->journal, order->side, folder->name),
			order->side);
		look->context = folder;
		if (++reading->count == VIEW_READ_PIECE)
			result = view_read_piece(reading, error);
	}
	if (result == 1)
		result = view_read_piece(reading, error);
	free(reading);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Carrying stragglers from the old home to the new one. */
#include "config.h"

#include "copier/sweep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/altered.h"
#include "copier/folder_table.h"
#include "copier/sweep_intents.h"
#include "copier/transfer.h"
#include "copier/uidmarks.h"
#include "copier/view.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

/* An append whose answer was lost may be stored this long after (ms). */
#define SWEEP_INTENT_AGE (10 * 60 * 1000)

struct sweep {
	struct pass *pass;
	enum journal_side far;
	struct view old;
	struct view new;
	const struct proof_bound *bounds;
	struct namehash names;	   /* of the bounds, place from 1 */
	struct folder_table table; /* of the old home, once it is needed */
	struct uidset doubtful;	   /* of the present folder */
};

static const struct proof_bound *sweep_bound(
	const struct sweep *sweep, const char *folder)
{
	size_t place = namehash_get(&sweep->names, folder);

	return place > 0 ? &sweep->bounds[place - 1] : NULL;
}

/* What a folder that no round has seen is called at the new home: as a round
 * would have called it, by the folder map and apart from all others. */
static const char *sweep_name(
	struct sweep *sweep, const struct view_folder *old)
{
	const struct folder_table_input input = { .home = &sweep->old,
		.other = &sweep->new,
		.journal = sweep->pass->journal,
		.side = sweep->pass->side,
		.map = sweep->pass->map };

	if (sweep->table.entries == NULL)
		folder_table_make(&input, &sweep->table);
	return sweep->table.entries[old - sweep->old.folders].name;
}

/* The folder's entry in the journal and its name at the new home, where it is
 * made when it is not there. */
static int sweep_target(struct sweep *sweep, const struct view_folder *old,
	struct journal_folder **journal_r, struct error *error)
{
	struct pass *pass = sweep->pass;
	struct journal_folder *journal =
		journal_find(pass->journal, pass->side, old->name);
	const struct view_folder *new;
	struct mailbox_status status;
	const char *names[2];
	int result;

	if (journal == NULL) {
		names[pass->side] = old->name;
		names[sweep->far] = sweep_name(sweep, old);
		journal = journal_add(pass->journal, names);
	}
	journal_uidvalidity(
		pass->journal, journal, pass->side, old->status.uidvalidity);
	*journal_r = journal;
	new = view_find(&sweep->new, journal->name[sweep->far]);
	if (new != NULL &&new->selectable &&new->has_status) {
		journal_uidvalidity(pass->journal, journal, sweep->far,
			new->status.uidvalidity);
		journal->heard[sweep->far] = new->status.uidnext;
		return 1;
	}
	result = mailbox_create(pass->other, journal->name[sweep->far], error);
	if (result == 1)
		result = mailbox_status(
			pass->other, journal->name[sweep->far], &status, error);
	if (result != 1)
		return result;
	journal_uidvalidity(
		pass->journal, journal, sweep->far, status.uidvalidity);
	journal->heard[sweep->far] = status.uidnext;
	journal_made(pass->journal, journal, sweep->far);
	pass->counts.folders_made++;
	return 1;
}

/* Stored by the server's word, but not found: somebody must know, and it is
 * never stored again. */
static bool sweep_is_unsettled(const struct sweep *sweep,
	const struct view_folder *old, const struct journal_folder *journal,
	uint32_t uid)
{
	if (journal_answered(journal, sweep->pass->side, uid) == NULL)
		return false;
	pass_refuse_unsettled(sweep->pass, old->name, uid);
	return true;
}

/* The messages that nobody has accounted for yet. */
static void sweep_new_uids(const struct sweep *sweep,
	const struct view_folder *old, const struct journal_folder *journal,
	struct uidset *uids)
{
	enum journal_side side = sweep->pass->side;
	struct uidmarks paired = { .room = 0 };
	size_t i;

	for (i = 0; i < journal->pairs_count; i++)
		if (!journal->pairs[i].gone && journal->pairs[i].uid[side] != 0)
			uidmarks_add(&paired, journal->pairs[i].uid[side]);
	for (i = 0; i < old->count; i++)
		if (!uidmarks_has(&paired, old->messages[i].uid) &&
			!uidset_has(&journal->foreign[side],
				old->messages[i].uid) &&
			!sweep_is_unsettled(
				sweep, old, journal, old->messages[i].uid))
			uidset_add(uids, old->messages[i].uid);
	uidmarks_free(&paired);
}

/* Takes out of the set what was carried over before under another UID: moved
 * between folders at the old side. */
static int sweep_leave_out(struct sweep *sweep, struct view_folder *old,
	struct journal_folder *journal, struct uidset *uids,
	struct error *error)
{
	struct pass *pass = sweep->pass;
	struct uidset suspects = UIDSET_EMPTY;
	size_t i;
	int result = view_measure(old, pass->home, uids, error);

	for (i = 0; result == 1 && i < uids->count; i++) {
		const struct view_message *message =
			view_message_find(old, uids->uids[i]);

		if (journal_has_size(pass->journal, message->size))
			uidset_add(&suspects, message->uid);
	}
	if (result == 1 && suspects.count > 0)
		result = view_digest(old, pass->home, &suspects, error);
	for (i = 0; result == 1 && i < suspects.count; i++) {
		const struct view_message *message =
			view_message_find(old, suspects.uids[i]);

		if (message->digest == NULL ||
			!journal_has_digest(pass->journal, message->digest))
			continue;
		uidset_drop(uids, message->uid);
		journal_foreign(
			pass->journal, journal, pass->side, message->uid, true);
		pass->counts.left_out++;
	}
	uidset_free(&suspects);
	return result;
}

/* Pairs what a message at the new home was intended to be. */
static void sweep_resolve(struct sweep *sweep, struct journal_folder *journal,
	struct sweep_intents *intents, const struct view_message *message,
	bool altered)
{
	struct pass *pass = sweep->pass;
	const struct journal_intent *intent =
		message->digest != NULL
			? sweep_intents_find(intents, message, altered)
			: NULL;
	struct journal_pair pair = { .origin = JOURNAL_COPIED };

	if (intent == NULL)
		return;
	pair.uid[pass->side] = intent->uid;
	pair.uid[sweep->far] = message->uid;
	pair.risk = altered ? intent->risk : JOURNAL_NO_RISK;
	pair.size = intent->size;
	pair.flags = intent->flags;
	memcpy(pair.digest, intent->digest, JOURNAL_DIGEST);
	journal_pair(pass->journal, journal, &pair);
	pass->counts.adopted++;
}

/* The lowest UID that an open intent of ours may have become; 0 none. */
static uint32_t sweep_intended_from(
	const struct sweep *sweep, const struct journal_folder *journal)
{
	uint32_t from = 0;
	size_t i;

	for (i = 0; i < journal->intents_count; i++) {
		const struct journal_intent *intent = &journal->intents[i];
		uint32_t uid = intent->uidnext > 0 ? intent->uidnext : 1;

		if (intent->from == sweep->pass->side &&
			(from == 0 || uid < from))
			from = uid;
	}
	return from;
}

static int sweep_found(void *context, const struct mailbox_message *message)
{
	view_message_add(context, message->uid, message->flags);
	return 0;
}

static int sweep_compare_uid(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* The UIDs at the new home whose message is there or known, ascending; to be
 * freed. */
static uint32_t *sweep_accounted(const struct view_folder *found,
	const struct journal_folder *journal, enum journal_side far,
	size_t *count_r)
{
	uint32_t *uids = xreallocarray(
		NULL, found->count + journal->pairs_count + 1, sizeof(*uids));
	size_t count = 0, i;

	for (i = 0; i < found->count; i++)
		uids[count++] = found->messages[i].uid;
	for (i = 0; i < journal->pairs_count; i++)
		if (!journal->pairs[i].gone &&
			view_message_find(found, journal->pairs[i].uid[far]) ==
				NULL)
			uids[count++] = journal->pairs[i].uid[far];
	qsort(uids, count, sizeof(*uids), sweep_compare_uid);
	*count_r = count;
	return uids;
}

/* How many of the UIDs are below. */
static size_t sweep_below(const uint32_t *uids, size_t count, uint32_t uid)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (uids[middle] < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * What was under way in a crash and is not there now: it was never stored, or
 * it was and the user has deleted it. UIDs that were given at the new home to
 * messages that are neither there nor known tell, unless something else was
 * deleted too; then somebody must decide, for neither may it be lost nor come
 * back.
 */
static void sweep_doubt(struct sweep *sweep, const struct view_folder *found,
	const struct journal_folder *journal)
{
	uint32_t next = found->status.uidnext;
	size_t count, below, i;
	uint32_t *uids = sweep_accounted(found, journal, sweep->far, &count);

	below = sweep_below(uids, count, next);
	for (i = 0; i < journal->intents_count; i++) {
		const struct journal_intent *intent = &journal->intents[i];
		uint32_t from = intent->uidnext > 0 ? intent->uidnext : 1;

		if (intent->from == sweep->pass->side && !intent->answered &&
			next > from &&
			next - from != below - sweep_below(uids, count, from))
			uidset_add(&sweep->doubtful, intent->uid);
	}
	free(uids);
}

/* Leaves the doubtful ones where they are, and says so. */
static void sweep_leave_doubtful(
	struct sweep *sweep, const struct view_folder *old, struct uidset *uids)
{
	struct error words;
	size_t i;

	error_set(&words, "it was on its way when the copier died; it may have "
			  "been stored and deleted at the new home since");
	for (i = 0; i < sweep->doubtful.count; i++)
		if (uidset_drop(uids, sweep->doubtful.uids[i]))
			pass_refuse(sweep->pass, old->name,
				sweep->doubtful.uids[i], &words);
	uidset_free(&sweep->doubtful);
}

/* The messages of the folder that no pair has. */
static void sweep_unpaired(const struct sweep *sweep,
	const struct journal_folder *journal, const struct view_folder *found,
	struct uidset *uids)
{
	size_t i;

	for (i = 0; i < found->count; i++)
		uidset_add(uids, found->messages[i].uid);
	for (i = 0; i < journal->pairs_count; i++)
		if (!journal->pairs[i].gone)
			uidset_drop(uids, journal->pairs[i].uid[sweep->far]);
}

/* The same for what was altered when it was stored: told by date and what is
 * left of it, and read back then. */
static int sweep_recover_altered(struct sweep *sweep,
	struct journal_folder *journal, struct sweep_intents *intents,
	struct view_folder *found, struct error *error)
{
	struct uidset uids = UIDSET_EMPTY;
	bool risky = false;
	size_t i;
	int result = 1;

	for (i = 0; i < journal->intents_count; i++)
		risky = risky ||
			(journal->intents[i].from == sweep->pass->side &&
				journal->intents[i].risk != JOURNAL_NO_RISK);
	if (risky)
		sweep_unpaired(sweep, journal, found, &uids);
	if (uids.count > 0)
		result = view_measure(found, sweep->pass->other, &uids, error);
	for (i = 0; result == 1 && i < uids.count; i++)
		sweep_resolve(sweep, journal, intents,
			view_message_find(found, uids.uids[i]), true);
	uidset_free(&uids);
	return result;
}

/* What was intended before a crash, or stored without an answer that names it,
 * is found at the new home by its digest. */
static int sweep_recover(struct sweep *sweep, struct journal_folder *journal,
	struct error *error)
{
	struct pass *pass = sweep->pass;
	struct mailbox_scan scan = { .first = sweep_intended_from(
					     sweep, journal) };
	struct view found = { .count = 0 };
	struct mailbox_selected selected;
	struct view_folder *folder;
	struct sweep_intents *intents;
	struct uidset uids = UIDSET_EMPTY;
	size_t i;
	int result;

	if (scan.first == 0)
		return 1;
	intents = sweep_intents_new(journal, pass->side);
	folder = view_add(&found, journal->name[sweep->far]);
	result = mailbox_select(
		pass->other, folder->name, false, &selected, error);
	if (result == 1)
		result = mailbox_scan(
			pass->other, &scan, sweep_found, folder, error);
	view_settle(folder);
	sweep_unpaired(sweep, journal, folder, &uids);
	if (result == 1 && uids.count > 0)
		result = view_digest(folder, pass->other, &uids, error);
	for (i = 0; result == 1 && i < folder->count; i++)
		sweep_resolve(
			sweep, journal, intents, &folder->messages[i], false);
	if (result == 1)
		result = sweep_recover_altered(
			sweep, journal, intents, folder, error);
	sweep_intents_free(&intents);
	folder->status = selected.status;
	if (result == 1)
		sweep_doubt(sweep, folder, journal);
	uidset_free(&uids);
	view_clear(&found);
	return result;
}

static int sweep_carry(struct sweep *sweep, struct view_folder *old,
	struct journal_folder *journal, struct error *error)
{
	struct pass *pass = sweep->pass;
	struct uidset uids = UIDSET_EMPTY;
	struct mailbox_selected selected;
	int result = sweep_recover(sweep, journal, error);

	sweep_new_uids(sweep, old, journal, &uids);
	sweep_leave_doubtful(sweep, old, &uids);
	if (result == 1 && uids.count > 0)
		result = sweep_leave_out(sweep, old, journal, &uids, error);
	if (result == 1 && uids.count > 0) {
		pass->counts.planned += uids.count;
		result = mailbox_select(
			pass->home, old->name, false, &selected, error);
		if (result == 1)
			result = transfer_folder(pass, journal, &uids, error);
		if (result == 1 && pass->counts.unsettled > 0)
			result = sweep_recover(sweep, journal, error);
	}
	/* What is altered stays: a sweep only adds. */
	if (result == 1)
		result = altered_check(pass, journal, SIZE_MAX, error);
	uidset_free(&sweep->doubtful);
	uidset_free(&uids);
	return result;
}

/* Whether the bound is of this folder; else nothing tells what came after. */
static bool sweep_is_same(const struct proof_bound *bound,
	const struct mailbox_status *status, struct error *error)
{
	if (bound == NULL || bound->uidvalidity == status->uidvalidity)
		return true;
	error_set(error,
		"folder %s: its UIDVALIDITY has changed since the flip "
		"(%" PRIu32 ", now %" PRIu32
		"); which of its messages are stragglers cannot be told",
		bound->folder, bound->uidvalidity, status->uidvalidity);
	return false;
}

/* One folder of the old home. */
static int sweep_folder(
	struct sweep *sweep, struct view_folder *old, struct error *error)
{
	struct pass *pass = sweep->pass;
	const struct proof_bound *bound = sweep_bound(sweep, old->name);
	struct mailbox_scan scan = { .first = bound != NULL ? bound->uidnext
							    : 1 };
	struct journal_folder *journal =
		journal_find(pass->journal, pass->side, old->name);
	struct mailbox_selected selected;
	uint64_t missed = pass->counts.missed;
	int result;

	if (!old->selectable)
		return 1;
	if (!sweep_is_same(bound, &old->status, error))
		return 0;
	if (view_is_seen(old, journal, pass->side, false) &&
		journal->risky == 0 &&
		(journal->intents_count == 0 ||
			sweep_intended_from(sweep, journal) == 0))
		return 1;
	result = mailbox_select(pass->home, old->name, false, &selected, error);
	/* A listing may tell of a folder as it was. */
	if (result == 1 && !sweep_is_same(bound, &selected.status, error))
		return 0;
	if (result == 1)
		result = mailbox_scan(
			pass->home, &scan, sweep_found, old, error);
	view_settle(old);
	if (result == 1 && old->count > 0) {
		result = sweep_target(sweep, old, &journal, error);
		if (result == 1)
			result = sweep_carry(sweep, old, journal, error);
	}
	if (result == 0) {
		pass_refuse(pass, old->name, 0, error);
		return 1;
	}
	if (result == 1 && journal != NULL && pass->counts.refused == 0 &&
		pass->counts.missed == missed) {
		journal_seen(pass->journal, journal, pass->side, &old->status);
		journal_forget_intents(pass->journal, journal,
			instant_now() - SWEEP_INTENT_AGE);
	}
	return result;
}

int sweep_run(struct pass *pass, const struct proof_bound *bounds,
	size_t bounds_count, struct error *error)
{
	struct sweep sweep = {
		.pass = pass, .far = journal_other(pass->side), .bounds = bounds
	};
	size_t i;
	int result;

	pass_clear(pass);
	for (i = 0; i < bounds_count; i++)
		namehash_set(&sweep.names, bounds[i].folder, i + 1);
	result = view_list(&sweep.old, pass->home, error);
	if (result == 1)
		result = view_list(&sweep.new, pass->other, error);
	if (result == 0)
		result = -1;
	for (i = 0; result == 1 && i < sweep.old.count; i++)
		result = pass_goes_on(pass, error)
				 ? sweep_folder(
					   &sweep, &sweep.old.folders[i], error)
				 : -1;
	if (result == 1)
		altered_remind(pass);
	folder_table_clear(&sweep.table);
	view_clear(&sweep.old);
	view_clear(&sweep.new);
	namehash_free(&sweep.names);
	if (journal_sync(pass->journal, result < 0 ? NULL : error) < 0)
		result = -1;
	return result;
}

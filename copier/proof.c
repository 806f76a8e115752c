/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proof by counting where servers let us: a folder whose UIDVALIDITY, UIDNEXT
 * and number of messages are those at which each message was accounted for
 * holds those very messages, since UIDs are never given twice; with the same
 * modification sequence their flags are the same, too. Else all are read.
 */
#include "config.h"

#include "copier/proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/altered.h"
#include "copier/digest.h"
#include "copier/look.h"
#include "copier/refused.h"
#include "copier/view.h"

#include "lib/xalloc.h"

void proof_clear(struct proof *proof)
{
	size_t i;

	for (i = 0; i < proof->bounds_count; i++)
		free(proof->bounds[i].folder);
	free(proof->bounds);
	memset(proof, 0, sizeof(*proof));
}

static void proof_add_bound(
	struct proof *proof, const struct view_folder *folder)
{
	struct proof_bound *bound;
	uint32_t uidnext = folder->status.uidnext;

	/* A server that tells no UIDNEXT: all was read, the highest counts. */
	if (uidnext == 0)
		uidnext = folder->count > 0
				  ? folder->messages[folder->count - 1].uid + 1
				  : 1;
	proof->bounds = xreallocarray(
		proof->bounds, proof->bounds_count + 1, sizeof(*proof->bounds));
	bound = &proof->bounds[proof->bounds_count++];
	bound->folder = xstrdup(folder->name);
	bound->uidvalidity = folder->status.uidvalidity;
	bound->uidnext = uidnext;
}

/* What is proved of a folder of one side: against the journal. */
struct proof_folder {
	struct pass *pass;
	const struct view_folder *view;
	struct journal_folder *journal;
	enum journal_side side;
	bool home;
};

/* How many messages it is to have, but for those that are left behind. */
static size_t proof_expected(const struct proof_folder *folder)
{
	return folder->journal->live +
	       (folder->home ? 0
			     : folder->journal->foreign[folder->side].count);
}

/* Whether an unpaired message is known otherwise. */
static bool proof_is_known(const struct proof_folder *folder, uint32_t uid)
{
	if (folder->home)
		return refused_is_left(folder->pass, folder->view->name,
			folder->view->status.uidvalidity, uid);
	return uidset_has(&folder->journal->foreign[folder->side], uid);
}

static int proof_miscounted(
	const struct proof_folder *folder, size_t there, struct error *error)
{
	error_set(error, "%s: %zu messages, of which %zu are known",
		folder->view->name, there, proof_expected(folder));
	return 0;
}

/* Each message that was read is known, and its flags at home are what they
 * were when it was carried over. 1 with how many of them are left behind, or 0
 * with the difference. */
static int proof_read_messages(
	const struct proof_folder *folder, size_t *left_r, struct error *error)
{
	const struct journal_folder *journal = folder->journal;
	enum journal_side side = folder->side;
	size_t count, at = 0, i;
	size_t *order = journal_sorted(journal, side, &count);
	int result = 1;

	*left_r = 0;
	for (i = 0; result == 1 && i < folder->view->count; i++) {
		const struct view_message *message = &folder->view->messages[i];
		const struct journal_pair *pair = NULL;

		while (at < count &&
			journal->pairs[order[at]].uid[side] < message->uid)
			at++;
		if (at < count &&
			journal->pairs[order[at]].uid[side] == message->uid)
			pair = &journal->pairs[order[at]];
		if (pair == NULL && proof_is_known(folder, message->uid))
			*left_r += folder->home;
		else if (pair == NULL ||
			 (folder->home &&
				 !flagset_same(pair->flags, message->flags)))
			result = 0;
		if (result == 0)
			error_set(error, "%s uid %" PRIu32 ": %s",
				folder->view->name, message->uid,
				pair == NULL ? "not carried over"
					     : "its flags have changed");
	}
	free(order);
	return result;
}

/* How many messages the folder has: those that were read, or, where only what
 * has changed was told, those that the journal knows less the vanished. */
static size_t proof_there(const struct proof_folder *folder)
{
	const struct view_folder *view = folder->view;

	return view->whole
		       ? view->count
		       : view_count_left(view, folder->journal, folder->side);
}

static int proof_messages(
	const struct proof_folder *folder, struct error *error)
{
	const struct view_folder *view = folder->view;
	size_t left, there;
	int result;

	/* The journal has seen it so, with each message accounted for: as many
	 * are those very ones, for UIDs are never given twice. */
	if (view->seen && proof_expected(folder) != view->status.messages)
		return proof_miscounted(folder, view->status.messages, error);
	if (view->seen) {
		/* Of a folder that the last round has worked on. */
		if (!mailbox_status_same(&folder->journal->seen[folder->side],
			    &view->status))
			journal_seen(folder->pass->journal, folder->journal,
				folder->side, &view->status);
		return 1;
	}
	if (view->has_status &&
		view->status.uidvalidity !=
			folder->journal->uidvalidity[folder->side]) {
		error_set(error, "%s: its UIDVALIDITY has changed", view->name);
		return 0;
	}
	result = proof_read_messages(folder, &left, error);
	there = proof_there(folder);
	if (result == 1 && there != proof_expected(folder) + left)
		result = proof_miscounted(folder, there, error);
	/* The next proof need not read it again. */
	if (result == 1 && left == 0)
		journal_seen(folder->pass->journal, folder->journal,
			folder->side, &view->status);
	return result;
}

/* One folder of one side against the journal. */
static int proof_folder(struct pass *pass, const struct view_folder *view,
	enum journal_side side, struct error *error)
{
	struct proof_folder folder = { .pass = pass,
		.view = view,
		.journal = journal_find(pass->journal, side, view->name),
		.side = side,
		.home = side == pass->side };

	if (view->unread) {
		error_set(error, "%s: %s", view->name,
			view->words != NULL ? view->words : "not read");
		return 0;
	}
	if (folder.journal != NULL)
		return proof_messages(&folder, error);
	if (folder.home ? refused_is_left(pass, view->name, 0, 0)
			: view->status.messages == 0)
		return 1;
	error_set(error, "%s: a folder that was not there before", view->name);
	return 0;
}

static int proof_side(struct pass *pass, const struct view *view,
	enum journal_side side, struct error *error)
{
	size_t i;
	int result = 1;

	for (i = 0; result == 1 && i < view->count; i++)
		if (view->folders[i].selectable)
			result = proof_folder(
				pass, &view->folders[i], side, error);
	if (result != 1)
		error_prefix(error, "%s",
			side == pass->side ? "home" : "other side");
	return result;
}

/* A name alone, of a folder that was deleted and has others below it, holds
 * nothing. */
static bool proof_has_folder(const struct view *view, const char *name)
{
	const struct view_folder *folder = view_find(view, name);

	return folder != NULL && folder->selectable;
}

/* What the journal pairs must be on both sides still. */
static int proof_journal(struct pass *pass, const struct view *home,
	const struct view *other, struct proof *proof, struct error *error)
{
	enum journal_side far = journal_other(pass->side);
	size_t i;

	for (i = 0; i < journal_count(pass->journal); i++) {
		const struct journal_folder *folder =
			journal_at(pass->journal, i);

		if (folder->gone)
			continue;
		proof->foreign += folder->foreign[far].count;
		proof->messages += folder->live;
		proof->bytes += folder->bytes;
		if (folder->live > 0 &&
			namehash_get(home->excluded,
				folder->name[pass->side]) == 0 &&
			(!proof_has_folder(home, folder->name[pass->side]) ||
				!proof_has_folder(other, folder->name[far]))) {
			error_set(error, "%s: the folder is gone",
				folder->name[pass->side]);
			return 0;
		}
		if (altered_open(pass, folder) != 0) {
			error_set(error,
				"%s uid %" PRIu32
				": the other side may have altered it",
				folder->name[pass->side],
				altered_open(pass, folder));
			return 0;
		}
	}
	return 1;
}

int proof_run(struct pass *pass, struct proof *proof_r, struct error *error)
{
	struct view home = { .count = 0 }, other = { .count = 0 };
	size_t i;
	int result;

	memset(proof_r, 0, sizeof(*proof_r));
	result = look_at_both(pass, &home, &other, false, error);
	if (result == 1)
		result = proof_side(pass, &home, pass->side, error);
	if (result == 1)
		result = proof_side(
			pass, &other, journal_other(pass->side), error);
	if (result == 1)
		result = proof_journal(pass, &home, &other, proof_r, error);
	for (i = 0; result == 1 && i < home.count; i++)
		if (home.folders[i].selectable)
			proof_add_bound(proof_r, &home.folders[i]);
	view_clear(&home);
	view_clear(&other);
	return result;
}

/* The messages that are read back, and what they turned out to be. */
struct proof_choice {
	struct journal_folder *folder;
	size_t pair;
};

struct proof_reading {
	enum journal_side far;
	const struct journal_folder *folder;
	const struct proof_choice *choices; /* of that folder */
	size_t count;
	size_t read;
	uint32_t differs; /* UID, or 0 */
};

void proof_marks_take(const struct pass *pass, struct proof_marks *marks_r)
{
	size_t i;

	marks_r->count = journal_count(pass->journal);
	marks_r->pairs = xreallocarray(
		NULL, marks_r->count + 1, sizeof(*marks_r->pairs));
	for (i = 0; i < marks_r->count; i++)
		marks_r->pairs[i] = journal_at(pass->journal, i)->pairs_count;
}

void proof_marks_clear(struct proof_marks *marks)
{
	free(marks->pairs);
	memset(marks, 0, sizeof(*marks));
}

/* Each message has the same chance; the choices are malloc'd. */
static struct proof_choice *proof_choose(const struct pass *pass,
	const struct proof_marks *since, size_t count, uint64_t max,
	size_t *chosen_r)
{
	struct proof_choice *choices =
		xreallocarray(NULL, count + 1, sizeof(*choices));
	size_t i, j, seen = 0;

	for (i = 0; i < journal_count(pass->journal); i++) {
		struct journal_folder *folder = journal_at(pass->journal, i);

		j = since != NULL && i < since->count ? since->pairs[i] : 0;
		for (; !folder->gone && j < folder->pairs_count; j++) {
			const struct journal_pair *pair = &folder->pairs[j];
			size_t place = seen;

			if (pair->gone || pair->uid[0] == 0 ||
				pair->uid[1] == 0 || pair->size > max)
				continue;
			if (seen++ >= count)
				place = (size_t)random() % seen;
			if (place < count)
				choices[place] =
					(struct proof_choice){ folder, j };
		}
	}
	*chosen_r = seen < count ? seen : count;
	return choices;
}

static void proof_read(void *context, const struct digest_message *message)
{
	struct proof_reading *reading = context;
	size_t i;

	reading->read++;
	for (i = 0; i < reading->count; i++) {
		const struct journal_pair *pair =
			&reading->folder->pairs[reading->choices[i].pair];

		if (pair->uid[reading->far] == message->uid &&
			memcmp(journal_pair_digest(
				       reading->folder, pair, reading->far),
				message->digest, JOURNAL_DIGEST) != 0)
			reading->differs = message->uid;
	}
}

/* Reads back the chosen messages of one folder. */
static int proof_read_folder(
	struct pass *pass, struct proof_reading *reading, struct error *error)
{
	const char *name = reading->folder->name[reading->far];
	struct mailbox_selected selected;
	struct uidset uids = UIDSET_EMPTY;
	size_t i;
	int result;

	for (i = 0; i < reading->count; i++)
		uidset_add(
			&uids, reading->folder->pairs[reading->choices[i].pair]
				       .uid[reading->far]);
	reading->read = 0;
	mailbox_ahead(pass->other, name, &uids);
	result = mailbox_select(pass->other, name, false, &selected, error);
	if (result == 1)
		result = digest_fetch(
			pass->other, &uids, proof_read, reading, error);
	if (result == 1 &&
		(reading->differs != 0 || reading->read != uids.count)) {
		if (reading->differs != 0)
			error_set(error,
				"%s uid %" PRIu32
				": read back, it is not what was sent",
				name, reading->differs);
		else
			error_set(error, "%s: a message cannot be read back",
				name);
		result = 0;
	}
	uidset_free(&uids);
	return result;
}

static int proof_choice_compare(const void *left, const void *right)
{
	const struct proof_choice *a = left, *b = right;

	return (a->folder->id > b->folder->id) -
	       (a->folder->id < b->folder->id);
}

int proof_sample(struct pass *pass, const struct proof_marks *since,
	size_t count, uint64_t max, struct error *error)
{
	struct proof_reading reading = { .far = journal_other(pass->side) };
	size_t chosen, i;
	struct proof_choice *choices =
		proof_choose(pass, since, count, max, &chosen);
	int result = 1;

	qsort(choices, chosen, sizeof(*choices), proof_choice_compare);
	for (i = 0; result == 1 && i < chosen; i += reading.count) {
		reading.folder = choices[i].folder;
		reading.choices = &choices[i];
		for (reading.count = 1;
			i + reading.count < chosen &&
			choices[i + reading.count].folder == reading.folder;)
			reading.count++;
		result = proof_read_folder(pass, &reading, error);
	}
	free(choices);
	return result;
}

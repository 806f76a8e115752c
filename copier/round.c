/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking at both sides, planning, and what the journal has seen afterwards. */
#include "config.h"

#include "copier/altered.h"
#include "copier/look.h"
#include "copier/refused.h"
#include "copier/round_identity.h"
#include "copier/round_private.h"
#include "copier/round_rename.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copier/folder_care.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* An append whose answer was lost may be stored this long after (ms). */
#define ROUND_INTENT_AGE (10 * 60 * 1000)

/* Times that the other side must look the same, how far apart (ms), and how
 * often at most. */
#define ROUND_SETTLE_SAME  4
#define ROUND_SETTLE_PAUSE 250
#define ROUND_SETTLE_MAX   60

/* What belongs to one run. */
struct round {
	struct pass *pass;
	const struct round_options *options;
	struct view home;
	struct view other;
	struct plan plan;
	bool *clean; /* of each folder of the plan */
	bool wrote;
};

/* Notes the UIDVALIDITY of the folders that the journal knows. */
static void round_note_validity(
	struct pass *pass, const struct view *view, enum journal_side side)
{
	size_t i;

	for (i = 0; i < view->count; i++) {
		const struct view_folder *folder = &view->folders[i];
		struct journal_folder *known =
			journal_find(pass->journal, side, folder->name);

		if (known != NULL && folder->has_status)
			journal_uidvalidity(pass->journal, known, side,
				folder->status.uidvalidity);
	}
}

bool round_is_gone(const struct error *words)
{
	return strstr(words->text, "[NONEXISTENT]") != NULL;
}

/* A folder that could not be read is refused: nothing is concluded from its
 * silence. One that is gone since it was listed is the next round's. */
static void round_note_unread(
	struct pass *pass, const struct view *view, const char *who)
{
	size_t i;

	for (i = 0; i < view->count; i++) {
		const struct view_folder *folder = &view->folders[i];
		struct error words;

		if (!folder->unread)
			continue;
		error_set(&words, "%s: %s", who,
			folder->words != NULL ? folder->words : "not read");
		if (round_is_gone(&words))
			pass->counts.missed++;
		else
			pass_refuse(pass, folder->name, 0, &words);
	}
}

/* What there is on both sides, as far as it is not as the journal says. */
static int round_look(struct round *round, struct error *error)
{
	struct pass *pass = round->pass;

	if (look_at_both(pass, &round->home, &round->other, true, error) < 0)
		return -1;
	round_note_validity(pass, &round->home, pass->side);
	round_note_validity(pass, &round->other, journal_other(pass->side));
	round_note_unread(pass, &round->home, "home");
	round_note_unread(pass, &round->other, "other side");
	return 1;
}

/*
 * What was foreign while this side was the other one is home's own now, to be
 * carried over like all else.
 */
static void round_own(struct pass *pass)
{
	size_t i;

	for (i = 0; i < journal_count(pass->journal); i++) {
		struct journal_folder *folder = journal_at(pass->journal, i);
		struct uidset *foreign = &folder->foreign[pass->side];

		if (folder->gone || foreign->count == 0)
			continue;
		journal_seen(pass->journal, folder, pass->side, NULL);
		while (foreign->count > 0)
			journal_foreign(pass->journal, folder, pass->side,
				foreign->uids[foreign->count - 1], false);
	}
}

static void round_plan(struct round *round)
{
	struct plan_input input = { .home = &round->home,
		.other = &round->other,
		.journal = round->pass->journal,
		.flags = round->pass->flags,
		.side = round->pass->side,
		.removal = round->options->removal,
		.map = round->pass->map };

	plan_clear(&round->plan);
	plan_make(&input, &round->plan);
}

/* Reads what the plan of a folder lacks. */
static int round_inquire(
	struct round *round, struct plan_folder *folder, struct error *error)
{
	struct pass *pass = round->pass;
	int result = 1;

	if (folder->measure_home.count > 0)
		result = view_measure(
			folder->home, pass->home, &folder->measure_home, error);
	if (result == 1 && folder->measure_other.count > 0)
		result = view_measure(folder->other, pass->other,
			&folder->measure_other, error);
	if (result == 1 && folder->digest_home.count > 0)
		result = view_digest(
			folder->home, pass->home, &folder->digest_home, error);
	if (result == 1 && folder->digest_other.count > 0)
		result = view_digest(folder->other, pass->other,
			&folder->digest_other, error);
	return result;
}

/* The same; a folder that refuses it is left out. 1 or -1. */
static int round_learn(
	struct round *round, struct plan_folder *folder, struct error *error)
{
	int result = round_inquire(round, folder, error);

	if (result != 0)
		return result;
	if (folder->home != NULL)
		folder->home->unread = true;
	if (folder->other != NULL)
		folder->other->unread = true;
	if (round_is_gone(error))
		round->pass->counts.missed++;
	else
		pass_refuse(round->pass, folder->home_name, 0, error);
	return 1;
}

/* Plans until nothing more must be known for it. Messages that vanish while
 * they are inquired into would keep it going: then a later round does it. */
static int round_plan_all(struct round *round, struct error *error)
{
	int passes;
	size_t i;

	round_plan(round);
	for (passes = 0; !round->plan.complete; passes++) {
		if (passes == 4) {
			error_set(error,
				"the folders change too fast to be compared");
			return -1;
		}
		for (i = 0; i < round->plan.count; i++) {
			if (!pass_goes_on(round->pass, error))
				return -1;
			if (round_learn(round, &round->plan.folders[i], error) <
				0)
				return -1;
		}
		round_plan(round);
	}
	return 1;
}

/* What an operator has approved to be left behind is not tried any more. */
static void round_leave(struct round *round)
{
	struct pass *pass = round->pass;
	size_t i;

	for (i = 0; i < round->plan.count; i++) {
		struct plan_folder *folder = &round->plan.folders[i];
		size_t planned = folder->copy.count;

		if (planned == 0)
			continue;
		refused_leave(pass, folder->home_name,
			folder->journal != NULL
				? folder->journal->uidvalidity[pass->side]
				: folder->home->status.uidvalidity,
			&folder->copy);
		if (folder->journal != NULL)
			altered_leave(pass, folder->journal, &folder->copy);
		round->plan.copies -= planned - folder->copy.count;
	}
}

/* The UIDNEXT of the other side's folder before the round; new ones have had
 * none. */
static uint32_t round_uidnext(const struct view_folder *before)
{
	return before != NULL ? before->status.uidnext : 1;
}

/* Notes the status at which a folder's messages were all accounted for. */
static void round_note_seen(
	struct round *round, const struct view *after, size_t index)
{
	struct pass *pass = round->pass;
	const struct plan_folder *folder = &round->plan.folders[index];
	enum journal_side far = journal_other(pass->side);
	const struct view_folder *now;

	if (folder->journal == NULL || folder->journal->gone)
		return;
	if (folder->home != NULL && folder->home->has_status)
		journal_seen(pass->journal, folder->journal, pass->side,
			round->clean[index] &&
					!refused_leaves(
						pass, folder->home_name) &&
					!altered_waits(
						folder->journal, pass->side)
				? &folder->home->status
				: NULL);
	now = view_find(after, folder->other_name);
	folder->journal->done_from[far] = now == NULL && round->clean[index]
						  ? round_uidnext(folder->other)
						  : 0;
	if (now == NULL) {
		if (!round->clean[index])
			journal_seen(pass->journal, folder->journal, far, NULL);
		return;
	}
	if (now->has_status &&
		now->status.messages < journal_known(folder->journal, far))
		pass->counts.lacking += journal_known(folder->journal, far) -
					now->status.messages;
	journal_seen(pass->journal, folder->journal, far,
		round->clean[index] &&
				view_is_as_journal(now, folder->journal, far,
					round_uidnext(folder->other))
			? &now->status
			: NULL);
}

static void round_count(struct pass *pass)
{
	enum journal_side far = journal_other(pass->side);
	size_t i;

	pass->counts.messages = pass->counts.bytes = pass->counts.foreign = 0;
	for (i = 0; i < journal_count(pass->journal); i++) {
		const struct journal_folder *folder =
			journal_at(pass->journal, i);

		if (folder->gone)
			continue;
		pass->counts.foreign += folder->foreign[far].count;
		pass->counts.messages += folder->live;
		pass->counts.bytes += folder->bytes;
	}
}

/* What the journal knows now, and on disk. */
static int round_finish(struct round *round, struct error *error)
{
	struct pass *pass = round->pass;
	struct view after = { .count = 0 };
	int result = 1;
	size_t i;

	if (round->wrote &&
		(!round->options->proof_follows || pass->identity != NULL))
		result = look_at_other(pass, &after, error);
	if (result == 1)
		result = round_level(pass, &round->plan,
			round->wrote ? &after : &round->other, error);
	for (i = 0; result == 1 && i < round->plan.count; i++)
		round_note_seen(
			round, round->wrote ? &after : &round->other, i);
	for (i = 0; result == 1 && i < journal_count(pass->journal); i++)
		journal_forget_intents(pass->journal,
			journal_at(pass->journal, i),
			instant_now() - ROUND_INTENT_AGE);
	round_count(pass);
	view_clear(&after);
	if (result == 1 &&
		(round->options->proof_follows
				? journal_flush(pass->journal, error)
				: journal_compact(pass->journal, error)) < 0)
		result = -1;
	return result;
}

static int round_steps(struct round *round, struct error *error)
{
	struct pass *pass = round->pass;
	struct round_times *times = round->options->times;
	int64_t began = instant_monotonic();
	int result;

	round_own(pass);
	if (round->options->dry_run == NULL && altered_retry(pass, error) < 0)
		return -1;
	if (round_look(round, error) < 0 ||
		round_rename(pass, round->options, &round->home, &round->other,
			error) < 0 ||
		round_plan_all(round, error) < 0)
		return -1;
	if (times != NULL)
		times->look += instant_monotonic() - began;
	round_leave(round);
	pass->counts.planned = round->plan.copies;
	if (folder_care_before(pass, &round->home, &round->other, &round->plan,
		    round->options->dry_run != NULL, error) < 0)
		return -1;
	if (round->options->planned != NULL &&
		round->options->planned(
			round->options->context, pass, &round->plan, error) < 0)
		return -1;
	if (round->options->dry_run != NULL) {
		plan_print(&round->plan, round->options->dry_run);
		return 1;
	}
	began = instant_monotonic();
	round->clean = xcalloc(round->plan.count + 1, sizeof(*round->clean));
	if (round_execute(pass, &round->plan, &round->wrote, round->clean,
		    error) < 0 ||
		folder_care_after(pass, &round->plan, error) < 0)
		return -1;
	result = round_finish(round, error);
	if (times != NULL)
		times->copy += instant_monotonic() - began;
	return result;
}

int round_run(struct pass *pass, const struct round_options *options,
	struct error *error)
{
	struct round round = { .pass = pass, .options = options };
	int result;

	pass_clear(pass);
	result = round_steps(&round, error);
	if (result < 0)
		journal_flush(pass->journal, NULL);
	else
		altered_remind(pass);
	free(round.clean);
	plan_clear(&round.plan);
	view_clear(&round.home);
	view_clear(&round.other);
	return result;
}

/* Whether the other side may still be at work on what it was sent. */
static bool round_has_intents(const struct journal *journal)
{
	size_t i, j;

	for (i = 0; i < journal_count(journal); i++) {
		const struct journal_folder *folder = journal_at(journal, i);

		for (j = 0; !folder->gone && j < folder->intents_count; j++)
			if (!folder->intents[j].answered)
				return true;
	}
	return false;
}

static bool round_same(const struct view *one, const struct view *other)
{
	size_t i;

	for (i = 0; i < one->count; i++) {
		const struct view_folder *found =
			view_find(other, one->folders[i].name);

		if (found == NULL || !mailbox_status_same(&found->status,
					     &one->folders[i].status))
			return false;
	}
	return one->count == other->count;
}

int round_settle(struct pass *pass, struct error *error)
{
	const struct timespec pause = { 0, ROUND_SETTLE_PAUSE * 1000000L };
	struct view last = { .count = 0 };
	int same = 0, looks, result = 1;

	if (!round_has_intents(pass->journal))
		return 1;
	for (looks = 0; result == 1 && same < ROUND_SETTLE_SAME &&
			looks < ROUND_SETTLE_MAX;
		looks++) {
		struct view now = { .count = 0 };

		if (looks > 0)
			nanosleep(&pause, NULL);
		if (!pass_goes_on(pass, error))
			result = -1;
		else
			result = look_at_other(pass, &now, error);
		same = looks > 0 && round_same(&last, &now) ? same + 1 : 0;
		view_clear(&last);
		last = now;
	}
	view_clear(&last);
	return result;
}

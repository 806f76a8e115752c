/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the account is at its two systems, made once and shared by all its
 * connections; and rounds that outlive those.
 */
#include "config.h"

#include "copier/move_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/account_file.h"
#include "copier/endure.h"

#include "lib/instant.h"

/* See struct endure. In a freeze it is quick or not at all: who is out of
 * service does not wait for a server to be started anew. */
#define MOVE_TRIES	   4
#define MOVE_PATIENCE	   60000
#define MOVE_PAUSE_LEAST   500
#define MOVE_PAUSE_MOST	   10000
#define MOVE_FROZEN_LEAST  20
#define MOVE_FROZEN_MOST   200
#define MOVE_BUDGET_WAITED 4 /* of the freeze budget, such a part */

const struct location *move_place(struct move *move,
	const struct config_system *system, struct error *error)
{
	bool source = strcmp(system->name, move->account->source) == 0;
	struct location *place = &move->places[source ? 0 : 1];
	char *name;

	if (place->label != NULL)
		return place;
	if (location_of_account(system, move->account->address,
		    move->learned.data, place, error) == 0 &&
		location_limit(place, system, move->order->config->copier.state,
			error) == 0) {
		pace_hurry(access_pace(place->access), move->hurried);
		place->target.notes = move->pass.notes;
		if (source)
			place->target.map = move->map;
		location_spool(place, move->order->config->copier.state);
		name = account_file_name(move->account->address);
		location_keep_uids(
			place, move->order->config->copier.state, name);
		free(name);
		return place;
	}
	location_clear(place);
	return NULL;
}

void move_clear_places(struct move *move)
{
	location_clear(&move->places[0]);
	location_clear(&move->places[1]);
}

void move_hurry(struct move *move, bool hurry)
{
	move->hurried = hurry;
	pace_hurry(access_pace(move->places[0].access), hurry);
	pace_hurry(access_pace(move->places[1].access), hurry);
}

bool move_may_spend(struct move *move, struct error *error)
{
	return pace_goes_on(access_pace(move->places[0].access), error) &&
	       pace_goes_on(access_pace(move->places[1].access), error);
}

int64_t move_resumes(struct move *move)
{
	int64_t one = pace_resumes(access_pace(move->places[0].access));
	int64_t other = pace_resumes(access_pace(move->places[1].access));

	return one > other ? one : other;
}

/* ---- rounds ---- */

/* A round, and what its interrupted tries have done. */
struct move_enduring {
	struct move *move;
	const struct round_options *options;
	struct pass_counts done;
	unsigned tries;
	uint64_t progress; /* when the last one began */
};

static enum endure_result move_enduring_open(void *context, struct error *error)
{
	struct move_enduring *enduring = context;
	struct move *move = enduring->move;

	move->failure = MAILBOX_LATER;
	if (move_open_home(move, error) == 0 &&
		move_open_other(move, error) == 0)
		return ENDURE_DONE;
	return move->failure != MAILBOX_LATER ? ENDURE_REFUSED : ENDURE_FAILED;
}

/* Of an interrupted try: what it did is done. */
static void move_enduring_keep(struct move_enduring *enduring)
{
	const struct pass_counts *counts = &enduring->move->pass.counts;
	struct pass_counts *done = &enduring->done;

	done->copied += counts->copied;
	done->copied_bytes += counts->copied_bytes;
	done->adopted += counts->adopted;
	done->removed += counts->removed;
	done->flags += counts->flags;
	done->folders_made += counts->folders_made;
	done->folders_removed += counts->folders_removed;
}

static void move_enduring_add(const struct move_enduring *enduring)
{
	struct pass_counts *counts = &enduring->move->pass.counts;
	const struct pass_counts *done = &enduring->done;

	counts->copied += done->copied;
	counts->copied_bytes += done->copied_bytes;
	counts->adopted += done->adopted;
	counts->removed += done->removed;
	counts->flags += done->flags;
	counts->folders_made += done->folders_made;
	counts->folders_removed += done->folders_removed;
}

static uint64_t move_enduring_progress(void *context)
{
	const struct move_enduring *enduring = context;
	const struct pass_counts *done = &enduring->done;

	return done->copied + done->adopted + done->removed + done->flags;
}

static enum endure_result move_enduring_work(void *context, struct error *error)
{
	struct move_enduring *enduring = context;
	struct pass *pass = &enduring->move->pass;
	uint64_t progress = move_enduring_progress(enduring);

	if (enduring->tries > 0 && enduring->progress == progress)
		pass_shrink(pass);
	enduring->progress = progress;
	/* What was under way may still be coming in. */
	if (enduring->tries++ > 0 && round_settle(pass, error) < 0)
		return ENDURE_FAILED;
	if (round_run(pass, enduring->options, error) >= 0) {
		move_enduring_add(enduring);
		return ENDURE_DONE;
	}
	move_enduring_keep(enduring);
	return ENDURE_FAILED;
}

/* Home first: when it is alive no message is half under way to the other
 * side, and a NOOP does no harm there. */
static bool move_enduring_drop(void *context)
{
	struct move_enduring *enduring = context;
	struct pass *pass = &enduring->move->pass;
	bool lost = pass->home == NULL || pass->other == NULL ||
		    mailbox_keep_alive(pass->home, NULL) < 0 ||
		    mailbox_keep_alive(pass->other, NULL) < 0;

	if (lost) {
		mailbox_close(&pass->home);
		mailbox_close(&pass->other);
	}
	return lost;
}

static bool move_enduring_goes_on(void *context, struct error *error)
{
	struct move_enduring *enduring = context;

	return move_goes_on(enduring->move, error);
}

static void move_enduring_told(
	void *context, const struct error *error, int64_t ms)
{
	struct move_enduring *enduring = context;

	move_log(enduring->move, LOG_INFO, "%s; going on in %" PRId64 " ms",
		error->text, ms);
}

static bool move_enduring_sleep(void *context, int64_t ms, struct error *error)
{
	struct move_enduring *enduring = context;

	return move_sleep(enduring->move, ms, error);
}

int move_endure_round(struct move *move, const struct round_options *options,
	struct error *error)
{
	struct move_enduring enduring = { .move = move, .options = options };
	const struct endure endure = {
		.open = move_enduring_open,
		.work = move_enduring_work,
		.drop = move_enduring_drop,
		.progress = move_enduring_progress,
		.go_on = move_enduring_goes_on,
		.told = move_enduring_told,
		.sleep = move_enduring_sleep,
		.context = &enduring,
		.tries = MOVE_TRIES,
		.patience = move->frozen ? move->account->freeze_budget /
						   MOVE_BUDGET_WAITED
					 : MOVE_PATIENCE,
		.least = move->frozen ? MOVE_FROZEN_LEAST : MOVE_PAUSE_LEAST,
		.most = move->frozen ? MOVE_FROZEN_MOST : MOVE_PAUSE_MOST,
	};

	return endure_run(&endure, error);
}

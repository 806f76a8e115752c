/* SPDX-License-Identifier: BSD-2-Clause */
/* The work of a move that outlives its connections, rounds first of all. */
#include "config.h"

#include "copier/move_private.h"

#include <inttypes.h>

#include "copier/pass_endure.h"

/* See struct endure. In a freeze it is quick or not at all: who is out of
 * service does not wait for a server to be started anew. */
#define MOVE_PATIENCE	   60000
#define MOVE_PAUSE_LEAST   500
#define MOVE_PAUSE_MOST	   10000
#define MOVE_FROZEN_LEAST  20
#define MOVE_FROZEN_MOST   200
#define MOVE_BUDGET_WAITED 4 /* of the freeze budget, such a part */

struct move_enduring {
	struct move *move;
	bool home_only;
	move_work_fn *work;
	void *context;
};

static enum endure_result move_enduring_open(void *context, struct error *error)
{
	struct move_enduring *enduring = context;
	struct move *move = enduring->move;

	move->failure = MAILBOX_LATER;
	if (move_open_home(move, error) == 0 &&
		(enduring->home_only || move_open_other(move, error) == 0))
		return ENDURE_DONE;
	return move->failure != MAILBOX_LATER ? ENDURE_REFUSED : ENDURE_FAILED;
}

static int move_enduring_work(void *context, bool again, struct error *error)
{
	struct move_enduring *enduring = context;

	return enduring->work(enduring->move, enduring->context, again, error);
}

static uint64_t move_enduring_progress(void *context)
{
	const struct move_enduring *enduring = context;

	return enduring->move->ahead;
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

static int move_endure_side(struct move *move, bool home_only,
	move_work_fn *work, void *context, struct error *error)
{
	struct move_enduring enduring = { move, home_only, work, context };
	const struct pass_endure endure = {
		.pass = &move->pass,
		.home_only = home_only,
		.open = move_enduring_open,
		.work = move_enduring_work,
		.progress = move_enduring_progress,
		.told = move_enduring_told,
		.sleep = move_enduring_sleep,
		.context = &enduring,
		.patience = move->frozen ? move->account->freeze_budget /
						   MOVE_BUDGET_WAITED
					 : MOVE_PATIENCE,
		.least = move->frozen ? MOVE_FROZEN_LEAST : MOVE_PAUSE_LEAST,
		.most = move->frozen ? MOVE_FROZEN_MOST : MOVE_PAUSE_MOST,
	};

	return pass_endure(&endure, error);
}

int move_endure(struct move *move, move_work_fn *work, void *context,
	struct error *error)
{
	return move_endure_side(move, false, work, context, error);
}

int move_endure_home(struct move *move, move_work_fn *work, void *context,
	struct error *error)
{
	return move_endure_side(move, true, work, context, error);
}

/* ---- rounds ---- */

/* A round, and what its interrupted tries have done. */
struct move_enduring_round {
	const struct round_options *options;
	struct pass_counts done;
};

/* What was done is done. */
static void move_add_counts(
	struct pass_counts *to, const struct pass_counts *from)
{
	to->copied += from->copied;
	to->copied_bytes += from->copied_bytes;
	to->adopted += from->adopted;
	to->removed += from->removed;
	to->flags += from->flags;
	to->folders_made += from->folders_made;
	to->folders_removed += from->folders_removed;
}

static int move_work_round(
	struct move *move, void *context, bool again, struct error *error)
{
	struct move_enduring_round *round = context;
	struct pass *pass = &move->pass;

	/* What was under way may still be coming in. */
	if (again && round_settle(pass, error) < 0)
		return -1;
	if (round_run(pass, round->options, error) >= 0) {
		move_add_counts(&pass->counts, &round->done);
		return 0;
	}
	move_add_counts(&round->done, &pass->counts);
	move_gets_ahead(move, &pass->counts);
	return -1;
}

void move_gets_ahead(struct move *move, const struct pass_counts *counts)
{
	move->ahead += counts->copied + counts->adopted + counts->removed +
		       counts->flags;
}

int move_endure_round(struct move *move, const struct round_options *options,
	struct error *error)
{
	struct move_enduring_round round = { .options = options };

	return move_endure(move, move_work_round, &round, error);
}

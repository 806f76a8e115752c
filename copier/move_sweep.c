/* SPDX-License-Identifier: BSD-2-Clause */
/* After the flip: stragglers, until the settle time is over. */
#include "config.h"

#include "copier/move_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/refused.h"
#include "copier/round.h"
#include "copier/sweep.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

/* Shorter waits are slept through with the lease in hand (ms). */
#define MOVE_SWEEP_STAY 3000
/* Between two sweeps at least (ms). */
#define MOVE_SWEEP_PAUSE 5000
/* A wait for the next message of a list (ms). */
#define MOVE_LIST_WAIT 10000

struct move_bounds {
	struct proof_bound *list;
	size_t count;
};

static void move_bounds_clear(struct move_bounds *bounds)
{
	size_t i;

	for (i = 0; i < bounds->count; i++)
		free(bounds->list[i].folder);
	free(bounds->list);
}

static int move_bound_scan(const struct attr_list *message,
	struct proof_bound *bound_r, struct error *error)
{
	const char *folder = attr_list_get(message, "folder");
	int64_t uidvalidity = 0, uidnext = 0;

	if (attr_list_get_number(message, "uidvalidity", &uidvalidity, error) <
			1 ||
		attr_list_get_number(message, "uidnext", &uidnext, error) < 1 ||
		folder == NULL || uidvalidity < 0 || uidvalidity > UINT32_MAX ||
		uidnext < 0 || uidnext > UINT32_MAX) {
		error_set(error, "policyd sent a bound that is none");
		return -1;
	}
	bound_r->uidvalidity = (uint32_t)uidvalidity;
	bound_r->uidnext = (uint32_t)uidnext;
	bound_r->folder = xstrdup(folder);
	return 0;
}

/* The bounds of the last flip; a list that breaks off is asked for again. */
static int move_bounds(
	struct move *move, struct move_bounds *bounds_r, struct error *error)
{
	struct attr_list *request = worker_request(&move->worker, "bounds");
	const struct attr_list *message;
	enum control_status status;
	int64_t records = 0, i;

	memset(bounds_r, 0, sizeof(*bounds_r));
	if (worker_call(&move->worker, &request, &message, &status, error) <
			0 ||
		attr_list_get_number(message, "records", &records, error) < 0)
		return -1;
	for (i = 0; i < records; i++) {
		if (control_next(move->worker.client, MOVE_LIST_WAIT, &message,
			    error) != 1)
			break;
		bounds_r->list = xreallocarray(bounds_r->list,
			bounds_r->count + 1, sizeof(*bounds_r->list));
		if (move_bound_scan(message, &bounds_r->list[bounds_r->count],
			    error) < 0)
			break;
		bounds_r->count++;
	}
	if (i == records)
		return 0;
	worker_close(&move->worker);
	return -1;
}

/* The pass of a sweep: always from the old home to the present one. */
static struct pass move_sweep_pass(const struct move *move)
{
	struct pass pass = move->pass;

	pass.home = move->pass.other;
	pass.other = move->pass.home;
	pass.side = journal_other(move->pass.side);
	/* what came late gets new UIDs, above the gap */
	pass.identity = NULL;
	pass.refusals = NULL;
	pass.refusals_count = 0;
	memset(&pass.counts, 0, sizeof(pass.counts));
	return pass;
}

struct move_sweep_work {
	struct pass pass;
	const struct move_bounds *bounds;
};

static int move_sweep_work(
	struct move *move, void *context, bool again, struct error *error)
{
	struct move_sweep_work *work = context;

	/* A crash may have been before the first try. */
	(void)again;
	pass_clear(&work->pass);
	work->pass = move_sweep_pass(move);
	if (round_settle(&work->pass, error) >= 0 &&
		sweep_run(&work->pass, work->bounds->list, work->bounds->count,
			error) == 1)
		return 0;
	move_gets_ahead(move, &work->pass.counts);
	return -1;
}

int move_sweep_bounds(struct move *move, struct error *error)
{
	struct move_bounds bounds;
	struct move_sweep_work work = { .pass = move_sweep_pass(move),
		.bounds = &bounds };
	int64_t began = instant_monotonic();
	int result = move_bounds(move, &bounds, error);
	struct error unheard;
	int refused;

	move->kind = "sweep";
	/* Before a flip there are no bounds, and nothing is a straggler. */
	if (result == 0 && bounds.count == 0 &&
		move->account->phase != ACCOUNT_SWEEPING) {
		move_bounds_clear(&bounds);
		return 0;
	}
	if (result == 0)
		result = move_endure(move, move_sweep_work, &work, error);
	move_bounds_clear(&bounds);
	refused = move_refusals(
		move, &work.pass, result == 0, result == 0 ? error : &unheard);
	pass_clear(&move->pass);
	move->pass.counts = work.pass.counts;
	move->pass.counts.messages = (uint64_t)move->account->messages;
	move->pass.counts.bytes = (uint64_t)move->account->bytes;
	move->pass.refusals = work.pass.refusals;
	move->pass.refusals_count = work.pass.refusals_count;
	if (result < 0) {
		error_prefix(error, "sweep");
		return -1;
	}
	if (move->pass.counts.copied > 0 || move->pass.counts.left_out > 0 ||
		move->pass.counts.refused > 0)
		if (move_report(move, instant_monotonic() - began, error) < 0)
			return -1;
	return refused;
}

/* A journal that was lost cannot say what has been carried over. */
static int move_check_journal(const struct move *move, struct error *error)
{
	const struct journal *journal = move->pass.journal;

	if (!move->account->strategy->copy_before_flip ||
		(journal_damaged(journal) == 0 &&
			(!journal_is_empty(journal) ||
				move->account->messages == 0)))
		return 0;
	error_set(error,
		"sweep: the journal is %s; which messages are "
		"stragglers cannot be told",
		journal_is_empty(journal) ? "lost" : "damaged");
	return -1;
}

int move_sweeping(struct move *move, struct error *error)
{
	int64_t end =
		move->account->flipped_at + move->order->config->copier.settle;

	if (move_check_journal(move, error) < 0)
		return -1;
	/* Stragglers are few, and missed where the user is now. */
	if (move->account->strategy->copy_before_flip)
		move_hurry(move, true);
	for (;;) {
		int64_t began = instant_now(), left;

		if (move_sweep_bounds(move, error) < 0)
			return -1;
		if (began >= end)
			break;
		left = end - instant_now();
		if (left > MOVE_SWEEP_STAY) {
			move->due = instant_now() +
				    (left / 4 > MOVE_SWEEP_PAUSE ? left / 4
					    : left < MOVE_SWEEP_PAUSE
						    ? left
						    : MOVE_SWEEP_PAUSE);
			return 0;
		}
		if (!move_sleep(move, left > 0 ? left : 1, error))
			return -1;
	}
	if (worker_enter(&move->worker, ACCOUNT_SETTLED, NULL, error) < 0)
		return -1;
	move_log(move, LOG_INFO,
		"settled at %s: messages=%" PRId64 " bytes=%" PRId64
		" rounds=%" PRId64 " freeze_ms=%" PRId64 " left_behind=%zu",
		account_home_system(move->account), move->account->messages,
		move->account->bytes, move->account->rounds,
		move->account->freeze_ms,
		refused_left_count(move->pass.refused));
	move->due = 0;
	return 0;
}

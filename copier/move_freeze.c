/* SPDX-License-Identifier: BSD-2-Clause */
/* The freeze: the account is out of service while this file works. */
#include "config.h"

#include "copier/move_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copier/proof.h"

#include "lib/instant.h"

/* Between two looks at the barrier (ms): the first come soon. */
#define MOVE_BARRIER_PAUSE 10
/* A start of policyd in between makes the barrier pass anew, and the proof. */
#define MOVE_PROOFS_MAX 3
/* Bounds in one request, and their octets. */
#define MOVE_BOUNDS_MAX	  2000
#define MOVE_BOUNDS_BYTES (512 * 1024)
/* The frozen mailbox does not change; but a message whose UID the server did
 * not tell takes another look. */
#define MOVE_LAST_ROUNDS 3
/* Messages that are read back inside the freeze, of this size at most. */
#define MOVE_SAMPLE	 4
#define MOVE_SAMPLE_SIZE 65536

/* The steps of a freeze (ms): none is part of another. */
struct move_steps {
	int64_t barrier, queue, proof, gap;
	struct round_times round;
};

static int move_barrier(
	struct move *move, struct move_steps *steps, struct error *error)
{
	int64_t began = instant_monotonic(), queue = 0, wait = 1;

	for (;; wait *= 2) {
		struct timespec pause = { .tv_sec = 0 };
		bool in_queue;
		int result = worker_barrier(&move->worker, &in_queue, error);
		int64_t now = instant_monotonic();

		/* the front is closed: deliveries under way are left */
		if (in_queue && queue == 0)
			queue = now;
		if (result != 0) {
			steps->barrier += (queue != 0 ? queue : now) - began;
			steps->queue += queue != 0 ? now - queue : 0;
			return result < 0 ? -1 : 0;
		}
		if (!move_goes_on(move, error))
			return -1;
		if (wait > MOVE_BARRIER_PAUSE)
			wait = MOVE_BARRIER_PAUSE;
		pause.tv_nsec = (long)wait * 1000000L;
		nanosleep(&pause, NULL);
	}
}

/* The last round; a connection that the lock has cut is made anew. */
static int move_last_round(
	struct move *move, struct round_times *times, struct error *error)
{
	const struct pass_counts *counts = &move->pass.counts;
	int rounds = 0;

	do {
		if (move_revive(move, error) < 0 ||
			move_round(move, "last", times, error) < 0)
			return -1;
		if (move_refusals(move, &move->pass, true, error) < 0)
			return -1;
	} while ((counts->unsettled > 0 || counts->missed > 0) &&
		 ++rounds < MOVE_LAST_ROUNDS);
	return 0;
}

/* Adds bounds from an index on, as many as one request may hold. Returns the
 * index behind them. */
static size_t move_add_bounds(
	struct attr_list *request, const struct proof *proof, size_t from)
{
	size_t i, bytes = 0;

	for (i = from; i < proof->bounds_count && i - from < MOVE_BOUNDS_MAX &&
		       bytes < MOVE_BOUNDS_BYTES;
		i++) {
		attr_list_printf(request, "bound", "%" PRIu32 " %" PRIu32 " %s",
			proof->bounds[i].uidvalidity, proof->bounds[i].uidnext,
			proof->bounds[i].folder);
		bytes += strlen(proof->bounds[i].folder) + 32;
	}
	return i;
}

/* Hands the proof and its bounds to policyd. 1 proved, 0 the barrier is to be
 * asked anew (why in the error), -1. */
static int move_prove(
	struct move *move, const struct proof *proof, struct error *error)
{
	enum control_status status = CONTROL_OK;
	size_t at = 0;
	int result;

	do {
		struct attr_list *request =
			worker_request(&move->worker, "prove");
		const struct attr_list *reply;
		size_t next = move_add_bounds(request, proof, at);

		attr_list_printf(
			request, "messages", "%" PRIu64, proof->messages);
		attr_list_printf(request, "bytes", "%" PRIu64, proof->bytes);
		attr_list_printf(
			request, "foreign", "%" PRIu64, proof->foreign);
		attr_list_add_number(
			request, "frozen_at", move->worker.frozen_at);
		attr_list_printf(request, "at", "%zu", at);
		if (next < proof->bounds_count)
			attr_list_add(request, "more", "yes");
		at = next;
		result = worker_call(
			&move->worker, &request, &reply, &status, error);
	} while (result == 0 && at < proof->bounds_count);
	if (result == 0)
		return 1;
	return status == CONTROL_CONFLICT ? 0 : -1;
}

/* A proof, and the messages that were paired before the freeze. */
struct move_proving {
	struct proof proof;
	const struct proof_marks *before;
};

/* What was there before the freeze has been read back before it, by chance: now
 * it is the turn of what has come since. */
static int move_work_proof(
	struct move *move, void *context, bool again, struct error *error)
{
	struct move_proving *proving = context;

	(void)again;
	proof_clear(&proving->proof);
	return proof_run(&move->pass, &proving->proof, error) == 1 &&
			       proof_sample(&move->pass,
				       move->sampled ? proving->before : NULL,
				       MOVE_SAMPLE, MOVE_SAMPLE_SIZE,
				       error) == 1
		       ? 0
		       : -1;
}

/* Results as of move_prove. */
static int move_proof(struct move *move, const struct proof_marks *before,
	struct error *error)
{
	struct move_proving proving = { .before = before };
	int result = move_endure(move, move_work_proof, &proving, error) == 0
			     ? 1
			     : -1;

	/* What the flip relies on is on the disk before it. */
	if (result == 1 && journal_sync(move->pass.journal, error) < 0)
		result = -1;
	if (result == 1 &&
		move_finish_certificate(move, proving.proof.foreign, error) < 0)
		result = -1;
	if (result == 1)
		result = move_prove(move, &proving.proof, error);
	else
		result = -1;
	proof_clear(&proving.proof);
	if (result != 1)
		error_prefix(error, "proof");
	return result;
}

static int move_frozen(struct move *move, struct move_steps *steps,
	const struct proof_marks *before, struct error *error)
{
	int proofs, result = 0;

	for (proofs = 0; result == 0 && proofs < MOVE_PROOFS_MAX; proofs++) {
		int64_t began;

		if (move_barrier(move, steps, error) < 0)
			return -1;
		/* A strategy that flips first leaves all to the sweep. */
		if (!move->account->strategy->copy_before_flip)
			return 0;
		if (move_last_round(move, &steps->round, error) < 0)
			return -1;
		began = instant_monotonic();
		result = move_proof(move, before, error);
		steps->proof += instant_monotonic() - began;
	}
	return result == 1 ? 0 : -1;
}

/*
 * Behind the proof: no message of home's could get its UID afterwards. Mail
 * comes into INBOX first of all; the other folders are seen to when the account
 * is in service again, before somebody has found them.
 */
static int move_leave_gap(
	struct move *move, struct move_steps *steps, struct error *error)
{
	int64_t began = instant_monotonic();
	int result = move_gap(move, true, error);

	steps->gap = instant_monotonic() - began;
	return result;
}

/* policyd adds the flip itself to the steps, and what its front took. */
static int move_flip(
	struct move *move, const struct move_steps *steps, struct error *error)
{
	char text[192];

	snprintf(text, sizeof(text),
		"barrier=%" PRId64 " queue=%" PRId64 " list=%" PRId64
		" copy=%" PRId64 " proof=%" PRId64 " gap=%" PRId64,
		steps->barrier, steps->queue, steps->round.look,
		steps->round.copy, steps->proof, steps->gap);
	if (!move_goes_on(move, error) ||
		worker_flip(&move->worker, text, error) < 0)
		return -1;
	if (move->account->strategy->copy_before_flip)
		move_tell_certificate(move);
	move_log(move, LOG_INFO, "flipped: freeze %" PRId64 " ms (%s)",
		move->account->freeze_ms, text);
	return 0;
}

static void move_leave_gaps(struct move *move)
{
	struct error error;

	if (move_gap(move, false, &error) < 0)
		move_log(move, LOG_WARNING, "gap of UIDs: %s", error.text);
}

/* Puts the account back into service at home. */
static void move_thaw(struct move *move, const struct error *reason)
{
	struct error error = { "" };

	move_log(move, LOG_WARNING, "thaw: %s", reason->text);
	/* policyd may have ended the freeze itself: that is as good. */
	if (worker_enter(&move->worker, ACCOUNT_COPYING, reason->text, &error) <
		0)
		move_log(move, LOG_DEBUG, "%s", error.text);
}

int move_freeze(struct move *move, struct error *error)
{
	struct move_steps steps = { 0 };
	struct proof_marks before;
	int result;

	if (move->account->phase != ACCOUNT_FROZEN &&
		worker_enter(&move->worker, ACCOUNT_FROZEN, NULL, error) < 0)
		return -1;
	move->frozen = true;
	move_hurry(move, true);
	proof_marks_take(&move->pass, &before);
	result = move_frozen(move, &steps, &before, error);
	proof_marks_clear(&before);
	if (result == 0)
		result = move_leave_gap(move, &steps, error);
	if (result == 0)
		result = move_flip(move, &steps, error);
	if (result == 0)
		move_leave_gaps(move);
	move->frozen = false;
	move_hurry(move, false);
	if (result < 0)
		move_thaw(move, error);
	return result;
}

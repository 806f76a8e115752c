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

#define MOVE_BARRIER_PAUSE 10 /* ms */
/* The frozen mailbox does not change; but a message whose UID the server did
 * not tell takes another look. */
#define MOVE_LAST_ROUNDS 3
/* Messages that are read back inside the freeze, of this size at most. */
#define MOVE_SAMPLE	 4
#define MOVE_SAMPLE_SIZE 65536

struct move_steps {
	int64_t barrier, queue, round, proof;
};

static int move_barrier(
	struct move *move, struct move_steps *steps, struct error *error)
{
	const struct timespec pause = { 0, MOVE_BARRIER_PAUSE * 1000000L };
	int64_t began = instant_monotonic(), queue = 0;

	for (;;) {
		bool in_queue;
		int result = worker_barrier(&move->worker, &in_queue, error);
		int64_t now = instant_monotonic();

		/* the front is closed: deliveries under way are left */
		if (in_queue && queue == 0)
			queue = now;
		steps->barrier = now - began;
		steps->queue = queue != 0 ? now - queue : 0;
		if (result != 0)
			return result < 0 ? -1 : 0;
		if (!move_goes_on(move, error))
			return -1;
		nanosleep(&pause, NULL);
	}
}

/* The last round; a connection that the lock has cut is made anew. */
static int move_last_round(struct move *move, struct error *error)
{
	const struct pass_counts *counts = &move->pass.counts;
	int rounds = 0;

	do {
		if (move_revive(move, error) < 0 ||
			move_round(move, "last", error) < 0)
			return -1;
		if (move_refusals(move, &move->pass, true, error) < 0)
			return -1;
	} while ((counts->unsettled > 0 || counts->missed > 0) &&
		 ++rounds < MOVE_LAST_ROUNDS);
	return 0;
}

/* Hands the proof and its bounds to policyd. */
static int move_prove(
	struct move *move, const struct proof *proof, struct error *error)
{
	struct attr_list *request = worker_request(&move->worker, "prove");
	const struct attr_list *reply;
	enum control_status status;
	size_t i;

	attr_list_printf(request, "messages", "%" PRIu64, proof->messages);
	attr_list_printf(request, "bytes", "%" PRIu64, proof->bytes);
	attr_list_printf(request, "foreign", "%" PRIu64, proof->foreign);
	for (i = 0; i < proof->bounds_count; i++)
		attr_list_printf(request, "bound", "%" PRIu32 " %" PRIu32 " %s",
			proof->bounds[i].uidvalidity, proof->bounds[i].uidnext,
			proof->bounds[i].folder);
	return worker_call(&move->worker, &request, &reply, &status, error);
}

static int move_proof(struct move *move, struct error *error)
{
	struct proof proof;
	int result = proof_run(&move->pass, &proof, error);

	if (result == 1)
		result = proof_sample(
			&move->pass, MOVE_SAMPLE, MOVE_SAMPLE_SIZE, error);
	/* What the flip relies on is on the disk before it. */
	if (result == 1 && journal_sync(move->pass.journal, error) < 0)
		result = -1;
	if (result == 1 &&
		move_finish_certificate(move, proof.foreign, error) < 0)
		result = -1;
	if (result == 1)
		result = move_prove(move, &proof, error) < 0 ? -1 : 1;
	proof_clear(&proof);
	if (result != 1)
		error_prefix(error, "proof");
	return result == 1 ? 0 : -1;
}

static int move_frozen(
	struct move *move, struct move_steps *steps, struct error *error)
{
	int64_t began, now;

	if (move_barrier(move, steps, error) < 0)
		return -1;
	began = instant_monotonic();
	/* A strategy that flips first leaves all to the sweep. */
	if (!move->account->strategy->copy_before_flip)
		return 0;
	if (move_last_round(move, error) < 0)
		return -1;
	now = instant_monotonic();
	steps->round = now - began;
	began = now;
	if (move_proof(move, error) < 0)
		return -1;
	steps->proof = instant_monotonic() - began;
	return 0;
}

static int move_flip(
	struct move *move, const struct move_steps *steps, struct error *error)
{
	char text[128];

	snprintf(text, sizeof(text),
		"queue=%" PRId64 " round=%" PRId64 " proof=%" PRId64,
		steps->queue, steps->round, steps->proof);
	if (!move_goes_on(move, error) ||
		worker_flip(&move->worker, text, error) < 0)
		return -1;
	if (move->account->strategy->copy_before_flip)
		move_tell_certificate(move);
	move_log(move, LOG_INFO,
		"flipped: freeze %" PRId64 " ms (barrier %" PRId64
		", round %" PRId64 ", proof %" PRId64 ")",
		move->account->freeze_ms, steps->barrier, steps->round,
		steps->proof);
	return 0;
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
	int result;

	if (move->account->phase != ACCOUNT_FROZEN &&
		worker_enter(&move->worker, ACCOUNT_FROZEN, NULL, error) < 0)
		return -1;
	move->frozen = true;
	result = move_frozen(move, &steps, error);
	if (result == 0)
		result = move_flip(move, &steps, error);
	move->frozen = false;
	if (result < 0)
		move_thaw(move, error);
	return result;
}

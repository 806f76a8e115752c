/* SPDX-License-Identifier: BSD-2-Clause */
/* The phases of a move, from the lease to its giving back. */
#include "config.h"

#include "copier/move_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copier/account_file.h"
#include "copier/certificate.h"
#include "copier/proof.h"
#include "copier/refused.h"
#include "copier/round.h"

#include "lib/buffer.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* Live rounds in one lease; more means that home changes too fast. */
#define MOVE_ROUNDS_MAX 20
/* The last round may take this part of the freeze budget. */
#define MOVE_BUDGET_PART 4
/* A live round that did more than this is worth another one (ms, copies),
 * so often, before the freeze. */
#define MOVE_WARM_MS	 300
#define MOVE_WARM_COPIES 50
#define MOVE_WARM_ROUNDS 3
/* Upkeep rounds of an account that is ready (ms). */
#define MOVE_UPKEEP 60000
/* Messages read back after a live round that copied, of this size at most. */
#define MOVE_LIVE_SAMPLE      16
#define MOVE_LIVE_SAMPLE_SIZE (1 << 20)

void move_log(const struct move *move, int level, const char *format, ...)
{
	va_list arguments;
	char text[1024];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_account(
		move->order->log, level, move->account->address, "%s", text);
}

bool move_goes_on(void *context, struct error *error)
{
	struct move *move = context;

	if (!lease_is_held(move->worker.lease, error))
		return false;
	if (*move->order->stop != 0) {
		error_set(error, "told to end");
		return false;
	}
	if (lease_is_on_hold(move->worker.lease)) {
		error_set(error, "the account is held");
		return false;
	}
	if (move->frozen && lease_phase(move->worker.lease) != ACCOUNT_FROZEN) {
		error_set(error, "the freeze has been ended");
		return false;
	}
	return move_may_spend(move, error);
}

bool move_sleep(struct move *move, int64_t ms, struct error *error)
{
	int64_t end = instant_monotonic() + ms, left;

	while ((left = end - instant_monotonic()) > 0) {
		struct timespec pause = { 0, 50 * 1000000L };

		if (left < 50)
			pause.tv_nsec = (long)left * 1000000L;
		if (!move_goes_on(move, error))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void move_progress(
	void *context, const struct pass *pass, const char *folder)
{
	struct move *move = context;

	lease_progress(move->worker.lease, move->kind, folder,
		pass->counts.copied, pass->counts.planned,
		pass->counts.copied_bytes);
}

int move_report(struct move *move, int64_t duration, struct error *error)
{
	const struct pass_counts *counts = &move->pass.counts;
	struct attr_list *request = worker_request(&move->worker, "round");
	const struct attr_list *reply;
	enum control_status status;

	attr_list_add(request, "kind", move->kind);
	attr_list_printf(request, "messages", "%" PRIu64, counts->messages);
	attr_list_printf(request, "bytes", "%" PRIu64, counts->bytes);
	attr_list_printf(request, "copied", "%" PRIu64, counts->copied);
	attr_list_printf(
		request, "copied_bytes", "%" PRIu64, counts->copied_bytes);
	attr_list_printf(request, "removed", "%" PRIu64, counts->removed);
	attr_list_printf(request, "flags", "%" PRIu64, counts->flags);
	attr_list_add_number(request, "duration_ms", duration);
	attr_list_printf(request, "foreign", "%" PRIu64, counts->foreign);
	attr_list_printf(request, "refused", "%" PRIu64, counts->refused);
	if (counts->adopted > 0)
		attr_list_printf(
			request, "adopted", "%" PRIu64, counts->adopted);
	if (counts->left_out > 0)
		attr_list_printf(
			request, "left_out", "%" PRIu64, counts->left_out);
	if (counts->keywords_refused > 0)
		attr_list_printf(request, "keywords_refused", "%" PRIu64,
			counts->keywords_refused);
	move_log(move, LOG_INFO,
		"round kind=%s messages=%" PRIu64 " copied=%" PRIu64
		" bytes=%" PRIu64 " removed=%" PRIu64 " flags=%" PRIu64
		" adopted=%" PRIu64 " foreign=%" PRIu64 " refused=%" PRIu64
		" ms=%" PRId64,
		move->kind, counts->messages, counts->copied,
		counts->copied_bytes, counts->removed, counts->flags,
		counts->adopted, counts->foreign, counts->refused, duration);
	return worker_call(&move->worker, &request, &reply, &status, error);
}

int move_round(struct move *move, const char *kind, struct round_times *times,
	struct error *error)
{
	const struct round_options options = { .removal = PLAN_REMOVE_PAIRED,
		.proof_follows = times != NULL,
		.times = times };
	int64_t began = instant_monotonic();

	move->kind = kind;
	if (move_endure_round(move, &options, error) < 0) {
		struct error unheard;

		if (move->pass.counts.refused > 0)
			move_refusals(move, &move->pass, false, &unheard);
		error_prefix(error, "%s round", kind);
		return -1;
	}
	move->round_ms = instant_monotonic() - began;
	move_folders_tell(move);
	return move_report(move, move->round_ms, error);
}

static int move_open_journal(struct move *move, struct error *error)
{
	const char *const systems[2] = { move->account->source,
		move->account->destination };
	char *name = account_file_name(move->account->address);
	bool busy;

	move->pass.journal = journal_open(move->order->config->copier.state,
		name, systems, move->flags, &busy, error);
	move_begin_certificate(move, name);
	free(name);
	if (move->pass.journal == NULL)
		return -1;
	if (journal_damaged(move->pass.journal) > 0)
		move_log(move, LOG_WARNING, "journal: %zu lines are damaged",
			journal_damaged(move->pass.journal));
	return 0;
}

static int move_work_home(
	struct move *move, void *context, bool again, struct error *error)
{
	(void)context, (void)again, (void)error;
	if (move->account->phase == ACCOUNT_REQUESTED)
		move_learn_uidl(move);
	return 0;
}

static int move_work_shared(
	struct move *move, void *context, bool again, struct error *error)
{
	(void)context, (void)again;
	return move->account->phase == ACCOUNT_REQUESTED
		       ? move_folders_shared(move, error)
		       : 0;
}

/* Both logins, folder lists, provision; what came late into the old home of an
 * earlier move is carried over first. */
static int move_preflight(struct move *move, struct error *error)
{
	bool requested = move->account->phase == ACCOUNT_REQUESTED;

	if (move_endure_home(move, move_work_home, NULL, error) < 0 ||
		(requested && move_provision(move, error) < 0) ||
		move_endure(move, move_work_shared, NULL, error) < 0)
		return -1;
	if (!requested)
		return 0;
	/* Without a journal stragglers cannot be told from the rest; they stay
	 * where they are, and that is where the account is going. */
	if (!journal_is_empty(move->pass.journal) &&
		move_sweep_bounds(move, error) < 0)
		return -1;
	if (!move->account->strategy->copy_before_flip)
		return 0;
	return worker_enter(&move->worker, ACCOUNT_COPYING, NULL, error);
}

static int move_work_sample(
	struct move *move, void *context, bool again, struct error *error)
{
	(void)context, (void)again;
	if (proof_sample(&move->pass, NULL, MOVE_LIVE_SAMPLE,
		    MOVE_LIVE_SAMPLE_SIZE, error) != 1)
		return -1;
	move->sampled = true;
	return 0;
}

/* Reads messages back that are to be at the other side. 0 or -1. */
static int move_sample(struct move *move, struct error *error)
{
	return move_endure(move, move_work_sample, NULL, error);
}

static int move_work_settle(
	struct move *move, void *context, bool again, struct error *error)
{
	(void)context, (void)again;
	return round_settle(&move->pass, error) < 0 ? -1 : 0;
}

static int move_live_round(struct move *move, struct error *error)
{
	if (move_round(move, "live", NULL, error) < 0)
		return -1;
	/* A refused message is tried once more, then it is somebody's task. */
	if (move->pass.counts.refused > 0 &&
		move_round(move, "live", NULL, error) < 0)
		return -1;
	if (move_refusals(move, &move->pass, true, error) < 0)
		return -1;
	if (move->pass.counts.copied == 0)
		return 0;
	return move_sample(move, error);
}

/* Rounds until the next one is short: what the freeze will take is what the
 * last one took. */
static int move_rounds(struct move *move, struct error *error)
{
	const struct pass_counts *counts = &move->pass.counts;
	int64_t fits = move->account->freeze_budget / MOVE_BUDGET_PART;
	int rounds = 0, warm = 0;

	for (;;) {
		bool large;

		if (move_live_round(move, error) < 0)
			return -1;
		if (lease_phase(move->worker.lease) == ACCOUNT_FROZEN)
			return 0;
		large = move->round_ms > MOVE_WARM_MS ||
			counts->copied > MOVE_WARM_COPIES;
		if (move->round_ms <= fits && counts->missed == 0 &&
			counts->unsettled == 0 &&
			(!large || ++warm > MOVE_WARM_ROUNDS))
			return 0;
		if (++rounds == MOVE_ROUNDS_MAX) {
			error_set(error,
				"a round takes %" PRId64 " ms: that does not "
				"fit the freeze budget of %" PRId64 " ms",
				move->round_ms, move->account->freeze_budget);
			return -1;
		}
	}
}

/* The live rounds, and what clients will do again after them. */
static int move_live_rounds(struct move *move, struct error *error)
{
	if (move_rounds(move, error) < 0)
		return -1;
	if (lease_phase(move->worker.lease) == ACCOUNT_FROZEN)
		return 0;
	if (move_check_uidl(move, error) < 0 ||
		move_tell_identity(move, error) < 0)
		return -1;
	return move_refusals(move, &move->pass, true, error);
}

/* It stays ready; its rounds are to stay short. */
static void move_come_again(struct move *move)
{
	int64_t upkeep = move->round_ms * 20;

	move->due =
		instant_now() + (upkeep > MOVE_UPKEEP ? upkeep : MOVE_UPKEEP);
}

/*
 * The freeze, when nobody is logged in whom the strategy waits for. If somebody
 * is, policyd makes the account due when he has gone. Somebody may come between
 * our question and the freeze: then it is refused.
 */
static int move_freeze_quiet(struct move *move, struct error *error)
{
	struct error unheard;
	int quiet = worker_is_quiet(&move->worker, error);

	if (quiet < 0)
		return -1;
	if (quiet > 0) {
		int result = move_freeze(move, error);

		if (result == 0 || move->account->phase != ACCOUNT_READY ||
			worker_is_quiet(&move->worker, &unheard) != 0)
			return result;
	}
	move_log(move, LOG_INFO, "ready: waits until nobody is logged in");
	move_come_again(move);
	return 0;
}

static int move_live(struct move *move, struct error *error)
{
	if (move_preflight(move, error) < 0)
		return -1;
	if (!move->account->strategy->copy_before_flip)
		return move_freeze(move, error);
	if (move_open_identity(move, error) < 0 ||
		move_endure(move, move_work_settle, NULL, error) < 0)
		return -1;
	/* What an operator has frozen waits for nothing but the last round. */
	if (move->account->phase != ACCOUNT_FROZEN &&
		move_live_rounds(move, error) < 0)
		return -1;
	if (lease_phase(move->worker.lease) == ACCOUNT_FROZEN)
		move->account->phase = ACCOUNT_FROZEN;
	if (move->account->phase == ACCOUNT_COPYING &&
		worker_enter(&move->worker, ACCOUNT_READY, NULL, error) < 0)
		return -1;
	if (move->account->phase == ACCOUNT_FROZEN)
		return move_freeze(move, error);
	if (move->account->complete_after > instant_now()) {
		move_come_again(move);
		return 0;
	}
	/* Whatever need not be done inside the freeze. */
	if ((!move->sampled && move_sample(move, error) < 0) ||
		move_prepare_certificate(move, error) < 0)
		return -1;
	return move_freeze_quiet(move, error);
}

/* After the flip home and other have changed places. */
static void move_swap(struct move *move)
{
	struct mailbox *mailbox = move->pass.home;
	int slot = move->slots[0];

	move_close_identity(move);
	move->pass.home = move->pass.other;
	move->pass.other = mailbox;
	move->slots[0] = move->slots[1];
	move->slots[1] = slot;
	move->pass.side = move_side(move->account->home);
}

static int move_phases(struct move *move, struct error *error)
{
	if (move_open_journal(move, error) < 0 ||
		move_load_refused(move, error) < 0 ||
		move_learn_password(move, error) < 0)
		return -1;
	if (move->account->phase != ACCOUNT_SWEEPING) {
		if (move_live(move, error) < 0)
			return -1;
		if (move->account->phase != ACCOUNT_SWEEPING)
			return 0;
		move_swap(move);
	}
	return move_sweeping(move, error);
}

static void move_give_back(
	struct move *move, int result, const struct error *failure)
{
	bool told =
		*move->order->stop != 0 || lease_is_on_hold(move->worker.lease);
	int64_t resumes = result < 0 ? move_resumes(move) : 0;
	struct error error = { "" };

	/* What is left of today's limit is nothing: that is no failure. */
	if (resumes > 0) {
		told = true;
		move->due = resumes;
	}
	if (result < 0)
		move_log(move, told ? LOG_INFO : LOG_WARNING, "%s",
			failure->text);
	if (!lease_is_held(move->worker.lease, &error)) {
		move_log(move, LOG_WARNING, "%s", error.text);
		return;
	}
	if (worker_release(&move->worker, move->due,
		    result < 0 && !told ? failure->text : NULL, &error) < 0)
		move_log(move, LOG_WARNING, "release: %s", error.text);
}

int move_run(const struct move_order *order)
{
	struct error error = { "" };
	struct move move = { .order = order,
		.account = order->account,
		.kind = "live",
		.slots = { -1, -1 } };
	int result;

	move.worker.control = order->config->policyd.control;
	move.worker.account = order->account;
	move.worker.epoch = order->account->epoch;
	move.worker.lease =
		lease_start(move.worker.control, order->account->address,
			move.worker.epoch, order->asked, order->lease_ms);
	lease_set_phase(move.worker.lease, order->account->phase);
	move.flags = flagpool_new();
	move.pass.flags = move.flags;
	move.pass.side = move_side(order->account->home);
	move.pass.altered = PASS_ALTERED_HOLD;
	move.pass.go_on = move_goes_on;
	move.pass.progress = move_progress;
	move.pass.lanes = move_lanes(&move);
	move.pass.pair_open = move_open_pair;
	move.pass.pair_close = move_close_pair;
	move.pass.context = &move;
	result = move_folders_begin(&move, &error);
	if (result == 0)
		result = move_phases(&move, &error);
	move_close(&move);
	move_close_identity(&move);
	free(move.uidl_told);
	free(move.identity_told);
	move_folders_end(&move);
	journal_close(&move.pass.journal);
	move_give_back(&move, result, &error);
	move_clear_places(&move);
	secret_clear(&move.learned);
	pass_clear(&move.pass);
	refused_free(&move.pass.refused);
	certificate_free(&move.certificate);
	flagpool_free(&move.flags);
	worker_close(&move.worker);
	lease_free(&move.worker.lease);
	return result;
}

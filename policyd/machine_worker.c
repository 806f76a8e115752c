/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker does under its lease. Every step checks the lease and its
 * epoch inside the transaction that it is part of.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "policyd/machine_private.h"
#include "policyd/steps.h"

/* Attributes of a round that history and events give themselves. */
static const char *const machine_reserved[] = { "request", "address", "epoch",
	"event", "worker", "serial", "at", "phase", "home", "batch" };

struct machine_work {
	uint64_t epoch;
	enum account_phase phase;
	bool flip;
	const char *text; /* reason, failure or steps; or NULL */
	int64_t due;
	int64_t messages;
	int64_t bytes;
	const struct machine_proof *proof;
	const struct attr_list *detail;
	struct store_lease *lease_r;
};

/* The line of history of something that a worker did. */
static struct attr_list *machine_work_line(
	struct machine_change *change, const char *event)
{
	struct attr_list *line = machine_line(change, event);

	attr_list_add(line, "worker", change->lease.worker);
	attr_list_printf(
		line, "epoch", "%llu", (unsigned long long)change->lease.epoch);
	return line;
}

static enum control_status machine_renew_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_work *work = context;
	int64_t length = change->config->policyd.lease;
	enum control_status status =
		machine_check_lease(change, work->epoch, error);

	change->effect = MACHINE_READS;
	if (status != CONTROL_OK)
		return status;
	/* written every third of its time: few durable writes */
	if (change->lease.expires - change->now <= length - length / 3) {
		change->lease.expires = change->now + length;
		change->effect = MACHINE_WRITES_LEASE;
		if (store_txn_put_lease(change->txn, &change->lease, error) < 0)
			return machine_doom(change);
	}
	*work->lease_r = change->lease;
	return CONTROL_OK;
}

enum control_status machine_renew(struct machine *machine, const char *address,
	uint64_t epoch, const struct attr_list *progress,
	struct account *account_r, struct store_lease *lease_r,
	struct error *error)
{
	const struct machine_work work = {
		.epoch = epoch,
		.lease_r = lease_r,
	};
	struct account account;
	enum control_status status = machine_change(
		machine, address, machine_renew_step, &work, &account, error);

	if (status != CONTROL_OK)
		return status;
	machine_timer_note(machine, lease_r->expires);
	if (progress != NULL)
		machine_publish(machine, "progress", &account, progress, false);
	if (account_r != NULL)
		*account_r = account;
	else
		account_clear(&account);
	return CONTROL_OK;
}

static void machine_release_due(struct machine_change *change,
	const struct machine_work *work, struct attr_list *line)
{
	struct account *account = &change->account;
	/* it was due when it was leased; so a thaw has put it off since, and
	 * that failure has been counted */
	bool counted = account->due > change->now;
	int64_t due = work->due;
	struct error unheard;

	if (work->text != NULL && work->text[0] != '\0') {
		machine_copy_text(account->failure, work->text);
		attr_list_add(line, "failure", account->failure);
		if (!counted) {
			account->attempts++;
			machine_put_off(change);
		}
	} else if (!counted) {
		account->attempts = 0;
		account->failure[0] = '\0';
		account->due = 0;
		/* not to sleep over the hour that was asked for */
		if (account->phase == ACCOUNT_READY &&
			account->complete_after > change->now &&
			account->complete_after < due)
			due = account->complete_after;
	}
	if (account->due < due)
		account->due = due;
	/* who has logged out meanwhile does so no second time */
	if (!counted && machine_freeze_is_awaited(change) &&
		machine_check_quiet(change, &unheard) == CONTROL_OK)
		account->due = change->now;
	if (account->due == INSTANT_NEVER)
		attr_list_add(line, "due", "never");
	else
		attr_list_add_number(line, "due", account->due);
}

static enum control_status machine_release_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_work *work = context;
	struct account *account = &change->account;
	const struct account_transition thaw = {
		.to = ACCOUNT_COPYING,
		.actor = ACCOUNT_POLICYD,
		.now = change->now,
		.reason = work->text != NULL ? work->text
					     : "the worker has given it back",
	};

	if (!change->leased || change->lease.epoch != work->epoch) {
		error_set(error, "account %s: there is no lease of epoch %llu",
			account->address, (unsigned long long)work->epoch);
		return CONTROL_CONFLICT;
	}
	if (store_txn_delete_lease(change->txn, account->address, error) < 0)
		return machine_doom(change);
	if (work->epoch != account->epoch) {
		change->effect = MACHINE_WRITES_LEASE;
		return CONTROL_OK;
	}
	if (account_is_frozen(account)) {
		enum control_status status =
			machine_transition(change, &thaw, NULL, error);

		if (status != CONTROL_OK)
			return status;
	}
	machine_release_due(change, work, machine_work_line(change, "release"));
	return CONTROL_OK;
}

enum control_status machine_release(struct machine *machine,
	const char *address, uint64_t epoch, int64_t due, const char *failure,
	struct error *error)
{
	const struct machine_work work = {
		.epoch = epoch,
		.due = due,
		.text = failure,
	};

	return machine_change(
		machine, address, machine_release_step, &work, NULL, error);
}

int machine_ask_barrier(const struct machine *machine, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error)
{
	*waiting_r = NULL;
	*entries_r = 0;
	if (machine->front_calls != NULL)
		return machine->front_calls->barrier(
			machine->front, address, waiting_r, entries_r, error);
	error_set(error, "there is no front");
	return -1;
}

/*
 * Whether nothing can change at home any more. Asked inside the transaction:
 * it is this freeze that the front tells of.
 */
static enum control_status machine_check_barrier(
	const struct machine_change *change, struct error *error)
{
	const struct account *account = &change->account;
	const char *waiting;
	size_t entries;
	int passed;

	if (account->front != ACCOUNT_FRONT_CLOSED) {
		error_set(error, "account %s: its front is still %s",
			account->address, account_front_name(account->front));
		return CONTROL_CONFLICT;
	}
	passed = machine_ask_barrier(
		change->machine, account->address, &waiting, &entries, error);
	if (passed > 0)
		return CONTROL_OK;
	if (passed < 0)
		return CONTROL_ERROR;
	error_set(error,
		"account %s: the barrier has not passed, it waits for %s",
		account->address, waiting);
	return CONTROL_CONFLICT;
}

/* What the worker's steps do not explain of the freeze is the flip itself. */
static void machine_add_rest(struct machine_change *change, const char *steps)
{
	struct account *account = &change->account;
	int64_t rest = change->now - account->frozen_at - steps_sum(steps);
	char text[64];

	if (rest <= 0)
		return;
	snprintf(text, sizeof(text), "flip=%" PRId64, rest);
	(void)steps_merge(account->freeze_steps, sizeof(account->freeze_steps),
		text, NULL);
}

static enum control_status machine_enter_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_work *work = context;
	struct account *account = &change->account;
	const struct account_transition transition = {
		.to = work->phase,
		.flip = work->flip,
		.actor = ACCOUNT_WORKER,
		.epoch = work->epoch,
		.now = change->now,
		.reason = work->flip ? NULL : work->text,
	};
	enum control_status status =
		machine_check_lease(change, work->epoch, error);

	/* where nothing is to be proved, deliveries still have to be over */
	if (status == CONTROL_OK && work->flip && account_is_frozen(account) &&
		!account->strategy->copy_before_flip)
		status = machine_check_barrier(change, error);
	if (status == CONTROL_OK && work->phase == ACCOUNT_FROZEN &&
		account->strategy->freeze == ACCOUNT_AT_LOGOUT)
		status = machine_check_quiet(change, error);
	if (status != CONTROL_OK)
		return status;
	if (work->flip && work->text != NULL &&
		steps_merge(account->freeze_steps,
			sizeof(account->freeze_steps), work->text, error) < 0)
		return CONTROL_ERROR;
	if (work->flip && work->text != NULL && account_is_frozen(account))
		machine_add_rest(change, work->text);
	return machine_transition(
		change, &transition, change->lease.worker, error);
}

enum control_status machine_enter(struct machine *machine, const char *address,
	uint64_t epoch, enum account_phase phase, const char *reason,
	struct account *account_r, struct error *error)
{
	const struct machine_work work = {
		.epoch = epoch,
		.phase = phase,
		.text = reason,
	};

	return machine_change(
		machine, address, machine_enter_step, &work, account_r, error);
}

enum control_status machine_flip(struct machine *machine, const char *address,
	uint64_t epoch, const char *steps, struct account *account_r,
	struct error *error)
{
	const struct machine_work work = {
		.epoch = epoch,
		.phase = ACCOUNT_SWEEPING,
		.flip = true,
		.text = steps,
	};

	return machine_change(
		machine, address, machine_enter_step, &work, account_r, error);
}

/* A live lease on a frozen account. */
static enum control_status machine_check_freeze(
	const struct machine_change *change, uint64_t epoch,
	struct error *error)
{
	enum control_status status = machine_check_lease(change, epoch, error);

	if (status != CONTROL_OK || account_is_frozen(&change->account))
		return status;
	error_set(error, "account %s: not frozen but %s",
		change->account.address,
		account_phase_name(change->account.phase));
	return CONTROL_CONFLICT;
}

static enum control_status machine_barrier_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_work *work = context;

	change->effect = MACHINE_READS;
	return machine_check_freeze(change, work->epoch, error);
}

enum control_status machine_barrier(struct machine *machine,
	const char *address, uint64_t epoch, struct machine_barrier *barrier_r,
	struct error *error)
{
	const struct machine_work work = { .epoch = epoch };
	struct account account;
	enum control_status status = machine_change(
		machine, address, machine_barrier_step, &work, &account, error);
	int passed;

	if (status != CONTROL_OK)
		return status;
	barrier_r->remaining = account.frozen_until - machine->clock();
	barrier_r->frozen_at = account.frozen_at;
	account_clear(&account);
	passed = machine_ask_barrier(machine, address, &barrier_r->waiting,
		&barrier_r->entries, error);
	barrier_r->passed = passed > 0;
	return passed < 0 ? CONTROL_ERROR : CONTROL_OK;
}

/* A proof that was under way when its freeze ended is none of this one. */
static enum control_status machine_check_proof(
	const struct machine_change *change, const struct machine_work *work,
	struct error *error)
{
	const struct account *account = &change->account;
	enum control_status status =
		machine_check_freeze(change, work->epoch, error);

	if (status != CONTROL_OK ||
		work->proof->frozen_at == account->frozen_at)
		return status;
	error_set(error, "account %s: the proof is of another freeze",
		account->address);
	return CONTROL_CONFLICT;
}

static enum control_status machine_proof_step(
	struct machine_change *change, const void *context, struct error *error)
{
	change->effect = MACHINE_READS;
	return machine_check_proof(change, context, error);
}

enum control_status machine_may_prove(struct machine *machine,
	const char *address, uint64_t epoch, const struct machine_proof *proof,
	struct error *error)
{
	const struct machine_work work = {
		.epoch = epoch,
		.proof = proof,
	};

	return machine_change(
		machine, address, machine_proof_step, &work, NULL, error);
}

static enum control_status machine_prove_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_work *work = context;
	const struct machine_proof *proof = work->proof;
	struct account *account = &change->account;
	enum control_status status = machine_check_proof(change, work, error);
	struct attr_list *line;

	if (status == CONTROL_OK)
		status = machine_check_barrier(change, error);
	if (status == CONTROL_OK)
		status = machine_check_refused(change, error);
	if (status != CONTROL_OK)
		return status;
	if (store_txn_put_bounds(change->txn, account->address, proof->bounds,
		    proof->bounds_count, error) < 0)
		return machine_doom(change);
	account->proved = true;
	account->messages = proof->messages;
	account->bytes = proof->bytes;
	line = machine_work_line(change, "prove");
	attr_list_add_number(line, "messages", proof->messages);
	attr_list_add_number(line, "bytes", proof->bytes);
	attr_list_add_number(line, "foreign", proof->foreign);
	attr_list_printf(line, "folders", "%zu", proof->bounds_count);
	return CONTROL_OK;
}

enum control_status machine_prove(struct machine *machine, const char *address,
	uint64_t epoch, const struct machine_proof *proof, struct error *error)
{
	const struct machine_work work = {
		.epoch = epoch,
		.proof = proof,
	};

	return machine_change(
		machine, address, machine_prove_step, &work, NULL, error);
}

static bool machine_is_reserved(const char *name)
{
	for (size_t i = 0;
		i < sizeof(machine_reserved) / sizeof(machine_reserved[0]); i++)
		if (strcmp(machine_reserved[i], name) == 0)
			return true;
	return false;
}

static enum control_status machine_round_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_work *work = context;
	struct account *account = &change->account;
	enum control_status status =
		machine_check_lease(change, work->epoch, error);
	struct attr_list *line;

	if (status != CONTROL_OK)
		return status;
	account->rounds++;
	account->messages = work->messages;
	account->bytes = work->bytes;
	line = machine_work_line(change, "round");
	for (size_t i = 0; i < attr_list_count(work->detail); i++) {
		const char *name = attr_list_name(work->detail, i);

		if (!machine_is_reserved(name))
			attr_list_add(
				line, name, attr_list_value(work->detail, i));
	}
	return CONTROL_OK;
}

enum control_status machine_round(struct machine *machine, const char *address,
	uint64_t epoch, int64_t messages, int64_t bytes,
	const struct attr_list *detail, struct error *error)
{
	const struct machine_work work = {
		.epoch = epoch,
		.messages = messages,
		.bytes = bytes,
		.detail = detail,
	};

	return machine_change(
		machine, address, machine_round_step, &work, NULL, error);
}

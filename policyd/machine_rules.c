/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the steps of the machine have in common: a transition with all that
 * belongs to it, leases checked and fenced, and the front.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "policyd/machine_private.h"
#include "policyd/steps.h"

/* now + wait, never beyond the end of time. */
static int64_t machine_later(int64_t now, int64_t wait)
{
	int64_t instant;

	if (__builtin_add_overflow(now, wait, &instant))
		return INSTANT_NEVER;
	return instant;
}

void machine_copy_text(char field[ACCOUNT_TEXT_SIZE], const char *text)
{
	size_t size = strnlen(text, ACCOUNT_TEXT_SIZE - 1);

	/* never half a character of UTF-8 */
	while (size > 0 && text[size] != '\0' &&
		((unsigned char)text[size] & 0xc0) == 0x80)
		size--;
	memcpy(field, text, size);
	field[size] = '\0';
}

int64_t machine_next_due(const struct machine_change *change)
{
	const struct account *account = &change->account;

	if (account_awaits_login(account))
		return INSTANT_NEVER;
	return account->not_before > change->now ? account->not_before
						 : change->now;
}

void machine_put_off(struct machine_change *change)
{
	struct account *account = &change->account;

	account->due = machine_later(
		change->now, account_backoff(account->attempts,
				     change->config->policyd.retry_min,
				     change->config->policyd.retry_max));
}

void machine_fence(struct machine_change *change)
{
	change->account.epoch++;
}

enum control_status machine_check_lease(const struct machine_change *change,
	uint64_t epoch, struct error *error)
{
	const struct account *account = &change->account;

	if (epoch == 0 || epoch != account->epoch) {
		error_set(error,
			"account %s: stale epoch %llu, the newest is %llu",
			account->address, (unsigned long long)epoch,
			(unsigned long long)account->epoch);
		return CONTROL_CONFLICT;
	}
	if (!change->leased || change->lease.epoch != epoch ||
		change->lease.expires <= change->now) {
		error_set(error, "account %s: the lease of epoch %llu is over",
			account->address, (unsigned long long)epoch);
		return CONTROL_CONFLICT;
	}
	return CONTROL_OK;
}

/* The end of a freeze: what was counted during it goes to the record. */
static void machine_end_freeze(
	struct machine_change *change, struct attr_list *line)
{
	struct account *account = &change->account;

	change->deferrals =
		deferrals_pending(change->machine->deferrals, account->address);
	account->deferred += change->deferrals;
	attr_list_add_number(line, "freeze_ms", account->freeze_ms);
	if (account->freeze_steps[0] != '\0')
		attr_list_add(line, "freeze_steps", account->freeze_steps);
	attr_list_add_number(line, "deferred", account->deferred);
	if (account->phase != ACCOUNT_COPYING)
		return;
	attr_list_add_number(line, "attempts", account->attempts);
	machine_put_off(change);
}

static void machine_line_actor(struct attr_list *line,
	const struct account_transition *transition, const char *by)
{
	if (transition->actor == ACCOUNT_WORKER) {
		attr_list_add(line, "worker", by != NULL ? by : "");
		attr_list_printf(line, "epoch", "%llu",
			(unsigned long long)transition->epoch);
	} else {
		attr_list_add(line, "by", by != NULL ? by : "policyd");
	}
	if (transition->force)
		attr_list_add(line, "force", "yes");
	if (transition->reason != NULL && transition->reason[0] != '\0')
		attr_list_add(line, "reason", transition->reason);
}

enum control_status machine_transition(struct machine_change *change,
	const struct account_transition *transition, const char *by,
	struct error *error)
{
	struct account *account = &change->account;
	enum account_phase from = account->phase;
	struct attr_list *line;

	if (account_enter(account, transition, error) < 0)
		return CONTROL_CONFLICT;
	/* bounds of an older freeze would hide what came since */
	if (account->phase == ACCOUNT_FROZEN &&
		store_txn_put_bounds(
			change->txn, account->address, NULL, 0, error) < 0)
		return machine_doom(change);
	if (account->phase == ACCOUNT_SETTLED &&
		machine_wipe_secret(change, error) < 0)
		return machine_doom(change);
	line = machine_line(change, "transition");
	attr_list_add(line, "from", account_phase_name(from));
	attr_list_add(line, "to", account_phase_name(account->phase));
	attr_list_add(line, "home", account_home_name(account->home));
	machine_line_actor(line, transition, by);
	if (account->phase == ACCOUNT_FROZEN)
		attr_list_add_number(
			line, "freeze_budget", account->freeze_budget);
	if (from == ACCOUNT_FROZEN)
		machine_end_freeze(change, line);
	if (account->front != ACCOUNT_FRONT_OPEN)
		change->wakes_front = true;
	return CONTROL_OK;
}

void machine_set_front(
	struct machine *machine, const struct machine_front *calls, void *front)
{
	machine->front_calls = calls;
	machine->front = front;
}

void machine_front_wake(struct machine *machine)
{
	if (machine->front_calls != NULL)
		machine->front_calls->wake(machine->front);
}

struct machine_front_request {
	int64_t frozen_at;
	enum account_front from, to;
	const char *steps;
};

static enum control_status machine_front_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_front_request *request = context;
	struct account *account = &change->account;
	struct attr_list *line;

	if (account->front != request->from ||
		account->frozen_at != request->frozen_at) {
		error_set(error, "account %s: the freeze has changed",
			account->address);
		return CONTROL_CONFLICT;
	}
	if (request->steps != NULL && steps_merge(account->freeze_steps,
					      sizeof(account->freeze_steps),
					      request->steps, error) < 0)
		return CONTROL_ERROR;
	account->front = request->to;
	line = machine_line(change, "front");
	attr_list_add(line, "from", account_front_name(request->from));
	attr_list_add(line, "to", account_front_name(request->to));
	if (request->steps != NULL && request->steps[0] != '\0')
		attr_list_add(line, "steps", request->steps);
	return CONTROL_OK;
}

int machine_store_front(void *context, const char *address, int64_t frozen_at,
	enum account_front from, enum account_front to, const char *steps,
	struct error *error)
{
	const struct machine_front_request request = {
		.frozen_at = frozen_at,
		.from = from,
		.to = to,
		.steps = steps,
	};

	switch (machine_change(
		context, address, machine_front_step, &request, NULL, error)) {
	case CONTROL_OK:
		return 1;
	case CONTROL_NOT_FOUND:
	case CONTROL_CONFLICT:
		return 0;
	case CONTROL_DENIED:
	case CONTROL_ERROR:
		break;
	}
	return -1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What runs out: freezes over their budget and leases of workers that are
 * gone. All is read from the store at every pass, so that a restart changes
 * nothing; the thread sleeps until the earliest end that it has seen or that a
 * change has told it of.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/machine_private.h"

/* A pass at least so often, whatever the clock does. */
#define MACHINE_PASS_MS 1000

/* A freeze that begins so much later than now: the clock was set back. */
#define MACHINE_SET_BACK_MS 1000

/* The accounts that are to be looked at in a pass. */
struct machine_list {
	char (*addresses)[ADDRESS_SIZE];
	size_t count, room;
	int64_t now;
	int64_t next; /* the earliest end of the others */
};

static void machine_list_add(
	struct machine_list *list, const char *address, int64_t ends)
{
	if (ends >= list->now) {
		if (ends < list->next)
			list->next = ends;
		return;
	}
	if (list->count == list->room) {
		list->room = list->room > 0 ? 2 * list->room : 16;
		list->addresses = xreallocarray(list->addresses, list->room,
			sizeof(list->addresses[0]));
	}
	memcpy(list->addresses[list->count++], address, ADDRESS_SIZE);
}

/* Its budget cannot be measured by a clock that was set back meanwhile, and
 * would last until the old time has come again. */
static bool machine_is_set_back(const struct account *account, int64_t now)
{
	return account->frozen_at - MACHINE_SET_BACK_MS > now;
}

static bool machine_list_freeze(const struct account *account, void *context)
{
	struct machine_list *list = context;

	machine_list_add(list, account->address,
		machine_is_set_back(account, list->now)
			? INT64_MIN
			: account->frozen_until);
	return true;
}

static bool machine_list_lease(const struct store_lease *lease, void *context)
{
	machine_list_add(context, lease->address, lease->expires - 1);
	return true;
}

/* Of a frozen account: a thaw. */
static enum control_status machine_expire_freeze(
	struct machine_change *change, const char *reason, struct error *error)
{
	const struct account_transition thaw = {
		.to = ACCOUNT_COPYING,
		.actor = ACCOUNT_POLICYD,
		.now = change->now,
		.reason = reason,
	};

	return machine_transition(change, &thaw, NULL, error);
}

static enum control_status machine_expire_lease(
	struct machine_change *change, struct error *error)
{
	struct account *account = &change->account;
	char reason[ACCOUNT_NAME_SIZE + 32];
	struct attr_list *line;

	if (store_txn_delete_lease(change->txn, account->address, error) < 0)
		return machine_doom(change);
	if (change->lease.epoch != account->epoch) {
		change->effect = MACHINE_WRITES_LEASE;
		return CONTROL_OK;
	}
	line = machine_line(change, "lease-expired");
	attr_list_add(line, "worker", change->lease.worker);
	attr_list_printf(
		line, "epoch", "%llu", (unsigned long long)change->lease.epoch);
	snprintf(reason, sizeof(reason), "worker %s is gone",
		change->lease.worker);
	if (account_is_frozen(account))
		return machine_expire_freeze(change, reason, error);
	/* a worker that dies of an account must not take it again at once */
	if (account_is_moving(account) && account->due <= change->now) {
		account->attempts++;
		machine_copy_text(account->failure, reason);
		machine_put_off(change);
	}
	return CONTROL_OK;
}

/* What the freeze has waited for to its end is what an operator has to see to.
 */
static enum control_status machine_expire_budget(
	struct machine_change *change, struct error *error)
{
	static const char text[] = "the freeze is over its budget";
	const struct account *account = &change->account;
	const char *waiting = NULL;
	char reason[ACCOUNT_TEXT_SIZE];
	size_t entries = 0;
	struct error unheard;

	if (account->proved || account->front != ACCOUNT_FRONT_CLOSED ||
		machine_ask_barrier(change->machine, account->address, &waiting,
			&entries, &unheard) != 0)
		return machine_expire_freeze(change, text, error);
	if (strcmp(waiting, "gateways") == 0)
		snprintf(reason, sizeof(reason),
			"%s: a gateway has not told its sessions", text);
	else
		snprintf(reason, sizeof(reason), "%s: still under way: %zu %s",
			text, entries,
			strcmp(waiting, "sessions") == 0
				? "of sessions and deliveries"
				: "of the queue");
	return machine_expire_freeze(change, reason, error);
}

static enum control_status machine_expire_step(
	struct machine_change *change, const void *context, struct error *error)
{
	struct account *account = &change->account;

	(void)context;
	if (change->leased && change->lease.expires <= change->now)
		return machine_expire_lease(change, error);
	if (account_is_frozen(account) &&
		machine_is_set_back(account, change->now))
		return machine_expire_freeze(
			change, "the clock was set back", error);
	if (account_is_frozen(account) && account->frozen_until < change->now)
		return machine_expire_budget(change, error);
	change->effect = MACHINE_READS;
	return CONTROL_OK;
}

int64_t machine_expire(struct machine *machine)
{
	const struct store_filter frozen = {
		.by_phase = true,
		.phase = ACCOUNT_FROZEN,
	};
	struct machine_list list = {
		.now = machine->clock(),
		.next = INSTANT_NEVER,
	};
	struct error error = { "" };

	if (store_scan_accounts(machine->store, &frozen, machine_list_freeze,
		    &list, &error) < 0 ||
		store_scan_leases(
			machine->store, machine_list_lease, &list, &error) < 0)
		log_write(machine->log, LOG_ERR,
			"look for what has run out: %s", error.text);
	for (size_t i = 0; i < list.count; i++) {
		enum control_status status =
			machine_change(machine, list.addresses[i],
				machine_expire_step, NULL, NULL, &error);

		if (status == CONTROL_OK || status == CONTROL_NOT_FOUND)
			continue;
		log_account(machine->log, LOG_ERR, list.addresses[i],
			"end what has run out: %s", error.text);
	}
	free(list.addresses);
	return list.next;
}

void machine_timer_note(struct machine *machine, int64_t instant)
{
	pthread_mutex_lock(&machine->timer_lock);
	if (instant < machine->timer_next) {
		machine->timer_next = instant;
		pthread_cond_signal(&machine->timer_changed);
	}
	pthread_mutex_unlock(&machine->timer_lock);
}

/* With timer_lock: sleeps until timer_next, a second at most. */
static void machine_timer_sleep(struct machine *machine)
{
	/* just behind the end: at its very millisecond it is not over yet */
	int64_t wait = machine->timer_next - machine->clock() + 1;
	struct timespec until;

	if (wait <= 0)
		return;
	if (wait > MACHINE_PASS_MS)
		wait = MACHINE_PASS_MS;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += wait % 1000 * 1000000;
	until.tv_sec += wait / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(
		&machine->timer_changed, &machine->timer_lock, &until);
}

static void *machine_timer_run(void *context)
{
	struct machine *machine = context;
	int64_t next;

	pthread_mutex_lock(&machine->timer_lock);
	while (!machine->stopping) {
		machine->timer_next = INSTANT_NEVER;
		pthread_mutex_unlock(&machine->timer_lock);
		next = machine_expire(machine);
		pthread_mutex_lock(&machine->timer_lock);
		if (next < machine->timer_next)
			machine->timer_next = next;
		if (!machine->stopping)
			machine_timer_sleep(machine);
	}
	pthread_mutex_unlock(&machine->timer_lock);
	return NULL;
}

void machine_start(struct machine *machine)
{
	if (pthread_create(
		    &machine->thread, NULL, machine_timer_run, machine) != 0)
		abort();
	machine->started = true;
}

void machine_stop(struct machine *machine)
{
	if (!machine->started)
		return;
	pthread_mutex_lock(&machine->timer_lock);
	machine->stopping = true;
	pthread_cond_signal(&machine->timer_changed);
	pthread_mutex_unlock(&machine->timer_lock);
	pthread_join(machine->thread, NULL);
	machine->started = false;
	machine->stopping = false;
}

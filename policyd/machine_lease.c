/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The schedule: which account a worker gets next. Found by looking, taken by a
 * transaction that looks again; who comes second looks for another one.
 */
#include "config.h"

#include <string.h>

#include "lib/instant.h"
#include "policyd/machine_private.h"

#define MACHINE_LEASE_TRIES 64

/* The phases in which there is work for a worker. What is frozen and leased by
 * nobody was frozen by an operator: a dead worker's was thawed before. */
static const enum account_phase machine_work_phases[] = { ACCOUNT_FROZEN,
	ACCOUNT_REQUESTED, ACCOUNT_COPYING, ACCOUNT_READY, ACCOUNT_SWEEPING };

struct machine_search {
	struct machine *machine;
	int64_t now;
	struct error *error;
	bool failed;
	char address[ADDRESS_SIZE]; /* the best so far, "" for none */
	int64_t when;		    /* it can be leased */
};

/* When the account can be leased: now or earlier, later, or never. */
static int64_t machine_lease_when(
	const struct account *account, const struct store_lease *lease)
{
	int64_t when = account->due;
	bool works = false;

	for (size_t i = 0; i < sizeof(machine_work_phases) /
				       sizeof(machine_work_phases[0]);
		i++)
		works = works || account->phase == machine_work_phases[i];
	if (!works || account->held || account_awaits_login(account))
		return INSTANT_NEVER;
	if (account->not_before > when)
		when = account->not_before;
	if (lease != NULL && lease->expires > when)
		when = lease->expires;
	return when;
}

static bool machine_search_account(const struct account *account, void *context)
{
	struct machine_search *search = context;
	struct store_lease lease;
	int leased;
	int64_t when;

	if (account->due >= search->when)
		return false;
	leased = store_get_lease(search->machine->store, account->address,
		&lease, search->error);
	if (leased < 0) {
		search->failed = true;
		return false;
	}
	when = machine_lease_when(account, leased > 0 ? &lease : NULL);
	if (when < search->when) {
		search->when = when;
		memcpy(search->address, account->address,
			sizeof(search->address));
	}
	return true;
}

/*
 * Looks through the accounts in the order of their due instants for the one
 * that can be leased first, due before that instant. Returns 1 found, 0 none,
 * -1 could not tell.
 */
static int machine_search(struct machine *machine, const char *batch,
	int64_t before, struct machine_search *search_r, struct error *error)
{
	struct store_filter filter = {
		.by_phase = true,
		.due_before = before,
		.batch = batch,
	};

	*search_r = (struct machine_search){
		.machine = machine,
		.now = machine->clock(),
		.error = error,
		.when = INSTANT_NEVER,
	};
	for (size_t i = 0; i < sizeof(machine_work_phases) /
				       sizeof(machine_work_phases[0]);
		i++) {
		filter.phase = machine_work_phases[i];
		if (store_scan_accounts(machine->store, &filter,
			    machine_search_account, search_r, error) < 0 ||
			search_r->failed)
			return -1;
	}
	return search_r->address[0] != '\0';
}

struct machine_lease_request {
	const char *worker;
	struct store_lease *lease_r;
	int64_t *when_r; /* on NOT_FOUND: when it can be leased */
};

static enum control_status machine_lease_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_lease_request *request = context;
	struct account *account = &change->account;
	struct store_lease *lease = &change->lease;
	struct attr_list *line;

	*request->when_r =
		machine_lease_when(account, change->leased ? lease : NULL);
	if (*request->when_r > change->now) {
		error_set(error, "account %s: there is no work now",
			account->address);
		return CONTROL_NOT_FOUND;
	}
	account->epoch++;
	memcpy(lease->address, account->address, sizeof(lease->address));
	memset(lease->worker, 0, sizeof(lease->worker));
	memcpy(lease->worker, request->worker,
		strnlen(request->worker, sizeof(lease->worker) - 1));
	lease->epoch = account->epoch;
	lease->expires = change->now + change->config->policyd.lease;
	if (store_txn_put_lease(change->txn, lease, error) < 0)
		return machine_doom(change);
	line = machine_line(change, "lease");
	attr_list_add(line, "worker", lease->worker);
	attr_list_printf(
		line, "epoch", "%llu", (unsigned long long)lease->epoch);
	*request->lease_r = *lease;
	return CONTROL_OK;
}

enum control_status machine_lease(struct machine *machine, const char *worker,
	const char *address, const char *batch, struct account *account_r,
	struct store_lease *lease_r, int64_t *next_due_r, struct error *error)
{
	const struct machine_lease_request request = {
		.worker = worker,
		.lease_r = lease_r,
		.when_r = next_due_r,
	};
	struct machine_search search;
	enum control_status status = CONTROL_NOT_FOUND;
	int found;

	*next_due_r = INSTANT_NEVER;
	/* what a dead worker has left goes through the back-off first */
	machine_expire(machine);
	for (int try = 0; try < MACHINE_LEASE_TRIES; try++) {
		if (address == NULL) {
			found = machine_search(machine, batch,
				INSTANT_NEVER - 1, &search, error);
			if (found < 0)
				return CONTROL_ERROR;
			*next_due_r = search.when;
			if (found == 0 || search.when > search.now)
				break;
		}
		status = machine_change(machine,
			address != NULL ? address : search.address,
			machine_lease_step, &request, account_r, error);
		if (status != CONTROL_NOT_FOUND || address != NULL)
			break;
	}
	if (status == CONTROL_OK)
		machine_timer_note(machine, lease_r->expires);
	else if (status == CONTROL_NOT_FOUND && address == NULL)
		error_set(error, "no account is due");
	return status;
}

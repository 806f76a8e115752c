/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transaction that all changes of accounts go through, and what follows
 * it: log line, events, the front and the timers woken. The steps stand in
 * machine_operator.c, machine_worker.c and machine_timer.c.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/machine_private.h"

#define MACHINE_TRIES	     12
#define MACHINE_PAUSE_MAX_MS 50

struct machine_job {
	const char *address;
	machine_step_fn *step;
	const void *request;
	bool creates;
};

enum machine_outcome {
	MACHINE_OVER, /* the status holds */
	MACHINE_AGAIN,
	MACHINE_UNKNOWN, /* stored or not */
};

struct machine *machine_new(struct settings_box *settings, struct store *store,
	struct events *events, struct log *log)
{
	struct machine *machine = xcalloc(1, sizeof(*machine));
	pthread_condattr_t attributes;

	machine->settings = settings;
	machine->store = store;
	machine->events = events;
	machine->log = log;
	machine->deferrals = deferrals_new();
	machine->clock = instant_now;
	pthread_mutex_init(&machine->names_lock, NULL);
	pthread_mutex_init(&machine->timer_lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&machine->timer_changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return machine;
}

void machine_free(struct machine **machine)
{
	if (*machine == NULL)
		return;
	machine_stop(*machine);
	deferrals_free(&(*machine)->deferrals);
	pthread_cond_destroy(&(*machine)->timer_changed);
	pthread_mutex_destroy(&(*machine)->timer_lock);
	pthread_mutex_destroy(&(*machine)->names_lock);
	free(*machine);
	*machine = NULL;
}

struct attr_list *machine_line(struct machine_change *change, const char *event)
{
	struct attr_list *line = attr_list_new();

	if (change->lines_count == MACHINE_LINES_MAX)
		abort();
	change->lines[change->lines_count++] = line;
	attr_list_add(line, "event", event);
	return line;
}

enum control_status machine_doom(struct machine_change *change)
{
	change->doomed = true;
	return CONTROL_ERROR;
}

/* Reads the account and its lease. Returns as store_txn_get_account. */
static int machine_read(
	struct machine_change *change, const char *address, struct error *error)
{
	int found = store_txn_get_account(
		change->txn, address, &change->account, error);
	int leased;

	if (found <= 0) {
		account_init(&change->account);
		return found;
	}
	leased = store_txn_get_lease(
		change->txn, address, &change->lease, error);
	change->leased = leased > 0;
	return leased < 0 ? -1 : 1;
}

static int machine_write(struct machine_change *change, struct error *error)
{
	/* nobody works on what is held: out of the way of the scans */
	if (change->account.held)
		change->account.due = INSTANT_NEVER;
	if (!change->removed &&
		store_txn_put_account(change->txn, &change->account, error) < 0)
		return -1;
	for (size_t i = 0; i < change->lines_count; i++)
		if (store_txn_add_audit(change->txn, change->now,
			    change->account.address, change->lines[i],
			    error) < 0)
			return -1;
	return 0;
}

/* The end of a transaction that is to be kept, or that the store doomed. */
static enum machine_outcome machine_commit(struct machine_change *change,
	enum control_status *status_r, struct error *error)
{
	*status_r = CONTROL_ERROR;
	switch (store_commit(&change->txn, error)) {
	case STORE_DONE:
		*status_r = CONTROL_OK;
		return MACHINE_OVER;
	case STORE_CONFLICT:
		return MACHINE_AGAIN;
	case STORE_UNKNOWN:
		return MACHINE_UNKNOWN;
	case STORE_FAILED:
		break;
	}
	return MACHINE_OVER;
}

static enum machine_outcome machine_attempt(const struct machine_job *job,
	struct machine_change *change, enum control_status *status_r,
	struct error *error)
{
	enum control_status ended;
	struct error first;
	int found;

	*status_r = CONTROL_ERROR;
	if (store_begin(change->machine->store, &change->txn, error) < 0)
		return MACHINE_OVER;
	found = machine_read(change, job->address, error);
	if (found < 0)
		change->doomed = true;
	if (found == 0 && !job->creates) {
		error_set(error, "account %s: not in the directory",
			job->address);
		*status_r = CONTROL_NOT_FOUND;
	} else if (found > 0 && job->creates) {
		error_set(error, "account %s: exists already", job->address);
		*status_r = CONTROL_CONFLICT;
	} else if (found >= 0) {
		*status_r = job->step(change, job->request, error);
	}
	if (*status_r == CONTROL_OK && change->effect == MACHINE_WRITES &&
		machine_write(change, error) < 0)
		*status_r = machine_doom(change);
	if (*status_r == CONTROL_OK && change->effect != MACHINE_READS)
		return machine_commit(change, status_r, error);
	if (!change->doomed) {
		store_abort(&change->txn);
		return MACHINE_OVER;
	}
	/* the first failure says more than that of the commit */
	return machine_commit(change, &ended, &first) == MACHINE_AGAIN
		       ? MACHINE_AGAIN
		       : MACHINE_OVER;
}

static bool machine_same(const struct account *a, const struct account *b)
{
	struct attr_list *lists[2] = { attr_list_new(), attr_list_new() };
	struct buffer texts[2] = { BUFFER_EMPTY, BUFFER_EMPTY };
	bool same;

	account_print(a, true, lists[0]);
	account_print(b, true, lists[1]);
	for (size_t i = 0; i < 2; i++) {
		attr_print(lists[i], ATTR_CONTROL, &texts[i]);
		attr_list_free(&lists[i]);
	}
	same = strcmp(texts[0].data, texts[1].data) == 0;
	buffer_free(&texts[0]);
	buffer_free(&texts[1]);
	return same;
}

/*
 * The commit's result got lost: the record itself tells. If something else has
 * changed it meanwhile, it stays unknown.
 */
static enum machine_outcome machine_find_out(const struct machine_job *job,
	struct machine_change *change, enum control_status *status_r,
	struct error *error)
{
	struct account now, wanted = change->account;
	int found = store_get_account(
		change->machine->store, job->address, &now, error);
	enum machine_outcome outcome = MACHINE_OVER;

	*status_r = CONTROL_ERROR;
	if (found < 0)
		return MACHINE_OVER;
	wanted.revision++;
	if (found == 0) {
		if (change->removed)
			*status_r = CONTROL_OK;
		return job->creates ? MACHINE_AGAIN : MACHINE_OVER;
	}
	if (!change->removed && machine_same(&now, &wanted))
		*status_r = CONTROL_OK;
	else if (now.revision == change->account.revision && !job->creates)
		outcome = MACHINE_AGAIN;
	account_clear(&now);
	return outcome;
}

/* One log line and event for each line of history. */
static void machine_tell(struct machine_change *change)
{
	struct machine *machine = change->machine;
	const struct account *account = &change->account;

	for (size_t i = 0; i < change->lines_count; i++) {
		struct buffer text = BUFFER_EMPTY;
		struct attr_list *line = change->lines[i];
		const char *event = attr_list_value(line, 0);
		bool round = strcmp(event, "round") == 0;

		for (size_t j = 0; j < attr_list_count(line); j++)
			buffer_printf(&text, "%s%s=%s", j > 0 ? " " : "",
				attr_list_name(line, j),
				attr_list_value(line, j));
		log_account(machine->log, LOG_INFO, account->address, "%s",
			text.data);
		buffer_free(&text);
		machine_publish(machine, event, account, line, !round);
	}
}

static void machine_done(struct machine_change *change)
{
	struct machine *machine = change->machine;

	if (!change->removed)
		change->account.revision++;
	deferrals_take(
		machine->deferrals, change->account.address, change->deferrals);
	if (change->wiped)
		machine_drop_secret(machine, change->account.address);
	machine_tell(change);
	if (change->wakes_front)
		machine_front_wake(machine);
	if (machine->front_calls != NULL)
		machine->front_calls->changed(machine->front, &change->account);
	if (account_is_frozen(&change->account))
		machine_timer_note(machine, change->account.frozen_until);
}

static void machine_change_clear(struct machine_change *change)
{
	for (size_t i = 0; i < change->lines_count; i++)
		attr_list_free(&change->lines[i]);
	account_clear(&change->account);
}

static enum machine_outcome machine_once(struct machine *machine,
	const struct machine_job *job, enum control_status *status_r,
	struct account *account_r, struct error *error)
{
	const struct settings *settings = settings_get(machine->settings);
	struct machine_change change = {
		.machine = machine,
		.config = settings->config,
		.now = machine->clock(),
	};
	enum machine_outcome outcome;

	account_init(&change.account);
	outcome = machine_attempt(job, &change, status_r, error);
	if (outcome == MACHINE_UNKNOWN)
		outcome = machine_find_out(job, &change, status_r, error);
	if (outcome == MACHINE_OVER && *status_r == CONTROL_OK) {
		if (change.effect == MACHINE_WRITES)
			machine_done(&change);
		if (account_r != NULL) {
			*account_r = change.account;
			account_init(&change.account);
		}
	}
	machine_change_clear(&change);
	settings_put(machine->settings, &settings);
	return outcome;
}

/* Random, so that two that met do not meet again. */
static void machine_pause(int try)
{
	struct timespec now, wait = { 0, 0 };
	long most = 1L << (try < 6 ? try : 6);

	if (most > MACHINE_PAUSE_MAX_MS)
		most = MACHINE_PAUSE_MAX_MS;
	clock_gettime(CLOCK_MONOTONIC, &now);
	wait.tv_nsec = now.tv_nsec % (most * 1000000L) + 100000L;
	nanosleep(&wait, NULL);
}

static enum control_status machine_run(struct machine *machine,
	const struct machine_job *job, struct account *account_r,
	struct error *error)
{
	enum control_status status;

	for (int try = 0; try < MACHINE_TRIES; try++) {
		if (machine_once(machine, job, &status, account_r, error) ==
			MACHINE_OVER)
			return status;
		machine_pause(try);
	}
	error_prefix(error, "account %s: given up after %d tries", job->address,
		MACHINE_TRIES);
	return CONTROL_ERROR;
}

enum control_status machine_change(struct machine *machine, const char *address,
	machine_step_fn *step, const void *request, struct account *account_r,
	struct error *error)
{
	const struct machine_job job = {
		.address = address,
		.step = step,
		.request = request,
	};

	return machine_run(machine, &job, account_r, error);
}

enum control_status machine_create(struct machine *machine, const char *address,
	machine_step_fn *step, const void *request, struct account *account_r,
	struct error *error)
{
	const struct machine_job job = {
		.address = address,
		.step = step,
		.request = request,
		.creates = true,
	};

	return machine_run(machine, &job, account_r, error);
}

void machine_publish(struct machine *machine, const char *event,
	const struct account *account, const struct attr_list *detail,
	bool whole)
{
	static const char *const told[] = { "transition", "round", "progress",
		"deferral" };
	struct attr_list *list;
	bool plain = false;

	if (!events_wanted(machine->events))
		return;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		plain = plain || strcmp(told[i], event) == 0;
	list = attr_list_new();
	attr_list_add(list, "event", plain ? event : "change");
	if (!plain)
		attr_list_add(list, "what", event);
	for (size_t i = 0; detail != NULL && i < attr_list_count(detail); i++) {
		const char *name = attr_list_name(detail, i);

		if (strcmp(name, "event") != 0 &&
			!(whole && account_field_kind(name) != 0))
			attr_list_add(list, name, attr_list_value(detail, i));
	}
	if (whole) {
		account_print(account, true, list);
	} else {
		attr_list_add(list, "address", account->address);
		attr_list_add(
			list, "phase", account_phase_name(account->phase));
		attr_list_add(list, "home", account_home_name(account->home));
		attr_list_add(list, "batch", account->batch);
	}
	events_publish(machine->events, account->address, account->batch, list);
	attr_list_free(&list);
}

void machine_deferred(struct machine *machine, const struct account *account,
	const char *recipient)
{
	struct attr_list *detail;
	int64_t total;

	if (!deferrals_count(machine->deferrals, account->address,
		    instant_monotonic(), &total))
		return;
	log_account(machine->log, LOG_INFO, account->address,
		"recipient %s deferred, the mailbox is being moved "
		"(%lld so far)",
		recipient, (long long)total);
	if (!events_wanted(machine->events))
		return;
	detail = attr_list_new();
	attr_list_add(detail, "recipient", recipient);
	attr_list_add_number(detail, "deferred", total);
	machine_publish(machine, "deferral", account, detail, false);
	attr_list_free(&detail);
}

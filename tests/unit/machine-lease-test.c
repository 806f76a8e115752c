/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The schedule and the clock: who is leased when, what runs out, back-off, a
 * restart in between, and many workers at once.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/instant.h"
#include "machine_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANN	     "ann@example.org"
#define BOB	     "bob@example.org"
#define CAT	     "cat@example.org"

/* The address that the next lease gives, or "later INSTANT". */
static const char *lease(
	struct bench *bench, const char *address, const char *batch)
{
	static char text[400];
	struct account account;
	struct store_lease leased;
	int64_t next;
	enum control_status status = machine_lease(bench->machine, "w1",
		address, batch, &account, &leased, &next, &bench->error);

	if (status == CONTROL_NOT_FOUND && next == INSTANT_NEVER)
		return "never";
	if (status == CONTROL_NOT_FOUND) {
		snprintf(text, sizeof(text), "later %lld",
			(long long)(next - START));
		return text;
	}
	assert_int_equal(status, CONTROL_OK);
	assert_int_equal(leased.epoch, account.epoch);
	assert_int_equal(leased.expires, bench_now + LEASE);
	snprintf(text, sizeof(text), "%s", account.address);
	account_clear(&account);
	return text;
}

static void request(
	struct bench *bench, const char *address, int64_t not_before)
{
	struct account wanted;

	account_init(&wanted);
	wanted.not_before = not_before;
	strcpy(wanted.batch, strcmp(address, CAT) == 0 ? "cats" : "others");
	assert_int_equal(machine_request(bench->machine, address, &wanted,
				 ACCOUNT_DESTINATION, NULL, &bench->error),
		CONTROL_OK);
}

static void release(struct bench *bench, const char *address, int64_t due,
	const char *failure)
{
	uint64_t epoch = bench_get(bench, address).epoch;

	assert_int_equal(machine_release(bench->machine, address, epoch, due,
				 failure, &bench->error),
		CONTROL_OK);
}

static void test_order(void **state)
{
	struct bench *bench = bench_new("mem:");

	(void)state;
	assert_string_equal(lease(bench, NULL, NULL), "never");
	bench_add(bench, ANN);
	bench_add(bench, BOB);
	bench_add(bench, CAT);
	assert_string_equal(lease(bench, ANN, NULL), "never");
	request(bench, ANN, START - 10);
	request(bench, BOB, START - 20);
	request(bench, CAT, START + 500);
	assert_string_equal(lease(bench, NULL, "cats"), "later 500");
	assert_string_equal(lease(bench, NULL, NULL), BOB);
	assert_string_equal(lease(bench, BOB, NULL), "later 9000");
	assert_string_equal(lease(bench, NULL, NULL), ANN);
	assert_string_equal(lease(bench, NULL, NULL), "later 500");
	/* given back, a phase of its own and a later due */
	release(bench, BOB, START + 300, NULL);
	assert_string_equal(lease(bench, NULL, NULL), "later 300");
	assert_int_equal(machine_hold(bench->machine, BOB, "no", "eve", NULL,
				 &bench->error),
		CONTROL_OK);
	assert_string_equal(lease(bench, NULL, NULL), "later 500");
	assert_string_equal(lease(bench, BOB, NULL), "never");
	bench_now = START + 500;
	assert_string_equal(lease(bench, NULL, "none"), "never");
	assert_string_equal(lease(bench, NULL, "cats"), CAT);
	bench_free(&bench);
}

/* The earliest due of all phases, not the first phase that has one. */
static void test_order_across_phases(void **state)
{
	struct bench *bench = bench_new("mem:");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_add(bench, BOB);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_READY);
	assert_int_equal(machine_release(bench->machine, ANN, epoch,
				 START - 500, NULL, &bench->error),
		CONTROL_OK);
	request(bench, BOB, START - 400);
	assert_string_equal(lease(bench, NULL, NULL), ANN);
	assert_string_equal(lease(bench, NULL, NULL), BOB);
	bench_free(&bench);
}

/* A ready account is not slept over beyond the hour that was asked for. */
static void test_due_of_ready(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct account wanted;

	(void)state;
	account_init(&wanted);
	wanted.complete_after = START + 800;
	bench_add(bench, ANN);
	assert_int_equal(machine_request(bench->machine, ANN, &wanted,
				 ACCOUNT_DESTINATION, NULL, &bench->error),
		CONTROL_OK);
	bench_bring(bench, ANN, ACCOUNT_READY);
	release(bench, ANN, START + 60000, NULL);
	assert_string_equal(lease(bench, NULL, NULL), "later 800");
	bench_now = START + 800;
	assert_string_equal(lease(bench, NULL, NULL), ANN);
	release(bench, ANN, START + 60000, NULL);
	assert_string_equal(lease(bench, NULL, NULL), "later 60000");
	bench_free(&bench);
}

/* What an operator froze is a worker's at once, before its due. */
static void test_operator_freezes(void **state)
{
	struct bench *bench = bench_new("mem:");

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	bench_bring(bench, ANN, ACCOUNT_READY);
	release(bench, ANN, START + 60000, NULL);
	assert_int_equal(machine_operate(bench->machine, ANN, MACHINE_FREEZE,
				 false, NULL, "eve", NULL, &bench->error),
		CONTROL_OK);
	assert_string_equal(lease(bench, NULL, NULL), ANN);
	assert_int_equal(bench_get(bench, ANN).phase, ACCOUNT_FROZEN);
	/* that worker dies too: a thaw */
	bench_now = START + LEASE;
	assert_string_equal(lease(bench, NULL, NULL), "later 11000");
	assert_int_equal(bench_get(bench, ANN).phase, ACCOUNT_COPYING);
	bench_free(&bench);
}

static void test_renew(void **state)
{
	static const struct {
		int64_t at, expires;
	} rows[] = {
		{ 0, LEASE },
		{ LEASE / 3 - 1, LEASE },
		{ LEASE / 3, LEASE / 3 + LEASE },
		{ LEASE / 2, LEASE / 3 + LEASE },
		{ LEASE, LEASE + LEASE },
	};
	struct bench *bench = bench_new("mem:");
	struct store_lease stored, renewed;
	uint64_t epoch, revision;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_COPYING);
	revision = bench_get(bench, ANN).revision;
	for (size_t i = 0; i < COUNT(rows); i++) {
		bench_now = START + rows[i].at;
		assert_int_equal(machine_renew(bench->machine, ANN, epoch, NULL,
					 NULL, &renewed, &bench->error),
			CONTROL_OK);
		assert_int_equal(renewed.expires, START + rows[i].expires);
		assert_int_equal(store_get_lease(bench->store, ANN, &stored,
					 &bench->error),
			1);
		assert_int_equal(stored.expires, renewed.expires);
	}
	/* not a change of the account */
	assert_int_equal(bench_get(bench, ANN).revision, revision);
	bench_free(&bench);
}

static void test_backoff(void **state)
{
	static const int64_t waits[] = { RETRY, 2 * RETRY, 5000, 5000 };
	struct bench *bench = bench_new("mem:");
	struct account account;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	for (size_t i = 0; i < COUNT(waits); i++) {
		bench_bring(bench, ANN, ACCOUNT_REQUESTED);
		release(bench, ANN, bench_now + 10, "no login");
		account = bench_get(bench, ANN);
		assert_int_equal(account.attempts, i + 1);
		assert_int_equal(account.due, bench_now + waits[i]);
		assert_string_equal(account.failure, "no login");
		bench_now = account.due;
	}
	/* the worker may ask for more than the back-off, and success forgets */
	bench_bring(bench, ANN, ACCOUNT_REQUESTED);
	release(bench, ANN, bench_now + 99999, "again");
	assert_int_equal(bench_get(bench, ANN).due, bench_now + 99999);
	bench_now += 99999;
	bench_bring(bench, ANN, ACCOUNT_REQUESTED);
	release(bench, ANN, bench_now + 10, NULL);
	account = bench_get(bench, ANN);
	assert_int_equal(account.attempts, 0);
	assert_string_equal(account.failure, "");
	assert_int_equal(account.due, bench_now + 10);
	bench_free(&bench);
}

/* A thaw counts as a failure; giving the lease back behind it does not count
 * it again, whatever is said there. */
static void test_thaw_counts_once(void **state)
{
	static const char *const failures[] = { NULL, "too large" };

	(void)state;
	for (size_t i = 0; i < COUNT(failures); i++) {
		struct bench *bench = bench_new("mem:");
		struct account account;
		uint64_t epoch;

		bench_add(bench, ANN);
		bench_move(bench, ANN);
		epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
		assert_int_equal(machine_enter(bench->machine, ANN, epoch,
					 ACCOUNT_COPYING, "too large", NULL,
					 &bench->error),
			CONTROL_OK);
		account = bench_get(bench, ANN);
		assert_int_equal(account.due, bench_now + RETRY);
		release(bench, ANN, 0, failures[i]);
		account = bench_get(bench, ANN);
		assert_int_equal(account.attempts, 1);
		assert_int_equal(account.due, bench_now + RETRY);
		assert_string_equal(account.failure, "too large");
		bench_free(&bench);
	}
}

static void test_release_thaws(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct account account;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	bench_bring(bench, ANN, ACCOUNT_FROZEN);
	bench_now += 20;
	release(bench, ANN, 0, "destination is gone");
	account = bench_get(bench, ANN);
	assert_int_equal(account.phase, ACCOUNT_COPYING);
	assert_int_equal(account.front, ACCOUNT_FRONT_OPENING);
	assert_int_equal(account.attempts, 1);
	assert_int_equal(account.due, bench_now + RETRY);
	assert_int_equal(account.freeze_ms, 20);
	assert_string_equal(account.failure, "destination is gone");
	bench_free(&bench);
}

/* ---- what runs out ---- */

static void test_budget_runs_out(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct machine_barrier barrier;
	struct account account;
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	account = bench_get(bench, ANN);
	machine_deferred(bench->machine, &account, ANN);
	bench_now = START + BUDGET;
	assert_int_equal(machine_expire(bench->machine), START + BUDGET);
	assert_int_equal(bench_get(bench, ANN).phase, ACCOUNT_FROZEN);
	bench_now++;
	machine_expire(bench->machine);
	account = bench_get(bench, ANN);
	assert_int_equal(account.phase, ACCOUNT_COPYING);
	assert_int_equal(account.home, ACCOUNT_SOURCE);
	assert_int_equal(account.deferred, 1);
	assert_int_equal(account.attempts, 1);
	assert_int_equal(account.due, bench_now + RETRY);
	assert_non_null(strstr(account.failure, "over its budget"));
	/* the worker has its lease still and is told */
	assert_int_equal(machine_barrier(bench->machine, ANN, epoch, &barrier,
				 &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_flip(bench->machine, ANN, epoch, NULL, NULL,
				 &bench->error),
		CONTROL_CONFLICT);
	bench_free(&bench);
}

/* A clock that is set back must not make a freeze longer. */
static void test_clock_set_back(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct account account;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	bench_now = START + 3600 * 1000;
	bench_bring(bench, ANN, ACCOUNT_FROZEN);
	bench_now -= 500; /* as clocks are corrected every day */
	machine_expire(bench->machine);
	assert_int_equal(bench_get(bench, ANN).phase, ACCOUNT_FROZEN);
	bench_now = START;
	machine_expire(bench->machine);
	account = bench_get(bench, ANN);
	assert_int_equal(account.phase, ACCOUNT_COPYING);
	assert_non_null(strstr(account.failure, "set back"));
	bench_free(&bench);
}

static void test_worker_dies(void **state)
{
	static const struct {
		enum account_phase phase, then;
		int64_t attempts;
	} rows[] = {
		{ ACCOUNT_REQUESTED, ACCOUNT_REQUESTED, 1 },
		{ ACCOUNT_COPYING, ACCOUNT_COPYING, 1 },
		{ ACCOUNT_FROZEN, ACCOUNT_COPYING, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench *bench = bench_new("mem:");
		struct store_lease left;
		struct account account;

		bench_add(bench, ANN);
		bench_move(bench, ANN);
		bench_bring(bench, ANN, rows[i].phase);
		bench_now = START + LEASE;
		machine_expire(bench->machine);
		account = bench_get(bench, ANN);
		print_message("# row %zu\n", i);
		assert_int_equal(account.phase, rows[i].then);
		assert_int_equal(account.attempts, rows[i].attempts);
		assert_int_equal(account.due, bench_now + RETRY);
		assert_string_equal(account.failure, "worker w1 is gone");
		assert_int_equal(store_get_lease(bench->store, ANN, &left,
					 &bench->error),
			0);
		/* a second pass finds nothing more to do */
		assert_int_equal(machine_expire(bench->machine), INSTANT_NEVER);
		assert_int_equal(
			bench_get(bench, ANN).revision, account.revision);
		bench_now += RETRY;
		assert_string_equal(lease(bench, NULL, NULL), ANN);
		bench_free(&bench);
	}
}

/* A policyd that is started again knows all from the store. */
static void test_restart(void **state)
{
	struct bench *bench = bench_new("mem:");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_add(bench, BOB);
	bench_move(bench, ANN);
	bench_move(bench, BOB);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	bench_bring(bench, BOB, ACCOUNT_COPYING);
	machine_free(&bench->machine);
	bench->machine = machine_new(
		bench->settings, bench->store, bench->events, bench->log);
	bench->machine->clock = instant_now; /* long after START */
	machine_start(bench->machine);
	for (int i = 0; i < 500; i++) {
		if (bench_get(bench, ANN).phase == ACCOUNT_COPYING &&
			bench_get(bench, BOB).attempts == 1)
			break;
		usleep(10000);
	}
	assert_int_equal(bench_get(bench, ANN).phase, ACCOUNT_COPYING);
	assert_int_equal(bench_get(bench, BOB).attempts, 1);
	assert_int_equal(machine_flip(bench->machine, ANN, epoch, NULL, NULL,
				 &bench->error),
		CONTROL_CONFLICT);
	machine_stop(bench->machine);
	bench_free(&bench);
}

/* The thread does not wait for its next regular pass. */
static void test_timer_is_prompt(void **state)
{
	struct bench *bench = bench_new("mem:");
	int64_t began, ended = 0;
	struct account account;

	(void)state;
	bench->machine->clock = instant_now;
	machine_start(bench->machine);
	usleep(50000); /* it sleeps for a second by now */
	bench_add(bench, ANN);
	account_init(&account);
	account.freeze_budget = 150;
	assert_int_equal(machine_request(bench->machine, ANN, &account,
				 ACCOUNT_DESTINATION, NULL, &bench->error),
		CONTROL_OK);
	bench_bring(bench, ANN, ACCOUNT_FROZEN);
	began = bench_get(bench, ANN).frozen_at;
	while (ended == 0 && instant_now() < began + 5000) {
		if (bench_get(bench, ANN).phase != ACCOUNT_FROZEN)
			ended = began + bench_get(bench, ANN).freeze_ms;
		usleep(2000);
	}
	machine_stop(bench->machine);
	assert_true(ended > began + 150);
	assert_true(ended < began + 650);
	bench_free(&bench);
}

/* ---- many at once ---- */

#define WORKERS	 8
#define ACCOUNTS 40

struct crowd {
	struct bench *bench;
	int64_t leased;
	int64_t added;
};

static void *crowd_work(void *context)
{
	struct crowd *crowd = context;
	struct machine *machine = crowd->bench->machine;
	struct error error;

	for (int i = 0; i < 10; i++) {
		struct machine_add add = {
			.source = "old",
			.destination = "new",
		};
		char address[64];

		snprintf(address, sizeof(address), "new%d@example.org", i);
		add.address = address;
		if (machine_add(machine, &add, "ops", NULL, &error) ==
			CONTROL_OK)
			__atomic_add_fetch(&crowd->added, 1, __ATOMIC_SEQ_CST);
	}
	for (;;) {
		struct store_lease leased;
		int64_t next;

		if (machine_lease(machine, "w", NULL, NULL, NULL, &leased,
			    &next, &error) != CONTROL_OK)
			return NULL;
		__atomic_add_fetch(&crowd->leased, 1, __ATOMIC_SEQ_CST);
	}
}

static void test_crowd(void **state)
{
	struct crowd crowd = { bench_new("mem:"), 0, 0 };
	pthread_t threads[WORKERS];

	(void)state;
	for (int i = 0; i < ACCOUNTS; i++) {
		char address[64];

		snprintf(address, sizeof(address), "u%d@example.org", i);
		bench_add(crowd.bench, address);
		bench_move(crowd.bench, address);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, crowd_work, &crowd);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	/* each once and by one alone */
	assert_int_equal(crowd.added, 10);
	assert_int_equal(crowd.leased, ACCOUNTS);
	for (int i = 0; i < ACCOUNTS; i++) {
		char address[64];

		snprintf(address, sizeof(address), "u%d@example.org", i);
		assert_int_equal(bench_get(crowd.bench, address).epoch, 1);
	}
	bench_free(&crowd.bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_across_phases),
		cmocka_unit_test(test_due_of_ready),
		cmocka_unit_test(test_operator_freezes),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_thaw_counts_once),
		cmocka_unit_test(test_release_thaws),
		cmocka_unit_test(test_budget_runs_out),
		cmocka_unit_test(test_worker_dies),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_timer_is_prompt),
		cmocka_unit_test(test_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine: one move from end to end, what operators and workers may not
 * do, freezes held, forced and overdue, and a store that fails in the middle.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "machine_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANN	     "ann@example.org"

/* ---- one whole move ---- */

static bool add_bound(const struct store_bound *bound, void *context)
{
	char *text = context;

	sprintf(text + strlen(text), "%s %u %u;", bound->folder,
		bound->uidvalidity, bound->uidnext);
	return true;
}

static void test_whole_move(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct machine *machine = bench->machine;
	struct attr_list *detail = attr_list_new();
	struct account account;
	char bounds[200] = "";
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	account = bench_get(bench, ANN);
	assert_int_equal(account.front, ACCOUNT_FRONT_CLOSING);
	assert_int_equal(account.frozen_until, START + BUDGET);
	machine_deferred(machine, &account, ANN);
	machine_deferred(machine, &account, "annie@example.org");
	bench_prove(bench, ANN, epoch);
	attr_list_add(detail, "kind", "last");
	attr_list_add(detail, "copied", "3");
	attr_list_add(detail, "event", "forged");
	assert_int_equal(machine_round(machine, ANN, epoch, 12, 3400, detail,
				 &bench->error),
		CONTROL_OK);
	bench_now += 700;
	assert_int_equal(machine_flip(machine, ANN, epoch, "round=200 lock=1",
				 NULL, &bench->error),
		CONTROL_OK);
	account = bench_get(bench, ANN);
	assert_int_equal(account.home, ACCOUNT_DESTINATION);
	assert_int_equal(account.phase, ACCOUNT_SWEEPING);
	assert_int_equal(account.front, ACCOUNT_FRONT_OPENING);
	assert_int_equal(account.freeze_ms, 700);
	assert_string_equal(
		account.freeze_steps, "publish=3 lock=5 round=200 flip=499");
	assert_int_equal(account.deferred, 2);
	assert_int_equal(account.messages, 12);
	assert_int_equal(account.rounds, 1);
	store_scan_bounds(bench->store, ANN, add_bound, bounds, &bench->error);
	assert_string_equal(bounds, "INBOX 7 11;Sent 8 3;");
	assert_int_equal(machine_enter(machine, ANN, epoch, ACCOUNT_SETTLED,
				 NULL, NULL, &bench->error),
		CONTROL_OK);
	assert_int_equal(
		machine_release(machine, ANN, epoch, 0, NULL, &bench->error),
		CONTROL_OK);
	assert_string_equal(bench_history(bench, ANN),
		"add transition lease transition transition transition front "
		"prove round transition transition release ");
	/* a late step of the front is added still; one of another freeze or
	 * another state is not */
	assert_int_equal(machine_store_front(machine, ANN, START + 1,
				 ACCOUNT_FRONT_OPENING, ACCOUNT_FRONT_OPEN,
				 "flush=1", &bench->error),
		0);
	assert_int_equal(
		machine_store_front(machine, ANN, START, ACCOUNT_FRONT_CLOSING,
			ACCOUNT_FRONT_CLOSED, "lock=1", &bench->error),
		0);
	assert_int_equal(
		machine_store_front(machine, ANN, START, ACCOUNT_FRONT_OPENING,
			ACCOUNT_FRONT_OPEN, "flush=40", &bench->error),
		1);
	account = bench_get(bench, ANN);
	assert_string_equal(account.freeze_steps,
		"publish=3 lock=5 round=200 flip=499 flush=40");
	attr_list_free(&detail);
	bench_free(&bench);
}

/* ---- what is refused ---- */

static void test_request_refused(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct account request;

	(void)state;
	account_init(&request);
	bench_add(bench, ANN);
	assert_int_equal(machine_request(bench->machine, ANN, &request,
				 ACCOUNT_SOURCE, NULL, &bench->error),
		CONTROL_CONFLICT);
	assert_non_null(strstr(bench->error.text, "already at old"));
	bench_move(bench, ANN);
	assert_int_equal(machine_request(bench->machine, ANN, &request,
				 ACCOUNT_DESTINATION, NULL, &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(
		machine_request(bench->machine, "nobody@example.org", &request,
			ACCOUNT_DESTINATION, NULL, &bench->error),
		CONTROL_NOT_FOUND);
	bench_free(&bench);
}

/* POP3 is read from: no account moves or returns there. */
static void test_pop3_takes_no_account(void **state)
{
	static const char extra[] = "system \"pop\" { pop3 = \"pop3://h\"\n"
				    "    deliver = \"smtp:[127.0.0.1]:2\" }\n";
	static const struct {
		const char *source, *destination;
		enum account_home to;
		enum control_status status;
	} cases[] = {
		{ "old", "pop", ACCOUNT_DESTINATION, CONTROL_CONFLICT },
		{ "pop", "new", ACCOUNT_SOURCE, CONTROL_CONFLICT },
		{ "pop", "new", ACCOUNT_DESTINATION, CONTROL_OK },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bench *bench = bench_new("mem:");
		const struct machine_add add = { .address = ANN,
			.source = cases[i].source,
			.destination = cases[i].destination };
		struct account request;

		account_init(&request);
		assert_int_equal(settings_replace(bench->settings,
					 bench_config(extra), &bench->error),
			0);
		assert_int_equal(machine_add(bench->machine, &add, "ops", NULL,
					 &bench->error),
			CONTROL_OK);
		assert_int_equal(machine_request(bench->machine, ANN, &request,
					 cases[i].to, NULL, &bench->error),
			cases[i].status);
		if (cases[i].status == CONTROL_CONFLICT)
			assert_non_null(strstr(bench->error.text,
				"system pop has only a POP3 server"));
		bench_free(&bench);
	}
}

/* Everything that a worker may ask for, with that epoch. */
static void check_all_refused(struct bench *bench, uint64_t epoch)
{
	struct machine *machine = bench->machine;
	const struct machine_proof proof = { .messages = 0 };
	struct attr_list *detail = attr_list_new();
	struct machine_barrier barrier;
	struct store_lease lease;
	struct error *error = &bench->error;
	uint64_t revision = bench_get(bench, ANN).revision;

	assert_int_equal(
		machine_renew(machine, ANN, epoch, NULL, NULL, &lease, error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_enter(machine, ANN, epoch, ACCOUNT_COPYING,
				 "x", NULL, error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_barrier(machine, ANN, epoch, &barrier, error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_prove(machine, ANN, epoch, &proof, error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_flip(machine, ANN, epoch, NULL, NULL, error),
		CONTROL_CONFLICT);
	assert_int_equal(
		machine_round(machine, ANN, epoch, 1, 1, detail, error),
		CONTROL_CONFLICT);
	assert_int_equal(bench_get(bench, ANN).revision, revision);
	attr_list_free(&detail);
}

static void test_stale_worker(void **state)
{
	struct bench *bench = bench_new("mem:");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	check_all_refused(bench, 0);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	bench_prove(bench, ANN, epoch);
	check_all_refused(bench, epoch - 1);
	check_all_refused(bench, epoch + 1);
	/* the lease is over at its very instant, though nobody has noticed */
	bench_now = START + LEASE;
	check_all_refused(bench, epoch);
	assert_int_equal(machine_release(bench->machine, ANN, epoch + 1, 0,
				 NULL, &bench->error),
		CONTROL_CONFLICT);
	bench_free(&bench);
}

static void test_prove_and_flip_rules(void **state)
{
	const struct machine_proof proof = { .messages = 0 };
	struct bench *bench = bench_new("mem:");
	struct machine *machine = bench->machine;
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_READY);
	assert_int_equal(
		machine_prove(machine, ANN, epoch, &proof, &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_enter(machine, ANN, epoch, ACCOUNT_FROZEN,
				 NULL, NULL, &bench->error),
		CONTROL_OK);
	/* the front is not closed yet */
	assert_int_equal(
		machine_prove(machine, ANN, epoch, &proof, &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(
		machine_flip(machine, ANN, epoch, NULL, NULL, &bench->error),
		CONTROL_CONFLICT);
	bench_prove(bench, ANN, epoch);
	assert_int_equal(machine_flip(machine, ANN, epoch, "no steps", NULL,
				 &bench->error),
		CONTROL_ERROR);
	bench_now = START + BUDGET + 1;
	assert_int_equal(
		machine_flip(machine, ANN, epoch, NULL, NULL, &bench->error),
		CONTROL_CONFLICT);
	assert_non_null(strstr(bench->error.text, "budget"));
	bench_now = START + BUDGET;
	assert_int_equal(
		machine_flip(machine, ANN, epoch, NULL, NULL, &bench->error),
		CONTROL_OK);
	bench_free(&bench);
}

/* ---- operators ---- */

static void test_hold_thaws(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct machine *machine = bench->machine;
	struct account account;
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	account = bench_get(bench, ANN);
	assert_int_equal(machine_hold(machine, ANN, "look at it", "eve", NULL,
				 &bench->error),
		CONTROL_OK);
	/* both in one transaction */
	assert_int_equal(bench_get(bench, ANN).revision, account.revision + 1);
	account = bench_get(bench, ANN);
	assert_int_equal(account.phase, ACCOUNT_COPYING);
	assert_int_equal(account.due, INSTANT_NEVER);
	assert_true(account.held);
	assert_string_equal(account.hold_reason, "look at it");
	assert_int_equal(machine_enter(machine, ANN, epoch, ACCOUNT_FROZEN,
				 NULL, NULL, &bench->error),
		CONTROL_CONFLICT);
	/* the worker gives it back: still nobody's work */
	assert_int_equal(
		machine_release(machine, ANN, epoch, 5, "held", &bench->error),
		CONTROL_OK);
	assert_int_equal(bench_get(bench, ANN).due, INSTANT_NEVER);
	assert_int_equal(
		machine_resume(machine, ANN, "eve", NULL, &bench->error),
		CONTROL_OK);
	account = bench_get(bench, ANN);
	assert_false(account.held);
	assert_int_equal(account.due, bench_now);
	assert_int_equal(
		machine_resume(machine, ANN, "eve", NULL, &bench->error),
		CONTROL_CONFLICT);
	bench_free(&bench);
}

static void test_in_service(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct machine *machine = bench->machine;
	struct store_lease lease;
	int64_t next;
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	assert_int_equal(machine_operate(machine, ANN, MACHINE_IN_SERVICE,
				 false, NULL, "eve", NULL, &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_operate(machine, ANN, MACHINE_IN_SERVICE, true,
				 NULL, "eve", NULL, &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(
		machine_operate(machine, ANN, MACHINE_IN_SERVICE, true,
			"the old one burns", "eve", NULL, &bench->error),
		CONTROL_OK);
	assert_int_equal(bench_get(bench, ANN).phase, ACCOUNT_SWEEPING);
	/* the worker of the last round has lost its rights at once, and no
	 * other one begins before it must have noticed */
	check_all_refused(bench, epoch);
	assert_int_equal(machine_lease(machine, "w2", NULL, NULL, NULL, &lease,
				 &next, &bench->error),
		CONTROL_NOT_FOUND);
	assert_int_equal(next, START + LEASE);
	bench_now = START + LEASE;
	assert_int_equal(machine_lease(machine, "w2", NULL, NULL, NULL, &lease,
				 &next, &bench->error),
		CONTROL_OK);
	assert_true(lease.epoch > epoch);
	bench_free(&bench);
}

static void test_deeds(void **state)
{
	static const struct {
		enum account_phase phase;
		enum machine_deed deed;
		enum control_status status;
		enum account_phase then;
	} rows[] = {
		{ ACCOUNT_REQUESTED, MACHINE_CANCEL, CONTROL_OK,
			ACCOUNT_SETTLED },
		{ ACCOUNT_COPYING, MACHINE_CANCEL, CONTROL_OK,
			ACCOUNT_SETTLED },
		{ ACCOUNT_READY, MACHINE_CANCEL, CONTROL_OK, ACCOUNT_SETTLED },
		{ ACCOUNT_FROZEN, MACHINE_CANCEL, CONTROL_CONFLICT,
			ACCOUNT_FROZEN },
		{ ACCOUNT_SWEEPING, MACHINE_CANCEL, CONTROL_CONFLICT,
			ACCOUNT_SWEEPING },
		{ ACCOUNT_SWEEPING, MACHINE_SETTLE, CONTROL_OK,
			ACCOUNT_SETTLED },
		{ ACCOUNT_COPYING, MACHINE_SETTLE, CONTROL_CONFLICT,
			ACCOUNT_COPYING },
		{ ACCOUNT_READY, MACHINE_FREEZE, CONTROL_OK, ACCOUNT_FROZEN },
		{ ACCOUNT_REQUESTED, MACHINE_FREEZE, CONTROL_CONFLICT,
			ACCOUNT_REQUESTED },
		{ ACCOUNT_FROZEN, MACHINE_THAW, CONTROL_OK, ACCOUNT_COPYING },
		{ ACCOUNT_READY, MACHINE_THAW, CONTROL_CONFLICT,
			ACCOUNT_READY },
		{ ACCOUNT_SWEEPING, MACHINE_RETIRE, CONTROL_CONFLICT,
			ACCOUNT_SWEEPING },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench *bench = bench_new("mem:");
		bool flips = rows[i].phase == ACCOUNT_SWEEPING;
		uint64_t epoch;

		bench_add(bench, ANN);
		bench_move(bench, ANN);
		epoch = bench_bring(
			bench, ANN, flips ? ACCOUNT_FROZEN : rows[i].phase);
		if (flips) {
			bench_prove(bench, ANN, epoch);
			assert_int_equal(
				machine_flip(bench->machine, ANN, epoch, NULL,
					NULL, &bench->error),
				CONTROL_OK);
		}
		print_message("# row %zu\n", i);
		assert_int_equal(
			machine_operate(bench->machine, ANN, rows[i].deed,
				false, NULL, "eve", NULL, &bench->error),
			rows[i].status);
		assert_int_equal(bench_get(bench, ANN).phase, rows[i].then);
		bench_free(&bench);
	}
}

static void test_complete(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct machine *machine = bench->machine;
	struct account request;
	uint64_t epoch;

	(void)state;
	account_init(&request);
	request.complete_after = INSTANT_NEVER;
	bench_add(bench, ANN);
	assert_int_equal(
		machine_complete(machine, ANN, "eve", NULL, &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_request(machine, ANN, &request,
				 ACCOUNT_DESTINATION, NULL, &bench->error),
		CONTROL_OK);
	epoch = bench_bring(bench, ANN, ACCOUNT_READY);
	assert_int_equal(machine_enter(machine, ANN, epoch, ACCOUNT_FROZEN,
				 NULL, NULL, &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_release(machine, ANN, epoch, bench_now + 60000,
				 NULL, &bench->error),
		CONTROL_OK);
	assert_int_equal(
		machine_complete(machine, ANN, "eve", NULL, &bench->error),
		CONTROL_OK);
	assert_int_equal(bench_get(bench, ANN).due, bench_now);
	assert_int_equal(bench_get(bench, ANN).complete_after, bench_now);
	bench_free(&bench);
}

/* ---- a store that fails ---- */

static void test_commit_fails(void **state)
{
	struct bench *bench = bench_new("fail:commits");
	const struct machine_add add = {
		.address = ANN,
		.source = "old",
		.destination = "new",
	};
	struct account account;

	(void)state;
	assert_int_equal(
		machine_add(bench->machine, &add, "ops", NULL, &bench->error),
		CONTROL_ERROR);
	assert_string_not_equal(bench->error.text, "");
	assert_int_equal(
		store_get_account(bench->store, ANN, &account, &bench->error),
		0);
	assert_int_equal(bench->wakes, 0);
	bench_free(&bench);
}

/* The outcome of every commit gets lost, half of them are not stored: all is
 * done once, and the history has each line once. */
static void test_commit_unknown(void **state)
{
	struct bench *bench = bench_new("fail:unknown");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_add(bench, "bob@example.org");
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	bench_prove(bench, ANN, epoch);
	assert_int_equal(machine_flip(bench->machine, ANN, epoch, NULL, NULL,
				 &bench->error),
		CONTROL_OK);
	assert_string_equal(bench_history(bench, ANN),
		"add transition lease transition transition transition front "
		"prove transition ");
	assert_int_equal(machine_remove(bench->machine, "bob@example.org",
				 "ops", &bench->error),
		CONTROL_OK);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_move),
		cmocka_unit_test(test_request_refused),
		cmocka_unit_test(test_pop3_takes_no_account),
		cmocka_unit_test(test_stale_worker),
		cmocka_unit_test(test_prove_and_flip_rules),
		cmocka_unit_test(test_hold_thaws),
		cmocka_unit_test(test_in_service),
		cmocka_unit_test(test_deeds),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_commit_fails),
		cmocka_unit_test(test_commit_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

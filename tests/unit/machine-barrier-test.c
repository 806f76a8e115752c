/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine: what waits for the barrier of a freeze, and whose proof a flip
 * may follow.
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

#define ANN "ann@example.org"

static void test_barrier(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct machine_barrier barrier;
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	bench_now += 300;
	assert_int_equal(machine_barrier(bench->machine, ANN, epoch, &barrier,
				 &bench->error),
		CONTROL_OK);
	assert_false(barrier.passed);
	assert_string_equal(barrier.waiting, "queue");
	assert_int_equal(barrier.entries, 2);
	assert_int_equal(barrier.remaining, BUDGET - 300);
	bench->barrier = 1;
	assert_int_equal(machine_barrier(bench->machine, ANN, epoch, &barrier,
				 &bench->error),
		CONTROL_OK);
	assert_true(barrier.passed);
	bench->barrier = -1;
	assert_int_equal(machine_barrier(bench->machine, ANN, epoch, &barrier,
				 &bench->error),
		CONTROL_ERROR);
	bench_free(&bench);
}

/* Between the lock and the last delivery under way nothing is proved. */
static void test_prove_behind_the_barrier(void **state)
{
	static const struct {
		int barrier;
		enum control_status status;
		const char *why;
	} cases[] = {
		{ 0, CONTROL_CONFLICT, "waits for queue" },
		{ -1, CONTROL_ERROR, "no queue can be seen" },
	};
	struct machine_proof proof = { .messages = 0 };
	struct bench *bench = bench_new("mem:");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	proof.frozen_at = bench_get(bench, ANN).frozen_at;
	assert_int_equal(
		machine_store_front(bench->machine, ANN,
			bench_get(bench, ANN).frozen_at, ACCOUNT_FRONT_CLOSING,
			ACCOUNT_FRONT_CLOSED, NULL, &bench->error),
		1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bench->barrier = cases[i].barrier;
		assert_int_equal(machine_prove(bench->machine, ANN, epoch,
					 &proof, &bench->error),
			cases[i].status);
		assert_non_null(strstr(bench->error.text, cases[i].why));
		assert_false(bench_get(bench, ANN).proved);
		assert_int_equal(machine_flip(bench->machine, ANN, epoch, NULL,
					 NULL, &bench->error),
			CONTROL_CONFLICT);
	}
	bench_prove(bench, ANN, epoch);
	assert_true(bench_get(bench, ANN).proved);
	bench_free(&bench);
}

/* What was proved of one freeze says nothing of the next. */
static void test_proof_of_another_freeze(void **state)
{
	struct machine_proof proof = { .messages = 0 };
	struct bench *bench = bench_new("mem:");
	uint64_t epoch;

	(void)state;
	bench_add(bench, ANN);
	bench_move(bench, ANN);
	epoch = bench_bring(bench, ANN, ACCOUNT_FROZEN);
	proof.frozen_at = bench_get(bench, ANN).frozen_at;
	bench_now += 10;
	assert_int_equal(machine_enter(bench->machine, ANN, epoch,
				 ACCOUNT_COPYING, "thaw", NULL, &bench->error),
		CONTROL_OK);
	assert_int_equal(machine_enter(bench->machine, ANN, epoch,
				 ACCOUNT_READY, NULL, NULL, &bench->error),
		CONTROL_OK);
	bench_now += 10;
	assert_int_equal(machine_enter(bench->machine, ANN, epoch,
				 ACCOUNT_FROZEN, NULL, NULL, &bench->error),
		CONTROL_OK);
	assert_int_equal(
		machine_store_front(bench->machine, ANN,
			bench_get(bench, ANN).frozen_at, ACCOUNT_FRONT_CLOSING,
			ACCOUNT_FRONT_CLOSED, NULL, &bench->error),
		1);
	bench->barrier = 1;
	assert_int_equal(machine_prove(bench->machine, ANN, epoch, &proof,
				 &bench->error),
		CONTROL_CONFLICT);
	assert_non_null(strstr(bench->error.text, "another freeze"));
	assert_false(bench_get(bench, ANN).proved);
	proof.frozen_at = bench_get(bench, ANN).frozen_at;
	assert_int_equal(machine_prove(bench->machine, ANN, epoch, &proof,
				 &bench->error),
		CONTROL_OK);
	bench_free(&bench);
}

/* With nothing to prove there is still something to wait for. */
static void test_flip_behind_the_barrier(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct machine *machine = bench->machine;
	struct account request;
	struct store_lease lease;
	int64_t next;

	(void)state;
	bench_add(bench, ANN);
	account_init(&request);
	request.strategy = account_strategy_find("address-first");
	assert_int_equal(machine_request(machine, ANN, &request,
				 ACCOUNT_DESTINATION, NULL, &bench->error),
		CONTROL_OK);
	assert_int_equal(machine_lease(machine, "w1", ANN, NULL, NULL, &lease,
				 &next, &bench->error),
		CONTROL_OK);
	assert_int_equal(machine_enter(machine, ANN, lease.epoch,
				 ACCOUNT_FROZEN, NULL, NULL, &bench->error),
		CONTROL_OK);
	for (int closed = 0; closed < 2; closed++) {
		bench->barrier = !closed;
		assert_int_equal(machine_flip(machine, ANN, lease.epoch, NULL,
					 NULL, &bench->error),
			CONTROL_CONFLICT);
		assert_int_equal(
			machine_store_front(machine, ANN,
				bench_get(bench, ANN).frozen_at,
				ACCOUNT_FRONT_CLOSING, ACCOUNT_FRONT_CLOSED,
				NULL, &bench->error),
			!closed);
	}
	bench->barrier = 1;
	assert_int_equal(machine_flip(machine, ANN, lease.epoch, NULL, NULL,
				 &bench->error),
		CONTROL_OK);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_barrier),
		cmocka_unit_test(test_prove_behind_the_barrier),
		cmocka_unit_test(test_proof_of_another_freeze),
		cmocka_unit_test(test_flip_behind_the_barrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Which first logins wait for their account's move, and until when. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "policyd/waits.h"

#define ANN    "ann@example.org"
#define BUDGET 15000
#define CLOCK  INT64_C(1000000)

static struct account account_of(const char *strategy)
{
	struct account account;

	account_init(&account);
	strcpy(account.address, ANN);
	account.strategy = account_strategy_find(strategy);
	account.phase = ACCOUNT_REQUESTED;
	return account;
}

static int64_t begin(
	struct waits *waits, const struct account *account, int64_t now)
{
	return waits_begin(waits, account, BUDGET, now, CLOCK);
}

static void test_who_waits(void **state)
{
	struct waits *waits = waits_new();
	struct account account = account_of("login");
	int64_t until;

	(void)state;
	assert_false(waits_apply(waits, &account, 1000));
	until = begin(waits, &account, 1000);
	assert_in_range(until, 1001, 1000 + BUDGET);
	assert_true(waits_apply(waits, &account, until - 1));
	/* the second one waits no longer than the first */
	assert_int_equal(begin(waits, &account, 2000), until);
	assert_false(waits_apply(waits, &account, until));
	/* the next one is a new one */
	assert_in_range(
		begin(waits, &account, until), until + 1, until + BUDGET);
	waits_free(&waits);
}

static void test_who_does_not(void **state)
{
	struct waits *waits = waits_new();
	struct account account = account_of("logout");

	(void)state;
	assert_int_equal(begin(waits, &account, 1), 0);
	account = account_of("precopy");
	assert_int_equal(begin(waits, &account, 1), 0);
	account = account_of("login");
	account.held = true;
	assert_int_equal(begin(waits, &account, 1), 0);
	account = account_of("login");
	account.attempts = 1;
	assert_int_equal(begin(waits, &account, 1), 0);
	account = account_of("login");
	account.phase = ACCOUNT_SWEEPING;
	assert_int_equal(begin(waits, &account, 1), 0);
	account.phase = ACCOUNT_SETTLED;
	assert_int_equal(begin(waits, &account, 1), 0);
	account = account_of("login");
	account.not_before = CLOCK + 1;
	assert_int_equal(begin(waits, &account, 1), 0);
	account = account_of("login");
	account.complete_after = INSTANT_NEVER;
	assert_int_equal(begin(waits, &account, 1), 0);
	account = account_of("login");
	assert_int_equal(waits_begin(waits, &account, 0, 1, CLOCK), 0);
	waits_free(&waits);
}

/* The move goes wrong, or is done. */
static void test_the_end_of_a_wait(void **state)
{
	struct waits *waits = waits_new();
	struct account account = account_of("login");

	(void)state;
	assert_true(begin(waits, &account, 1) > 0);
	account.phase = ACCOUNT_FROZEN;
	assert_true(waits_apply(waits, &account, 2));
	account.phase = ACCOUNT_SWEEPING;
	assert_false(waits_apply(waits, &account, 2));
	account.phase = ACCOUNT_COPYING;
	account.attempts = 1;
	assert_false(waits_apply(waits, &account, 2));
	waits_free(&waits);
}

static void test_known_size(void **state)
{
	struct waits *waits = waits_new();
	struct account account = account_of("login");

	(void)state;
	account.rounds = 1;
	account.messages = 20000;
	account.bytes = INT64_C(2) << 30;
	assert_int_equal(begin(waits, &account, 1), 0);
	account.messages = 3;
	assert_int_equal(begin(waits, &account, 1), 0);
	account.bytes = 20000;
	assert_int_equal(begin(waits, &account, 1), 1 + BUDGET);
	waits_free(&waits);
}

static void test_progress(void **state)
{
	struct waits *waits = waits_new();
	struct account account = account_of("login");

	(void)state;
	/* nobody waits */
	assert_false(waits_progress(waits, ANN, 0, 1000000, 0, -1, 1));
	begin(waits, &account, 1000);
	assert_false(waits_progress(waits, ANN, 0, 100, 0, -1, 3000));
	/* the size is known: the whole budget counts */
	assert_true(waits_apply(waits, &account, 1000 + BUDGET - 1));
	begin(waits, &account, 20000);
	assert_true(waits_progress(waits, ANN, 0, 20000, 0, -1, 21000));
	assert_false(waits_apply(waits, &account, 21000));
	/* few messages, but large ones */
	begin(waits, &account, 30000);
	assert_false(waits_progress(waits, ANN, 0, 500, 0, -1, 31000));
	assert_true(waits_progress(
		waits, ANN, 10, 500, INT64_C(40000000), -1, 32000));
	/* neither, but slow */
	begin(waits, &account, 50000);
	assert_false(waits_progress(waits, ANN, 0, 100, 0, -1, 51000));
	assert_true(waits_progress(waits, ANN, 2, 100, 2000, -1, 52000));
	begin(waits, &account, 60000);
	assert_false(waits_progress(waits, ANN, 0, 100, 0, -1, 61000));
	assert_false(waits_progress(waits, ANN, 50, 100, 5000, -1, 62000));
	/* what cannot be is no more than a lot */
	assert_true(waits_progress(
		waits, ANN, INT64_MIN, INT64_MAX, INT64_MAX, INT64_MAX, 63000));
	waits_free(&waits);
}

static void test_learning(void **state)
{
	struct waits *waits = waits_new();
	int64_t before = waits_predict(waits, 10000, 0), after;

	(void)state;
	/* rounds that copy next to nothing teach nothing */
	waits_learn(waits, 1, 10, 60000);
	assert_int_equal(waits_predict(waits, 10000, 0), before);
	for (int i = 0; i < 20; i++)
		waits_learn(waits, 10000, 100000000, 5000);
	after = waits_predict(waits, 10000, 0);
	assert_in_range(after, 5000, 8000);
	assert_true(after < before);
	assert_in_range(waits_predict(waits, 0, 100000000), 5000, 8000);
	for (int i = 0; i < 20; i++)
		waits_learn(waits, INT64_MAX, INT64_MAX, INT64_MAX);
	assert_true(waits_predict(waits, INT64_MAX, INT64_MAX) > 0);
	waits_free(&waits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_waits),
		cmocka_unit_test(test_who_does_not),
		cmocka_unit_test(test_the_end_of_a_wait),
		cmocka_unit_test(test_known_size),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_learning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

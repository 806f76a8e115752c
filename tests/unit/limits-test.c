/* SPDX-License-Identifier: BSD-2-Clause */
/* How many may come, and how long a login waits after failed ones. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/limits.h"

#define MINUTE 60000

static char local[] = "127.0.0.0/8";
static char *trusted[] = { local };

static struct limits *make(int64_t sessions, int64_t per_address)
{
	struct config config = { .gateway = {
					 .sessions = sessions,
					 .per_address = per_address,
					 .trusted = trusted,
					 .trusted_count = 1,
				 } };
	struct limits *limits = limits_new(&config, NULL);

	assert_non_null(limits);
	return limits;
}

static void test_in_all(void **state)
{
	struct limits *limits = make(2, 0);

	(void)state;
	assert_true(limits_come(limits));
	assert_true(limits_come(limits));
	assert_false(limits_come(limits));
	assert_false(limits_come(limits));
	limits_go(limits);
	assert_true(limits_come(limits));
	assert_false(limits_come(limits));
	limits_free(&limits);
	assert_null(limits);
}

/* Of IPv6 the network counts; case and form of the text do not. */
static void test_of_one_address(void **state)
{
	struct limits *limits = make(100, 2);

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_true(limits_come_from(limits, "192.0.2.1"));
		assert_true(limits_come_from(limits, "192.0.2.2"));
	}
	assert_true(limits_come_from(limits, "2001:db8::1"));
	assert_true(limits_come_from(limits, "2001:DB8:0:0::2"));
	assert_false(limits_come_from(limits, "192.0.2.1"));
	assert_false(limits_come_from(limits, "2001:db8::ffff:1"));
	assert_true(limits_come_from(limits, "2001:db8:0:1::1"));
	limits_go_from(limits, "192.0.2.1");
	assert_true(limits_come_from(limits, "192.0.2.1"));
	assert_false(limits_come_from(limits, "192.0.2.1"));
	assert_false(limits_come_from(limits, "192.0.2.2"));
	limits_go_from(limits, "192.0.2.1");
	limits_go_from(limits, "192.0.2.1");
	assert_true(limits_come_from(limits, "192.0.2.1"));
	for (int i = 0; i < 5; i++) {
		assert_true(limits_come_from(limits, "127.0.0.1"));
		assert_true(limits_come_from(limits, ""));
	}
	limits_free(&limits);
}

/* A limit that is set later knows who was there. */
static void test_set_anew(void **state)
{
	struct config config = { .gateway = {
					 .sessions = 3,
					 .per_address = 2,
				 } };
	struct limits *limits = make(100, 0);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(limits_come(limits));
		assert_true(limits_come_from(limits, "192.0.2.1"));
	}
	assert_int_equal(limits_set(limits, &config, NULL), 0);
	assert_false(limits_come(limits));
	assert_false(limits_come_from(limits, "192.0.2.1"));
	limits_go_from(limits, "192.0.2.1");
	limits_go_from(limits, "192.0.2.1");
	assert_true(limits_come_from(limits, "192.0.2.1"));
	limits_free(&limits);
}

static void test_delays_of_an_address(void **state)
{
	static const int64_t after[] = { 0, 0, 0, 0, 0, 0, 1000, 2000, 4000,
		8000, 15000, 15000, 15000 };
	struct limits *limits = make(100, 0);
	char user[16];

	(void)state;
	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		assert_int_equal(
			limits_delay(limits, "192.0.2.1", "ann", 7), after[i]);
		snprintf(user, sizeof(user), "user%zu", i);
		limits_failed(limits, "192.0.2.1", user, 7);
	}
	assert_int_equal(limits_delay(limits, "192.0.2.2", "ann", 7), 0);
	assert_int_equal(limits_delay(limits, "", "ann", 7), 0);
	/* 13, 6, 3 */
	assert_int_equal(
		limits_delay(limits, "192.0.2.1", "ann", 7 + MINUTE), 1000);
	assert_int_equal(
		limits_delay(limits, "192.0.2.1", "ann", 7 + 2 * MINUTE), 0);
	limits_free(&limits);
}

/* Anybody can fail for a user, who is therefore not shut out. */
static void test_delays_of_a_user(void **state)
{
	struct limits *limits = make(100, 0);
	char client[32];

	(void)state;
	for (int i = 0; i < 200; i++) {
		int64_t delay = limits_delay(limits, "192.0.2.1", "Ann@x", 7);

		assert_int_equal(delay, i <= 20	  ? 0
					: i == 21 ? 1000
					: i == 22 ? 2000
						  : 3000);
		snprintf(client, sizeof(client), "198.51.100.%d", i);
		limits_failed(limits, client, i % 2 ? "ann@X" : "ANN@x", 7);
	}
	assert_int_equal(limits_delay(limits, "192.0.2.1", "bob@x", 7), 0);
	limits_free(&limits);
}

static void test_trusted(void **state)
{
	struct limits *limits = make(100, 0);
	char user[16];

	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		limits_failed(limits, "127.0.0.1", user, 7);
		limits_failed(limits, "127.0.0.1", "victim", 7);
	}
	assert_int_equal(limits_delay(limits, "127.0.0.1", "ann", 7), 0);
	assert_int_equal(limits_delay(limits, "127.0.0.1", "victim", 7), 3000);
	limits_free(&limits);
}

/* Who gets in with one account has not earned more tries at others. */
static void test_forgiving(void **state)
{
	struct limits *limits = make(100, 0);

	(void)state;
	for (int i = 0; i < 8; i++)
		limits_failed(limits, "192.0.2.1", "ann", 7);
	assert_int_equal(limits_delay(limits, "192.0.2.1", "bob", 7), 4000);
	limits_passed(limits, "192.0.2.1", "bob", 7);
	assert_int_equal(limits_delay(limits, "192.0.2.1", "bob", 7), 4000);
	limits_passed(limits, "192.0.2.2", "ann", 7);
	assert_int_equal(limits_delay(limits, "192.0.2.1", "bob", 7), 4000);
	limits_passed(limits, "192.0.2.1", "ann", 7);
	assert_int_equal(limits_delay(limits, "192.0.2.1", "bob", 7), 0);
	limits_passed(limits, "192.0.2.1", "ann", 7);
	limits_passed(limits, "", "ann", 7);
	limits_free(&limits);
}

/* A flood of names takes no more memory, and the present flood is known. */
static void test_flood(void **state)
{
	struct limits *limits = make(100, 0);
	char user[16];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		limits_failed(limits, "192.0.2.1", user, 100 + i / 1000);
	}
	assert_int_equal(limits_delay(limits, "192.0.2.1", "ann", 300), 15000);
	limits_free(&limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_all),
		cmocka_unit_test(test_of_one_address),
		cmocka_unit_test(test_set_anew),
		cmocka_unit_test(test_delays_of_an_address),
		cmocka_unit_test(test_delays_of_a_user),
		cmocka_unit_test(test_trusted),
		cmocka_unit_test(test_forgiving),
		cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

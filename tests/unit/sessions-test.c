/* SPDX-License-Identifier: BSD-2-Clause */
/* Gateways that come, tell, are lost and come again; when an account is over.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policyd/sessions.h"

#define LEASE 1000
#define ANN   "ann@example.org"
#define BOB   "bob@example.org"

static int open_one(
	struct sessions_gateway *gateway, uint64_t number, const char *address)
{
	const struct sessions_entry entry = { .address = address,
		.protocol = "imap",
		.system = "old",
		.client = "192.0.2.1",
		.since = 7 };

	return sessions_open(gateway, number, &entry);
}

/* What it waits for: sessions, and a gateway or "". */
static void expect(struct sessions *sessions, const char *address, int64_t now,
	size_t left, const char *gateway)
{
	const char *waiting;
	size_t count;
	int over = sessions_are_over(sessions, address, now, &count, &waiting);

	assert_int_equal(count, left);
	assert_string_equal(waiting != NULL ? waiting : "", gateway);
	assert_int_equal(over, left == 0 && gateway[0] == '\0');
}

static void test_sessions_count(void **state)
{
	struct sessions *sessions = sessions_new(LEASE);
	struct sessions_gateway *one = sessions_join(sessions, "one");
	struct sessions_gateway *two = sessions_join(sessions, "two");

	(void)state;
	sessions_ready(one);
	sessions_ready(two);
	expect(sessions, ANN, 0, 0, "");
	assert_int_equal(open_one(one, 1, ANN), 0);
	assert_int_equal(open_one(one, 1, ANN), -1);
	assert_int_equal(open_one(two, 1, ANN), 0);
	assert_int_equal(open_one(two, 2, BOB), 0);
	expect(sessions, ANN, 0, 2, "");
	expect(sessions, BOB, 0, 1, "");
	assert_int_equal(sessions_count(sessions, NULL), 3);
	assert_int_equal(sessions_end(one, 2), -1);
	assert_int_equal(sessions_end(one, 1), 0);
	assert_int_equal(sessions_end(one, 1), -1);
	assert_int_equal(sessions_end(two, 1), 0);
	expect(sessions, ANN, 0, 0, "");
	assert_int_equal(sessions_count(sessions, BOB), 1);
	sessions_leave(&one, 0);
	sessions_leave(&two, 0);
	sessions_free(&sessions);
}

/* A lost gateway's sessions may go on for a lease. */
static void test_a_lost_gateway(void **state)
{
	struct sessions *sessions = sessions_new(LEASE);
	struct sessions_gateway *one = sessions_join(sessions, "one");

	(void)state;
	sessions_ready(one);
	open_one(one, 1, ANN);
	sessions_leave(&one, 5000);
	assert_null(one);
	expect(sessions, ANN, 5000 + LEASE - 1, 1, "");
	expect(sessions, BOB, 5000 + LEASE - 1, 0, "");
	expect(sessions, ANN, 5000 + LEASE, 0, "");
	sessions_free(&sessions);
}

/* It comes again: what it told before counts until it has told all. */
static void test_a_gateway_comes_again(void **state)
{
	struct sessions *sessions = sessions_new(LEASE);
	struct sessions_gateway *first = sessions_join(sessions, "one");
	struct sessions_gateway *second;

	(void)state;
	sessions_ready(first);
	open_one(first, 1, ANN);
	open_one(first, 2, BOB);
	sessions_leave(&first, 0);
	second = sessions_join(sessions, "one");
	expect(sessions, BOB, 1, 1, "one");
	assert_int_equal(open_one(second, 1, ANN), 0);
	expect(sessions, ANN, 1, 2, "one");
	sessions_ready(second);
	expect(sessions, ANN, 1, 1, "");
	expect(sessions, BOB, 1, 0, "");
	sessions_leave(&second, 0);
	sessions_free(&sessions);
}

/* Nobody knows what it would have told. */
static void test_lost_while_it_tells(void **state)
{
	struct sessions *sessions = sessions_new(LEASE);
	struct sessions_gateway *one = sessions_join(sessions, "one");

	(void)state;
	open_one(one, 1, ANN);
	sessions_leave(&one, 0);
	expect(sessions, ANN, LEASE - 1, 1, "one");
	expect(sessions, BOB, LEASE - 1, 0, "one");
	expect(sessions, ANN, LEASE, 0, "");
	sessions_free(&sessions);
}

/* policyd has just been started. */
static void test_what_is_expected(void **state)
{
	struct sessions *sessions = sessions_new(LEASE);
	struct sessions_gateway *one;

	(void)state;
	sessions_expect(sessions, "one", 100);
	sessions_expect(sessions, "two", 100);
	one = sessions_join(sessions, "one");
	sessions_ready(one);
	expect(sessions, ANN, 101, 0, "two");
	expect(sessions, ANN, 100 + LEASE, 0, "");
	sessions_leave(&one, 0);
	sessions_free(&sessions);
}

/* A second one of the same name that is alive keeps its own. */
static void test_twins(void **state)
{
	struct sessions *sessions = sessions_new(LEASE);
	struct sessions_gateway *one = sessions_join(sessions, "one");
	struct sessions_gateway *twin = sessions_join(sessions, "one");

	(void)state;
	sessions_ready(one);
	open_one(one, 1, ANN);
	sessions_ready(twin);
	expect(sessions, ANN, 0, 1, "");
	sessions_leave(&one, 0);
	sessions_leave(&twin, 0);
	sessions_free(&sessions);
}

struct scanned {
	unsigned count;
	uint64_t numbers;
};

static bool scan(const struct sessions_entry *entry, const char *gateway,
	uint64_t number, void *context)
{
	struct scanned *scanned = context;

	assert_string_equal(entry->protocol, "imap");
	assert_string_equal(entry->system, "old");
	assert_string_equal(entry->client, "192.0.2.1");
	assert_int_equal(entry->since, 7);
	assert_string_equal(gateway, "one");
	scanned->count++;
	scanned->numbers += number;
	return scanned->count < 3;
}

static void test_scan(void **state)
{
	struct sessions *sessions = sessions_new(LEASE);
	struct sessions_gateway *one = sessions_join(sessions, "one");
	struct scanned scanned = { 0, 0 };

	(void)state;
	sessions_ready(one);
	for (uint64_t i = 1; i <= 9; i++)
		open_one(one, i, i % 2 != 0 ? ANN : BOB);
	sessions_scan(sessions, NULL, scan, &scanned);
	assert_int_equal(scanned.count, 3);
	for (uint64_t i = 1; i <= 5; i++)
		sessions_end(one, i);
	memset(&scanned, 0, sizeof(scanned));
	sessions_scan(sessions, ANN, scan, &scanned);
	assert_int_equal(scanned.count, 2);
	assert_int_equal(scanned.numbers, 7 + 9);
	sessions_leave(&one, 0);
	sessions_free(&sessions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions_count),
		cmocka_unit_test(test_a_lost_gateway),
		cmocka_unit_test(test_a_gateway_comes_again),
		cmocka_unit_test(test_lost_while_it_tells),
		cmocka_unit_test(test_what_is_expected),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

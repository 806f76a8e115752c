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
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/account.h"
#include "policyd/sessions.h"

#define LEASE 1000
#define GRACE 50
#define ANN   "ann@example.org"
#define BOB   "bob@example.org"

static int connection; /* what links point at */

static struct sessions_identity who(
	const char *name, const char *instance, pid_t pid)
{
	struct sessions_identity identity = { .pid = pid };

	snprintf(identity.name, sizeof(identity.name), "%s", name);
	snprintf(identity.instance, sizeof(identity.instance), "%s", instance);
	return identity;
}

static struct sessions_gateway *join(
	struct sessions *sessions, const char *name, const char *instance)
{
	const struct sessions_identity identity = who(name, instance, getpid());

	return sessions_join(sessions, &identity, &connection);
}

static void await(struct sessions *sessions, const char *name, int64_t now)
{
	const struct sessions_identity identity = who(name, "a", getpid());

	sessions_expect(sessions, &identity, now);
}

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
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *one = join(sessions, "one", "a");
	struct sessions_gateway *two = join(sessions, "two", "a");

	(void)state;
	sessions_ready(one, 1);
	sessions_ready(two, 1);
	expect(sessions, ANN, 0, 0, "");
	assert_int_equal(open_one(one, 1, ANN), 0);
	assert_int_equal(open_one(one, 1, ANN), -1);
	assert_int_equal(open_one(two, 1, ANN), 0);
	assert_int_equal(open_one(two, 2, BOB), 0);
	expect(sessions, ANN, 0, 2, "");
	expect(sessions, BOB, 0, 1, "");
	assert_int_equal(sessions_count(sessions, NULL), 3);
	assert_int_equal(sessions_end(one, 2, NULL, NULL), -1);
	assert_int_equal(sessions_end(one, 1, NULL, NULL), 0);
	assert_int_equal(sessions_end(one, 1, NULL, NULL), -1);
	assert_int_equal(sessions_end(two, 1, NULL, NULL), 0);
	expect(sessions, ANN, 0, 0, "");
	assert_int_equal(sessions_count(sessions, BOB), 1);
	sessions_leave(&one, 0);
	sessions_leave(&two, 0);
	sessions_free(&sessions);
}

/* A lost gateway's sessions may go on for a lease. */
static void test_a_lost_gateway(void **state)
{
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *one = join(sessions, "one", "a");

	(void)state;
	sessions_ready(one, 1);
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
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *first = join(sessions, "one", "a");
	struct sessions_gateway *second;

	(void)state;
	sessions_ready(first, 1);
	open_one(first, 1, ANN);
	open_one(first, 2, BOB);
	sessions_leave(&first, 0);
	second = join(sessions, "one", "a");
	expect(sessions, BOB, 1, 1, "one");
	assert_int_equal(open_one(second, 1, ANN), 0);
	expect(sessions, ANN, 1, 2, "one");
	sessions_ready(second, 1);
	expect(sessions, ANN, 1, 1, "");
	expect(sessions, BOB, 1, 0, "");
	sessions_leave(&second, 0);
	sessions_free(&sessions);
}

/* Nobody knows what it would have told. */
static void test_lost_while_it_tells(void **state)
{
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *one = join(sessions, "one", "a");

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
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *one;

	(void)state;
	await(sessions, "one", 100);
	await(sessions, "two", 100);
	one = join(sessions, "one", "a");
	sessions_ready(one, 1);
	expect(sessions, ANN, 101, 0, "two");
	expect(sessions, ANN, 100 + LEASE, 0, "");
	sessions_leave(&one, 0);
	sessions_free(&sessions);
}

/* One of the same name that is another process keeps its own: the former run
 * may drain its sessions. */
static void test_a_former_run_that_drains(void **state)
{
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *former = join(sessions, "one", "a");
	struct sessions_gateway *latter = join(sessions, "one", "b");

	(void)state;
	sessions_ready(former, 1);
	open_one(former, 1, ANN);
	sessions_leave(&former, 10);
	sessions_ready(latter, 20);
	expect(sessions, ANN, 20 + GRACE, 1, "");
	expect(sessions, ANN, 10 + LEASE, 0, "");
	sessions_leave(&latter, 0);
	sessions_free(&sessions);
}

/* Of one whose process has ended the homes may still be at the last of what it
 * sent. */
static void test_a_former_run_that_has_ended(void **state)
{
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *latter = join(sessions, "one", "b");
	struct sessions_identity dead;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	dead = who("one", "a", child);
	sessions_expect(sessions, &dead, 0);
	sessions_ready(latter, 20);
	expect(sessions, ANN, 20 + GRACE - 1, 0, "one");
	expect(sessions, ANN, 20 + GRACE, 0, "");
	sessions_leave(&latter, 0);
	sessions_free(&sessions);
}

static void test_quiet(void **state)
{
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *one = join(sessions, "one", "a");
	char address[ADDRESS_SIZE];
	size_t left;

	(void)state;
	assert_int_equal(sessions_are_quiet(sessions, ANN, 100, 1), -1);
	sessions_ready(one, 1);
	assert_int_equal(sessions_are_quiet(sessions, ANN, 100, 1), 1);
	open_one(one, 1, ANN);
	open_one(one, 2, ANN);
	assert_int_equal(sessions_are_quiet(sessions, ANN, 100, 1), 0);
	assert_int_equal(sessions_set_quiet(one, 1, 60, &left, address), 0);
	assert_int_equal(left, 1);
	assert_string_equal(address, ANN);
	assert_int_equal(sessions_are_quiet(sessions, ANN, 100, 1), 0);
	sessions_set_quiet(one, 2, 90, &left, NULL);
	assert_int_equal(left, 0);
	assert_int_equal(sessions_are_quiet(sessions, ANN, 100, 1), 1);
	assert_int_equal(sessions_are_quiet(sessions, ANN, 89, 1), 0);
	sessions_set_quiet(one, 2, 0, &left, NULL);
	assert_int_equal(left, 1);
	assert_int_equal(sessions_are_quiet(sessions, ANN, 100, 1), 0);
	assert_int_equal(sessions_set_quiet(one, 3, 5, &left, NULL), -1);
	sessions_end(one, 1, &left, NULL);
	assert_int_equal(left, 1);
	sessions_end(one, 2, &left, address);
	assert_int_equal(left, 0);
	assert_string_equal(address, ANN);
	open_one(one, 4, ANN);
	sessions_set_quiet(one, 4, 5, NULL, NULL);
	sessions_leave(&one, 10);
	assert_int_equal(sessions_are_quiet(sessions, ANN, 100, 11), -1);
	assert_int_equal(sessions_are_quiet(sessions, ANN, 100, 10 + LEASE), 1);
	sessions_free(&sessions);
}

static void count_link(void *link, void *context)
{
	assert_ptr_equal(link, &connection);
	++*(int *)context;
}

static int links(struct sessions *sessions, const char *address)
{
	int count = 0;

	sessions_each_link(sessions, address, count_link, &count);
	return count;
}

static void test_links(void **state)
{
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *one = join(sessions, "one", "a");
	struct sessions_gateway *two = join(sessions, "two", "a");

	(void)state;
	open_one(one, 1, ANN);
	open_one(one, 2, ANN);
	assert_int_equal(links(sessions, ANN), 1);
	open_one(two, 1, ANN);
	assert_int_equal(links(sessions, ANN), 2);
	assert_int_equal(links(sessions, BOB), 0);
	assert_int_equal(links(sessions, NULL), 2);
	sessions_leave(&one, 0);
	assert_int_equal(links(sessions, ANN), 1);
	sessions_leave(&two, 0);
	sessions_free(&sessions);
}

/* A second connection of the same instance that is alive keeps its own. */
static void test_twins(void **state)
{
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *one = join(sessions, "one", "a");
	struct sessions_gateway *twin = join(sessions, "one", "a");

	(void)state;
	sessions_ready(one, 1);
	open_one(one, 1, ANN);
	sessions_ready(twin, 1);
	expect(sessions, ANN, 0, 1, "");
	sessions_leave(&one, 0);
	sessions_leave(&twin, 0);
	sessions_free(&sessions);
}

struct scanned {
	unsigned count;
	uint64_t numbers;
};

static bool scan(const struct sessions_view *view, void *context)
{
	struct scanned *scanned = context;

	assert_string_equal(view->entry.protocol, "imap");
	assert_string_equal(view->entry.system, "old");
	assert_string_equal(view->entry.client, "192.0.2.1");
	assert_int_equal(view->entry.since, 7);
	assert_string_equal(view->gateway, "one");
	assert_ptr_equal(view->link, &connection);
	scanned->count++;
	scanned->numbers += view->number;
	return scanned->count < 3;
}

static void test_scan(void **state)
{
	struct sessions *sessions = sessions_new(LEASE, GRACE);
	struct sessions_gateway *one = join(sessions, "one", "a");
	struct scanned scanned = { 0, 0 };

	(void)state;
	sessions_ready(one, 1);
	for (uint64_t i = 1; i <= 9; i++)
		open_one(one, i, i % 2 != 0 ? ANN : BOB);
	sessions_scan(sessions, NULL, scan, &scanned);
	assert_int_equal(scanned.count, 3);
	for (uint64_t i = 1; i <= 5; i++)
		sessions_end(one, i, NULL, NULL);
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
		cmocka_unit_test(test_a_former_run_that_drains),
		cmocka_unit_test(test_a_former_run_that_has_ended),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits: the booking with a clock of our own, and the file that several
 * processes share, one of which is killed while it has it.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "copier/pace.h"

#include "lib/instant.h"

#define SECOND INT64_C(1000000)

static char scratch[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "/tmp/pace-test.XXXXXX");
	return mkdtemp(scratch) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", scratch);
	return system(command);
}

static void test_rate(void **state)
{
	const struct pace_limits limits = { .bytes = 1000 };
	struct pace_state book = { .day = 5 };
	int64_t now = 100 * SECOND;

	(void)state;
	/* a second's worth after a rest, then as the rate says */
	assert_int_equal(pace_book(&book, &limits, now, 5, 1000, 0), 0);
	assert_int_equal(pace_book(&book, &limits, now, 5, 500, 0), SECOND / 2);
	assert_int_equal(pace_book(&book, &limits, now, 5, 500, 9), SECOND);
	now += SECOND / 2;
	assert_int_equal(pace_book(&book, &limits, now, 5, 0, 0), 0);
	assert_int_equal(
		pace_book(&book, &limits, now, 5, 250, 0), SECOND * 3 / 4);
	/* a long rest saves no more than a second */
	now += 1000 * SECOND;
	assert_int_equal(
		pace_book(&book, &limits, now, 5, 3000, 0), 2 * SECOND);
	/* the host was started anew, and its clock with it */
	book.bytes_at = 9000 * SECOND;
	assert_int_equal(
		pace_book(&book, &limits, 5 * SECOND, 5, 500, 0), SECOND / 2);
}

static void test_messages(void **state)
{
	const struct pace_limits limits = { .bytes = 1000, .messages = 2 };
	struct pace_state book = { .day = 5 };
	int64_t now = 100 * SECOND;

	(void)state;
	assert_int_equal(pace_book(&book, &limits, now, 5, 10, 2), 0);
	assert_int_equal(pace_book(&book, &limits, now, 5, 10, 1), SECOND / 2);
	/* the longer wait of both */
	assert_int_equal(pace_book(&book, &limits, now, 5, 3000, 1), 2020000);
}

static void test_day(void **state)
{
	const struct pace_limits limits = { .day_bytes = 1000 };
	struct pace_state book = { .day = 5 };

	(void)state;
	pace_book(&book, &limits, 0, 5, 600, 0);
	pace_book(&book, &limits, 0, 5, 600, 0);
	assert_int_equal(book.day_bytes, 1200);
	/* set back, a clock gives nothing anew */
	pace_book(&book, &limits, 0, 4, 1, 0);
	assert_int_equal(book.day, 5);
	assert_int_equal(book.day_bytes, 1201);
	pace_book(&book, &limits, 0, 6, 7, 0);
	assert_int_equal(book.day, 6);
	assert_int_equal(book.day_bytes, 7);
}

static struct pace *open_pace(const struct pace_limits *limits)
{
	struct error error = { "" };
	struct pace *pace = pace_open(scratch, "a/b", limits, &error);

	if (pace == NULL)
		fail_msg("%s", error.text);
	return pace;
}

static void test_none(void **state)
{
	const struct pace_limits none = { .bytes = 0 };
	const struct pace_limits some = { .bytes = 1 };
	struct error error = { "" };

	(void)state;
	assert_null(pace_open("/nowhere", "x", &none, &error));
	assert_string_equal(error.text, "");
	assert_null(pace_open("/nowhere", "x", &some, &error));
	assert_string_not_equal(error.text, "");
	pace_spend(NULL, 1, 1);
	pace_hurry(NULL, true);
	assert_int_equal(pace_piece(NULL, 77), 77);
	assert_int_equal(pace_resumes(NULL), 0);
	assert_true(pace_goes_on(NULL, NULL));
}

/* Two processes and a third that is killed again and again: together they keep
 * to the rate. */
static void test_shared(void **state)
{
	const struct pace_limits limits = { .bytes = 100000 };
	struct pace *pace = open_pace(&limits);
	int64_t began = instant_monotonic(), took;
	pid_t child = fork();
	int i, status;

	(void)state;
	if (child == 0) {
		for (i = 0; i < 20; i++)
			pace_spend(pace, 5000, 0);
		_exit(0);
	}
	for (i = 0; i < 20; i++) {
		pid_t victim = fork();

		if (victim == 0)
			for (;;)
				pace_spend(pace, 1, 0);
		pace_spend(pace, 5000, 0);
		kill(victim, SIGKILL);
		waitpid(victim, &status, 0);
	}
	waitpid(child, &status, 0);
	took = instant_monotonic() - began;
	/* 200,000 bytes, of which a second's worth at once */
	assert_in_range(took, 950, 3000);
	/* nobody waits in a hurry */
	began = instant_monotonic();
	pace_hurry(pace, true);
	pace_spend(pace, 1000000, 0);
	assert_in_range(instant_monotonic() - began, 0, 300);
	assert_int_equal(pace_piece(pace, 65536), 12500);
	assert_int_equal(pace_piece(pace, 100), 100);
	pace_free(&pace);
}

static void test_day_is_spent(void **state)
{
	const struct pace_limits limits = { .day_bytes = 1000 };
	struct pace *pace = open_pace(&limits), *other;
	struct error error = { "" };
	int64_t now = instant_now(), resumes;

	(void)state;
	assert_true(pace_goes_on(pace, &error));
	pace_spend(pace, 999, 0);
	assert_true(pace_goes_on(pace, &error));
	pace_spend(pace, 1, 0);
	other = open_pace(&limits);
	assert_false(pace_goes_on(other, &error));
	assert_non_null(strstr(error.text,
		"a/b: the 1000 bytes of today are spent; it goes on from 2"));
	resumes = pace_resumes(other);
	assert_in_range(resumes, now, now + 86400000);
	assert_int_equal(resumes % 86400000, 0);
	pace_hurry(other, true);
	assert_true(pace_goes_on(other, &error));
	pace_free(&other);
	pace_free(&pace);
}

/* A file of something else, or half of one, begins anew. */
static void test_damaged(void **state)
{
	const struct pace_limits limits = { .day_bytes = 10 };
	char path[128];
	struct pace *pace;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/a_b.pace", scratch);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("rehome", file);
	fclose(file);
	pace = open_pace(&limits);
	assert_true(pace_goes_on(pace, NULL));
	pace_spend(pace, 10, 0);
	assert_false(pace_goes_on(pace, NULL));
	pace_free(&pace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_day),
		cmocka_unit_test(test_none),
		cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_day_is_spent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_damaged, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

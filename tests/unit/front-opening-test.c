/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front opening an account again: unlock, reload, and the flush of what
 * waits for it.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"
#include "front_fixture.h"

static void a_flip_opens_in_order(void **state)
{
	struct buffer queue = BUFFER_EMPTY;
	char steps[ACCOUNT_TEXT_SIZE];
	int64_t now;

	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	remove_file("events");
	now = instant_now() / 1000;
	add_entry(&queue, "deferred", "C3", TRIED(ANN), now - 10);
	add_entry(&queue, "deferred", "B2", TRIED(BOB), now - 30);
	add_entry(
		&queue, "deferred", "A1", TRIED("lee+x@example.org"), now - 20);
	add_entry(
		&queue, "deferred", "D4", TRIED(ANN) ", " TRIED(BOB), now - 30);
	add_entry(&queue, "deferred", "9F", TRIED(ANN), now - 10);
	add_entry(&queue, "hold", "E5", TRIED(ANN), now - 40);
	/* It has met no freeze. */
	add_entry(&queue, "deferred", "F6", TRIED(ANN), now + 60);
	write_file("queue", queue.data, 0644);
	buffer_free(&queue);
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	expect_events("reload;unlock new " ANN " ann example.org " ANN ";"
		      "flush D4;flush A1;flush 9F;flush C3;");
	assert_string_equal(in("seen.db", ANN), NEW);
	accounts_steps(store, ANN, steps);
	assert_non_null(strstr(steps, " open="));
	assert_non_null(strstr(steps, " flush="));
}

static void what_is_deferred_again_is_flushed_twice(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	remove_file("events");
	write_file("again", "", 0644);
	queue_one("deferred", TRIED(ANN), 20);
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	expect_events("reload;unlock new " ANN " ann example.org " ANN ";"
		      "flush A1;flush A1;");
}

/* What is still on its way to being deferred is waited for. */
static void an_entry_that_moves_is_waited_for(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	queue_one("active", TO(ANN), 20);
	flip(ANN);
	EVENTUALLY(count_events("unlock new") == 1);
	usleep(500000);
	assert_true(is_front(ANN, ACCOUNT_FRONT_OPENING));
	queue_one("deferred", TRIED(ANN), 20);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush A1"), 1);
}

/* A reload has come back a moment before the mail server is through with it:
 * what still meets the former maps is not forgotten. */
static void what_is_parked_behind_the_reload_is_flushed(void **state)
{
	int before;

	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	before = looks();
	flip(ANN);
	EVENTUALLY(looks() > before);
	usleep(200000);
	queue_one("deferred", TRIED(ANN), 0);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush A1"), 1);
}

/* The new home takes nothing before it is unlocked. */
static void what_met_the_lock_is_flushed(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("unlock-new.hang", "4", 0644);
	flip(ANN);
	EVENTUALLY(exists("unlock-new.began"));
	usleep(3600000);
	queue_one("deferred", TRIED(ANN), 0);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush A1"), 1);
}

static void a_flush_that_fails_is_given_up(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("flush.fail", "", 0644);
	queue_one("deferred", TRIED(ANN), 20);
	thaw(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush A1"), 5);
}

static void an_entry_that_cannot_be_flushed_is_alone(void **state)
{
	struct buffer queue = BUFFER_EMPTY;
	int64_t now = instant_now() / 1000;

	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("bad.A1", "", 0644);
	add_entry(&queue, "deferred", "A1", TRIED(ANN), now - 30);
	add_entry(&queue, "deferred", "B2", TRIED(ANN), now - 20);
	add_entry(&queue, "deferred", "C3", TRIED(ANN), now - 10);
	write_file("queue", queue.data, 0644);
	buffer_free(&queue);
	thaw(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush B2"), 1);
	assert_int_equal(count_events("flush C3"), 1);
	assert_int_equal(count_events("flush A1"), 6);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, front_setup, front_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_flip_opens_in_order),
		TEST(what_is_deferred_again_is_flushed_twice),
		TEST(an_entry_that_moves_is_waited_for),
		TEST(what_is_parked_behind_the_reload_is_flushed),
		TEST(what_met_the_lock_is_flushed),
		TEST(a_flush_that_fails_is_given_up),
		TEST(an_entry_that_cannot_be_flushed_is_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front closing an account: publication, reload, lock; and what happens
 * when a part of it fails, hangs or is overtaken.
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

/* ---- closing ---- */

static void a_freeze_closes_in_order(void **state)
{
	char steps[ACCOUNT_TEXT_SIZE];

	(void)state;
	start_quietly();
	assert_string_equal(in("homes.db", ANN), OLD);
	assert_true(fails_with(ANN, "not frozen"));
	assert_true(fails_with("eve@example.org", "no such account"));
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	assert_true(is_front(ANN, ACCOUNT_FRONT_CLOSED));
	expect_events("reload;lock old " ANN " ann example.org ann;");
	assert_string_equal(in("seen.db", ANN), PARK);
	assert_string_equal(in("seen.db", "lee@example.org"), PARK);
	assert_string_equal(in("seen.db", BOB), "");
	accounts_steps(store, ANN, steps);
	assert_int_equal(strncmp(steps, "publish=", 8), 0);
	assert_non_null(strstr(steps, " reload="));
	assert_non_null(strstr(steps, " lock="));
	assert_true(looks() >= 2);
}

static void nobody_looks_without_need(void **state)
{
	int before;

	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	before = looks();
	usleep(100000);
	assert_true(passed(ANN));
	assert_int_equal(looks(), before);
}

static void without_a_queue_closed_is_enough(void **state)
{
	(void)state;
	free(config.queue.list);
	config.queue.list = NULL;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(looks(), 0);
}

static void without_maps_and_hooks_there_is_still_a_reload(void **state)
{
	(void)state;
	config.maps.directory = NULL;
	free(make_script("reload", "echo reload >>events"));
	for (size_t i = 0; i < 2; i++) {
		free(systems[i].lock);
		free(systems[i].unlock);
		systems[i].lock = systems[i].unlock = NULL;
	}
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	expect_events("reload;");
}

/* A map that nobody has been told of is not seen yet. */
static void without_a_reload_it_is_waited_for(void **state)
{
	(void)state;
	free(config.maps.reload);
	config.maps.reload = NULL;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(strcmp(answer(ANN), PARK) == 0);
	for (int i = 0; i < 50; i++) {
		assert_true(waits_for(ANN, "publish", 0));
		usleep(10000);
	}
	expect_events("");
}
/* ---- hooks ---- */

static void a_lock_that_fails_closes_nothing(void **state)
{
	(void)state;
	start_quietly();
	write_file("lock-old.fail", "", 0644);
	freeze(ANN);
	EVENTUALLY(fails_with(ANN, "lock-old is broken"));
	assert_true(is_front(ANN, ACCOUNT_FRONT_CLOSING));
	usleep(400000);
	assert_true(fails_with(ANN, "lock at old"));
	remove_file("lock-old.fail");
	EVENTUALLY(passed(ANN));
	assert_int_equal(count_events("reload"), 1);
}

static void an_unlock_is_tried_until_it_succeeds(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("unlock-new.fail", "", 0644);
	flip(ANN);
	usleep(500000);
	assert_true(is_front(ANN, ACCOUNT_FRONT_OPENING));
	/* Others do not wait for it. */
	freeze(BOB);
	EVENTUALLY(passed(BOB));
	remove_file("unlock-new.fail");
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
}

static void a_thaw_overtakes_a_lock(void **state)
{
	(void)state;
	start_quietly();
	write_file("lock-old.hang", "0.6", 0644);
	freeze(ANN);
	EVENTUALLY(exists("lock-old.began"));
	assert_true(waits_for(ANN, "lock", 0));
	thaw(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	/* The lock was there after the thaw, so the unlock came behind it. */
	expect_events("reload;reload;lock old " ANN " ann example.org ann;"
		      "unlock old " ANN " ann example.org ann;");
	assert_string_equal(answer(ANN), OLD);
}

/* And so does a thaw that comes while the maps are published. */
static void a_thaw_overtakes_a_reload(void **state)
{
	(void)state;
	start_quietly();
	write_file("reload.hang", "0.4", 0644);
	freeze(ANN);
	EVENTUALLY(strcmp(answer(ANN), PARK) == 0);
	thaw(ANN);
	remove_file("reload.hang");
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_string_equal(answer(ANN), OLD);
	/* It was not even locked. */
	assert_int_equal(count_events(";lock old"), 0);
	assert_int_equal(count_events(";unlock old"), 1);
}

static void a_freeze_overtakes_an_opening(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("unlock-old.hang", "0.5", 0644);
	thaw(ANN);
	EVENTUALLY(exists("unlock-old.began"));
	freeze(ANN);
	assert_false(passed(ANN));
	EVENTUALLY(passed(ANN));
	expect_events("reload;lock old " ANN " ann example.org ann;"
		      "reload;reload;unlock old " ANN " ann example.org ann;"
		      "lock old " ANN " ann example.org ann;");
	assert_string_equal(answer(ANN), PARK);
}

static void hung_locks_do_not_delay_an_opening(void **state)
{
	char address[64];
	int64_t began;

	(void)state;
	start_quietly();
	freeze(BOB);
	EVENTUALLY(passed(BOB));
	write_file("lock-old.hang", "8", 0644);
	for (int i = 0; i < 12; i++) {
		snprintf(address, sizeof(address), "u%d@example.org", i);
		accounts_add(store, address, NULL);
		accounts_freeze(store, address, instant_now());
	}
	front_wake(front);
	EVENTUALLY(waits_for("u0@example.org", "lock", 0));
	began = instant_monotonic();
	flip(BOB);
	EVENTUALLY(is_front(BOB, ACCOUNT_FRONT_OPEN));
	assert_true(instant_monotonic() - began < 5000);
	assert_true(is_front("u0@example.org", ACCOUNT_FRONT_CLOSING));
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, front_setup, front_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_freeze_closes_in_order),
		TEST(nobody_looks_without_need),
		TEST(without_a_queue_closed_is_enough),
		TEST(without_maps_and_hooks_there_is_still_a_reload),
		TEST(without_a_reload_it_is_waited_for),
		TEST(a_lock_that_fails_closes_nothing),
		TEST(an_unlock_is_tried_until_it_succeeds),
		TEST(a_thaw_overtakes_a_lock),
		TEST(a_thaw_overtakes_a_reload),
		TEST(a_freeze_overtakes_an_opening),
		TEST(hung_locks_do_not_delay_an_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

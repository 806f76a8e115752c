/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The barrier: which entries of the queue stand in the way of a freeze.
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

static void entries_stand_in_the_way(void **state)
{
	static const struct {
		const char *where, *recipients;
		int64_t ago;
		bool passes;
	} cases[] = {
		{ "active", TO(ANN), 5, false },
		{ "incoming", TO("eve@example.com") ", " TO(ANN), 5, false },
		{ "active", TO("lee+x@example.org"), 5, false },
		{ "active", TO(BOB), 5, true },
		{ "deferred", TRIED(ANN), 5, true },
		{ "hold", TO(ANN), 5, true },
		{ "active", TRIED(ANN) ", " TO(BOB), 5, true },
		{ "incoming", "", 5, true },
		/* It came when the maps were published already. */
		{ "active", TO(ANN), -60, true },
	};

	(void)state;
	/* Flushing it changes nothing. */
	write_file("again", "", 0644);
	start_quietly();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		queue_one(cases[i].where, cases[i].recipients, cases[i].ago);
		freeze(ANN);
		if (!cases[i].passes) {
			EVENTUALLY(waits_for(ANN, "queue", 1));
			usleep(30000);
			assert_true(waits_for(ANN, "queue", 1));
			remove_file("queue");
		}
		EVENTUALLY(passed(ANN));
		remove_file("queue");
		thaw(ANN);
		EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	}
}

/* What has not been routed yet is not waited for for ever. */
static void maildrop_is_waited_for_in_vain_only_so_long(void **state)
{
	static const char *const recipients[] = { "", TO(ANN) };

	(void)state;
	start_quietly();
	for (size_t i = 0; i < 2; i++) {
		int64_t began = instant_monotonic();

		queue_one("maildrop", recipients[i], 5);
		freeze(ANN);
		EVENTUALLY(passed(ANN));
		assert_true(instant_monotonic() - began >= 2900);
		thaw(ANN);
		EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	}
	queue_one("maildrop", TO("eve@example.com"), 5);
	freeze(ANN);
	EVENTUALLY(passed(ANN));
}

/* After a reload Postfix would leave it alone for a minute. */
static void an_entry_that_was_left_in_incoming_is_flushed(void **state)
{
	(void)state;
	start_quietly();
	queue_one("incoming", TO(ANN), 5);
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	assert_int_equal(count_events("flush A1"), 1);
}

/* Where a delivery listener knows better. */
static void the_queue_is_no_matter_without_a_barrier(void **state)
{
	(void)state;
	config.queue.barrier = false;
	start_quietly();
	queue_one("active", TO(ANN), 5);
	freeze(ANN);
	EVENTUALLY(passed(ANN));
}

static void a_listing_that_fails_passes_nobody(void **state)
{
	(void)state;
	start_quietly();
	write_file("list.fail", "", 0644);
	freeze(ANN);
	EVENTUALLY(fails_with(ANN, "cannot list"));
	assert_true(is_front(ANN, ACCOUNT_FRONT_CLOSED));
	write_file("queue", "this is no listing\n", 0644);
	remove_file("list.fail");
	EVENTUALLY(fails_with(ANN, "line 1"));
	usleep(600000);
	assert_true(fails_with(ANN, "line 1"));
	remove_file("queue");
	EVENTUALLY(passed(ANN));
}

/* Only a look that began after the account was closed counts. */
static void looks_from_before_do_not_count(void **state)
{
	(void)state;
	start_quietly();
	freeze(BOB);
	EVENTUALLY(passed(BOB));
	thaw(BOB);
	EVENTUALLY(is_front(BOB, ACCOUNT_FRONT_OPEN));
	/* This look takes long, and the queue is empty when it begins. */
	free(make_script("list",
		"echo x >>looks\ncp queue seen.queue 2>/dev/null\n"
		"sleep 0.7\ntest ! -e seen.queue || cat seen.queue"));
	freeze(BOB);
	EVENTUALLY(waits_for(BOB, "queue", 0));
	usleep(100000);
	queue_one("active", TO(ANN), 5);
	freeze(ANN);
	EVENTUALLY(waits_for(ANN, "queue", 1));
	assert_false(passed(ANN));
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, front_setup, front_teardown)
	const struct CMUnitTest tests[] = {
		TEST(entries_stand_in_the_way),
		TEST(maildrop_is_waited_for_in_vain_only_so_long),
		TEST(an_entry_that_was_left_in_incoming_is_flushed),
		TEST(the_queue_is_no_matter_without_a_barrier),
		TEST(a_listing_that_fails_passes_nobody),
		TEST(looks_from_before_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

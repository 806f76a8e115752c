/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps that the front publishes, and how it goes on after a start.
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

/* ---- the publication ---- */

static void a_publication_that_fails_is_told_and_repeated(void **state)
{
	(void)state;
	start_quietly();
	write_file("reload.fail", "", 0644);
	freeze(ANN);
	EVENTUALLY(fails_with(ANN, "no mail system"));
	usleep(300000);
	assert_true(is_front(ANN, ACCOUNT_FRONT_CLOSING));
	assert_int_equal(count_events("lock"), 0);
	remove_file("reload.fail");
	EVENTUALLY(passed(ANN));
}

static void all_who_wait_share_a_reload(void **state)
{
	char address[64];

	(void)state;
	start_quietly();
	write_file("reload.hang", "0.5", 0644);
	freeze(BOB);
	usleep(100000);
	for (int i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "u%d@example.org", i);
		accounts_add(store, address, NULL);
		freeze(address);
	}
	for (int i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "u%d@example.org", i);
		EVENTUALLY(passed(address));
	}
	assert_int_equal(count_events("lock old"), 51);
	assert_true(count_events("reload") <= 3);
}

static void a_first_publication_that_fails_stops_the_start(void **state)
{
	struct error error = { "" };

	(void)state;
	config.maps.directory = (char *)"/nowhere/at/all";
	front = front_new(&config, store, logger, accounts_store_front, store);
	assert_int_equal(front_start(front, &error), -1);
	assert_non_null(strstr(error.text, "/nowhere/at/all"));
}

/* A flip that homes did not know of yet when the former run ended. */
static void a_start_never_answers_what_was_before(void **state)
{
	int64_t end;

	(void)state;
	config.maps.compact = 600000;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	front_free(&front);
	assert_string_equal(in("homes.db", ANN), OLD);
	for (int i = 0; i < 3000; i++) {
		char address[64];

		snprintf(address, sizeof(address), "u%d@example.org", i);
		accounts_add(store, address, NULL);
	}
	start();
	end = instant_monotonic() + 10000;
	do {
		assert_true(instant_monotonic() < end);
		assert_string_equal(answer(ANN), NEW);
	} while (in("moving.db", ANN)[0] != '\0');
	assert_string_equal(in("homes.db", "u2999@example.org"), OLD);
}

static void new_accounts_are_published_soon(void **state)
{
	(void)state;
	start_quietly();
	accounts_add(store, "joe@example.org", "joey@example.org");
	front_wake(front);
	EVENTUALLY(strcmp(in("homes.db", "joey@example.org"), OLD) == 0);
	accounts_remove(store, "joe@example.org");
	front_wake(front);
	EVENTUALLY(in("homes.db", "joe@example.org")[0] == '\0');
}

static void moving_shrinks_at_leisure(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	freeze(BOB);
	EVENTUALLY(passed(ANN) && passed(BOB));
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	EVENTUALLY(strcmp(in("homes.db", ANN), NEW) == 0);
	EVENTUALLY(in("moving.db", ANN)[0] == '\0');
	EVENTUALLY(strcmp(in("moving.db", BOB), PARK) == 0);
}

static void another_configuration_is_taken_up(void **state)
{
	(void)state;
	start_quietly();
	freeze(BOB);
	EVENTUALLY(passed(BOB));
	config.maps.park = (char *)"other-park:[127.0.0.1]:2";
	systems[0].deliver = (char *)"smtp:[older.example.net]:25";
	front_reconfigure(front, &config);
	EVENTUALLY(strcmp(in("homes.db", ANN), "smtp:[older.example.net]:25") ==
		   0);
	EVENTUALLY(
		strcmp(in("moving.db", BOB), "other-park:[127.0.0.1]:2") == 0);
	EVENTUALLY(count_events("reload") == 2);
	remove_file("homes.db");
	front_rebuild(front);
	EVENTUALLY(count_events("reload") == 3);
	assert_string_equal(in("homes.db", ANN), "smtp:[older.example.net]:25");
}
/* ---- the start ---- */

static void a_start_goes_on_where_a_crash_came(void **state)
{
	(void)state;
	accounts_freeze(store, ANN, instant_now());
	accounts_freeze(store, BOB, instant_now());
	accounts_flip(store, BOB);
	start();
	EVENTUALLY(passed(ANN));
	EVENTUALLY(is_front(BOB, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("lock old " ANN), 1);
	assert_int_equal(count_events("unlock new " BOB), 1);
	assert_true(count_events("reload") <= 2);
}

/* A barrier that had passed is asked for anew. */
static void a_closed_account_is_looked_for_again(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	front_free(&front);
	queue_one("active", TO(ANN), 0);
	remove_file("events");
	start();
	assert_string_equal(answer(ANN), PARK);
	EVENTUALLY(strcmp(in("homes.db", ANN), PARK) == 0);
	EVENTUALLY(waits_for(ANN, "queue", 1));
	usleep(50000);
	assert_false(passed(ANN));
	remove_file("queue");
	EVENTUALLY(passed(ANN));
	assert_int_equal(count_events("lock"), 0);
}

/* Freezes and their ends as fast as they come, with all that runs at once. */
static void many_freezes_at_once(void **state)
{
	char address[20][64];
	unsigned seed = 99;

	(void)state;
	start_quietly();
	for (int i = 0; i < 20; i++) {
		snprintf(address[i], 64, "u%d@example.org", i);
		accounts_add(store, address[i], NULL);
	}
	for (int round = 0; round < 60; round++) {
		const char *one = address[rand_r(&seed) % 20];

		switch (accounts_front(store, one)) {
		case ACCOUNT_FRONT_OPEN:
		case ACCOUNT_FRONT_OPENING:
			freeze(one);
			break;
		case ACCOUNT_FRONT_CLOSING:
			thaw(one);
			break;
		case ACCOUNT_FRONT_CLOSED:
			flip(one);
			break;
		}
		usleep(rand_r(&seed) % 20000);
	}
	for (int i = 0; i < 20; i++)
		if (!is_front(address[i], ACCOUNT_FRONT_OPEN))
			thaw(address[i]);
	for (int i = 0; i < 20; i++) {
		struct account account;
		struct error error;

		EVENTUALLY(is_front(address[i], ACCOUNT_FRONT_OPEN));
		store_get_account(store, address[i], &account, &error);
		assert_string_equal(answer(address[i]),
			account.home == ACCOUNT_SOURCE ? OLD : NEW);
		account_clear(&account);
	}
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, front_setup, front_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_publication_that_fails_is_told_and_repeated),
		TEST(all_who_wait_share_a_reload),
		TEST(a_first_publication_that_fails_stops_the_start),
		TEST(a_start_never_answers_what_was_before),
		TEST(new_accounts_are_published_soon),
		TEST(moving_shrinks_at_leisure),
		TEST(another_configuration_is_taken_up),
		TEST(a_start_goes_on_where_a_crash_came),
		TEST(a_closed_account_is_looked_for_again),
		TEST(many_freezes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

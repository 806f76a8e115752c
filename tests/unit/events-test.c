/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hub of `watch`, and the small parts beside it: steps of a freeze, counted
 * deferrals, log lines that do not flood, threads for work that waits.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "machine_fixture.h"
#include "policyd/pace.h"
#include "policyd/pool.h"
#include "policyd/steps.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALL	     SIZE_MAX

static void count_wake(void *context)
{
	__atomic_add_fetch((int *)context, 1, __ATOMIC_SEQ_CST);
}

static void publish(struct events *events, const char *address,
	const char *batch, const char *text)
{
	struct attr_list *event = attr_list_new();

	attr_list_add(event, "event", text);
	events_publish(events, address, batch, event);
	attr_list_free(&event);
}

static void test_who_gets_what(void **state)
{
	static const struct {
		const char *address, *batch;
		const char *gets;
	} rows[] = {
		{ NULL, NULL, "event=1\n\nevent=2\n\nevent=3\n\n" },
		{ "a@x", NULL, "event=1\n\nevent=3\n\n" },
		{ NULL, "b", "event=1\n\n" },
		{ "a@x", "b", "event=1\n\n" },
		{ "c@x", NULL, "" },
	};
	struct events_watcher *watchers[COUNT(rows)];
	int wakes[COUNT(rows)] = { 0 };
	struct events *events = events_new();

	(void)state;
	assert_false(events_wanted(events));
	publish(events, "a@x", NULL, "0");
	for (size_t i = 0; i < COUNT(rows); i++)
		watchers[i] = events_watch(events, rows[i].address,
			rows[i].batch, count_wake, &wakes[i]);
	assert_true(events_wanted(events));
	publish(events, "a@x", "b", "1");
	publish(events, "b@x", "", "2");
	publish(events, "a@x", NULL, "3");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buffer text = BUFFER_EMPTY;

		buffer_add_text(&text, "");
		assert_int_equal(
			events_take(events, watchers[i], &text, ALL), 1);
		assert_string_equal(
			text.data != NULL ? text.data : "", rows[i].gets);
		/* one wake, until everything was taken */
		assert_int_equal(wakes[i], rows[i].gets[0] != '\0');
		buffer_free(&text);
		events_unwatch(events, &watchers[i]);
	}
	assert_false(events_wanted(events));
	events_free(&events);
}

static void test_too_slow(void **state)
{
	struct events *events = events_new();
	struct buffer text = BUFFER_EMPTY;
	int wakes = 0, other_wakes = 0;
	struct events_watcher *slow =
		events_watch(events, NULL, NULL, count_wake, &wakes);
	struct events_watcher *other;
	int rounds = 0;

	(void)state;
	for (int i = 0; i < 3 * EVENTS_WAITING_MAX; i++)
		publish(events, "a@x", NULL, "x");
	other = events_watch(events, NULL, NULL, count_wake, &other_wakes);
	publish(events, "a@x", NULL, "y");
	assert_int_equal(other_wakes, 1);
	/* in pieces, as the client reads */
	while (events_take(events, slow, &text, text.size + 1000) == 1)
		rounds++;
	assert_true(rounds > 10);
	assert_int_equal(
		text.size, (EVENTS_WAITING_MAX - 1) * 9 +
				   strlen("event=end\nreason=too slow, events "
					  "were lost\n\n"));
	assert_non_null(strstr(text.data, "event=end\nreason=too slow"));
	events_unwatch(events, &slow);
	events_unwatch(events, &other);
	buffer_free(&text);
	events_free(&events);
}

static void test_end(void **state)
{
	struct events *events = events_new();
	struct buffer text = BUFFER_EMPTY;
	int wakes = 0;
	struct events_watcher *before =
		events_watch(events, NULL, NULL, count_wake, &wakes);
	struct events_watcher *after;

	(void)state;
	events_end(events, "policyd stops");
	publish(events, "a@x", NULL, "x");
	after = events_watch(events, NULL, NULL, count_wake, &wakes);
	assert_int_equal(wakes, 2);
	assert_int_equal(events_take(events, before, &text, ALL), 0);
	assert_int_equal(events_take(events, after, &text, ALL), 0);
	assert_string_equal(text.data, "event=end\nreason=policyd stops\n\n"
				       "event=end\nreason=policyd stops\n\n");
	events_unwatch(events, &before);
	events_unwatch(events, &after);
	buffer_free(&text);
	events_free(&events);
}

/* Publishers and watchers that come and go, for the thread sanitizer. */
static void *publish_many(void *context)
{
	for (int i = 0; i < 2000; i++)
		publish(context, "a@x", "b", "x");
	return NULL;
}

static void test_threads(void **state)
{
	struct events *events = events_new();
	pthread_t threads[4];
	int wakes = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_create(&threads[i], NULL, publish_many, events);
	for (int i = 0; i < 200; i++) {
		struct buffer text = BUFFER_EMPTY;
		struct events_watcher *watcher =
			events_watch(events, NULL, "b", count_wake, &wakes);

		events_take(events, watcher, &text, ALL);
		events_unwatch(events, &watcher);
		buffer_free(&text);
	}
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	events_free(&events);
}

/* What the machine tells: the change, and the account as it is then. */
static void test_machine_tells(void **state)
{
	struct bench *bench = bench_new("mem:");
	struct buffer text = BUFFER_EMPTY;
	struct account account;
	int wakes = 0;
	struct events_watcher *watcher;

	(void)state;
	bench_add(bench, "ann@example.org");
	watcher = events_watch(
		bench->events, "ann@example.org", NULL, count_wake, &wakes);
	bench_move(bench, "ann@example.org");
	events_take(bench->events, watcher, &text, ALL);
	assert_ptr_equal(strstr(text.data, "event=transition\n"
					   "from=settled\nto=requested\n"),
		text.data);
	assert_non_null(strstr(text.data, "\nphase=requested\n"));
	assert_non_null(strstr(text.data, "\nrevision=2\n"));
	assert_null(strstr(strstr(text.data, "home=") + 1, "home="));
	buffer_clear(&text);
	account = bench_get(bench, "ann@example.org");
	machine_deferred(bench->machine, &account, "annie@example.org");
	machine_deferred(bench->machine, &account, "annie@example.org");
	assert_int_equal(machine_hold(bench->machine, "ann@example.org", "wait",
				 "eve", NULL, &bench->error),
		CONTROL_OK);
	events_take(bench->events, watcher, &text, ALL);
	/* the second deferral within a second is counted, not told */
	assert_ptr_equal(strstr(text.data, "event=deferral\n"
					   "recipient=annie@example.org\n"
					   "deferred=1\n"
					   "address=ann@example.org\n"),
		text.data);
	assert_null(strstr(text.data, "deferred=2"));
	assert_non_null(strstr(text.data, "event=change\nwhat=hold\nby=eve\n"));
	events_unwatch(bench->events, &watcher);
	buffer_free(&text);
	bench_free(&bench);
}

static void test_steps(void **state)
{
	static const struct {
		const char *steps, *more;
		const char *merged; /* NULL: refused */
	} rows[] = {
		{ "", "", "" },
		{ "", "a=1", "a=1" },
		{ "a=1 b=2", "b=40 c=3", "a=1 b=42 c=3" },
		{ "", "a=1  a=2 ", "a=3" },
		{ "a=1", "", "a=1" },
		{ "a=1", "b", NULL },
		{ "a=1", "b=", NULL },
		{ "a=1", "=1", NULL },
		{ "a=1", "b=1x", NULL },
		{ "a=1", "b=-1", NULL },
		{ "a=1", "b=1,c=2", NULL },
		{ "a=1", "b=1234567890123456", NULL },
		{ "a=1", "b2345678901234567890123456789012x=1", NULL },
		/* what does not fit is left out */
		{ "aaaaaaaaaa=1", "bbbbbbbbbbbb=2 c=3", "aaaaaaaaaa=1 c=3" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char steps[24];
		struct error error;
		int result;

		strcpy(steps, rows[i].steps);
		result =
			steps_merge(steps, sizeof(steps), rows[i].more, &error);
		assert_int_equal(result, rows[i].merged != NULL ? 0 : -1);
		assert_string_equal(steps, rows[i].merged != NULL
						   ? rows[i].merged
						   : rows[i].steps);
	}
}

static void test_deferrals(void **state)
{
	struct deferrals *deferrals = deferrals_new();
	int64_t total;

	(void)state;
	assert_true(deferrals_count(deferrals, "a@x", 5000, &total));
	assert_false(deferrals_count(deferrals, "a@x", 5999, &total));
	assert_true(deferrals_count(deferrals, "b@x", 5999, &total));
	assert_int_equal(total, 1);
	assert_true(deferrals_count(deferrals, "a@x", 6000, &total));
	assert_int_equal(total, 3);
	assert_int_equal(deferrals_pending(deferrals, "a@x"), 3);
	/* one more comes between the look and the commit */
	deferrals_count(deferrals, "a@x", 6001, &total);
	deferrals_take(deferrals, "a@x", 3);
	assert_int_equal(deferrals_pending(deferrals, "a@x"), 1);
	deferrals_take(deferrals, "a@x", 1);
	assert_int_equal(deferrals_pending(deferrals, "a@x"), 0);
	deferrals_free(&deferrals);
}

static void test_pace(void **state)
{
	struct pace pace = { 0 };
	long count = 0;

	(void)state;
	assert_true(pace_allows(&pace, 60, &count));
	assert_int_equal(count, 1);
	assert_false(pace_allows(&pace, 60, &count));
	assert_false(pace_allows(&pace, 60, &count));
	usleep(70000);
	assert_true(pace_allows(&pace, 60, &count));
	assert_int_equal(count, 3);
	assert_false(pace_allows(&pace, 60, &count));
}

static void test_pool(void **state)
{
	struct pool *pool = pool_new(3);
	int done = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		pool_run(pool, count_wake, &done);
	pool_free(&pool);
	assert_int_equal(done, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_gets_what),
		cmocka_unit_test(test_too_slow),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_machine_tells),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_deferrals),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

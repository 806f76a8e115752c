/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: readiness is told once, timers are neither early nor lost,
 * work waits for its turn, and words of other threads arrive in order.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "gateway/loop.h"
#include "lib/instant.h"

struct bench {
	struct loop *loop;
	int end[2]; /* of a socket pair; the first is watched */
	struct loop_watch *watch;
	struct loop_timer timer, other;
	struct loop_work work, second;
	int told, turns;
	bool readable, writable;
	char order[64];
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				     bench->end) < 0)
		return -1;
	bench->loop = loop_new(NULL);
	*state = bench;
	return bench->loop == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	loop_watch_free(&bench->watch);
	loop_free(&bench->loop);
	assert_null(bench->loop);
	close(bench->end[0]);
	if (bench->end[1] >= 0)
		close(bench->end[1]);
	free(bench);
	return 0;
}

static void stop_run(void *context)
{
	struct bench *bench = context;

	loop_stop(bench->loop);
}

/* So long the loop runs, and then it can run again. */
static void run(struct bench *bench, int64_t ms)
{
	struct loop_timer end = { 0 };

	loop_timer_set(bench->loop, &end, ms, stop_run, bench);
	assert_int_equal(loop_run(bench->loop, NULL), 0);
}

static void ready(void *context, bool readable, bool writable)
{
	struct bench *bench = context;

	bench->told++;
	bench->readable |= readable;
	bench->writable |= writable;
}

/* Each event is told once, though nobody reads. */
static void test_edges(void **state)
{
	struct bench *bench = *state;

	bench->watch = loop_watch_new(bench->loop, bench->end[0], ready, bench);
	run(bench, 1);
	assert_int_equal(bench->told, 1);
	assert_false(bench->readable);
	assert_true(bench->writable);
	assert_int_equal(write(bench->end[1], "x", 1), 1);
	run(bench, 150);
	assert_int_equal(bench->told, 2);
	assert_true(bench->readable);
	run(bench, 1);
	assert_int_equal(bench->told, 2);
	close(bench->end[1]);
	bench->end[1] = -1;
	run(bench, 150);
	/* The end, and once more for who has read octets then. */
	assert_int_equal(bench->told, 4);
}

static void ready_reads_one(void *context, bool readable, bool writable)
{
	struct bench *bench = context;
	char octet;

	bench->told++;
	assert_true(readable);
	assert_false(writable);
	assert_int_equal(read(bench->end[0], &octet, 1), 1);
	if (octet == 'p')
		loop_watch_pause(bench->watch);
}

static void test_levels(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(write(bench->end[1], "xxpxx", 5), 5);
	bench->watch = loop_watch_level(
		bench->loop, bench->end[0], ready_reads_one, bench);
	run(bench, 150);
	assert_int_equal(bench->told, 3);
	loop_watch_pause(bench->watch);
	loop_watch_resume(bench->watch);
	loop_watch_resume(bench->watch);
	run(bench, 1);
	assert_int_equal(bench->told, 5);
}

static void ready_frees(void *context, bool readable, bool writable)
{
	struct bench *bench = context;

	(void)readable;
	(void)writable;
	bench->told++;
	loop_watch_free(&bench->watch);
}

static void test_freed_while_told(void **state)
{
	struct bench *bench = *state;

	bench->watch =
		loop_watch_new(bench->loop, bench->end[0], ready_frees, bench);
	run(bench, 150);
	assert_int_equal(bench->told, 1);
	assert_null(bench->watch);
}

/* Two that are ready at once: the first that is told frees the other. */
struct pair {
	struct loop_watch *watch[2];
	int told;
};

static void ready_frees_both(void *context, bool readable, bool writable)
{
	struct pair *pair = context;

	(void)readable;
	(void)writable;
	pair->told++;
	loop_watch_free(&pair->watch[0]);
	loop_watch_free(&pair->watch[1]);
}

static void test_freed_by_another(void **state)
{
	struct bench *bench = *state;
	struct pair pair = { 0 };

	for (int i = 0; i < 2; i++)
		pair.watch[i] = loop_watch_new(
			bench->loop, bench->end[i], ready_frees_both, &pair);
	run(bench, 1);
	assert_int_equal(pair.told, 1);
}

/* ---- time ---- */

static void due(void *context)
{
	int64_t *at = context;

	assert_int_equal(*at, 0);
	*at = instant_monotonic();
}

static void test_timers(void **state)
{
	static const int64_t after[] = { 0, 1, 99, 100, 101, 250, 399, 600 };
	enum { TIMERS = sizeof(after) / sizeof(after[0]) };
	struct bench *bench = *state;
	struct loop_timer timers[TIMERS] = { 0 };
	int64_t at[TIMERS] = { 0 };
	int64_t begun = loop_now(bench->loop);

	for (int i = 0; i < TIMERS; i++)
		loop_timer_set(bench->loop, &timers[i], after[i], due, &at[i]);
	run(bench, 700);
	for (int i = 0; i < TIMERS; i++) {
		if (at[i] < begun + after[i])
			fail_msg("%d ms: %d", (int)after[i],
				(int)(at[i] - begun));
		/* Late by two ticks, and by what a busy machine takes. */
		assert_true(at[i] < begun + after[i] + 2 * LOOP_TICK + 1000);
	}
}

/* Later, earlier, not at all, far beyond a round of the wheel. */
static void test_timers_set_anew(void **state)
{
	struct bench *bench = *state;
	struct loop_timer far = { 0 };
	int64_t begun = loop_now(bench->loop), later = 0, never = 0;
	int64_t earlier = 0;

	loop_timer_set(bench->loop, &far, INT64_C(1000000), due, &never);
	loop_timer_set(bench->loop, &bench->timer, 100, due, &later);
	loop_timer_set(bench->loop, &bench->timer, 5000, due, &later);
	loop_timer_set(bench->loop, &bench->timer, 500, due, &later);
	loop_timer_set(bench->loop, &bench->other, 1, due, &never);
	loop_timer_clear(bench->loop, &bench->other);
	loop_timer_clear(bench->loop, &bench->other);
	loop_timer_set(bench->loop, &bench->other, 5000, due, &earlier);
	loop_timer_set(bench->loop, &bench->other, 100, due, &earlier);
	run(bench, 350);
	assert_int_equal(later, 0);
	assert_true(earlier >= begun + 100);
	run(bench, 350);
	assert_true(later >= begun + 500);
	assert_int_equal(never, 0);
	/* A multiple of a round comes by in the slot of now. */
	loop_timer_set(
		bench->loop, &far, INT64_C(1024) * LOOP_TICK, due, &never);
	run(bench, 150);
	assert_int_equal(never, 0);
	loop_timer_clear(bench->loop, &far);
}

static void due_clears_other(void *context)
{
	struct bench *bench = context;

	bench->told++;
	loop_timer_clear(bench->loop, &bench->timer);
	loop_timer_clear(bench->loop, &bench->other);
}

static void due_again(void *context)
{
	struct bench *bench = context;

	if (++bench->turns < 3)
		loop_timer_set(bench->loop, &bench->timer, 1, due_again, bench);
}

static void test_timers_in_callbacks(void **state)
{
	struct bench *bench = *state;

	loop_timer_set(bench->loop, &bench->timer, 50, due_clears_other, bench);
	loop_timer_set(bench->loop, &bench->other, 50, due_clears_other, bench);
	run(bench, 200);
	assert_int_equal(bench->told, 1);
	loop_timer_set(bench->loop, &bench->timer, 1, due_again, bench);
	run(bench, 700);
	assert_int_equal(bench->turns, 3);
}

/* The wheel stands still without timers, and begins with the next. */
static void test_timer_after_a_pause(void **state)
{
	struct bench *bench = *state;
	const struct timespec pause = { .tv_nsec = 250000000 };
	int64_t at = 0, begun;

	run(bench, 1);
	nanosleep(&pause, NULL);
	run(bench, 1);
	begun = instant_monotonic();
	loop_timer_set(bench->loop, &bench->timer, 200, due, &at);
	run(bench, 400);
	assert_true(at >= begun + 200 - 1);
}

/* ---- work ---- */

static void work_second(void *context)
{
	struct bench *bench = context;

	strcat(bench->order, "2");
}

static void work_again(void *context)
{
	struct bench *bench = context;

	strcat(bench->order, "1");
	if (++bench->turns < 3)
		loop_defer(bench->loop, &bench->work, work_again, bench);
	else
		loop_stop(bench->loop);
}

static void ready_notes(void *context, bool readable, bool writable)
{
	struct bench *bench = context;
	char octet;

	(void)readable;
	(void)writable;
	assert_int_equal(read(bench->end[0], &octet, 1), 1);
	strcat(bench->order, "r");
}

/* What is ready has its turn between two turns of work. */
static void test_work(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(write(bench->end[1], "xxxxxxxx", 8), 8);
	bench->watch = loop_watch_level(
		bench->loop, bench->end[0], ready_notes, bench);
	loop_defer(bench->loop, &bench->work, work_again, bench);
	loop_defer(bench->loop, &bench->second, work_second, bench);
	loop_defer(bench->loop, &bench->work, work_again, bench);
	assert_int_equal(loop_run(bench->loop, NULL), 0);
	assert_string_equal(bench->order, "r12r1r1");
}

static void work_undoes(void *context)
{
	struct bench *bench = context;

	strcat(bench->order, "u");
	loop_undefer(bench->loop, &bench->second);
	loop_undefer(bench->loop, &bench->second);
}

static void test_work_undone(void **state)
{
	struct bench *bench = *state;

	loop_defer(bench->loop, &bench->work, work_undoes, bench);
	loop_defer(bench->loop, &bench->second, work_second, bench);
	run(bench, 1);
	assert_string_equal(bench->order, "u");
	loop_defer(bench->loop, &bench->second, work_second, bench);
	loop_undefer(bench->loop, &bench->second);
	loop_defer(bench->loop, &bench->work, work_undoes, bench);
	run(bench, 1);
	assert_string_equal(bench->order, "uu");
}

/* ---- other threads ---- */

enum { POSTS = 10000, POSTERS = 4 };

struct poster {
	struct bench *bench;
	struct loop_post posts[POSTS];
	size_t heard;
	size_t *all;
};

static void heard(void *context)
{
	struct poster *poster = context;

	poster->heard++;
	if (++*poster->all == (size_t)POSTERS * POSTS)
		loop_stop(poster->bench->loop);
}

static void *poster_run(void *context)
{
	struct poster *poster = context;

	for (size_t i = 0; i < POSTS; i++)
		loop_post(
			poster->bench->loop, &poster->posts[i], heard, poster);
	return NULL;
}

static void test_posts(void **state)
{
	struct bench *bench = *state;
	struct poster *posters = calloc(POSTERS, sizeof(*posters));
	pthread_t threads[POSTERS];
	size_t all = 0;

	for (int i = 0; i < POSTERS; i++) {
		posters[i].bench = bench;
		posters[i].all = &all;
		assert_int_equal(pthread_create(&threads[i], NULL, poster_run,
					 &posters[i]),
			0);
	}
	assert_int_equal(loop_run(bench->loop, NULL), 0);
	for (int i = 0; i < POSTERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(posters[i].heard, POSTS);
	}
	free(posters);
}

static void post_notes(void *context)
{
	strcat(context, "p");
}

static void test_posts_in_order(void **state)
{
	struct bench *bench = *state;
	struct loop_post first, second;

	loop_post(bench->loop, &first, post_notes, bench->order);
	loop_post(bench->loop, &second, work_second, bench);
	run(bench, 1);
	assert_string_equal(bench->order, "p2");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_edges),
		TEST(test_levels),
		TEST(test_freed_while_told),
		TEST(test_freed_by_another),
		TEST(test_timers),
		TEST(test_timers_set_anew),
		TEST(test_timers_in_callbacks),
		TEST(test_timer_after_a_pause),
		TEST(test_work),
		TEST(test_work_undone),
		TEST(test_posts),
		TEST(test_posts_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

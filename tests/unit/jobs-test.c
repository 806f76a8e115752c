/* SPDX-License-Identifier: BSD-2-Clause */
/* Job threads: every job is done once, a hung one does not stop the others. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>
#include <cmocka.h>

#include "policyd/jobs.h"

static atomic_int done, running, most;

static void count(void *context)
{
	int now = ++running;
	int seen = most;

	(void)context;
	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
		;
	usleep(500);
	running--;
	done++;
}

static void every_job_is_done_within_the_limit(void **state)
{
	struct jobs *jobs = jobs_new(4);

	(void)state;
	done = most = 0;
	for (int i = 0; i < 300; i++)
		jobs_add(jobs, count, NULL);
	jobs_free(&jobs);
	assert_null(jobs);
	jobs_free(&jobs);
	assert_int_equal(done, 300);
	assert_true(most <= 4);
	assert_true(most > 1);
}

static void hang(void *context)
{
	sem_wait(context);
	done++;
}

static void post(void *context)
{
	sem_post(context);
}

static void a_hung_job_does_not_stop_others(void **state)
{
	struct jobs *jobs = jobs_new(2);
	sem_t hung, other;

	(void)state;
	done = 0;
	sem_init(&hung, 0, 0);
	sem_init(&other, 0, 0);
	alarm(20);
	jobs_add(jobs, hang, &hung);
	for (int i = 0; i < 10; i++) {
		jobs_add(jobs, post, &other);
		sem_wait(&other);
	}
	alarm(0);
	assert_int_equal(done, 0);
	sem_post(&hung);
	jobs_free(&jobs);
	assert_int_equal(done, 1);
	sem_destroy(&hung);
	sem_destroy(&other);
}

static int order[50];

static void note(void *context)
{
	order[done++] = (int)(intptr_t)context;
}

static void one_thread_keeps_the_order(void **state)
{
	struct jobs *jobs = jobs_new(1);

	(void)state;
	done = 0;
	for (int i = 0; i < 50; i++)
		jobs_add(jobs, note, (void *)(intptr_t)i);
	jobs_free(&jobs);
	for (int i = 0; i < 50; i++)
		assert_int_equal(order[i], i);
}

static void nothing_to_do(void **state)
{
	struct jobs *jobs = jobs_new(3);

	(void)state;
	jobs_free(&jobs);
	assert_null(jobs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_is_done_within_the_limit),
		cmocka_unit_test(a_hung_job_does_not_stop_others),
		cmocka_unit_test(one_thread_keeps_the_order),
		cmocka_unit_test(nothing_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs and the threads that carry them out. */
#include "config.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "policyd/jobs.h"

struct job {
	jobs_fn *function;
	void *context;
	struct job *next;
};

struct jobs {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job *first;
	struct job **end;
	size_t waiting; /* jobs */
	size_t idle;	/* threads */
	bool ending;
	size_t threads_max;
	size_t threads_count;
	pthread_t threads[];
};

struct jobs *jobs_new(size_t threads_max)
{
	struct jobs *jobs =
		xcalloc(1, sizeof(*jobs) + threads_max * sizeof(pthread_t));

	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->changed, NULL);
	jobs->end = &jobs->first;
	jobs->threads_max = threads_max;
	return jobs;
}

/* Takes the first job, waiting for one; NULL at the end. */
static struct job *jobs_take(struct jobs *jobs)
{
	struct job *job;

	while (jobs->first == NULL && !jobs->ending) {
		jobs->idle++;
		pthread_cond_wait(&jobs->changed, &jobs->lock);
		jobs->idle--;
	}
	job = jobs->first;
	if (job == NULL)
		return NULL;
	jobs->first = job->next;
	if (jobs->first == NULL)
		jobs->end = &jobs->first;
	jobs->waiting--;
	return job;
}

static void *jobs_run(void *context)
{
	struct jobs *jobs = context;
	struct job *job;

	pthread_mutex_lock(&jobs->lock);
	while ((job = jobs_take(jobs)) != NULL) {
		pthread_mutex_unlock(&jobs->lock);
		job->function(job->context);
		free(job);
		pthread_mutex_lock(&jobs->lock);
	}
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

void jobs_add(struct jobs *jobs, jobs_fn *function, void *context)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->function = function;
	job->context = context;
	pthread_mutex_lock(&jobs->lock);
	*jobs->end = job;
	jobs->end = &job->next;
	jobs->waiting++;
	/* Without a new thread (none can be had) it waits for an old one;
	 * without any thread at all nothing would ever be done. */
	if (jobs->waiting > jobs->idle &&
		jobs->threads_count < jobs->threads_max) {
		if (pthread_create(&jobs->threads[jobs->threads_count], NULL,
			    jobs_run, jobs) == 0)
			jobs->threads_count++;
		else if (jobs->threads_count == 0)
			abort();
	}
	pthread_cond_signal(&jobs->changed);
	pthread_mutex_unlock(&jobs->lock);
}

void jobs_free(struct jobs **jobs_pointer)
{
	struct jobs *jobs = *jobs_pointer;

	if (jobs == NULL)
		return;
	pthread_mutex_lock(&jobs->lock);
	jobs->ending = true;
	pthread_cond_broadcast(&jobs->changed);
	pthread_mutex_unlock(&jobs->lock);
	for (size_t i = 0; i < jobs->threads_count; i++)
		pthread_join(jobs->threads[i], NULL);
	pthread_cond_destroy(&jobs->changed);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs);
	*jobs_pointer = NULL;
}

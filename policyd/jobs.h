/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A handful of threads that carry out jobs which wait for other programs. A
 * thread is started when a job finds none free, up to the limit; further jobs
 * wait in the order they came.
 */
#ifndef REHOME_JOBS_H
#define REHOME_JOBS_H

#include <stddef.h>

struct jobs;

typedef void jobs_fn(void *context);

struct jobs *jobs_new(size_t threads_max);
/* Carries out what was added, waits for its end, frees. */
void jobs_free(struct jobs **jobs);

/* Any thread; never waits. */
void jobs_add(struct jobs *jobs, jobs_fn *function, void *context);

#endif

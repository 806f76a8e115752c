/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads for work that may wait: for the disk, for a lock, for seconds of a
 * backup. The event loops hand it over and go on.
 */
#ifndef REHOME_POOL_H
#define REHOME_POOL_H

#include <stddef.h>

struct pool;

typedef void pool_fn(void *context);

struct pool *pool_new(size_t threads);
/* Finishes all that was handed over first. */
void pool_free(struct pool **pool);

/* Has fn run by one of the threads, in the order of the calls. Never waits;
 * the caller bounds how much it hands over. Any thread. */
void pool_run(struct pool *pool, pool_fn *fn, void *context);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that take work from one queue. */
#include "config.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "policyd/pool.h"

struct pool_work {
	struct pool_work *next;
	pool_fn *fn;
	void *context;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct pool_work *first, **last;
	bool stopping;
	size_t count;
	pthread_t threads[];
};

static void *pool_thread(void *context)
{
	struct pool *pool = context;
	struct pool_work *work;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		work = pool->first;
		if (work == NULL && pool->stopping)
			break;
		if (work == NULL) {
			pthread_cond_wait(&pool->changed, &pool->lock);
			continue;
		}
		pool->first = work->next;
		if (pool->first == NULL)
			pool->last = &pool->first;
		pthread_mutex_unlock(&pool->lock);
		work->fn(work->context);
		free(work);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct pool *pool_new(size_t threads)
{
	struct pool *pool =
		xcalloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));

	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	pool->last = &pool->first;
	for (; pool->count < threads; pool->count++)
		if (pthread_create(&pool->threads[pool->count], NULL,
			    pool_thread, pool) != 0)
			abort();
	return pool;
}

void pool_free(struct pool **pool)
{
	if (*pool == NULL)
		return;
	pthread_mutex_lock(&(*pool)->lock);
	(*pool)->stopping = true;
	pthread_cond_broadcast(&(*pool)->changed);
	pthread_mutex_unlock(&(*pool)->lock);
	for (size_t i = 0; i < (*pool)->count; i++)
		pthread_join((*pool)->threads[i], NULL);
	pthread_cond_destroy(&(*pool)->changed);
	pthread_mutex_destroy(&(*pool)->lock);
	free(*pool);
	*pool = NULL;
}

void pool_run(struct pool *pool, pool_fn *fn, void *context)
{
	struct pool_work *work = xcalloc(1, sizeof(*work));

	work->fn = fn;
	work->context = context;
	pthread_mutex_lock(&pool->lock);
	*pool->last = work;
	pool->last = &work->next;
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}

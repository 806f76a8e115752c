/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The looks at the queue: one listing serves all who wait. For a closed account
 * it tells whether a delivery to it is still under way.
 *
 * What stands in the way of a barrier is an entry in active or incoming with a
 * recipient of the account that was not tried in this run and that arrived
 * before the maps were published; what came later is routed by the new maps.
 * After a reload Postfix keeps an entry that an old process is still
 * delivering in incoming, for a minute even when that is over: such an entry is
 * flushed, so that it is looked at again at once.
 * An entry in maildrop has not been routed at all, and will be by the new maps:
 * one that is ours, or of which it cannot be seen whose it is, is waited for no
 * longer than FRONT_MAILDROP_MS, so that mail that is stuck there does not stop
 * every freeze.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/front_private.h"

#define FRONT_MAILDROP_MS   3000
#define FRONT_LOOK_PAUSE_MS 5	 /* while somebody asks for the barrier */
#define FRONT_LOOK_IDLE_MS  1000 /* while nobody does */
#define FRONT_ASKED_MS	    2000 /* the last question counts so long */
#define FRONT_LOOK_RETRY_MS 500
#define FRONT_POKE_MS	    250
#define FRONT_POKES_MAX	    16

struct front_look {
	char (*addresses)[ADDRESS_SIZE];
	uint64_t *serials;
	size_t count;
	int64_t began; /* monotonic */
	bool waiting;  /* entries that wait for another try are wanted */
	struct front_settings *settings;
	char (*pokes)[QUEUE_ID_SIZE];
	size_t pokes_count;
};

static bool front_look_wants(const struct front_task *task, int64_t now)
{
	return task->step == FRONT_QUEUE && !task->busy &&
	       task->look_at <= now &&
	       (task->state != ACCOUNT_FRONT_OPENING ||
		       task->visible_at <= now);
}

/* When the next look is due. */
static int64_t front_look_next(const struct front *front)
{
	const struct front_task *task;
	int64_t next = INSTANT_NEVER;

	if (front->settings->config->queue.list == NULL)
		return next;
	for (task = front->tasks; task != NULL; task = task->next) {
		int64_t at = task->look_at;

		if (task->step != FRONT_QUEUE || task->busy)
			continue;
		if (task->state == ACCOUNT_FRONT_OPENING &&
			task->visible_at > at)
			at = task->visible_at;
		if (at < next)
			next = at;
	}
	return next;
}

/* The tasks that the next look is for. Lock held. */
static void front_look_begin(struct front *front, struct front_look *look)
{
	int64_t now = instant_monotonic();
	struct front_task *task;

	memset(look, 0, sizeof(*look));
	look->began = now;
	look->addresses =
		xcalloc(front->tasks_count + 1, sizeof(*look->addresses));
	look->serials = xcalloc(front->tasks_count + 1, sizeof(*look->serials));
	look->pokes = xcalloc(FRONT_POKES_MAX, sizeof(*look->pokes));
	look->settings = front_settings_take(front);
	for (task = front->tasks; task != NULL; task = task->next) {
		if (!front_look_wants(task, now))
			continue;
		memcpy(look->addresses[look->count], task->address,
			ADDRESS_SIZE);
		look->serials[look->count++] = task->serial;
		if (task->state == ACCOUNT_FRONT_OPENING)
			look->waiting = true;
	}
}

static void front_look_end(struct front *front, struct front_look *look)
{
	front_settings_give(front, look->settings);
	free(look->addresses);
	free(look->serials);
	free(look->pokes);
}

/* ---- the barrier ---- */

static bool front_maildrop_counts(
	const struct front_task *task, const struct queue_found *found)
{
	return found->arrival <= task->published + FRONT_ARRIVAL_MS &&
	       instant_now() < task->closed + FRONT_MAILDROP_MS;
}

static bool front_barrier_counts(
	const struct front_task *task, const struct queue_found *found)
{
	switch (found->where) {
	case QUEUE_ACTIVE:
	case QUEUE_INCOMING:
		return !found->tried &&
		       found->arrival <= task->published + FRONT_ARRIVAL_MS;
	case QUEUE_MAILDROP:
		return front_maildrop_counts(task, found);
	case QUEUE_DEFERRED:
	case QUEUE_HOLD:
		break;
	}
	return false;
}

static void front_barrier_poke(struct front_look *look,
	const struct front_task *task, const struct queue_found *found,
	size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (found[i].where == QUEUE_INCOMING &&
			front_barrier_counts(task, &found[i]) &&
			look->pokes_count < FRONT_POKES_MAX)
			memcpy(look->pokes[look->pokes_count++], found[i].id,
				QUEUE_ID_SIZE);
}

static void front_barrier_judge(struct front *front, struct front_look *look,
	struct front_task *task, const struct queue_search *search,
	size_t account)
{
	int64_t now = instant_monotonic();
	size_t count, unseen_count;
	const struct queue_found *found =
		queue_search_found(search, account, &count);
	const struct queue_found *unseen =
		queue_search_unseen(search, &unseen_count);

	task->entries = 0;
	for (size_t i = 0; i < count; i++)
		if (front_barrier_counts(task, &found[i]))
			task->entries++;
	for (size_t i = 0; i < unseen_count; i++)
		if (front_maildrop_counts(task, &unseen[i]))
			task->entries++;
	if (task->entries == 0 && ++task->clean >= FRONT_CLEAN_LOOKS) {
		front_task_step(task, FRONT_PASSED);
		log_account(front->log, LOG_INFO, task->address,
			"no delivery is under way any more");
		return;
	}
	if (task->entries > 0)
		task->clean = 0;
	if (task->entries > 0 && now >= task->poked_at + FRONT_POKE_MS) {
		task->poked_at = now;
		front_barrier_poke(look, task, found, count);
	}
	task->look_at = now;
	if (task->entries > 0)
		task->look_at += now - task->asked_at < FRONT_ASKED_MS
					 ? FRONT_LOOK_PAUSE_MS
					 : FRONT_LOOK_IDLE_MS;
}

/* ---- a look ---- */

static void front_look_failed(
	struct front *front, struct front_task *task, const struct error *error)
{
	front_task_fail(task, error, FRONT_LOOK_RETRY_MS, FRONT_LOOK_RETRY_MS);
	task->look_at = task->retry_at;
	task->clean = 0;
	if (task->state == ACCOUNT_FRONT_OPENING)
		front_flush_blind(front, task);
}

static void front_look_apply(struct front *front, struct front_look *look,
	const struct queue_search *search, int result,
	const struct error *error)
{
	for (size_t i = 0; i < look->count; i++) {
		struct front_task *task = front_task_current(
			front, look->addresses[i], look->serials[i]);
		const struct queue_found *found;
		size_t count;

		if (task == NULL || task->step != FRONT_QUEUE || task->busy)
			continue;
		if (result < 0) {
			front_look_failed(front, task, error);
			continue;
		}
		task->failed = false;
		task->failures = 0;
		found = queue_search_found(search, i, &count);
		if (task->state == ACCOUNT_FRONT_CLOSED)
			front_barrier_judge(front, look, task, search, i);
		else
			front_flush_judge(
				front, task, look->began, found, count);
	}
	pthread_cond_signal(&front->changed);
}

/* Lists the queue for those who wait. The lock is not held. */
static void front_look_do(struct front *front, struct front_look *look)
{
	const struct config *config = look->settings->config;
	struct queue_search *search = queue_search_new(config, front->store);
	struct error error = { "" };
	int result = 0;

	for (size_t i = 0; i < look->count && result == 0; i++)
		result = queue_search_add(search, look->addresses[i], &error);
	if (result == 0)
		result = queue_search_run(search, look->waiting, &error);
	pthread_mutex_lock(&front->lock);
	front_log_news(front, &front->look_error, result, &error);
	front_look_apply(front, look, search, result, &error);
	pthread_mutex_unlock(&front->lock);
	queue_search_free(&search);
	for (size_t i = 0; i < look->pokes_count; i++)
		if (config->queue.flush != NULL &&
			queue_flush(config->queue.flush, look->pokes[i],
				(int)config->queue.timeout, &error) < 0) {
			log_write(front->log, LOG_WARNING, "%s", error.text);
			break;
		}
}

void *front_looking(void *context)
{
	struct front *front = context;
	struct front_look look;

	pthread_mutex_lock(&front->lock);
	while (!front->ending) {
		int64_t next = front_look_next(front);

		if (next > instant_monotonic()) {
			front_wait(front, &front->look, next);
			continue;
		}
		front_look_begin(front, &look);
		pthread_mutex_unlock(&front->lock);
		front_look_do(front, &look);
		pthread_mutex_lock(&front->lock);
		front_look_end(front, &look);
	}
	pthread_mutex_unlock(&front->lock);
	return NULL;
}

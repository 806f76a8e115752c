/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of tasks, and how it follows the store. */
#include "config.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/front_private.h"

static int front_task_compare(const void *one, const void *other)
{
	return strcmp(one, other);
}

struct front_task *front_task_find(struct front *front, const char *address)
{
	struct front_task **found =
		tfind(address, &front->tree, front_task_compare);

	return found != NULL ? *found : NULL;
}

struct front_task *front_task_current(
	struct front *front, const char *address, uint64_t serial)
{
	struct front_task *task = front_task_find(front, address);

	return task != NULL && task->serial == serial ? task : NULL;
}

void front_task_step(struct front_task *task, enum front_step step)
{
	task->step = step;
	if (step == FRONT_QUEUE)
		task->queue_at = instant_monotonic();
	task->failed = false;
	task->failures = 0;
	task->retry_at = 0;
	task->look_at = 0;
	task->clean = 0;
	task->progress_at = instant_monotonic();
}

void front_task_fail(struct front_task *task, const struct error *error,
	int64_t min, int64_t max)
{
	task->failed = true;
	task->error = *error;
	task->failures++;
	task->retry_at =
		instant_monotonic() + account_backoff(task->failures, min, max);
}

static struct front_task *front_task_new(
	struct front *front, const char *address)
{
	struct front_task *task = xcalloc(1, sizeof(*task));

	memcpy(task->address, address, strlen(address) + 1);
	if (tsearch(task, &front->tree, front_task_compare) == NULL)
		abort();
	task->next = front->tasks;
	front->tasks = task;
	front->tasks_count++;
	return task;
}

static void front_task_free(struct front *front, struct front_task *task)
{
	tdelete(task->address, &front->tree, front_task_compare);
	front->tasks_count--;
	free(task->flushed);
	free(task);
}

void front_tasks_free(struct front *front)
{
	struct front_task *task;

	while ((task = front->tasks) != NULL) {
		front->tasks = task->next;
		front_task_free(front, task);
	}
}

/* Begins a state anew. A job of the former state may still be under way. */
static void front_task_begin(struct front *front, struct front_task *task,
	const struct account *account)
{
	task->state = account->front;
	task->frozen_at = account->frozen_at;
	task->serial = ++front->serial;
	task->round = 0;
	task->hooked = false;
	task->since = instant_monotonic();
	task->visible_at = 0;
	task->published_at = task->since;
	/* Of a freeze that was closed before we were started it is not known
	 * when its maps were published: not later than now. */
	task->published = instant_now();
	task->closed = task->published;
	task->publish_ms = task->reload_ms = task->hook_ms = 0;
	task->asked_at = 0;
	task->poked_at = 0;
	task->entries = 0;
	task->flush_ms = 0;
	task->flush_failures = 0;
	task->flush_failed[0] = '\0';
	free(task->flushed);
	task->flushed = NULL;
	task->flushed_count = 0;
	front_task_step(task, account->front == ACCOUNT_FRONT_CLOSED
				      ? FRONT_QUEUE
				      : FRONT_PUBLISH);
}

static void front_task_see(struct front *front, const struct account *account)
{
	struct front_task *task = front_task_find(front, account->address);
	bool fresh = task == NULL;

	if (fresh)
		task = front_task_new(front, account->address);
	task->scan = front->scan;
	/* Read before a job of ours has written what the task knows already. */
	if (!fresh && task->frozen_at == account->frozen_at &&
		account->revision < task->revision)
		return;
	if (fresh || task->state != account->front ||
		task->frozen_at != account->frozen_at)
		front_task_begin(front, task, account);
	task->revision = account->revision;
}

static bool front_tasks_scanned(const struct account *account, void *context)
{
	struct front *front = context;

	/* Before the lock is taken: the maps have one of their own. */
	maps_touch(front->maps, account->address);
	if (account->front == ACCOUNT_FRONT_OPEN)
		return true;
	pthread_mutex_lock(&front->lock);
	front_task_see(front, account);
	pthread_mutex_unlock(&front->lock);
	return true;
}

/* Tasks that the scan did not meet are done. A busy one is left until its job
 * has come back. */
static void front_tasks_sweep(struct front *front)
{
	struct front_task **link = &front->tasks, *task;

	while ((task = *link) != NULL) {
		if (task->scan == front->scan) {
			link = &task->next;
		} else if (task->busy) {
			task->serial = ++front->serial;
			task->state = ACCOUNT_FRONT_OPEN;
			link = &task->next;
		} else {
			*link = task->next;
			front_task_free(front, task);
		}
	}
}

int front_tasks_refresh(struct front *front, struct error *error)
{
	struct store_filter busy = { .front_busy = true };
	int result;

	pthread_mutex_lock(&front->lock);
	front->scan++;
	pthread_mutex_unlock(&front->lock);
	result = store_scan_accounts(
		front->store, &busy, front_tasks_scanned, front, error);
	if (result < 0)
		return -1;
	pthread_mutex_lock(&front->lock);
	front_tasks_sweep(front);
	pthread_mutex_unlock(&front->lock);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * After an opening: what waits in the queue for the account is tried again,
 * oldest first, until nothing that could have met the freeze waits any more,
 * and once more when the mail server is surely through with the reload: until
 * then it may park what comes in, or what was flushed.
 * An entry that arrived after that never met the freeze. One
 * that is deferred again is flushed once more, after FRONT_FLUSH_AGAIN_MS, and
 * then left to the mail server: it waits for another reason, such as a new
 * home that does not answer. Entries on hold are the operator's.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/xalloc.h"
#include "policyd/front_private.h"

#define FRONT_FLUSH_TRIES    2
#define FRONT_FLUSH_AGAIN_MS 2000
#define FRONT_FLUSH_LOOK_MS  200
/* Postfix takes up in any order what it finds in incoming at once. So that the
 * order is kept, it is given a moment for each of the first entries; of very
 * many, time matters more. */
#define FRONT_FLUSH_PAUSE_MS 10
#define FRONT_FLUSH_PAUSES   100
/* Waiting for what is still under way ends so long after the last sign of
 * progress. */
#define FRONT_FLUSH_IDLE_MS  30000
#define FRONT_FLUSH_RETRY_MS 1000
#define FRONT_FLUSH_FAILURES 5 /* of the command; then it is given up */

struct front_flush_item {
	char id[QUEUE_ID_SIZE];
	int64_t arrival;
};

struct front_flush_job {
	struct front *front;
	struct front_settings *settings;
	char address[ADDRESS_SIZE];
	uint64_t serial;
	size_t count;
	size_t done;
	struct front_flush_item items[];
};

static int front_flushed_compare(const void *one, const void *other)
{
	return strcmp(one, other);
}

static struct front_flushed *front_flushed_find(
	struct front_task *task, const char *id)
{
	return task->flushed_count == 0
		       ? NULL
		       : bsearch(id, task->flushed, task->flushed_count,
				 sizeof(*task->flushed), front_flushed_compare);
}

/* Notes that these were flushed. */
static void front_flushed_add(struct front_task *task,
	const struct front_flush_item *items, size_t count)
{
	size_t known = task->flushed_count;
	int64_t now = instant_monotonic();

	task->flushed = xreallocarray(
		task->flushed, known + count + 1, sizeof(*task->flushed));
	for (size_t i = 0; i < count; i++) {
		struct front_flushed *flushed =
			known == 0 ? NULL
				   : bsearch(items[i].id, task->flushed, known,
					     sizeof(*task->flushed),
					     front_flushed_compare);

		if (flushed == NULL) {
			flushed = &task->flushed[task->flushed_count++];
			memcpy(flushed->id, items[i].id, QUEUE_ID_SIZE);
			flushed->tries = 0;
		}
		flushed->tries++;
		flushed->at = now;
	}
	qsort(task->flushed, task->flushed_count, sizeof(*task->flushed),
		front_flushed_compare);
}

/* Nothing is waited for any more. */
static void front_flush_over(struct front_task *task)
{
	if (task->clean == 0)
		task->flush_ms = instant_monotonic() - task->queue_at;
	front_task_step(task, FRONT_WRITE);
}

/* ---- the job ---- */

static bool front_flush_goes_on(struct front_flush_job *job)
{
	struct front *front = job->front;
	bool result;

	pthread_mutex_lock(&front->lock);
	result = !front->ending &&
		 front_task_current(front, job->address, job->serial) != NULL;
	pthread_mutex_unlock(&front->lock);
	return result;
}

static void front_flush_note_failure(
	struct front_task *task, const struct front_flush_job *job, int result)
{
	if (result == 0 || job->done > 0)
		task->flush_failures = 0;
	if (result == 0)
		return;
	task->flush_failures++;
	memcpy(task->flush_failed, job->items[job->done].id, QUEUE_ID_SIZE);
}

static void front_flush_finish(struct front_flush_job *job, int result)
{
	struct front *front = job->front;
	struct front_task *task;

	pthread_mutex_lock(&front->lock);
	task = front_task_find(front, job->address);
	task->busy = false; /* and so it is still there */
	if (task->serial == job->serial) {
		front_flushed_add(task, job->items, job->done);
		task->progress_at = instant_monotonic();
		task->look_at = task->progress_at;
		front_flush_note_failure(task, job, result);
		if (task->flush_failures >= FRONT_FLUSH_FAILURES)
			front_flush_over(task);
		else if (result < 0)
			task->look_at += FRONT_FLUSH_RETRY_MS;
	}
	front_settings_give(front, job->settings);
	pthread_cond_signal(&front->changed);
	pthread_cond_signal(&front->look);
	pthread_mutex_unlock(&front->lock);
}

static void front_flush_pause(const struct front_flush_job *job)
{
	const struct timespec pause = {
		.tv_nsec = FRONT_FLUSH_PAUSE_MS * 1000000,
	};

	if (job->done < job->count && job->done <= FRONT_FLUSH_PAUSES)
		nanosleep(&pause, NULL);
}

static void front_flush_job(void *context)
{
	struct front_flush_job *job = context;
	const struct config *config = job->settings->config;
	struct error error = { "" };
	int result = 0;

	while (result == 0 && job->done < job->count &&
		front_flush_goes_on(job)) {
		result = queue_flush(config->queue.flush,
			job->items[job->done].id, (int)config->queue.timeout,
			&error);
		if (result == 0) {
			job->done++;
			front_flush_pause(job);
		}
	}
	if (result < 0)
		front_log_failure(job->front, job->address, "front", &error);
	else
		log_account(job->front->log, LOG_INFO, job->address,
			"%zu queue entries flushed", job->done);
	front_flush_finish(job, result);
	free(job);
}

static int front_flush_compare(const void *one, const void *other)
{
	const struct front_flush_item *left = one;
	const struct front_flush_item *right = other;

	if (left->arrival != right->arrival)
		return left->arrival < right->arrival ? -1 : 1;
	/* Within a second the ids of Postfix go on with the microseconds, in
	 * their short form and in the long one. */
	return strcmp(left->id, right->id);
}

/* Oldest first; but one that failed is not to stand in the way of the others.
 */
static void front_flush_order(
	const struct front_task *task, struct front_flush_job *job)
{
	size_t last = job->count - 1;

	qsort(job->items, job->count, sizeof(job->items[0]),
		front_flush_compare);
	for (size_t i = 0; i < last; i++) {
		struct front_flush_item failed = job->items[i];

		if (strcmp(failed.id, task->flush_failed) != 0)
			continue;
		memmove(&job->items[i], &job->items[i + 1],
			(last - i) * sizeof(failed));
		job->items[last] = failed;
		break;
	}
}

static void front_flush_start(struct front *front, struct front_task *task,
	struct front_flush_job *job)
{
	job->front = front;
	job->settings = front_settings_take(front);
	memcpy(job->address, task->address, sizeof(job->address));
	job->serial = task->serial;
	front_flush_order(task, job);
	task->busy = true;
	jobs_add(front->flushes, front_flush_job, job);
}

/* ---- the judgement ---- */

enum front_flush_need {
	FRONT_FLUSH_NOT, /* left alone */
	FRONT_FLUSH_NOW,
	FRONT_FLUSH_LATER, /* flush it, but not yet, or see where it goes */
};

static enum front_flush_need front_flush_need(
	struct front_task *task, const struct queue_found *found, int64_t now)
{
	const struct front_flushed *flushed;

	if (found->arrival > task->published + FRONT_QUIET_MS)
		return FRONT_FLUSH_NOT;
	switch (found->where) {
	case QUEUE_ACTIVE:
		return FRONT_FLUSH_LATER;
	case QUEUE_MAILDROP:
	case QUEUE_HOLD:
		return FRONT_FLUSH_NOT;
	case QUEUE_INCOMING:
	case QUEUE_DEFERRED:
		break;
	}
	flushed = front_flushed_find(task, found->id);
	if (flushed == NULL)
		return FRONT_FLUSH_NOW;
	if (flushed->tries >= FRONT_FLUSH_TRIES)
		return FRONT_FLUSH_NOT;
	return now - flushed->at >= FRONT_FLUSH_AGAIN_MS ? FRONT_FLUSH_NOW
							 : FRONT_FLUSH_LATER;
}

/* The end of the opening; said when something is left behind. */
static void front_flush_end(
	struct front *front, struct front_task *task, size_t left)
{
	if (left > 0)
		log_account(front->log, LOG_NOTICE, task->address,
			"%zu queue entries still wait", left);
	front_flush_over(task);
}

/* Whether nothing has happened for too long. */
static bool front_flush_is_idle(const struct front_task *task, int64_t now)
{
	int64_t since = task->progress_at > task->visible_at ? task->progress_at
							     : task->visible_at;

	return now - since >= FRONT_FLUSH_IDLE_MS;
}

/* From when on nothing meets the former maps any more (monotonic). */
static int64_t front_flush_quiet_at(const struct front_task *task)
{
	return FRONT_QUIET_MS + (task->queue_at > task->visible_at
						? task->queue_at
						: task->visible_at);
}

/* A look has found nothing that is to be flushed or waited for. */
static void front_flush_clean(
	struct front *front, struct front_task *task, int64_t began)
{
	int64_t quiet_at = front_flush_quiet_at(task);

	if (task->clean++ == 0)
		task->flush_ms = instant_monotonic() - task->queue_at;
	if (began < quiet_at)
		task->look_at = quiet_at;
	else if (task->clean < FRONT_CLEAN_LOOKS)
		task->look_at = began;
	else
		front_flush_end(front, task, 0);
}

void front_flush_blind(struct front *front, struct front_task *task)
{
	if (!front_flush_is_idle(task, instant_monotonic()))
		return;
	log_account(front->log, LOG_WARNING, task->address,
		"the queue cannot be seen, nothing was flushed");
	front_flush_over(task);
}

void front_flush_judge(struct front *front, struct front_task *task,
	int64_t began, const struct queue_found *found, size_t count)
{
	struct front_flush_job *job =
		xcalloc(1, sizeof(*job) + count * sizeof(job->items[0]));
	int64_t now = instant_monotonic();
	size_t later = 0;

	for (size_t i = 0; i < count; i++) {
		struct front_flush_item *item = &job->items[job->count];

		switch (front_flush_need(task, &found[i], now)) {
		case FRONT_FLUSH_NOW:
			memcpy(item->id, found[i].id, QUEUE_ID_SIZE);
			item->arrival = found[i].arrival;
			job->count++;
			break;
		case FRONT_FLUSH_LATER:
			later++;
			break;
		case FRONT_FLUSH_NOT:
			break;
		}
	}
	task->entries = job->count + later;
	if (task->entries > 0)
		task->clean = 0;
	if (job->count > 0) {
		front_flush_start(front, task, job);
		return;
	}
	free(job);
	if (later == 0)
		front_flush_clean(front, task, began);
	else if (front_flush_is_idle(task, now))
		front_flush_end(front, task, later);
	else
		task->look_at = now + FRONT_FLUSH_LOOK_MS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The front's beginning and end, and what others ask of it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/front_private.h"

static void front_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

struct front *front_new(const struct config *config, struct store *store,
	struct log *log, front_store_fn *store_front, void *context)
{
	struct front *front = xcalloc(1, sizeof(*front));

	front->store = store;
	front->log = log;
	front->store_front = store_front;
	front->context = context;
	front->maps = maps_new(store);
	front->locks = jobs_new(FRONT_LOCK_THREADS);
	front->unlocks = jobs_new(FRONT_UNLOCK_THREADS);
	front->flushes = jobs_new(FRONT_FLUSH_THREADS);
	front->compactions = jobs_new(1);
	front->settings = front_settings_new(config);
	pthread_mutex_init(&front->lock, NULL);
	front_condition_init(&front->changed);
	front_condition_init(&front->look);
	return front;
}

/* homes before moving: nobody asks for one that is not there. */
static int front_publish_first(struct front *front, struct error *error)
{
	const struct config *config = front->settings->config;

	if (maps_compact(front->maps, config, NULL, error) < 0 ||
		maps_publish(front->maps, config, error) < 0)
		return -1;
	front->accounts_written = front->accounts;
	front->aliases_written = front->aliases;
	front->compacted_at = instant_monotonic();
	front->homes_written = true;
	/* A crash may have come between a rename and its reload. */
	front->publish_wanted = true;
	front->reload_wanted = true;
	return 0;
}

/*
 * Maps of a former run stay as they are until homes has been written anew, in
 * the background: what moving still holds goes on to cover the former homes.
 * Others may be served meanwhile; a freeze waits.
 */
static int front_begin(struct front *front, struct error *error)
{
	struct store_counts counts;
	int stand = maps_stand(front->settings->config, error);

	if (stand < 0 || store_count(front->store, &counts, error) < 0 ||
		front_tasks_refresh(front, error) < 0)
		return -1;
	front->accounts = counts.accounts;
	front->aliases = counts.aliases;
	if (stand == 0 || front->settings->config->maps.directory == NULL)
		return front_publish_first(front, error);
	front->rebuild = true;
	return 0;
}

bool front_is_ending(struct front *front)
{
	bool ending;

	pthread_mutex_lock(&front->lock);
	ending = front->ending;
	pthread_mutex_unlock(&front->lock);
	return ending;
}

static void front_end_threads(struct front *front)
{
	pthread_mutex_lock(&front->lock);
	front->ending = true;
	pthread_cond_signal(&front->changed);
	pthread_cond_signal(&front->look);
	pthread_mutex_unlock(&front->lock);
	for (size_t i = 0; i < front->threads_count; i++)
		pthread_join(front->threads[i], NULL);
	front->threads_count = 0;
}

int front_start(struct front *front, struct error *error)
{
	void *(*const functions[FRONT_THREADS])(void *) = {
		front_run,
		front_looking,
	};

	if (front_begin(front, error) < 0)
		return -1;
	for (size_t i = 0; i < FRONT_THREADS; i++) {
		int cause = pthread_create(
			&front->threads[i], NULL, functions[i], front);

		if (cause != 0) {
			error_set(error, "start a thread of the front: %s",
				strerror(cause));
			front_end_threads(front);
			return -1;
		}
		front->threads_count++;
	}
	return 0;
}

void front_free(struct front **front_pointer)
{
	struct front *front = *front_pointer;

	if (front == NULL)
		return;
	front_end_threads(front);
	jobs_free(&front->locks);
	jobs_free(&front->unlocks);
	jobs_free(&front->flushes);
	jobs_free(&front->compactions);
	front_tasks_free(front);
	maps_free(&front->maps);
	front_settings_give(front, front->settings);
	pthread_cond_destroy(&front->changed);
	pthread_cond_destroy(&front->look);
	pthread_mutex_destroy(&front->lock);
	free(front);
	*front_pointer = NULL;
}

/* ---- asked by others ---- */

void front_wake(struct front *front)
{
	pthread_mutex_lock(&front->lock);
	front->woken = true;
	pthread_cond_signal(&front->changed);
	pthread_mutex_unlock(&front->lock);
}

void front_rebuild(struct front *front)
{
	pthread_mutex_lock(&front->lock);
	front->renewed = true;
	front->rebuild = true;
	pthread_cond_signal(&front->changed);
	pthread_mutex_unlock(&front->lock);
}

void front_reconfigure(struct front *front, const struct config *config)
{
	struct front_settings *settings = front_settings_new(config);

	pthread_mutex_lock(&front->lock);
	front_settings_give(front, front->settings);
	front->settings = settings;
	front->renewed = true;
	front->rebuild = true;
	pthread_cond_signal(&front->changed);
	pthread_mutex_unlock(&front->lock);
}

void front_set_unlocked(
	struct front *front, front_unlocked_fn *unlocked, void *context)
{
	front->unlocked = unlocked;
	front->unlocked_context = context;
}

bool front_is_unlocked(struct front *front, const struct account *account)
{
	const struct front_task *task;
	bool unlocked = false;

	pthread_mutex_lock(&front->lock);
	task = front_task_find(front, account->address);
	if (task != NULL && task->frozen_at == account->frozen_at)
		unlocked = task->state == ACCOUNT_FRONT_OPEN ||
			   (task->state == ACCOUNT_FRONT_OPENING &&
				   (task->step == FRONT_QUEUE ||
					   task->step == FRONT_WRITE));
	pthread_mutex_unlock(&front->lock);
	return unlocked;
}

/* What an account that is not CLOSED yet waits for. */
static int front_barrier_closing(const struct front_task *task,
	const char **waiting_r, struct error *error)
{
	*waiting_r = "publish";
	if (task == NULL)
		return 0;
	if (task->step != FRONT_PUBLISH &&
		task->visible_at <= instant_monotonic())
		*waiting_r = "lock";
	if (!task->failed)
		return 0;
	*error = task->error;
	return -1;
}

static int front_barrier_closed(struct front *front, struct front_task *task,
	const char **waiting_r, size_t *entries_r, struct error *error)
{
	int64_t now = instant_monotonic();

	*waiting_r = "queue";
	if (task == NULL)
		return 0;
	if (task->step == FRONT_PASSED)
		return 1;
	*entries_r = task->entries;
	task->asked_at = now;
	if (task->failed) {
		*error = task->error;
		return -1;
	}
	/* The next look may have been put off, since nobody asked. */
	if (task->look_at > now) {
		task->look_at = now;
		pthread_cond_signal(&front->look);
	}
	return 0;
}

static int front_barrier_judge_account(struct front *front,
	const struct account *account, const char **waiting_r,
	size_t *entries_r, struct error *error)
{
	struct front_task *task;
	int result;

	pthread_mutex_lock(&front->lock);
	task = front_task_find(front, account->address);
	if (task == NULL || task->frozen_at != account->frozen_at ||
		task->state != account->front) {
		task = NULL;
		front->woken = true;
		pthread_cond_signal(&front->changed);
	}
	if (account->front == ACCOUNT_FRONT_CLOSED)
		result = front_barrier_closed(
			front, task, waiting_r, entries_r, error);
	else
		result = front_barrier_closing(task, waiting_r, error);
	pthread_mutex_unlock(&front->lock);
	return result;
}

int front_barrier(struct front *front, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error)
{
	struct account account;
	struct error unwanted;
	int result;

	if (error == NULL)
		error = &unwanted;
	*waiting_r = NULL;
	*entries_r = 0;
	result = store_get_account(front->store, address, &account, error);
	if (result < 0)
		return -1;
	if (result == 0) {
		error_set(error, "%s: no such account", address);
		return -1;
	}
	if (account_is_frozen(&account)) {
		result = front_barrier_judge_account(
			front, &account, waiting_r, entries_r, error);
	} else {
		error_set(error, "%s is not frozen", address);
		result = -1;
	}
	account_clear(&account);
	return result;
}

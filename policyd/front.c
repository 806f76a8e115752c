/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front thread: reads from the store which fronts are to close or open,
 * publishes and reloads for all of them together, and hands on to hooks and
 * queue. Nothing that it remembers decides: what an account is, it reads.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/xalloc.h"
#include "policyd/front_config.h"
#include "policyd/front_private.h"
#include "policyd/reload.h"

#define FRONT_RELOAD_MS	      15000 /* limit of one reload */
#define FRONT_PACE_MS	      100   /* from one round to the next */
#define FRONT_RETRY_MIN	      250
#define FRONT_RETRY_MAX	      5000
#define FRONT_SAFETY_MS	      5000 /* the store is read at least so often */
#define FRONT_COMPACT_SOON_MS 1000

struct front_settings *front_settings_take(struct front *front)
{
	front->settings->users++;
	return front->settings;
}

void front_settings_give(struct front *front, struct front_settings *settings)
{
	(void)front; /* whose lock is held */
	if (--settings->users > 0)
		return;
	front_config_free(&settings->config);
	free(settings);
}

struct front_settings *front_settings_new(const struct config *config)
{
	struct front_settings *settings = xcalloc(1, sizeof(*settings));

	settings->config = front_config_copy(config);
	settings->users = 1;
	return settings;
}

void front_wait(struct front *front, pthread_cond_t *condition, int64_t until)
{
	struct timespec end = {
		.tv_sec = (time_t)(until / 1000),
		.tv_nsec = (long)(until % 1000) * 1000000,
	};

	if (until == INSTANT_NEVER)
		pthread_cond_wait(condition, &front->lock);
	else
		pthread_cond_timedwait(condition, &front->lock, &end);
}

void front_log_news(struct front *front, struct error *told, int result,
	const struct error *error)
{
	if (result < 0 && strcmp(told->text, error->text) != 0)
		log_write(front->log, LOG_WARNING, "front: %s", error->text);
	if (result < 0)
		*told = *error;
	else
		told->text[0] = '\0';
}

void front_log_failure(struct front *front, const char *address,
	const char *what, const struct error *error)
{
	log_account(
		front->log, LOG_WARNING, address, "%s: %s", what, error->text);
}

/* ---- one publication for all who wait for it ---- */

/* Marks those who wait; returns whether there is any. Lock held. */
static bool front_round_begin(struct front *front)
{
	struct front_task *task;
	bool any = false;

	front->round++;
	for (task = front->tasks; task != NULL; task = task->next)
		if (task->step == FRONT_PUBLISH) {
			task->round = front->round;
			any = true;
		}
	return any;
}

struct front_round {
	const struct config *config;
	bool reload;
	int64_t published_at, end_at; /* monotonic */
	int64_t published;	      /* instant */
};

static int front_round_do(
	struct front *front, struct front_round *round, struct error *error)
{
	if (maps_publish(front->maps, round->config, error) < 0)
		return -1;
	round->published_at = instant_monotonic();
	if (round->reload && round->config->maps.reload != NULL &&
		reload_run(round->config->maps.reload, FRONT_RELOAD_MS, error) <
			0)
		return -1;
	round->end_at = instant_monotonic();
	round->published = instant_now();
	return 0;
}

/* What was published is what the task waits for. Lock held. */
static void front_round_passed(
	struct front_task *task, const struct front_round *round)
{
	bool unseen = round->config->maps.directory != NULL &&
		      round->config->maps.reload == NULL;

	task->publish_ms = round->published_at - task->since;
	task->reload_ms = round->end_at - round->published_at;
	task->published_at = round->end_at;
	task->published = round->published;
	front_task_step(task, FRONT_HOOK);
	task->visible_at = unseen ? round->end_at + FRONT_UNSEEN_MS : 0;
	if (unseen)
		task->published += FRONT_UNSEEN_MS;
}

static void front_round_end(struct front *front,
	const struct front_round *round, int result, const struct error *error)
{
	struct front_task *task;

	for (task = front->tasks; task != NULL; task = task->next) {
		if (task->round != front->round || task->step != FRONT_PUBLISH)
			continue;
		if (result == 0)
			front_round_passed(task, round);
		else
			front_task_fail(
				task, error, FRONT_RETRY_MIN, FRONT_RETRY_MAX);
	}
}

/* After a reload the next round is not begun at once: reloads in close
 * succession would keep the mail server from its work. */
static void front_round_pace(struct front *front, int result, bool reloaded)
{
	int64_t pause = reloaded ? FRONT_PACE_MS : 0;

	front->round_failures = result < 0 ? front->round_failures + 1 : 0;
	if (result < 0)
		pause = account_backoff(front->round_failures, FRONT_RETRY_MIN,
			FRONT_RETRY_MAX);
	front->round_at = instant_monotonic() + pause;
}

/* When a round may begin. */
static int64_t front_round_at(const struct front *front)
{
	bool homes = front->homes_written ||
		     front->settings->config->maps.directory == NULL;

	return homes ? front->round_at : INSTANT_NEVER;
}

/* Publishes and reloads when somebody waits for it. Called with the lock,
 * which it gives up meanwhile. */
static void front_round(struct front *front)
{
	struct front_settings *settings;
	struct error error = { "" };
	struct front_round round;
	bool any, renewed;
	int result;

	if (instant_monotonic() < front_round_at(front))
		return;
	any = front_round_begin(front);
	if (!any && !front->publish_wanted)
		return;
	settings = front_settings_take(front);
	memset(&round, 0, sizeof(round));
	round.config = settings->config;
	round.reload = any || front->reload_wanted;
	renewed = front->renewed;
	front->publish_wanted = front->reload_wanted = front->renewed = false;
	pthread_mutex_unlock(&front->lock);
	if (renewed)
		maps_touch_all(front->maps);
	result = front_round_do(front, &round, &error);
	pthread_mutex_lock(&front->lock);
	if (result < 0) {
		front->publish_wanted = true;
		front->reload_wanted |= round.reload;
	}
	front_log_news(front, &front->round_error, result, &error);
	front_round_pace(front, result, round.reload);
	front_round_end(front, &round, result, &error);
	front_settings_give(front, settings);
}

/* ---- what is ready for its next step ---- */

/* When the task can go on without a publication or a look. */
static int64_t front_task_ready_at(const struct front_task *task)
{
	if (task->busy ||
		(task->step != FRONT_HOOK && task->step != FRONT_WRITE))
		return INSTANT_NEVER;
	if (task->state == ACCOUNT_FRONT_CLOSING &&
		task->visible_at > task->retry_at)
		return task->visible_at;
	return task->retry_at;
}

/* Without a queue to look at there is nothing to wait for. */
static void front_pass_queue(struct front *front, struct front_task *task)
{
	const struct config *config = front->settings->config;

	if (task->step != FRONT_QUEUE || task->busy)
		return;
	if (task->state == ACCOUNT_FRONT_CLOSED &&
		(config->queue.list == NULL || !config->queue.barrier))
		front_task_step(task, FRONT_PASSED);
	if (task->state == ACCOUNT_FRONT_OPENING &&
		(config->queue.list == NULL || config->queue.flush == NULL))
		front_task_step(task, FRONT_WRITE);
}

static void front_dispatch(struct front *front)
{
	int64_t now = instant_monotonic();
	struct front_task *task;

	for (task = front->tasks; task != NULL; task = task->next) {
		front_pass_queue(front, task);
		if (front_task_ready_at(task) <= now)
			front_hook_start(front, task);
	}
	pthread_cond_signal(&front->look);
}

/* ---- homes ---- */

struct front_compaction {
	struct front *front;
	struct front_settings *settings;
	bool rebuild;
};

static void front_compact_log(
	struct front *front, const struct maps_summary *summary, int64_t ms)
{
	log_write(front->log, LOG_INFO,
		"maps: %zu entries published in %lld ms", summary->entries,
		(long long)ms);
	if (summary->unroutable > 0)
		log_write(front->log, LOG_WARNING,
			"maps: mail for %zu addresses is deferred, since their "
			"system is not configured, such as %s",
			summary->unroutable, summary->example);
}

static void front_compact_job(void *context)
{
	struct front_compaction *compaction = context;
	struct front *front = compaction->front;
	int64_t began = instant_monotonic();
	struct error error = { "" };
	struct maps_summary summary;
	int result = maps_compact(
		front->maps, compaction->settings->config, &summary, &error);
	int64_t ms = instant_monotonic() - began;

	if (result < 0)
		log_write(front->log, LOG_WARNING, "front: %s", error.text);
	else
		front_compact_log(front, &summary, ms);
	pthread_mutex_lock(&front->lock);
	front->compacting = false;
	front->compact_failed = result < 0;
	front->homes_written |= result == 0;
	front->compacted_at = began + ms;
	front->compact_ms = ms;
	front->publish_wanted = true;
	/* What is not open is to stand in moving all the same. */
	front->refresh_at = 0;
	/* What moved while homes was written goes into the next one. */
	front->stale |= maps_moving(front->maps) > front->tasks_count;
	if (compaction->rebuild) {
		front->rebuild |= result < 0;
		front->reload_wanted = true;
	}
	front_settings_give(front, compaction->settings);
	pthread_cond_signal(&front->changed);
	pthread_mutex_unlock(&front->lock);
	free(compaction);
}

/*
 * When homes is to be written: at once for a rebuild; soon when accounts or
 * aliases were added or removed, for what moving does not tell; else at
 * leisure. A tenth of the time at most goes into it.
 */
static int64_t front_compact_at(const struct front *front)
{
	const struct config *config = front->settings->config;
	int64_t pause = config->maps.compact;

	if (front->compacting || config->maps.directory == NULL)
		return INSTANT_NEVER;
	if (front->accounts != front->accounts_written ||
		front->aliases != front->aliases_written) {
		if (pause > FRONT_COMPACT_SOON_MS)
			pause = FRONT_COMPACT_SOON_MS;
	} else if (!front->stale && !front->rebuild) {
		return INSTANT_NEVER;
	}
	if (pause < 10 * front->compact_ms)
		pause = 10 * front->compact_ms;
	if (front->rebuild)
		pause = front->compact_failed ? FRONT_RETRY_MAX : 0;
	return front->compacted_at + pause;
}

static void front_compact(struct front *front)
{
	struct front_compaction *compaction;

	if (instant_monotonic() < front_compact_at(front))
		return;
	compaction = xcalloc(1, sizeof(*compaction));
	compaction->front = front;
	compaction->settings = front_settings_take(front);
	compaction->rebuild = front->rebuild;
	front->accounts_written = front->accounts;
	front->aliases_written = front->aliases;
	front->stale = false;
	front->rebuild = false;
	front->compacting = true;
	jobs_add(front->compactions, front_compact_job, compaction);
}

/* ---- the thread ---- */

/* Reads the store when something has changed in it, and now and then in any
 * case. Called with the lock, which it gives up meanwhile. */
static void front_refresh(struct front *front)
{
	struct store_counts counts;
	struct error error = { "" };
	int result;

	if (!front->woken && instant_monotonic() < front->refresh_at)
		return;
	front->stale |= front->woken;
	front->woken = false;
	pthread_mutex_unlock(&front->lock);
	result = front_tasks_refresh(front, &error);
	if (result == 0)
		result = store_count(front->store, &counts, &error);
	pthread_mutex_lock(&front->lock);
	front_log_news(front, &front->store_error, result, &error);
	front->refresh_at = instant_monotonic() +
			    (result < 0 ? FRONT_RETRY_MIN : FRONT_SAFETY_MS);
	if (result < 0)
		return;
	front->accounts = counts.accounts;
	front->aliases = counts.aliases;
}

static int64_t front_next_at(const struct front *front)
{
	const struct front_task *task;
	int64_t next = front->refresh_at;
	bool round = front->publish_wanted;

	if (front_compact_at(front) < next)
		next = front_compact_at(front);
	for (task = front->tasks; task != NULL; task = task->next) {
		if (front_task_ready_at(task) < next)
			next = front_task_ready_at(task);
		round |= task->step == FRONT_PUBLISH;
	}
	if (round && front_round_at(front) < next)
		next = front_round_at(front);
	return next;
}

void *front_run(void *context)
{
	struct front *front = context;

	pthread_mutex_lock(&front->lock);
	while (!front->ending) {
		int64_t next;

		front_refresh(front);
		front_round(front);
		front_dispatch(front);
		front_compact(front);
		next = front_next_at(front);
		if (!front->ending && !front->woken &&
			next > instant_monotonic())
			front_wait(front, &front->changed, next);
	}
	pthread_mutex_unlock(&front->lock);
	return NULL;
}

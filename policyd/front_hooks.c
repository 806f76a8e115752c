/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lock and unlock hooks, and the writing of what they led to. A job reads the
 * account again before it acts: what it was started for may be over.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/process.h"
#include "lib/xalloc.h"
#include "policyd/front_private.h"

/* A freeze has seconds; an unlock is tried for ever. */
#define FRONT_LOCK_RETRY_MIN   250
#define FRONT_LOCK_RETRY_MAX   2000
#define FRONT_UNLOCK_RETRY_MIN 1000
#define FRONT_UNLOCK_RETRY_MAX 30000
#define FRONT_WRITE_RETRY_MIN  100
#define FRONT_WRITE_RETRY_MAX  5000

struct front_hook_job {
	struct front *front;
	struct front_settings *settings;
	char address[ADDRESS_SIZE];
	enum account_front state;
	enum front_step step;
	int64_t frozen_at;
	uint64_t serial;
	uint64_t revision; /* of the account when it was read */
	bool hooked;
	int64_t since, published_at;
	int64_t publish_ms, reload_ms, hook_ms;
	int64_t flush_ms;
};

enum {
	HOOK_ACCOUNT,
	HOOK_LOCAL_PART,
	HOOK_DOMAIN,
	HOOK_LOGIN,
	HOOK_SYSTEM,
	HOOK_ACTION,
	HOOK_VARIABLES,
};

static int front_hook_execute(const struct config_system *system,
	const char *hook, const char *address, const char *action,
	struct error *error)
{
	const char *const argv[] = { hook, NULL };
	const char *at = strrchr(address, '@');
	char *login = config_login_name(system, address);
	char *environment[HOOK_VARIABLES + 1] = {
		[HOOK_ACCOUNT] = xasprintf("REHOME_ACCOUNT=%s", address),
		[HOOK_LOCAL_PART] = xasprintf(
			"REHOME_LOCAL_PART=%.*s", (int)(at - address), address),
		[HOOK_DOMAIN] = xasprintf("REHOME_DOMAIN=%s", at + 1),
		[HOOK_LOGIN] = xasprintf("REHOME_LOGIN=%s", login),
		[HOOK_SYSTEM] = xasprintf("REHOME_SYSTEM=%s", system->name),
		[HOOK_ACTION] = xasprintf("REHOME_ACTION=%s", action),
	};
	struct process_job job = {
		.argv = argv,
		.environment = (const char *const *)environment,
		.timeout_ms = (int)system->hook_timeout,
	};
	int result = process_run(&job, NULL, error);

	for (size_t i = 0; i < HOOK_VARIABLES; i++)
		free(environment[i]);
	free(login);
	return result;
}

/* Locks the home, or unlocks the one that the freeze has left the account at.
 * 0 or -1. */
static int front_hook_run(struct front_hook_job *job,
	const struct account *account, struct error *error)
{
	bool locking = job->state == ACCOUNT_FRONT_CLOSING;
	const char *name = account_home_system(account);
	const struct config_system *system =
		config_system(job->settings->config, name);
	const char *hook;
	int result = 0;

	if (system == NULL) {
		error_set(error, "system %s is not configured", name);
		return -1;
	}
	hook = locking ? system->lock : system->unlock;
	if (hook != NULL)
		result = front_hook_execute(system, hook, job->address,
			locking ? "lock" : "unlock", error);
	if (result < 0)
		error_prefix(error, "%s at %s", locking ? "lock" : "unlock",
			system->name);
	return result;
}

/* The steps of the freeze that the job ends with, in ms. */
static void front_hook_steps(
	const struct front_hook_job *job, char *steps, size_t size)
{
	if (job->state == ACCOUNT_FRONT_CLOSING)
		snprintf(steps, size, "publish=%lld reload=%lld lock=%lld",
			(long long)job->publish_ms, (long long)job->reload_ms,
			(long long)job->hook_ms);
	else
		snprintf(steps, size, "open=%lld flush=%lld",
			(long long)job->hook_ms, (long long)job->flush_ms);
}

/*
 * Writes CLOSED or OPEN. 1 done, 0 something has happened to the account
 * meanwhile, -1 it could not be written.
 */
static int front_hook_write(
	const struct front_hook_job *job, struct error *error)
{
	bool closing = job->state == ACCOUNT_FRONT_CLOSING;
	struct front *front = job->front;
	char steps[128];

	front_hook_steps(job, steps, sizeof(steps));
	return front->store_front(front->context, job->address, job->frozen_at,
		job->state, closing ? ACCOUNT_FRONT_CLOSED : ACCOUNT_FRONT_OPEN,
		steps, error);
}

/* 1 done, 0 the account is not in that state any more, -1 failed. */
static int front_hook_do(struct front_hook_job *job, struct error *error)
{
	struct account account;
	int result = store_get_account(
		job->front->store, job->address, &account, error);

	if (result <= 0)
		return result;
	job->revision = account.revision;
	if (account.front != job->state || account.frozen_at != job->frozen_at)
		result = 0;
	else if (job->step == FRONT_HOOK && !job->hooked)
		result = front_hook_run(job, &account, error) < 0 ? -1 : 1;
	account_clear(&account);
	if (result <= 0)
		return result;
	if (job->step == FRONT_HOOK && !job->hooked) {
		job->hooked = true;
		job->hook_ms =
			instant_monotonic() -
			(job->state == ACCOUNT_FRONT_CLOSING ? job->published_at
							     : job->since);
	}
	if (job->step == FRONT_HOOK && job->state == ACCOUNT_FRONT_OPENING)
		return 1;
	return front_hook_write(job, error);
}

/* The job has done what it was for: the task goes on. */
static void front_hook_done(
	struct front *front, struct front_task *task, enum front_step step)
{
	if (task->state == ACCOUNT_FRONT_CLOSING) {
		task->state = ACCOUNT_FRONT_CLOSED;
		task->revision++;
		task->closed = instant_now();
		front_task_step(task, FRONT_QUEUE);
	} else if (step == FRONT_HOOK) {
		/* What came before the unlock may have met the lock. */
		if (task->published < instant_now())
			task->published = instant_now();
		front_task_step(task, FRONT_QUEUE);
	} else {
		task->state = ACCOUNT_FRONT_OPEN;
		task->revision++;
	}
	task->serial = ++front->serial;
	pthread_cond_signal(&front->look);
}

static void front_hook_fail(struct front_task *task, enum front_step step,
	const struct error *error)
{
	if (step == FRONT_WRITE || task->hooked)
		front_task_fail(task, error, FRONT_WRITE_RETRY_MIN,
			FRONT_WRITE_RETRY_MAX);
	else if (task->state == ACCOUNT_FRONT_CLOSING)
		front_task_fail(task, error, FRONT_LOCK_RETRY_MIN,
			FRONT_LOCK_RETRY_MAX);
	else
		front_task_fail(task, error, FRONT_UNLOCK_RETRY_MIN,
			FRONT_UNLOCK_RETRY_MAX);
}

static void front_hook_finish(
	struct front_hook_job *job, int result, const struct error *error)
{
	struct front *front = job->front;
	struct front_task *task;

	pthread_mutex_lock(&front->lock);
	task = front_task_find(front, job->address);
	task->busy = false; /* and so it is still there */
	if (task->serial == job->serial) {
		task->hooked = job->hooked;
		task->hook_ms = job->hook_ms;
		task->revision = job->revision;
		if (result > 0)
			front_hook_done(front, task, job->step);
		else if (result < 0)
			front_hook_fail(task, job->step, error);
		else
			task->retry_at =
				instant_monotonic() + FRONT_WRITE_RETRY_MIN;
	}
	front->woken = true;
	front_settings_give(front, job->settings);
	pthread_cond_signal(&front->changed);
	pthread_mutex_unlock(&front->lock);
}

static void front_hook_job(void *context)
{
	struct front_hook_job *job = context;
	struct error error = { "" };
	int result = 0;

	if (!front_is_ending(job->front))
		result = front_hook_do(job, &error);
	if (result < 0)
		front_log_failure(job->front, job->address, "front", &error);
	front_hook_finish(job, result, &error);
	if (result > 0 && job->state == ACCOUNT_FRONT_OPENING &&
		job->step == FRONT_HOOK && job->front->unlocked != NULL)
		job->front->unlocked(
			job->front->unlocked_context, job->address);
	free(job);
}

void front_hook_start(struct front *front, struct front_task *task)
{
	struct front_hook_job *job = xcalloc(1, sizeof(*job));

	job->front = front;
	job->settings = front_settings_take(front);
	memcpy(job->address, task->address, sizeof(job->address));
	job->state = task->state;
	job->step = task->step;
	job->frozen_at = task->frozen_at;
	job->serial = task->serial;
	job->hooked = task->hooked;
	job->since = task->since;
	job->published_at = task->published_at;
	job->publish_ms = task->publish_ms;
	job->reload_ms = task->reload_ms;
	job->hook_ms = task->hook_ms;
	job->flush_ms = task->flush_ms;
	task->busy = true;
	jobs_add(task->state == ACCOUNT_FRONT_CLOSING ? front->locks
						      : front->unlocks,
		front_hook_job, job);
}

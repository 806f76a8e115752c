/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that take jobs from one list; one mutex guards what they share. */
#include "config.h"

#include "copier/lanes.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* What further connections are worth their logins for. */
#define LANES_MESSAGES 500
#define LANES_BYTES    (8 << 20)

struct lanes {
	struct pass *whole;
	struct lanes_job *jobs;
	size_t count;
	lanes_prepare_fn *prepare;
	lanes_job_fn *run;
	void *context;

	pthread_mutex_t mutex; /* of what follows, and of the whole pass */
	pthread_cond_t prepared;
	bool begun;  /* it is all prepared, or stopped */
	size_t next; /* job */
	bool stopped;
	struct error failure; /* why, of the first that failed */
	bool opened;	      /* the further lanes are at work */
	struct lane *list;    /* those */
	size_t list_count;
};

struct lane {
	struct lanes *lanes;
	struct pass pass;
	struct pass_counts told; /* of its counts the whole has these */
	struct pass_pair pair;	 /* of a further lane */
	struct lanes_job ahead;	 /* taken already; work NULL: none */
	pthread_t thread;
};

static bool lanes_is_stopped(struct lanes *lanes)
{
	bool stopped;

	pthread_mutex_lock(&lanes->mutex);
	stopped = lanes->stopped;
	pthread_mutex_unlock(&lanes->mutex);
	return stopped;
}

static void lanes_stop(struct lanes *lanes, const struct error *why)
{
	pthread_mutex_lock(&lanes->mutex);
	if (!lanes->stopped)
		lanes->failure = *why;
	lanes->stopped = true;
	pthread_mutex_unlock(&lanes->mutex);
}

static bool lanes_go_on(void *context, struct error *error)
{
	struct lane *lane = context;

	if (lanes_is_stopped(lane->lanes)) {
		error_set(error, "another connection has failed");
		return false;
	}
	return pass_goes_on(lane->lanes->whole, error);
}

/* The whole pass counts what is copied, message by message. */
static void lanes_tell(struct lane *lane)
{
	struct pass *whole = lane->lanes->whole;

	whole->counts.copied += lane->pass.counts.copied - lane->told.copied;
	whole->counts.copied_bytes +=
		lane->pass.counts.copied_bytes - lane->told.copied_bytes;
	lane->told.copied = lane->pass.counts.copied;
	lane->told.copied_bytes = lane->pass.counts.copied_bytes;
}

static void lanes_progress(
	void *context, const struct pass *pass, const char *folder)
{
	struct lane *lane = context;
	struct lanes *lanes = lane->lanes;

	(void)pass;
	pthread_mutex_lock(&lanes->mutex);
	lanes_tell(lane);
	if (lanes->whole->progress != NULL)
		lanes->whole->progress(
			lanes->whole->context, lanes->whole, folder);
	pthread_mutex_unlock(&lanes->mutex);
}

/* A pass of the lane's own, with empty counts. */
static void lane_begin(struct lane *lane, struct lanes *lanes)
{
	lane->lanes = lanes;
	lane->pass = *lanes->whole;
	memset(&lane->pass.counts, 0, sizeof(lane->pass.counts));
	lane->pass.refusals = NULL;
	lane->pass.refusals_count = 0;
	lane->pass.go_on = lanes_go_on;
	lane->pass.progress = lanes_progress;
	lane->pass.context = lane;
}

/* Adds what the lane has counted to the whole, and empties it. */
static void lane_end(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;

	pthread_mutex_lock(&lanes->mutex);
	lanes_tell(lane);
	lane->pass.counts.copied = lane->pass.counts.copied_bytes = 0;
	pass_add(lanes->whole, &lane->pass);
	pthread_mutex_unlock(&lanes->mutex);
	pass_clear(&lane->pass);
}

static bool lanes_take(struct lanes *lanes, struct lanes_job *job_r)
{
	bool taken = false;

	pthread_mutex_lock(&lanes->mutex);
	while (!lanes->begun)
		pthread_cond_wait(&lanes->prepared, &lanes->mutex);
	if (!lanes->stopped && lanes->next < lanes->count) {
		*job_r = lanes->jobs[lanes->next++];
		taken = true;
	}
	pthread_mutex_unlock(&lanes->mutex);
	return taken;
}

/* Takes the next job while the present one still waits for answers. */
static bool lane_idle(void *context, struct pass *pass)
{
	struct lane *lane = context;
	struct lanes_job job;

	while (lane->ahead.work == NULL && lanes_take(lane->lanes, &job))
		lane->ahead = job;
	if (lane->ahead.work == NULL || lane->ahead.folder == NULL)
		return false;
	mailbox_ahead(pass->home, lane->ahead.folder, lane->ahead.uids);
	return true;
}

/* False when there are no more, or another lane has failed. */
static bool lane_next(struct lane *lane, struct lanes_job *job_r)
{
	if (lane->ahead.work == NULL)
		return lanes_take(lane->lanes, job_r);
	*job_r = lane->ahead;
	lane->ahead.work = NULL;
	return !lanes_is_stopped(lane->lanes);
}

static void lane_work(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;
	struct error error = { "" };
	struct lanes_job job;

	lane->pass.idle = lane_idle;
	while (lane_next(lane, &job))
		if (job.work != NULL && lanes->run(&lane->pass, job.work,
						lanes->context, &error) < 0)
			lanes_stop(lanes, &error);
}

static void *lane_thread(void *context)
{
	struct lane *lane = context;
	struct lanes *lanes = lane->lanes;
	const struct pass *whole = lanes->whole;
	struct error error = { "" };

	if (!whole->pair_open(whole->context, &lane->pair, &error))
		return NULL;
	lane->pass.home = lane->pair.home;
	lane->pass.other = lane->pair.other;
	lane_work(lane);
	lane_end(lane);
	whole->pair_close(whole->context, &lane->pair);
	return NULL;
}

/* Starts the further lanes, which are not to be bothered by signals. */
static void lanes_open(struct lanes *lanes)
{
	size_t wanted = lanes->whole->lanes, left = lanes->count - lanes->next;
	sigset_t all, before;
	size_t i;

	lanes->opened = true;
	if (wanted > left + 1)
		wanted = left + 1;
	if (wanted < 2)
		return;
	lanes->list = xcalloc(wanted - 1, sizeof(*lanes->list));
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (i = 0; i < wanted - 1; i++) {
		struct lane *lane = &lanes->list[lanes->list_count];

		lane_begin(lane, lanes);
		if (pthread_create(&lane->thread, NULL, lane_thread, lane) == 0)
			lanes->list_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Whether the jobs that are left are worth further connections. */
static bool lanes_are_worth(const struct lanes *lanes)
{
	uint64_t messages = 0, most = 0;
	size_t i;

	for (i = 0; i < lanes->count; i++) {
		messages += lanes->jobs[i].messages;
		if (lanes->jobs[i].messages > most)
			most = lanes->jobs[i].messages;
	}
	/* The largest is the first lane's. */
	return messages - most > LANES_MESSAGES;
}

/* The first lane asks before each message and piece: what it has sent tells
 * that the messages are large. */
static bool lanes_first_goes_on(void *context, struct error *error)
{
	struct lane *lane = context;
	struct lanes *lanes = lane->lanes;

	if (!lanes->opened && lane->pass.counts.sent > LANES_BYTES) {
		pthread_mutex_lock(&lanes->mutex);
		lanes_open(lanes);
		pthread_mutex_unlock(&lanes->mutex);
	}
	return lanes_go_on(context, error);
}

static int lanes_compare(const void *left, const void *right)
{
	const struct lanes_job *a = left, *b = right;

	return (a->messages < b->messages) - (a->messages > b->messages);
}

static void lanes_work(struct lanes *lanes)
{
	struct lane first = { .lanes = lanes };
	struct error error = { "" };
	size_t i;

	lane_begin(&first, lanes);
	/* Nothing to be opened, or nobody who opens. */
	lanes->opened = lanes->whole->pair_open == NULL ||
			lanes->whole->lanes < 2 || lanes->count < 2 ||
			mailbox_features(first.pass.home)->single ||
			mailbox_features(first.pass.other)->single;
	if (!lanes->opened) {
		first.pass.go_on = lanes_first_goes_on;
		if (lanes_are_worth(lanes)) {
			qsort(lanes->jobs, lanes->count, sizeof(*lanes->jobs),
				lanes_compare);
			lanes->next = 1; /* the first lane's own */
			lanes_open(lanes);
			lanes->next = 0;
		}
	}
	if (lanes->prepare != NULL &&
		lanes->prepare(lanes->whole, lanes->context, &error) < 0)
		lanes_stop(lanes, &error);
	pthread_mutex_lock(&lanes->mutex);
	lanes->begun = true;
	pthread_cond_broadcast(&lanes->prepared);
	pthread_mutex_unlock(&lanes->mutex);
	lane_work(&first);
	for (i = 0; i < lanes->list_count; i++)
		pthread_join(lanes->list[i].thread, NULL);
	lane_end(&first);
}

int lanes_run(struct pass *pass, struct lanes_job *jobs, size_t count,
	lanes_prepare_fn *prepare, lanes_job_fn *run, void *context,
	struct error *error)
{
	struct lanes lanes = { .whole = pass,
		.jobs = jobs,
		.count = count,
		.prepare = prepare,
		.run = run,
		.context = context };

	pthread_mutex_init(&lanes.mutex, NULL);
	pthread_cond_init(&lanes.prepared, NULL);
	lanes_work(&lanes);
	pthread_cond_destroy(&lanes.prepared);
	pthread_mutex_destroy(&lanes.mutex);
	free(lanes.list);
	if (!lanes.stopped)
		return 1;
	error_set(error, "%s", lanes.failure.text);
	return -1;
}

struct lanes_opening {
	bool (*open)(void *context, int side, struct error *error);
	void *context;
	bool opened;
	struct error error;
};

static void *lanes_open_one(void *context)
{
	struct lanes_opening *opening = context;

	opening->opened = opening->open(opening->context, 0, &opening->error);
	return NULL;
}

bool lanes_open_both(bool (*open)(void *context, int side, struct error *error),
	void *context, struct error *error)
{
	struct lanes_opening opening = { .open = open, .context = context };
	sigset_t all, before;
	pthread_t thread;
	bool opened, started;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	started = pthread_create(&thread, NULL, lanes_open_one, &opening) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	opened = open(context, 1, error);
	if (started)
		pthread_join(thread, NULL);
	else
		lanes_open_one(&opening);
	if (!opening.opened)
		error_set(error, "%s", opening.error.text);
	return opened && opening.opened;
}

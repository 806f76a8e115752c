/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread: its loop, words of the main thread, the end. */
#include "config.h"

#include "gateway/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#include "gateway/session.h"

/* Pipes for bulk: no more sessions than these have much to say at once. */
#define WORKER_PIPES 128
/* After the time of gateway.drain: until goodbyes are said, and all is over. */
#define WORKER_CLOSE_MS 5000
#define WORKER_END_MS	8000

static struct link_settings worker_link_settings(const struct worker *worker)
{
	const struct config *config = worker->settings->config;

	return (struct link_settings){
		.endpoint = config->gateway.policyd,
		.name = worker->name,
		.instance = worker->instance,
		.timeout = config->gateway.timeout,
	};
}

struct worker *worker_new(unsigned index, struct settings *settings,
	const char *instance, struct log *log, struct error *error)
{
	struct worker *worker = xcalloc(1, sizeof(*worker));
	struct link_settings link;

	worker->index = index;
	worker->log = log;
	worker->settings = settings_hold(settings);
	worker->instance = instance;
	worker->name = xasprintf("%s/%u", settings->name, index);
	worker->pool = relay_pool_new(WORKER_PIPES);
	worker->loop = loop_new(error);
	if (worker->loop == NULL) {
		worker_free(&worker);
		return NULL;
	}
	link = worker_link_settings(worker);
	worker->link = link_new(worker->loop, &link, log);
	return worker;
}

void worker_free(struct worker **worker_pointer)
{
	struct worker *worker = *worker_pointer;

	if (worker == NULL)
		return;
	/* What is cut off may go on at its home: policyd is not told an end. */
	if (worker->sessions != NULL)
		link_hush(worker->link);
	while (worker->sessions != NULL)
		session_abandon(worker->sessions);
	link_free(&worker->link);
	if (worker->loop != NULL)
		loop_timer_clear(worker->loop, &worker->patience);
	loop_free(&worker->loop);
	relay_pool_free(&worker->pool);
	settings_release(&worker->settings);
	free(worker->name);
	free(worker);
	*worker_pointer = NULL;
}

static void *worker_run(void *context)
{
	struct worker *worker = context;
	struct error error;

	if (loop_run(worker->loop, &error) < 0)
		log_write(worker->log, LOG_ERR, "%s", error.text);
	return NULL;
}

int worker_start(struct worker *worker, struct error *error)
{
	int cause = pthread_create(&worker->thread, NULL, worker_run, worker);

	worker->started = cause == 0;
	if (cause == 0)
		return 0;
	error_set(error, "thread: %s", strerror(cause));
	return -1;
}

bool worker_has_ended(struct worker *worker)
{
	if (worker->started && pthread_tryjoin_np(worker->thread, NULL) == 0)
		worker->started = false;
	return !worker->started;
}

void worker_join(struct worker *worker)
{
	if (worker->started)
		pthread_join(worker->thread, NULL);
	worker->started = false;
}

/* ---- words of the main thread ---- */

struct worker_post {
	struct loop_post post;
	struct worker *worker;
	struct settings *settings;
};

static void worker_send(
	struct worker *worker, loop_fn *run, struct settings *settings)
{
	struct worker_post *post = xcalloc(1, sizeof(*post));

	post->worker = worker;
	post->settings = settings;
	loop_post(worker->loop, &post->post, run, post);
}

/* The link's strings are those of the settings: these go last. */
static void worker_take_settings(void *context)
{
	struct worker_post *post = context;
	struct worker *worker = post->worker;
	struct settings *old = worker->settings;
	struct link_settings link;

	worker->settings = post->settings;
	link = worker_link_settings(worker);
	link_configure(worker->link, &link);
	settings_release(&old);
	free(post);
}

void worker_reload(struct worker *worker, struct settings *settings)
{
	worker_send(worker, worker_take_settings, settings_hold(settings));
}

static void worker_cut(void *context)
{
	struct worker *worker = context;

	log_write(worker->log, LOG_WARNING,
		"%zu sessions are cut off: they did not end in time",
		worker->count);
	loop_stop(worker->loop);
}

static void worker_close_all(void *context)
{
	struct worker *worker = context;
	struct session *session = worker->sessions, *next;

	loop_timer_set(worker->loop, &worker->patience, WORKER_END_MS,
		worker_cut, worker);
	for (; session != NULL; session = next) {
		next = session_next(session);
		session_close(session, WORKER_CLOSE_MS);
	}
}

static void worker_begin_drain(void *context)
{
	struct worker_post *post = context;
	struct worker *worker = post->worker;
	struct session *session = worker->sessions, *next;

	free(post);
	worker->draining = true;
	for (; session != NULL; session = next) {
		next = session_next(session);
		session_drain(session);
	}
	loop_timer_set(worker->loop, &worker->patience,
		worker->settings->config->gateway.drain, worker_close_all,
		worker);
	worker_left(worker);
}

void worker_drain(struct worker *worker)
{
	worker_send(worker, worker_begin_drain, NULL);
}

void worker_stop(struct worker *worker)
{
	loop_stop(worker->loop);
}

void worker_left(struct worker *worker)
{
	if (worker->draining && worker->count == 0)
		loop_stop(worker->loop);
}

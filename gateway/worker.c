/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread: its loop, words of the main thread, the end. */
#include "config.h"

#include "gateway/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#include "gateway/deliveries.h"
#include "gateway/session.h"

/* Pipes for bulk: no more sessions than these have much to say at once. */
#define WORKER_PIPES 128
/* After the time of gateway.drain: until goodbyes are said, and all is over. */
#define WORKER_CLOSE_MS 5000
#define WORKER_END_MS	8000
/* How often it is looked whether all is over. */
#define WORKER_LOOK_MS 200

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

/* ---- clients ---- */

static void worker_begin_session(
	struct worker *worker, struct listener_guest *guest)
{
	const struct listener_terms *terms = guest->terms;
	struct session_origin origin = {
		/* The services are in the order of the protocols. */
		.protocol = (enum dialog_protocol)terms->service,
		.implicit = terms->tls == LISTENER_TLS,
		.starttls = terms->tls == LISTENER_STARTTLS,
		.cleartext = terms->plaintext,
		.context = terms->context,
		.port = guest->port,
		.over = listener_leave,
		.over_context = guest,
	};

	memcpy(origin.client, guest->client, sizeof(origin.client));
	session_begin(worker, guest->socket, &origin);
}

static void worker_begin_delivery(
	struct worker *worker, struct listener_guest *guest)
{
	const struct listener_terms *terms = guest->terms;
	struct deliveries_origin origin = {
		.implicit = terms->tls == LISTENER_TLS,
		.starttls = terms->tls == LISTENER_STARTTLS,
		.context = terms->context,
		.over = listener_leave,
		.over_context = guest,
	};

	memcpy(origin.client, guest->client, sizeof(origin.client));
	deliveries_begin(worker->deliveries, guest->socket, &origin);
}

static void worker_guest(void *context, struct listener_guest *guest)
{
	struct worker *worker = context;

	if (guest->terms->service != HOME_LMTP)
		worker_begin_session(worker, guest);
	else
		worker_begin_delivery(worker, guest);
}

/* The homes of deliveries are looked at only where there are any. */
static void worker_prepare_deliveries(struct worker *worker)
{
	const struct config *config = worker->settings->config;

	for (size_t i = 0; i < config->listens_count; i++)
		if (worker->deliveries == NULL &&
			strcmp(config->listens[i].protocol, "lmtp") == 0)
			worker->deliveries = deliveries_new(worker);
}

/* ---- its life ---- */

static int worker_open(
	struct worker *worker, struct listeners *listeners, struct error *error)
{
	struct link_settings link = worker_link_settings(worker);

	worker->loop = loop_new(error);
	if (worker->loop == NULL)
		return -1;
	worker->link = link_new(worker->loop, &link, worker->log);
	worker_prepare_deliveries(worker);
	worker->limits = listeners_limits(listeners);
	worker->listener = listener_thread_new(worker->loop, listeners,
		worker->log, worker_guest, worker, error);
	return worker->listener != NULL ? 0 : -1;
}

struct worker *worker_new(unsigned index, struct settings *settings,
	struct listeners *listeners, const char *instance, struct log *log,
	struct error *error)
{
	struct worker *worker = xcalloc(1, sizeof(*worker));

	worker->index = index;
	worker->log = log;
	worker->settings = settings_hold(settings);
	worker->instance = instance;
	worker->name = xasprintf("%s/%u", settings->name, index);
	worker->pool = relay_pool_new(WORKER_PIPES);
	if (worker_open(worker, listeners, error) < 0)
		worker_free(&worker);
	return worker;
}

/* Whether nobody is served any more. */
static bool worker_is_over(const struct worker *worker)
{
	return worker->count == 0 &&
	       (worker->deliveries == NULL ||
		       deliveries_are_over(worker->deliveries));
}

void worker_free(struct worker **worker_pointer)
{
	struct worker *worker = *worker_pointer;

	if (worker == NULL)
		return;
	/* What is cut off may go on at its home: policyd is not told an end. */
	listener_thread_free(&worker->listener);
	if (worker->link != NULL && !worker_is_over(worker))
		link_hush(worker->link);
	while (worker->sessions != NULL)
		session_abandon(worker->sessions);
	deliveries_free(&worker->deliveries);
	link_free(&worker->link);
	if (worker->loop != NULL) {
		loop_timer_clear(worker->loop, &worker->patience);
		loop_timer_clear(worker->loop, &worker->look);
	}
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
	struct listeners *listeners;
};

static void worker_send(struct worker *worker, loop_fn *run,
	struct settings *settings, struct listeners *listeners)
{
	struct worker_post *post = xcalloc(1, sizeof(*post));

	post->worker = worker;
	post->settings = settings;
	post->listeners = listeners;
	loop_post(worker->loop, &post->post, run, post);
}

/* The link's strings are those of the settings: these go last. */
static void worker_take_settings(void *context)
{
	struct worker_post *post = context;
	struct worker *worker = post->worker;
	struct settings *old = worker->settings;
	struct link_settings link;
	struct error error;

	worker->settings = post->settings;
	link = worker_link_settings(worker);
	link_configure(worker->link, &link);
	worker_prepare_deliveries(worker);
	if (post->listeners != NULL && worker->listener != NULL &&
		listener_thread_reload(
			worker->listener, post->listeners, &error) < 0)
		log_write(worker->log, LOG_ERR, "%s", error.text);
	settings_release(&old);
	free(post);
	atomic_fetch_add(&worker->taken, 1);
}

void worker_reload(struct worker *worker, struct settings *settings,
	struct listeners *listeners)
{
	worker->reloads++;
	worker_send(worker, worker_take_settings, settings_hold(settings),
		listeners);
}

bool worker_has_reloaded(const struct worker *worker)
{
	return atomic_load(&worker->taken) == worker->reloads;
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

/* Whether there is anything left to wait for. */
static void worker_look(void *context)
{
	struct worker *worker = context;

	if (worker_is_over(worker))
		loop_stop(worker->loop);
	else
		loop_timer_set(worker->loop, &worker->look, WORKER_LOOK_MS,
			worker_look, worker);
}

static void worker_begin_drain(void *context)
{
	struct worker_post *post = context;
	struct worker *worker = post->worker;
	struct session *session = worker->sessions, *next;

	free(post);
	worker->draining = true;
	listener_thread_free(&worker->listener);
	if (worker->deliveries != NULL)
		deliveries_drain(worker->deliveries);
	for (; session != NULL; session = next) {
		next = session_next(session);
		session_drain(session);
	}
	loop_timer_set(worker->loop, &worker->patience,
		worker->settings->config->gateway.drain, worker_close_all,
		worker);
	atomic_fetch_add(&worker->taken, 1);
	worker_look(worker);
}

void worker_drain(struct worker *worker)
{
	worker->reloads++;
	worker_send(worker, worker_begin_drain, NULL, NULL);
}

void worker_stop(struct worker *worker)
{
	loop_stop(worker->loop);
}

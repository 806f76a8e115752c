/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event loops and listeners. The first loop accepts for all of them and hands
 * a client to the loop that has the fewest, so that twenty connections are
 * ten for each of two threads and not by chance all for one.
 */
#include "config.h"

#include <errno.h>
#include <event2/thread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/server_private.h"

#define SERVER_TICK_MIN_MS 50
#define SERVER_TICK_MAX_MS 1000
#define SERVER_STOP_MS	   3000 /* for clients to read their last answers */
#define SERVER_TELL_MS	   10000
#define SERVER_ACCEPT_MAX  16 /* in a row: those that are there come first */

struct server *server_new(struct settings_box *settings, struct log *log,
	size_t threads, void *context)
{
	struct server *server = xcalloc(1, sizeof(*server));

	evthread_use_pthreads();
	server->settings = settings;
	server->log = log;
	server->context = context;
	server->count = threads;
	server->loops = xcalloc(threads, sizeof(server->loops[0]));
	for (size_t i = 0; i < threads; i++) {
		struct server_loop *loop = &server->loops[i];

		loop->server = server;
		loop->last = &loop->first;
		loop->round.last = &loop->round.first;
		pthread_mutex_init(&loop->lock, NULL);
	}
	return server;
}

void server_listen(struct server *server, int socket,
	const struct server_protocol *protocol)
{
	struct server_listener *listener = xcalloc(1, sizeof(*listener));

	listener->server = server;
	listener->protocol = protocol;
	listener->socket = socket;
	listener->next = server->listeners;
	server->listeners = listener;
}

/* Hands the client to the loop with the fewest. */
static void server_admit(struct server_listener *listener, int socket)
{
	struct server *server = listener->server;
	struct server_connection *connection = xcalloc(1, sizeof(*connection));
	struct server_loop *loop = &server->loops[0];

	for (size_t i = 1; i < server->count; i++)
		if (atomic_load(&server->loops[i].clients) <
			atomic_load(&loop->clients))
			loop = &server->loops[i];
	connection->loop = loop;
	connection->listener = listener;
	connection->socket = socket;
	atomic_fetch_add(&loop->clients, 1);
	atomic_fetch_add(&listener->clients, 1);
	pthread_mutex_lock(&loop->lock);
	connection->next = loop->newcomers;
	loop->newcomers = connection;
	event_active(loop->wake, EV_READ, 0);
	pthread_mutex_unlock(&loop->lock);
}

static void server_tell_refused(
	struct server_listener *listener, const char *why)
{
	long count;

	if (pace_allows(&listener->refused, SERVER_TELL_MS, &count))
		log_write(listener->server->log, LOG_WARNING,
			"%s listener: clients are turned away: %s (%ld so far)",
			listener->protocol->name, why, count);
}

static size_t server_clients_max(struct server *server)
{
	const struct settings *settings = settings_get(server->settings);
	size_t most = (size_t)settings->config->policyd.clients;

	settings_put(server->settings, &settings);
	return most;
}

static void server_accept(evutil_socket_t socket, short what, void *context)
{
	struct server_listener *listener = context;
	struct timeval second = { 1, 0 };
	size_t most = server_clients_max(listener->server);

	(void)what;
	for (int i = 0; i < SERVER_ACCEPT_MAX; i++) {
		int client = accept4(
			socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client >= 0 && atomic_load(&listener->clients) < most) {
			server_admit(listener, client);
			continue;
		}
		if (client >= 0) {
			server_tell_refused(listener, "too many");
			close(client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			errno == ENOMEM) {
			server_tell_refused(listener, strerror(errno));
			event_del(listener->event);
			event_add(listener->retry, &second);
			return;
		}
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static void server_accept_again(
	evutil_socket_t socket, short what, void *context)
{
	struct server_listener *listener = context;

	(void)socket;
	(void)what;
	event_add(listener->event, NULL);
}

static void server_loop_admit(struct server_loop *loop)
{
	struct server_connection *newcomers, *next;

	pthread_mutex_lock(&loop->lock);
	newcomers = loop->newcomers;
	loop->newcomers = NULL;
	pthread_mutex_unlock(&loop->lock);
	for (; newcomers != NULL; newcomers = next) {
		next = newcomers->next;
		server_connection_begin(newcomers);
	}
}

static void server_loop_tasks(struct server_loop *loop)
{
	struct server_task *tasks, *next;

	pthread_mutex_lock(&loop->lock);
	tasks = loop->first;
	loop->first = NULL;
	loop->last = &loop->first;
	pthread_mutex_unlock(&loop->lock);
	for (; tasks != NULL; tasks = next) {
		struct server_connection *connection = tasks->connection;

		next = tasks->next;
		if (!connection->closed)
			tasks->fn(connection, connection->state);
		if (!connection->closed)
			server_connection_update(connection);
		free(tasks);
		server_connection_drop_task(connection);
	}
}

/* The loop ends when its last connection has. */
static void server_loop_finish(struct server_loop *loop)
{
	struct server_connection *connection, *next;
	int64_t now = instant_monotonic();

	if (loop->stop_by == 0)
		loop->stop_by = now + SERVER_STOP_MS;
	for (connection = loop->connections; connection != NULL;
		connection = next) {
		next = connection->next;
		server_finish(connection);
		if (now < loop->stop_by || connection->paused)
			server_connection_update(connection);
		else
			server_connection_close(connection);
	}
	if (loop->connections == NULL)
		event_base_loopbreak(loop->base);
}

static void server_loop_wake(evutil_socket_t socket, short what, void *context)
{
	struct server_loop *loop = context;
	bool stopping;

	(void)socket;
	(void)what;
	server_loop_admit(loop);
	server_loop_tasks(loop);
	pthread_mutex_lock(&loop->lock);
	stopping = loop->stopping;
	pthread_mutex_unlock(&loop->lock);
	if (!stopping)
		return;
	if (loop == &loop->server->loops[0])
		for (struct server_listener *listener = loop->server->listeners;
			listener != NULL; listener = listener->next) {
			event_del(listener->event);
			event_del(listener->retry);
		}
	server_loop_finish(loop);
}

static void server_loop_tick(evutil_socket_t socket, short what, void *context)
{
	struct server_loop *loop = context;
	struct settings_box *box = loop->server->settings;
	const struct settings *settings = settings_get(box);
	int64_t limit = settings->config->policyd.client_timeout;
	int64_t period = limit / 4;
	int64_t now = instant_monotonic();
	struct server_connection *connection, *next;
	struct timeval wait;

	(void)socket;
	(void)what;
	settings_put(box, &settings);
	for (connection = loop->connections; connection != NULL;
		connection = next) {
		next = connection->next;
		server_connection_tick(connection);
		server_connection_check(connection, now, limit);
	}
	if (loop->stop_by != 0)
		server_loop_finish(loop);
	if (period < SERVER_TICK_MIN_MS)
		period = SERVER_TICK_MIN_MS;
	if (period > SERVER_TICK_MAX_MS)
		period = SERVER_TICK_MAX_MS;
	wait.tv_sec = period / 1000;
	wait.tv_usec = period % 1000 * 1000;
	event_add(loop->tick, &wait);
}

static void *server_loop_run(void *context)
{
	struct server_loop *loop = context;

	server_loop_tick(-1, 0, loop);
	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void server_loop_end_round(
	evutil_socket_t socket, short what, void *context)
{
	(void)socket;
	(void)what;
	server_round_end(context);
}

static int server_loop_prepare(struct server_loop *loop)
{
	loop->base = event_base_new();
	if (loop->base == NULL)
		return -1;
	loop->wake = event_new(
		loop->base, -1, EV_READ | EV_PERSIST, server_loop_wake, loop);
	loop->tick = event_new(loop->base, -1, 0, server_loop_tick, loop);
	loop->round.end =
		event_new(loop->base, -1, 0, server_loop_end_round, loop);
	if (loop->wake == NULL || loop->tick == NULL || loop->round.end == NULL)
		return -1;
	return 0;
}

static int server_listener_prepare(
	struct server_listener *listener, struct event_base *base)
{
	listener->event = event_new(base, listener->socket,
		EV_READ | EV_PERSIST, server_accept, listener);
	listener->retry = event_new(base, -1, 0, server_accept_again, listener);
	if (listener->event == NULL || listener->retry == NULL)
		return -1;
	return event_add(listener->event, NULL);
}

int server_start(struct server *server, struct error *error)
{
	struct server_listener *listener;

	for (size_t i = 0; i < server->count; i++)
		if (server_loop_prepare(&server->loops[i]) < 0) {
			error_set(error, "event loop: cannot be made");
			return -1;
		}
	for (listener = server->listeners; listener != NULL;
		listener = listener->next)
		if (server_listener_prepare(listener, server->loops[0].base) <
			0) {
			error_set(error, "%s listener: cannot be watched",
				listener->protocol->name);
			return -1;
		}
	for (size_t i = 0; i < server->count; i++) {
		struct server_loop *loop = &server->loops[i];

		if (pthread_create(
			    &loop->thread, NULL, server_loop_run, loop) != 0)
			abort();
		loop->started = true;
	}
	return 0;
}

void server_stop(struct server *server)
{
	for (size_t i = 0; i < server->count; i++) {
		struct server_loop *loop = &server->loops[i];

		if (!loop->started)
			continue;
		pthread_mutex_lock(&loop->lock);
		loop->stopping = true;
		pthread_mutex_unlock(&loop->lock);
		event_active(loop->wake, EV_READ, 0);
	}
}

static void server_loop_clear(struct server_loop *loop)
{
	/* whoever posted last may still be at it; the tasks are for
	 * connections that are closed by now */
	pthread_mutex_lock(&loop->lock);
	pthread_mutex_unlock(&loop->lock);
	server_loop_tasks(loop);
	/* newcomers that came after the end */
	while (loop->newcomers != NULL) {
		struct server_connection *connection = loop->newcomers;

		loop->newcomers = connection->next;
		close(connection->socket);
		free(connection);
	}
	if (loop->wake != NULL)
		event_free(loop->wake);
	if (loop->tick != NULL)
		event_free(loop->tick);
	if (loop->round.end != NULL)
		event_free(loop->round.end);
	settings_put(loop->server->settings, &loop->round.settings);
	if (loop->base != NULL)
		event_base_free(loop->base);
	pthread_mutex_destroy(&loop->lock);
}

void server_free(struct server **server)
{
	struct server_listener *listener;

	if (*server == NULL)
		return;
	server_stop(*server);
	for (size_t i = 0; i < (*server)->count; i++)
		if ((*server)->loops[i].started)
			pthread_join((*server)->loops[i].thread, NULL);
	while ((listener = (*server)->listeners) != NULL) {
		(*server)->listeners = listener->next;
		if (listener->event != NULL)
			event_free(listener->event);
		if (listener->retry != NULL)
			event_free(listener->retry);
		close(listener->socket);
		free(listener);
	}
	for (size_t i = 0; i < (*server)->count; i++)
		server_loop_clear(&(*server)->loops[i]);
	free((*server)->loops);
	free(*server);
	*server = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection: bytes in, bytes out, one write for all the requests that one
 * read has brought, at the end of the loop's round.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/server_private.h"

/* Memory that an idle connection may keep. */
#define SERVER_KEEP_MAX 16384
#define SERVER_TELL_MS	1000

struct buffer *server_output(struct server_connection *connection)
{
	return &connection->out;
}

int server_socket(const struct server_connection *connection)
{
	return connection->socket;
}

void server_answered(struct server_connection *connection)
{
	connection->midway_since = 0;
}

void server_pause(struct server_connection *connection)
{
	connection->paused = true;
}

void server_stream(struct server_connection *connection, bool streams)
{
	connection->streams = streams;
}

void server_finish(struct server_connection *connection)
{
	connection->finishing = true;
}

/* ---- rounds ---- */

static void server_round_begin(struct server_loop *loop)
{
	if (loop->round.begun)
		return;
	loop->round.begun = true;
	/* it comes behind all events that are active now */
	event_active(loop->round.end, EV_TIMEOUT, 0);
}

static void server_round_join(struct server_connection *connection)
{
	struct server_round *round = &connection->loop->round;

	if (connection->round_place != NULL)
		return;
	server_round_begin(connection->loop);
	connection->round_place = round->last;
	*round->last = connection;
	round->last = &connection->round_next;
}

static void server_round_leave(struct server_connection *connection)
{
	struct server_round *round = &connection->loop->round;

	if (connection->round_place == NULL)
		return;
	*connection->round_place = connection->round_next;
	if (connection->round_next != NULL)
		connection->round_next->round_place = connection->round_place;
	else
		round->last = connection->round_place;
	connection->round_next = NULL;
	connection->round_place = NULL;
}

void server_round_end(struct server_loop *loop)
{
	struct server_connection *connection;

	loop->round.begun = false;
	settings_put(loop->server->settings, &loop->round.settings);
	while ((connection = loop->round.first) != NULL) {
		server_round_leave(connection);
		server_connection_update(connection);
	}
}

const struct settings *server_settings(struct server_connection *connection)
{
	struct server_loop *loop = connection->loop;

	if (loop->round.settings == NULL) {
		server_round_begin(loop);
		loop->round.settings = settings_get(loop->server->settings);
	}
	return loop->round.settings;
}

/* ---- life ---- */

void server_complain(struct server_connection *connection, const char *why)
{
	struct server_listener *listener = connection->listener;
	long count;

	if (pace_allows(&listener->closed, SERVER_TELL_MS, &count))
		log_write(listener->server->log, LOG_NOTICE,
			"%s client closed: %s (%ld of them)",
			listener->protocol->name, why, count);
}

static void server_connection_free(struct server_connection *connection)
{
	buffer_free(&connection->in);
	buffer_free(&connection->out);
	free(connection);
}

void server_connection_close(struct server_connection *connection)
{
	struct server_loop *loop = connection->loop;
	bool last;

	connection->listener->protocol->close(connection->state);
	connection->state = NULL;
	connection->closed = true;
	event_free(connection->readable);
	event_free(connection->writable);
	close(connection->socket);
	*connection->place = connection->next;
	if (connection->next != NULL)
		connection->next->place = connection->place;
	server_round_leave(connection);
	atomic_fetch_sub(&loop->clients, 1);
	atomic_fetch_sub(&connection->listener->clients, 1);
	pthread_mutex_lock(&loop->lock);
	last = connection->tasks == 0;
	pthread_mutex_unlock(&loop->lock);
	if (last)
		server_connection_free(connection);
}

void server_connection_drop_task(struct server_connection *connection)
{
	struct server_loop *loop = connection->loop;
	bool last;

	pthread_mutex_lock(&loop->lock);
	last = --connection->tasks == 0;
	pthread_mutex_unlock(&loop->lock);
	if (last && connection->closed)
		server_connection_free(connection);
}

void server_post(struct server_connection *connection, server_fn *fn)
{
	struct server_loop *loop = connection->loop;
	struct server_task *task = xcalloc(1, sizeof(*task));

	task->connection = connection;
	task->fn = fn;
	pthread_mutex_lock(&loop->lock);
	connection->tasks++;
	*loop->last = task;
	loop->last = &task->next;
	/* with the lock: behind it the loop may end at any moment */
	event_active(loop->wake, EV_READ, 0);
	pthread_mutex_unlock(&loop->lock);
}

/* Hands data to the protocol. Returns the bytes that it took. */
static size_t server_connection_feed(
	struct server_connection *connection, const char *data, size_t size)
{
	const struct server_protocol *protocol = connection->listener->protocol;
	ssize_t used;

	if (size == 0 || connection->paused || connection->finishing)
		return 0;
	used = protocol->input(connection, connection->state, data, size);
	if (used >= 0)
		return (size_t)used;
	server_finish(connection);
	return size;
}

/* Whether there is the beginning of a request, and since when. */
static void server_connection_note_midway(struct server_connection *connection)
{
	const struct server_protocol *protocol = connection->listener->protocol;

	if (connection->paused || (connection->in.size == 0 &&
					  !protocol->midway(connection->state)))
		connection->midway_since = 0;
	else if (connection->midway_since == 0)
		connection->midway_since = instant_monotonic();
}

static void server_connection_take(
	struct server_connection *connection, const char *data, size_t size)
{
	size_t used;

	if (connection->in.size == 0) {
		used = server_connection_feed(connection, data, size);
		if (used < size && !connection->finishing)
			buffer_add(&connection->in, data + used, size - used);
	} else {
		if (size > 0)
			buffer_add(&connection->in, data, size);
		used = server_connection_feed(
			connection, connection->in.data, connection->in.size);
		buffer_drop(&connection->in, used);
	}
	if (connection->in.size == 0 && connection->in.room > SERVER_KEEP_MAX)
		buffer_free(&connection->in);
	server_connection_note_midway(connection);
}

/* Writes what the socket takes. Returns -1 when the client has gone. */
static int server_connection_flush(struct server_connection *connection)
{
	size_t written = 0;
	ssize_t step = 0;

	while (written < connection->out.size) {
		step = send(connection->socket, connection->out.data + written,
			connection->out.size - written, MSG_NOSIGNAL);
		if (step < 0 && errno == EINTR)
			continue;
		if (step < 0)
			break;
		written += (size_t)step;
	}
	if (step < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		return -1;
	buffer_drop(&connection->out, written);
	if (connection->out.size == 0) {
		connection->blocked_since = 0;
		if (connection->out.room > SERVER_KEEP_MAX)
			buffer_free(&connection->out);
	} else if (written > 0 || connection->blocked_since == 0) {
		connection->blocked_since = instant_monotonic();
	}
	return 0;
}

static void server_connection_watch(struct server_connection *connection)
{
	bool reads = !connection->paused && !connection->finishing &&
		     !connection->ended &&
		     connection->out.size <= SERVER_OUTPUT_MAX;
	bool writes = connection->out.size > 0;

	if (reads != connection->reads) {
		connection->reads = reads;
		if (reads)
			event_add(connection->readable, NULL);
		else
			event_del(connection->readable);
	}
	if (writes != connection->writes) {
		connection->writes = writes;
		if (writes)
			event_add(connection->writable, NULL);
		else
			event_del(connection->writable);
	}
}

/* Writes, and asks for more as long as there is more and it is taken. */
static int server_connection_drain(struct server_connection *connection)
{
	const struct server_protocol *protocol = connection->listener->protocol;

	for (;;) {
		if (server_connection_flush(connection) < 0)
			return -1;
		if (protocol->room == NULL || connection->out.size > 0)
			return 0;
		protocol->room(connection, connection->state);
		if (connection->out.size == 0)
			return 0;
	}
}

void server_connection_update(struct server_connection *connection)
{
	if (server_connection_drain(connection) < 0) {
		/* nobody reads any more; a job that runs is let finish */
		buffer_clear(&connection->out);
		server_finish(connection);
	}
	if (connection->paused) {
		server_connection_watch(connection);
		return;
	}
	if (connection->out.size == 0 &&
		(connection->finishing ||
			(connection->ended && !connection->streams))) {
		server_connection_close(connection);
		return;
	}
	server_connection_watch(connection);
}

void server_resume(struct server_connection *connection)
{
	connection->paused = false;
	server_connection_take(connection, NULL, 0);
	server_connection_update(connection);
}

static void server_connection_readable(
	evutil_socket_t socket, short what, void *context)
{
	struct server_connection *connection = context;
	char *scratch = connection->loop->scratch;
	ssize_t size = recv(socket, scratch, SERVER_SCRATCH_SIZE, 0);

	(void)what;
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size > 0)
		server_connection_take(connection, scratch, (size_t)size);
	else
		connection->ended = true;
	if (size < 0)
		server_finish(connection);
	server_round_join(connection);
}

static void server_connection_writable(
	evutil_socket_t socket, short what, void *context)
{
	(void)socket;
	(void)what;
	server_connection_update(context);
}

void server_connection_begin(struct server_connection *connection)
{
	struct server_loop *loop = connection->loop;
	struct server *server = loop->server;
	int yes = 1;

	/* fails on a UNIX socket, which needs no such thing */
	(void)setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes,
		sizeof(yes));
	connection->readable = event_new(loop->base, connection->socket,
		EV_READ | EV_PERSIST, server_connection_readable, connection);
	connection->writable = event_new(loop->base, connection->socket,
		EV_WRITE | EV_PERSIST, server_connection_writable, connection);
	if (connection->readable == NULL || connection->writable == NULL)
		abort(); /* no memory */
	connection->next = loop->connections;
	connection->place = &loop->connections;
	if (connection->next != NULL)
		connection->next->place = &connection->next;
	loop->connections = connection;
	connection->state = connection->listener->protocol->open(
		connection, server->context);
	server_connection_update(connection);
}

void server_connection_tick(struct server_connection *connection)
{
	const struct server_protocol *protocol = connection->listener->protocol;

	if (protocol->tick == NULL || connection->paused ||
		connection->finishing)
		return;
	protocol->tick(connection, connection->state);
	server_round_join(connection);
}

/* Whether the client of a stream that sends nothing more has gone wholly. */
static bool server_connection_is_gone(
	const struct server_connection *connection)
{
	struct pollfd poller = { .fd = connection->socket };

	return poll(&poller, 1, 0) > 0 &&
	       (poller.revents & (POLLHUP | POLLERR)) != 0;
}

void server_connection_check(
	struct server_connection *connection, int64_t now, int64_t limit)
{
	const char *why = NULL;

	if (connection->paused)
		return;
	if (connection->midway_since != 0 &&
		now - connection->midway_since > limit)
		why = "half a request, and no more of it came";
	else if (connection->blocked_since != 0 &&
		 now - connection->blocked_since > limit)
		why = "it does not read its answers";
	else if (!connection->ended || !server_connection_is_gone(connection))
		return;
	if (why != NULL)
		server_complain(connection, why);
	server_connection_close(connection);
}

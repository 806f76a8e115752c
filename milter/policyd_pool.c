/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of connections to policyd. Idle ones are a stack, so that the same
 * few stay warm. A connection that failed is closed at once: a late answer must
 * never be taken for that of the next question.
 *
 * When policyd stands still, each question would pin one of libmilter's worker
 * threads for the whole time limit, and sessions that have nothing to do with
 * policyd would wait for a worker. So after a question that got no answer in
 * time all are told "later" at once, but for one at a time that tries again.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/attr.h"
#include "lib/buffer.h"
#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/xalloc.h"
#include "milter/policyd_pool.h"

/* Between two trials of a policyd that stands still. */
#define POLICYD_PAUSE_MS 1000

struct policyd_connection {
	struct policyd_connection *next; /* in the stack of idle ones */
	int fd;				 /* -1: not connected yet */
	bool used;			 /* has answered before */
	bool silent; /* not a byte of this answer has come */
	struct attr_list *request;
	struct attr_parser *parser;
	struct buffer out;
};

struct policyd_pool {
	char *endpoint;
	size_t limit;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t freed;  /* a connection was given back or closed */
	struct policyd_connection *idle;
	size_t count;	  /* idle and lent */
	bool silent;	  /* the last word was no answer in time */
	bool tried;	  /* somebody is trying again */
	int64_t try_next; /* when silent: not before */
};

struct policyd_pool *policyd_pool_new(const char *endpoint, size_t limit)
{
	struct policyd_pool *pool = xcalloc(1, sizeof(*pool));
	pthread_condattr_t attributes;

	pool->endpoint = xstrdup(endpoint);
	pool->limit = limit;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->freed, &attributes);
	pthread_condattr_destroy(&attributes);
	return pool;
}

static struct policyd_connection *policyd_connection_new(void)
{
	struct policyd_connection *connection = xcalloc(1, sizeof(*connection));

	connection->fd = -1;
	connection->request = attr_list_new();
	connection->parser = attr_parser_new(ATTR_POLICY);
	return connection;
}

static void policyd_connection_free(struct policyd_connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	attr_list_free(&connection->request);
	attr_parser_free(&connection->parser);
	buffer_free(&connection->out);
	free(connection);
}

static void policyd_connections_free(struct policyd_connection *stack)
{
	while (stack != NULL) {
		struct policyd_connection *connection = stack;

		stack = connection->next;
		policyd_connection_free(connection);
	}
}

void policyd_pool_free(struct policyd_pool **pool)
{
	if (*pool == NULL)
		return;
	policyd_connections_free((*pool)->idle);
	pthread_cond_destroy(&(*pool)->freed);
	pthread_mutex_destroy(&(*pool)->mutex);
	free((*pool)->endpoint);
	free(*pool);
	*pool = NULL;
}

/* Borrows a connection; NULL when none came free before the deadline. */
static struct policyd_connection *policyd_pool_take(
	struct policyd_pool *pool, int64_t deadline)
{
	const struct timespec until = {
		.tv_sec = deadline / 1000,
		.tv_nsec = deadline % 1000 * 1000000,
	};
	struct policyd_connection *connection = NULL;
	int status = 0;

	pthread_mutex_lock(&pool->mutex);
	while (pool->idle == NULL && pool->count >= pool->limit && status == 0)
		status = pthread_cond_timedwait(
			&pool->freed, &pool->mutex, &until);
	if (pool->idle != NULL) {
		connection = pool->idle;
		pool->idle = connection->next;
	} else if (pool->count < pool->limit) {
		connection = policyd_connection_new();
		pool->count++;
	}
	pthread_mutex_unlock(&pool->mutex);
	return connection;
}

static void policyd_pool_give_back(
	struct policyd_pool *pool, struct policyd_connection *connection)
{
	connection->used = true;
	pthread_mutex_lock(&pool->mutex);
	connection->next = pool->idle;
	pool->idle = connection;
	pthread_cond_signal(&pool->freed);
	pthread_mutex_unlock(&pool->mutex);
}

/*
 * Closes a failed connection. One that policyd closed tells of a restart: the
 * idle ones are of the old process too.
 */
static void policyd_pool_discard(struct policyd_pool *pool,
	struct policyd_connection *connection, bool restarted)
{
	struct policyd_connection *idle, *stale = NULL;
	size_t closed = 1;

	pthread_mutex_lock(&pool->mutex);
	if (restarted) {
		stale = pool->idle;
		pool->idle = NULL;
	}
	for (idle = stale; idle != NULL; idle = idle->next)
		closed++;
	pool->count -= closed;
	pthread_cond_broadcast(&pool->freed);
	pthread_mutex_unlock(&pool->mutex);
	policyd_connection_free(connection);
	policyd_connections_free(stale);
}

/* Waits for the events. 0, or -1 when the deadline has passed. */
static int policyd_connection_wait(const struct policyd_connection *connection,
	short events, int64_t deadline, struct error *error)
{
	struct pollfd item = { .fd = connection->fd, .events = events };

	for (;;) {
		int64_t left = deadline - instant_monotonic();
		int ready = poll(&item, 1, left > 0 ? (int)left : 0);

		if (ready > 0)
			return 0;
		if (ready == 0) {
			error_set(error, "no answer in time");
			return -1;
		}
		if (errno != EINTR) {
			error_set(error, "poll: %s", strerror(errno));
			return -1;
		}
	}
}

static int policyd_connection_send(struct policyd_connection *connection,
	int64_t deadline, struct error *error)
{
	while (connection->out.size > 0) {
		ssize_t sent = send(connection->fd, connection->out.data,
			connection->out.size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			buffer_drop(&connection->out, (size_t)sent);
		} else if (errno == EAGAIN) {
			if (policyd_connection_wait(
				    connection, POLLOUT, deadline, error) < 0)
				return -1;
		} else if (errno != EINTR) {
			error_set(error, "send: %s", strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* Feeds the parser. 1 the answer is complete, 0 not yet, -1 no good. */
static int policyd_connection_feed(struct policyd_connection *connection,
	const char *data, size_t size, struct error *error)
{
	size_t used;
	int status =
		attr_parser_feed(connection->parser, data, size, &used, error);

	connection->silent = false;
	if (status > 0 && used < size) {
		error_set(error, "more than one answer to one question");
		return -1;
	}
	return status;
}

static int policyd_connection_receive(struct policyd_connection *connection,
	int64_t deadline, struct error *error)
{
	char data[2048];
	int status = 0;

	while (status == 0) {
		ssize_t got;

		if (policyd_connection_wait(
			    connection, POLLIN, deadline, error) < 0)
			return -1;
		got = recv(connection->fd, data, sizeof(data), MSG_DONTWAIT);
		if (got > 0) {
			status = policyd_connection_feed(
				connection, data, (size_t)got, error);
		} else if (got == 0) {
			error_set(error, "closed the connection");
			return -1;
		} else if (errno != EAGAIN && errno != EINTR) {
			error_set(error, "receive: %s", strerror(errno));
			return -1;
		}
	}
	return status < 0 ? -1 : 0;
}

/* One question over the connection, which is made when it is not there. */
static int policyd_connection_ask(struct policyd_connection *connection,
	const char *endpoint, const char *recipient, int64_t deadline,
	struct error *error)
{
	int64_t left = deadline - instant_monotonic();

	connection->silent = true;
	if (connection->fd < 0 && left > 0)
		connection->fd = endpoint_connect(endpoint, (int)left, error);
	else if (left <= 0)
		error_set(error, "no answer in time");
	if (connection->fd < 0 || left <= 0)
		return -1;
	attr_list_clear(connection->request);
	attr_list_add(connection->request, "request", "rehome_recipient");
	attr_list_add(connection->request, "recipient", recipient);
	attr_list_add(connection->request, "own", "no");
	buffer_clear(&connection->out);
	attr_print(connection->request, ATTR_POLICY, &connection->out);
	if (policyd_connection_send(connection, deadline, error) < 0)
		return -1;
	return policyd_connection_receive(connection, deadline, error);
}

/*
 * One question over one connection. Returns 0 with an answer, 1 when policyd
 * was restarted since the connection was last used, -1 with an error.
 */
static int policyd_pool_try(struct policyd_pool *pool, const char *recipient,
	int64_t deadline, struct decision *decision_r, struct error *error)
{
	struct policyd_connection *connection =
		policyd_pool_take(pool, deadline);
	const struct attr_list *reply;
	bool restarted;

	if (connection == NULL) {
		error_set(error, "all %zu connections wait for answers",
			pool->limit);
		return -1;
	}
	if (policyd_connection_ask(connection, pool->endpoint, recipient,
		    deadline, error) < 0) {
		restarted = connection->used && connection->silent &&
			    instant_monotonic() < deadline;
		policyd_pool_discard(pool, connection, restarted);
		return restarted ? 1 : -1;
	}
	reply = attr_parser_message(connection->parser);
	decision_read(reply, decision_r);
	if (decision_r->verdict == DECISION_LATER) {
		const char *reason = attr_list_get(reply, "reason");

		error_set(error, "it cannot tell: %s",
			reason != NULL ? reason : "no reason given");
	}
	policyd_pool_give_back(pool, connection);
	return 0;
}

/* Such bytes would break the protocol for the questions of others. */
static bool policyd_pool_can_send(const char *recipient)
{
	for (; *recipient != '\0'; recipient++) {
		if ((unsigned char)*recipient < ' ' || *recipient == 0x7f)
			return false;
	}
	return true;
}

/* Whether the question may be asked now; *trial_r when it is a trial. */
static bool policyd_pool_enter(struct policyd_pool *pool, bool *trial_r)
{
	bool open;

	pthread_mutex_lock(&pool->mutex);
	*trial_r = pool->silent && !pool->tried &&
		   instant_monotonic() >= pool->try_next;
	open = !pool->silent || *trial_r;
	if (*trial_r)
		pool->tried = true;
	pthread_mutex_unlock(&pool->mutex);
	return open;
}

static void policyd_pool_leave(
	struct policyd_pool *pool, bool trial, bool in_time)
{
	pthread_mutex_lock(&pool->mutex);
	if (trial)
		pool->tried = false;
	pool->silent = !in_time;
	if (!in_time)
		pool->try_next = instant_monotonic() + POLICYD_PAUSE_MS;
	pthread_mutex_unlock(&pool->mutex);
}

/* As policyd_pool_ask, but for the words in front of the error. */
static int policyd_pool_question(struct policyd_pool *pool,
	const char *recipient, int64_t deadline, struct decision *decision_r,
	struct error *error)
{
	bool trial;
	int status;

	if (!policyd_pool_can_send(recipient)) {
		error_set(error, "control character in the recipient");
		return -1;
	}
	if (!policyd_pool_enter(pool, &trial)) {
		error_set(error, "no answer in time a moment ago");
		return -1;
	}
	do {
		status = policyd_pool_try(
			pool, recipient, deadline, decision_r, error);
	} while (status > 0);
	policyd_pool_leave(
		pool, trial, status == 0 || instant_monotonic() < deadline);
	return decision_r->verdict == DECISION_LATER ? -1 : 0;
}

int policyd_pool_ask(struct policyd_pool *pool, const char *recipient,
	int64_t deadline, struct decision *decision_r, struct error *error)
{
	int status;

	decision_unknown(decision_r);
	status = policyd_pool_question(
		pool, recipient, deadline, decision_r, error);
	if (status < 0)
		error_prefix(error, "policyd");
	return status;
}

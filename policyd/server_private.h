/* SPDX-License-Identifier: BSD-2-Clause */
/* What server.c and server_connection.c share. */
#ifndef REHOME_SERVER_PRIVATE_H
#define REHOME_SERVER_PRIVATE_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "policyd/pace.h"
#include "policyd/server.h"

#define SERVER_SCRATCH_SIZE 65536

struct server_listener {
	struct server_listener *next;
	struct server *server;
	const struct server_protocol *protocol;
	int socket;
	struct event *event;
	struct event *retry; /* after the system had no descriptor left */
	atomic_size_t clients;
	struct pace refused, closed; /* log lines */
};

struct server_task {
	struct server_task *next;
	struct server_connection *connection;
	server_fn *fn;
};

/*
 * What a loop does from one wait for events to the next. The connections that
 * it has read from are written to when all of them have been read: the first
 * answer would wake a client that takes the processor from the requests of the
 * others.
 */
struct server_round {
	struct event *end; /* active as long as there is something to end */
	bool begun;
	struct server_connection *first, **last;
	const struct settings *settings; /* taken once for all, or NULL */
};

struct server_loop {
	struct server *server;
	struct event_base *base;
	struct event *wake; /* there are tasks, or newcomers, or an end */
	struct event *tick;
	pthread_t thread;
	bool started;
	atomic_size_t clients;
	struct server_connection *connections; /* this thread's alone */
	struct server_round round;
	char scratch[SERVER_SCRATCH_SIZE];
	int64_t stop_by; /* monotonic; 0 while it runs */

	pthread_mutex_t lock; /* for what stands below */
	struct server_task *first, **last;
	struct server_connection *newcomers;
	bool stopping;
};

struct server {
	struct settings_box *settings;
	struct log *log;
	void *context;
	struct server_listener *listeners;
	size_t count;
	struct server_loop *loops;
};

struct server_connection {
	struct server_connection *next, **place;
	struct server_connection *round_next, **round_place; /* or NULL */
	struct server_loop *loop;
	struct server_listener *listener;
	int socket;
	struct event *readable, *writable;
	bool reads, writes; /* these events are pending */
	void *state;
	struct buffer in, out;
	bool paused, finishing, streams, ended; /* ended: by end of file */
	bool closed;	       /* waits for its tasks to be dropped */
	int64_t midway_since;  /* monotonic; 0: not midway */
	int64_t blocked_since; /* output waits; 0: it does not */
	size_t tasks;	       /* under the loop's lock */
};

/* Makes it ready on its loop's thread. */
void server_connection_begin(struct server_connection *connection);
/* Closes and frees it, at once or when its last task is dropped. */
void server_connection_close(struct server_connection *connection);
/* Has the protocol see to what waits for a time. Never closes it. */
void server_connection_tick(struct server_connection *connection);
/* Closes it when its time is over. now is monotonic, limit in ms. */
void server_connection_check(
	struct server_connection *connection, int64_t now, int64_t limit);
/* Writes what it can, reads on when there is room, closes what is done. */
void server_connection_update(struct server_connection *connection);
/* Updates the connections of the loop's round, gives back its settings. */
void server_round_end(struct server_loop *loop);
/* A task is done: frees a closed connection behind the last one. */
void server_connection_drop_task(struct server_connection *connection);

#endif

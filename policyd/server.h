/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners and connections on several event-loop threads (libevent; the only
 * files that know it are server.c and server_connection.c). A protocol sees
 * bytes come in and writes its answers to a buffer; the rest is done here:
 * connection limits, half requests that take too long, readers that are too
 * slow, orderly ends.
 */
#ifndef REHOME_SERVER_H
#define REHOME_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/buffer.h"
#include "lib/error.h"
#include "lib/log.h"
#include "policyd/settings.h"

struct server;
struct server_connection;

/* All functions of a protocol run on the thread of the connection's loop. */
struct server_protocol {
	const char *name;
	/* A client has come; what is returned is the connection's state. */
	void *(*open)(struct server_connection *connection, void *context);
	/*
	 * Takes requests from the data and appends the answers to the output.
	 * Returns how many bytes it took; what it leaves (a half request, or
	 * all behind a pause) comes again. -1: the client cannot be
	 * understood; it is closed when it has read the output so far.
	 */
	ssize_t (*input)(struct server_connection *connection, void *state,
		const char *data, size_t size);
	/* Whether the state holds the beginning of a request. */
	bool (*midway)(const void *state);
	/* The output has room again; NULL when that is of no interest. */
	void (*room)(struct server_connection *connection, void *state);
	/* Time passes: called a second after the last time at the latest, but
	 * not while the connection is paused; NULL when that is of no
	 * interest. */
	void (*tick)(struct server_connection *connection, void *state);
	void (*close)(void *state);
};

/* settings and log must live longer; context is handed to open. */
struct server *server_new(struct settings_box *settings, struct log *log,
	size_t threads, void *context);
/* Adds a listening, non-blocking socket and owns it. Before server_start. */
void server_listen(struct server *server, int socket,
	const struct server_protocol *protocol);
int server_start(struct server *server, struct error *error);
/* Takes no more clients and requests; who is being answered is. Never waits. */
void server_stop(struct server *server);
/* Waits for that, but not for ever, and frees. Paused connections must have
 * been resumed. */
void server_free(struct server **server);

/* ---- for protocols ---- */

/* Beyond this the connection's requests wait until its client has read. */
#define SERVER_OUTPUT_MAX 262144

struct buffer *server_output(struct server_connection *connection);
/* The settings in force; valid while the present call of the protocol runs. */
const struct settings *server_settings(struct server_connection *connection);
int server_socket(const struct server_connection *connection);
/* A request was complete: the time for the next one begins anew. */
void server_answered(struct server_connection *connection);

typedef void server_fn(struct server_connection *connection, void *state);

/* From now on no input is handed over and the connection is kept, even when
 * its client has gone, until server_resume. */
void server_pause(struct server_connection *connection);
void server_resume(struct server_connection *connection);
/* The connection is of use for its output alone, so it stays after the
 * client's end of file. */
void server_stream(struct server_connection *connection, bool streams);
/* Logs that the client is closed, and why: once a second for a listener. */
void server_complain(struct server_connection *connection, const char *why);
/* Closes it when the output has been read. */
void server_finish(struct server_connection *connection);
/*
 * Has fn called on the connection's thread. Any thread; the caller knows that
 * the connection is not closed yet. If it is closed meanwhile, fn is not
 * called.
 */
void server_post(struct server_connection *connection, server_fn *fn);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many connections to one server from one thread, each with one question under
 * way at a time: what the load generators have in common. A figure that was
 * not measured as it should is none, so every failure ends the process.
 */
#ifndef REHOME_BENCH_CLIENTS_H
#define REHOME_BENCH_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"
#include "tests/bench/keys.h"

struct clients;

struct client {
	struct clients *clients;
	void *state; /* of the protocol, zeroed at the first begin */
	struct buffer out;
	/* the rest belongs to clients.c */
	int fd;
	bool full;    /* the socket took less than all of the output */
	bool renewed; /* by client_reconnect, during input */
	struct buffer in;
	int64_t asked;
};

struct clients_protocol {
	size_t state_size;
	/* A connection was made: writes its first bytes to client->out. */
	void (*begin)(struct client *client);
	/* Takes the whole messages of the data, writes what follows to
	 * client->out; returns how much it took. */
	size_t (*input)(struct client *client, const char *data, size_t size);
};

struct clients_options {
	const char *program; /* for messages */
	const char *endpoint;
	unsigned connections;
	unsigned seconds;
	struct keys *keys;
	void *context;
};

/*
 * Reads "-s ENDPOINT -c CONNECTIONS -t SECONDS -n ACCOUNTS -f FILE" and the
 * options of more (of getopt), which are given to extra. 0, or -1 when they are
 * wrong.
 */
int clients_options(int argc, char **argv, const char *more,
	void (*extra)(int option, const char *value),
	struct clients_options *options_r);

/*
 * Runs for a moment that does not count and then for so many seconds; prints
 * "rate=R p50_us=N p99_us=N" and frees the keys.
 */
void clients_run(struct clients_options *options,
	const struct clients_protocol *protocol);

/* ---- for protocols ---- */

const struct clients_options *clients_of(const struct client *client);
/* The question that is being written is timed from now on; it is answered. */
void client_asks(struct client *client);
void client_answered(struct client *client);
/* Sends the output as far as the socket takes it and connects anew; begin is
 * called again. Only as the last act of input. */
void client_reconnect(struct client *client);
/* The answer is not what a bench can count. */
void client_unexpected(const struct client *client, const char *what,
	const char *data, size_t size) __attribute__((noreturn));

#endif

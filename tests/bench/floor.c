/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that a server can do: it finds the end of each request and sends
 * the same answer to all, on one thread, without a library. What policyd's
 * rates are compared with.
 *
 *     floor policy|socketmap ENDPOINT
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/buffer.h"
#include "lib/endpoint.h"
#include "lib/netstring.h"
#include "lib/xalloc.h"

#define FLOOR_EVENTS 256
#define FLOOR_READ   65536

struct floor_protocol {
	const char *name;
	const char *answer;
	/* Where the request at the front of data ends; 0 when it does not. */
	size_t (*end)(const char *data, size_t size);
};

struct floor_client {
	int fd;
	struct buffer in;
};

static void floor_die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static size_t floor_policy_end(const char *data, size_t size)
{
	const char *end = memmem(data, size, "\n\n", 2);

	return end != NULL ? (size_t)(end - data) + 2 : 0;
}

static size_t floor_socketmap_end(const char *data, size_t size)
{
	const char *payload;
	size_t payload_size, used;

	return netstring_parse(data, size, NETSTRING_MAX, &payload,
		       &payload_size, &used, NULL) > 0
		       ? used
		       : 0;
}

static const struct floor_protocol floor_protocols[] = {
	{ "policy", "action=DUNNO\n\n", floor_policy_end },
	{ "socketmap", "28:OK smtp:[old.example.org]:25,",
		floor_socketmap_end },
};

static const struct floor_protocol *floor_protocol_find(const char *name)
{
	size_t count = sizeof(floor_protocols) / sizeof(floor_protocols[0]);

	for (size_t i = 0; i < count; i++)
		if (strcmp(floor_protocols[i].name, name) == 0)
			return &floor_protocols[i];
	return NULL;
}

static void floor_accept(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct floor_client *client;
	struct epoll_event event = { .events = EPOLLIN };

	if (fd < 0)
		return;
	client = xcalloc(1, sizeof(*client));
	client->fd = fd;
	event.data.ptr = client;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		floor_die("epoll");
}

static void floor_close(struct floor_client *client)
{
	close(client->fd);
	buffer_free(&client->in);
	free(client);
}

/* Answers the whole requests of the data; returns their size, -1 when the
 * client has gone. */
static ssize_t floor_answer(const struct floor_client *client,
	const struct floor_protocol *protocol, const char *data, size_t size)
{
	size_t taken = 0;
	size_t used;

	while ((used = protocol->end(data + taken, size - taken)) > 0) {
		taken += used;
		if (send(client->fd, protocol->answer, strlen(protocol->answer),
			    MSG_NOSIGNAL) < 0)
			return -1;
	}
	return (ssize_t)taken;
}

static void floor_serve(
	struct floor_client *client, const struct floor_protocol *protocol)
{
	static char data[FLOOR_READ];
	ssize_t size = read(client->fd, data, sizeof(data));
	ssize_t taken = -1;

	if (size > 0 && client->in.size == 0) {
		taken = floor_answer(client, protocol, data, (size_t)size);
		if (taken >= 0)
			buffer_add(&client->in, data + taken,
				(size_t)(size - taken));
	} else if (size > 0) {
		buffer_add(&client->in, data, (size_t)size);
		taken = floor_answer(
			client, protocol, client->in.data, client->in.size);
		if (taken >= 0)
			buffer_drop(&client->in, (size_t)taken);
	}
	if (taken < 0)
		floor_close(client);
}

static void floor_run(int listener, const struct floor_protocol *protocol)
{
	struct epoll_event events[FLOOR_EVENTS] = { { .events = EPOLLIN } };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int count;

	if (epoll < 0 ||
		epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]) < 0)
		floor_die("epoll");
	for (;;) {
		count = epoll_wait(epoll, events, FLOOR_EVENTS, -1);
		for (int i = 0; i < count; i++)
			if (events[i].data.ptr == NULL)
				floor_accept(epoll, listener);
			else
				floor_serve(events[i].data.ptr, protocol);
	}
}

int main(int argc, char **argv)
{
	const struct floor_protocol *protocol =
		argc == 3 ? floor_protocol_find(argv[1]) : NULL;
	struct error error;
	int listener;

	if (protocol == NULL) {
		fputs("usage: floor policy|socketmap ENDPOINT\n", stderr);
		return 64;
	}
	listener = endpoint_listen(argv[2], 0666, (gid_t)-1, &error);
	if (listener < 0) {
		fprintf(stderr, "floor: %s\n", error.text);
		return 1;
	}
	floor_run(listener, protocol);
}

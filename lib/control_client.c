/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of policyd. After any failure the connection is given up: a late
 * reply to one request must never be taken for the reply to the next.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/control_client.h"
#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

#define INPUT_SIZE  16384
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct control_client {
	char *endpoint;
	int fd;
	int timeout_ms;
	bool broken;
	int64_t expected; /* messages of the list that were not read yet */
	struct attr_parser *parser;
	struct buffer request;
	size_t start, end; /* what is in input and not parsed yet */
	char input[INPUT_SIZE];
};

static const char *const control_status_names[] = {
	[CONTROL_OK] = "ok",
	[CONTROL_NOT_FOUND] = "not-found",
	[CONTROL_CONFLICT] = "conflict",
	[CONTROL_DENIED] = "denied",
	[CONTROL_ERROR] = "error",
};

struct control_client *control_connect(
	const char *endpoint, int timeout_ms, struct error *error)
{
	struct control_client *client;
	int fd = endpoint_connect(endpoint, timeout_ms, error);

	if (fd < 0) {
		error_prefix(error, "policyd");
		return NULL;
	}
	client = xcalloc(1, sizeof(*client));
	client->endpoint = xstrdup(endpoint);
	client->fd = fd;
	client->timeout_ms = timeout_ms;
	client->parser = attr_parser_new(ATTR_CONTROL);
	return client;
}

void control_close(struct control_client **client)
{
	if (*client == NULL)
		return;
	close((*client)->fd);
	attr_parser_free(&(*client)->parser);
	buffer_free(&(*client)->request);
	free((*client)->endpoint);
	free(*client);
	*client = NULL;
}

int control_fd(const struct control_client *client)
{
	return client->fd;
}

/* Gives the connection up; the error has the cause. Returns -1. */
static int control_break(struct control_client *client, struct error *error)
{
	client->broken = true;
	error_prefix(error, "policyd at %s", client->endpoint);
	return -1;
}

/* timeout_ms < 0 is for ever. */
static int64_t control_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? INSTANT_NEVER
			      : instant_monotonic() + timeout_ms;
}

/* Returns 1 when the events are there, 0 when the time is over, -1. */
static int control_wait(struct control_client *client, short events,
	int64_t deadline, struct error *error)
{
	struct pollfd polled = { client->fd, events, 0 };
	int result;

	do {
		int64_t left = -1;

		if (deadline != INSTANT_NEVER) {
			left = deadline - instant_monotonic();
			if (left < 0)
				left = 0;
		}
		result = poll(&polled, 1, (int)left);
	} while (result < 0 && errno == EINTR);
	if (result < 0)
		error_set(error, "poll: %s", strerror(errno));
	return result;
}

static int control_send(
	struct control_client *client, int64_t deadline, struct error *error)
{
	size_t sent = 0;

	while (sent < client->request.size) {
		ssize_t size;
		int ready = control_wait(client, POLLOUT, deadline, error);

		if (ready < 0)
			return -1;
		if (ready == 0) {
			error_set(error, "it takes no request: timed out");
			return -1;
		}
		size = send(client->fd, client->request.data + sent,
			client->request.size - sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (size >= 0) {
			sent += (size_t)size;
		} else if (errno != EAGAIN && errno != EINTR) {
			error_set(error, "send: %s", strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* Parses what is there. Returns 1 with a complete message, 0 or -1. */
static int control_parse(struct control_client *client, struct error *error)
{
	size_t used = 0;
	int result;

	if (client->start == client->end)
		return 0;
	result = attr_parser_feed(client->parser, client->input + client->start,
		client->end - client->start, &used, error);
	client->start += used;
	return result;
}

/* Takes what the socket has. Returns 0 or -1. */
static int control_fill(struct control_client *client, struct error *error)
{
	ssize_t size =
		recv(client->fd, client->input, INPUT_SIZE, MSG_DONTWAIT);

	client->start = 0;
	client->end = size > 0 ? (size_t)size : 0;
	if (size > 0)
		return 0;
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (size == 0)
		error_set(error, "it closed the connection%s",
			attr_parser_midway(client->parser)
				? " in the middle of a message"
				: "");
	else
		error_set(error, "receive: %s", strerror(errno));
	return -1;
}

/* Returns 1 with a message, 0 when the time is over, -1. */
static int control_receive(struct control_client *client, int64_t deadline,
	const struct attr_list **message_r, struct error *error)
{
	for (;;) {
		int result = control_parse(client, error);

		if (result > 0)
			*message_r = attr_parser_message(client->parser);
		if (result != 0)
			return result;
		result = control_wait(client, POLLIN, deadline, error);
		if (result <= 0)
			return result;
		if (control_fill(client, error) < 0)
			return -1;
	}
}

/* Whether a request may be sent: nothing of the last reply is outstanding. */
static int control_check_idle(
	struct control_client *client, struct error *error)
{
	if (client->broken)
		error_set(error, "the connection failed before");
	else if (client->expected > 0)
		error_set(error, "the last reply was not read to its end");
	else if (client->start != client->end ||
		 attr_parser_midway(client->parser))
		error_set(error, "it sent more than was asked for");
	else
		return 0;
	return -1;
}

static int control_exchange(struct control_client *client,
	const struct attr_list **reply_r, struct error *error)
{
	int64_t deadline = control_deadline(
		client->timeout_ms > 0 ? client->timeout_ms : -1);
	int result;

	if (control_send(client, deadline, error) < 0)
		return -1;
	result = control_receive(client, deadline, reply_r, error);
	if (result == 0)
		error_set(error, "no answer within %d ms", client->timeout_ms);
	if (result <= 0)
		return -1;
	if (attr_list_get_number(
		    *reply_r, "records", &client->expected, error) < 0)
		return -1;
	return 0;
}

int control_call(struct control_client *client, const struct attr_list *request,
	const struct attr_list **reply_r, struct error *error)
{
	if (control_check_idle(client, error) < 0)
		return control_break(client, error);
	buffer_clear(&client->request);
	attr_print(request, ATTR_CONTROL, &client->request);
	if (control_exchange(client, reply_r, error) < 0)
		return control_break(client, error);
	return 0;
}

int control_next(struct control_client *client, int timeout_ms,
	const struct attr_list **message_r, struct error *error)
{
	int result = -1;

	if (client->broken)
		error_set(error, "the connection failed before");
	else
		result = control_receive(
			client, control_deadline(timeout_ms), message_r, error);
	if (result < 0)
		return control_break(client, error);
	if (result > 0 && client->expected > 0)
		client->expected--;
	return result;
}

enum control_status control_status(
	const struct attr_list *reply, struct error *error)
{
	const char *name = attr_list_get(reply, "status");
	const char *reason = attr_list_get(reply, "reason");

	for (size_t i = 0; name && i < COUNT(control_status_names); i++) {
		if (strcmp(control_status_names[i], name) != 0)
			continue;
		if (i != CONTROL_OK)
			error_set(error, "%s", reason != NULL ? reason : name);
		return (enum control_status)i;
	}
	error_set(error, "policyd answered without a known status");
	return CONTROL_ERROR;
}

const char *control_status_name(enum control_status status)
{
	if ((size_t)status >= COUNT(control_status_names))
		abort();
	return control_status_names[status];
}

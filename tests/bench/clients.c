/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop of the load generators: one epoll, no library, so that the
 * clients cost as little as they can beside the server. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/endpoint.h"
#include "lib/xalloc.h"
#include "tests/bench/clients.h"
#include "tests/bench/histogram.h"

#define CLIENTS_CONNECT_MS 10000
#define CLIENTS_SILENCE_MS 30000
#define CLIENTS_WARM_NS	   INT64_C(300000000)
#define CLIENTS_SECOND_NS  INT64_C(1000000000)
#define CLIENTS_EVENTS	   256
#define CLIENTS_READ	   65536

struct clients {
	const struct clients_options *options;
	const struct clients_protocol *protocol;
	int epoll;
	struct client *all;
	int64_t begin, end; /* of what counts */
	struct histogram durations;
};

static int64_t clients_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * CLIENTS_SECOND_NS + now.tv_nsec;
}

static void __attribute__((format(printf, 2, 3), noreturn))
clients_die(const struct clients_options *options, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s: %s: ", options->program, options->endpoint);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static bool clients_number(const char *text, uint64_t *number_r)
{
	char *end;

	*number_r = strtoull(text, &end, 10);
	return *number_r > 0 && *end == '\0';
}

int clients_options(int argc, char **argv, const char *more,
	void (*extra)(int option, const char *value),
	struct clients_options *options_r)
{
	uint64_t connections = 20, seconds = 2, accounts = 10000;
	const char *file = NULL;
	bool good = true;
	char known[64];
	int option;

	snprintf(known, sizeof(known), "s:c:t:n:f:%s", more);
	options_r->endpoint = NULL;
	while ((option = getopt(argc, argv, known)) != -1)
		if (option == 's')
			options_r->endpoint = optarg;
		else if (option == 'c')
			good = good && clients_number(optarg, &connections);
		else if (option == 't')
			good = good && clients_number(optarg, &seconds);
		else if (option == 'n')
			good = good && clients_number(optarg, &accounts);
		else if (option == 'f')
			file = optarg;
		else if (option == '?')
			good = false;
		else
			extra(option, optarg);
	if (!good || options_r->endpoint == NULL)
		return -1;
	options_r->connections = (unsigned)connections;
	options_r->seconds = (unsigned)seconds;
	options_r->keys = keys_new(file, accounts);
	return 0;
}

/* ---- one client ---- */

const struct clients_options *clients_of(const struct client *client)
{
	return client->clients->options;
}

void client_asks(struct client *client)
{
	client->asked = clients_now();
}

void client_answered(struct client *client)
{
	struct clients *clients = client->clients;
	int64_t now = clients_now();

	if (now >= clients->begin && now < clients->end)
		histogram_add(
			&clients->durations, (uint64_t)(now - client->asked));
}

void client_unexpected(const struct client *client, const char *what,
	const char *data, size_t size)
{
	clients_die(clients_of(client), "unexpected %s: %.*s", what,
		size < 200 ? (int)size : 200, data);
}

static void client_watch(struct client *client, int operation, bool full)
{
	struct epoll_event event = { .events = EPOLLIN | (full ? EPOLLOUT : 0),
		.data.ptr = client };

	client->full = full;
	if (epoll_ctl(client->clients->epoll, operation, client->fd, &event) <
		0)
		clients_die(clients_of(client), "epoll: %s", strerror(errno));
}

static void client_send(struct client *client)
{
	size_t sent = 0;
	ssize_t step = 0;

	while (sent < client->out.size) {
		step = send(client->fd, client->out.data + sent,
			client->out.size - sent, MSG_NOSIGNAL);
		if (step < 0)
			break;
		sent += (size_t)step;
	}
	if (step < 0 && errno != EAGAIN)
		clients_die(clients_of(client), "send: %s", strerror(errno));
	buffer_drop(&client->out, sent);
	if (client->full != (client->out.size > 0))
		client_watch(client, EPOLL_CTL_MOD, !client->full);
}

static void client_connect(struct client *client)
{
	const struct clients_options *options = clients_of(client);
	struct error error;
	int flags;

	client->fd =
		endpoint_connect(options->endpoint, CLIENTS_CONNECT_MS, &error);
	if (client->fd < 0)
		clients_die(options, "%s", error.text);
	flags = fcntl(client->fd, F_GETFL);
	if (flags < 0 || fcntl(client->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		clients_die(options, "fcntl: %s", strerror(errno));
	client_watch(client, EPOLL_CTL_ADD, false);
	client->clients->protocol->begin(client);
	client_send(client);
}

void client_reconnect(struct client *client)
{
	client_send(client);
	close(client->fd);
	buffer_clear(&client->in);
	buffer_clear(&client->out);
	client->renewed = true;
	client_connect(client);
}

static void client_readable(struct client *client)
{
	const struct clients_protocol *protocol = client->clients->protocol;
	static char data[CLIENTS_READ];
	ssize_t size = read(client->fd, data, sizeof(data));
	size_t taken;

	if (size < 0 && errno == EAGAIN)
		return;
	if (size <= 0)
		clients_die(clients_of(client), "it %s",
			size == 0 ? "closed the connection" : strerror(errno));
	client->renewed = false;
	if (client->in.size == 0) {
		taken = protocol->input(client, data, (size_t)size);
		if (!client->renewed && taken < (size_t)size)
			buffer_add(&client->in, data + taken,
				(size_t)size - taken);
	} else {
		buffer_add(&client->in, data, (size_t)size);
		taken = protocol->input(
			client, client->in.data, client->in.size);
		if (!client->renewed)
			buffer_drop(&client->in, taken);
	}
	client_send(client);
}

/* ---- all of them ---- */

static void clients_start(struct clients *clients)
{
	const struct clients_options *options = clients->options;

	clients->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (clients->epoll < 0)
		clients_die(options, "epoll: %s", strerror(errno));
	clients->all = xcalloc(options->connections, sizeof(clients->all[0]));
	clients->begin = clients_now() + CLIENTS_WARM_NS;
	clients->end = clients->begin + options->seconds * CLIENTS_SECOND_NS;
	for (unsigned i = 0; i < options->connections; i++) {
		struct client *client = &clients->all[i];

		client->clients = clients;
		client->state = xcalloc(1, clients->protocol->state_size + 1);
		client_connect(client);
	}
}

static void clients_loop(struct clients *clients)
{
	struct epoll_event events[CLIENTS_EVENTS];
	int count;

	while (clients_now() < clients->end) {
		count = epoll_wait(clients->epoll, events, CLIENTS_EVENTS,
			CLIENTS_SILENCE_MS);
		if (count == 0)
			clients_die(clients->options, "no answers any more");
		for (int i = 0; i < count; i++)
			if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
				client_readable(events[i].data.ptr);
			else
				client_send(events[i].data.ptr);
	}
}

static void clients_stop(struct clients *clients)
{
	for (unsigned i = 0; i < clients->options->connections; i++) {
		struct client *client = &clients->all[i];

		close(client->fd);
		buffer_free(&client->in);
		buffer_free(&client->out);
		free(client->state);
	}
	free(clients->all);
	close(clients->epoll);
}

void clients_run(struct clients_options *options,
	const struct clients_protocol *protocol)
{
	struct clients *clients = xcalloc(1, sizeof(*clients));

	clients->options = options;
	clients->protocol = protocol;
	clients_start(clients);
	clients_loop(clients);
	clients_stop(clients);
	if (clients->durations.count == 0)
		clients_die(options, "not one answer");
	printf("rate=%" PRIu64 " p50_us=%.1f p99_us=%.1f\n",
		clients->durations.count / options->seconds,
		(double)histogram_quantile(&clients->durations, 500) / 1000,
		(double)histogram_quantile(&clients->durations, 990) / 1000);
	free(clients);
	keys_free(&options->keys);
}

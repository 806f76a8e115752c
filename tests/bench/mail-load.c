/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of a login gateway, or of a delivery listener. Every answer is
 * looked at: mail-home says whose session it is, and a gateway that gave one
 * client another's octets ends the run. Usage:
 *
 *   mail-load -m login|fetch|noop|idle|mixed|deliver -p PORT [-S] [-c CLIENTS]
 *       [-a ACTIVE] [-t SECONDS] [-n USERS]
 *
 * -S: TLS from the first octet. idle and mixed log all in, print "ready=N",
 * wait for a line of standard input, and look whether each session is still its
 * user's; mixed has -a clients at work meanwhile.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "gateway/loop.h"
#include "gateway/stream.h"
#include "lib/buffer.h"
#include "lib/xalloc.h"
#include "tests/bench/histogram.h"

#define LOAD_DOMAIN  "example.org"
#define LOAD_LINE    1024
#define LOAD_WARM_MS 500
#define LOAD_OPENING 100 /* clients that log in at once, of idle ones */
#define LOAD_BODY    2048

enum load_mode {
	LOAD_LOGIN,
	LOAD_FETCH,
	LOAD_NOOP,
	LOAD_IDLE,
	LOAD_MIXED,
	LOAD_DELIVER,
	LOAD_MODES
};
static const char *const load_modes[LOAD_MODES] = { "login", "fetch", "noop",
	"idle", "mixed", "deliver" };

enum load_state {
	LOAD_AWAY,
	LOAD_CONNECT,
	LOAD_GREETED,
	LOAD_ENTERED, /* the login was sent */
	LOAD_ASKED,   /* NOOP, FETCH or what else is timed */
	LOAD_REST,    /* idle */
	LOAD_LEAVES,  /* LOGOUT was sent */
};

struct load_client {
	struct stream stream;
	struct loop_watch *watch;
	struct loop_work again;
	enum load_state state;
	uint64_t begun; /* ns: of the connection, or of the question */
	size_t skip;	/* octets of message 1 that are not looked at */
	size_t own;	/* octets of message 2 that must be the user's */
	size_t own_at;
	size_t size; /* of line */
	unsigned replies;
	bool active;
	char user[64];
	char line[LOAD_LINE];
};

static struct {
	enum load_mode mode;
	int port;
	bool tls;
	size_t count, active;
	unsigned seconds, users;
	struct sockaddr_in address;
	struct tls_context *context;
	struct loop *loop;
	struct load_client *clients;
	size_t opened, ready;
	unsigned number; /* of the next user */
	bool counts, ends;
	uint64_t octets, done;
	struct histogram times;
	char body[LOAD_BODY + 16];
} load = { .count = 50, .seconds = 4, .users = 1000 };

static void load_begin(struct load_client *client);

static uint64_t load_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A figure that was not measured as it should is none. */
static void load_fail(const struct load_client *client, const char *what)
	__attribute__((noreturn));

static void load_fail(const struct load_client *client, const char *what)
{
	fprintf(stderr, "mail-load: %s in state %d of %s: \"%.*s\", %s\n", what,
		(int)client->state, client->user, (int)client->size,
		client->line, strerror(errno));
	exit(1);
}

static void load_say(struct load_client *client, const char *text)
{
	size_t size = strlen(text);

	/* A command fits into an empty socket. */
	if (stream_write(&client->stream, text, size) != (ssize_t)size)
		load_fail(client, "write");
}

static void load_close(struct load_client *client)
{
	loop_watch_free(&client->watch);
	stream_close(&client->stream);
	client->state = LOAD_AWAY;
	client->size = client->skip = client->own = 0;
}

static void load_answered(struct load_client *client)
{
	if (load.counts) {
		load.done++;
		histogram_add(&load.times, load_clock() - client->begun);
	}
}

/* ---- questions ---- */

static void load_ask_mail(struct load_client *client)
{
	char text[256];

	snprintf(text, sizeof(text),
		"MAIL FROM:<bob@example.net>\r\nRCPT TO:<%s>\r\nDATA\r\n",
		client->user);
	client->replies = 0;
	load_say(client, text);
}

static void load_ask(struct load_client *client)
{
	client->begun = load_clock();
	client->state = LOAD_ASKED;
	if (load.mode == LOAD_DELIVER)
		load_ask_mail(client);
	else if (load.mode == LOAD_FETCH)
		load_say(client, "f FETCH 1 BODY.PEEK[]\r\n");
	else if (load.mode == LOAD_MIXED && client->begun % 4 == 0)
		load_say(client, "f FETCH 2 BODY.PEEK[]\r\n");
	else
		load_say(client, "n NOOP\r\n");
}

static void load_open_more(void);

static void load_logged_in(struct load_client *client)
{
	if (load.mode == LOAD_LOGIN) {
		load_answered(client);
		client->state = LOAD_LEAVES;
		load_say(client, "b LOGOUT\r\n");
		return;
	}
	load.ready++;
	client->state = LOAD_REST;
	if (load.mode == LOAD_IDLE ||
		(load.mode == LOAD_MIXED && !client->active)) {
		load_open_more();
		return;
	}
	load_ask(client);
	load_open_more();
}

/* ---- answers ---- */

static bool load_begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* "n OK USER": of the very user. */
static void load_check_user(struct load_client *client)
{
	if (strcmp(client->line + 5, client->user) != 0)
		load_fail(client, "another's session");
}

static void load_next(struct load_client *client)
{
	load_answered(client);
	if (!load.ends)
		load_ask(client);
	else
		client->state = LOAD_REST;
}

static void load_asked_line(struct load_client *client)
{
	char *literal;

	if (load_begins(client->line, "n OK ")) {
		load_check_user(client);
		load_next(client);
	} else if (load_begins(client->line, "f OK")) {
		load_next(client);
	} else if (load_begins(client->line, "* ") &&
		   (literal = strrchr(client->line, '{')) != NULL) {
		size_t size = (size_t)atol(literal + 1);

		if (client->line[2] == '2')
			client->own = size;
		else
			client->skip = size;
		client->own_at = 0;
	} else if (strcmp(client->line, ")") != 0) {
		load_fail(client, "answer");
	}
}

static void load_mail_line(struct load_client *client)
{
	static const char *const expected[] = { "250", "250", "354", "250" };

	if (!load_begins(client->line, expected[client->replies]))
		load_fail(client, "answer");
	client->replies++;
	if (client->replies == 3)
		load_say(client, load.body);
	else if (client->replies == 4)
		load_next(client);
}

static void load_enter(struct load_client *client)
{
	char text[256];

	snprintf(client->user, sizeof(client->user), "user%07u@" LOAD_DOMAIN,
		load.number++ % load.users + 1);
	client->state = LOAD_ENTERED;
	if (load.mode == LOAD_DELIVER)
		snprintf(text, sizeof(text), "LHLO load.example.net\r\n");
	else
		snprintf(text, sizeof(text), "a LOGIN %s secret\r\n",
			client->user);
	load_say(client, text);
}

/* False: the client has begun anew, what was read is of the former one. */
static bool load_line(struct load_client *client)
{
	switch (client->state) {
	case LOAD_GREETED:
		if (!load_begins(client->line, "* OK") &&
			!load_begins(client->line, "220"))
			load_fail(client, "greeting");
		load_enter(client);
		return true;
	case LOAD_ENTERED:
		if (load_begins(client->line, "a OK") ||
			load_begins(client->line, "250 "))
			load_logged_in(client);
		else if (!load_begins(client->line, "* ") &&
			 !load_begins(client->line, "250-"))
			load_fail(client, "login");
		return true;
	case LOAD_ASKED:
		if (load.mode == LOAD_DELIVER)
			load_mail_line(client);
		else
			load_asked_line(client);
		return true;
	case LOAD_LEAVES:
		if (!load_begins(client->line, "b OK"))
			return true;
		load_close(client);
		if (!load.ends)
			load_begin(client);
		return false;
	default:
		load_fail(client, "unasked word");
	}
}

/* Octets of message 2: the user's name and a line end, again and again. */
static void load_check_own(
	struct load_client *client, const char *data, size_t size)
{
	size_t length = strlen(client->user);

	for (size_t i = 0; i < size; i++) {
		size_t at = client->own_at++ % (length + 1);

		if (data[i] != (at == length ? '\n' : client->user[at]))
			load_fail(client, "another's mail");
	}
}

/* How much of the data was taken; 0 when the client has begun anew. */
static size_t load_take(
	struct load_client *client, const char *data, size_t size)
{
	const char *end;
	size_t length;

	if (client->skip > 0 || client->own > 0) {
		size_t *left = client->skip > 0 ? &client->skip : &client->own;

		length = size < *left ? size : *left;
		if (client->own > 0)
			load_check_own(client, data, length);
		*left -= length;
		return length;
	}
	end = memchr(data, '\n', size);
	length = end != NULL ? (size_t)(end + 1 - data) : size;
	if (client->size + length >= sizeof(client->line))
		load_fail(client, "long line");
	memcpy(client->line + client->size, data, length);
	client->size += length;
	if (end == NULL)
		return length;
	client->size -=
		client->size > 1 && client->line[client->size - 2] == '\r' ? 2
									   : 1;
	client->line[client->size] = '\0';
	if (!load_line(client))
		return 0;
	client->size = 0;
	return length;
}

/* ---- connections ---- */

static void load_again(void *context);

static void load_read(struct load_client *client)
{
	static char data[262144];
	size_t turn = 0;

	while (client->stream.readable) {
		ssize_t got = stream_read(&client->stream, data, sizeof(data));
		size_t at = 0, taken = 1;

		if (got == STREAM_WAIT)
			return;
		if (got < 0 && client->state == LOAD_LEAVES) {
			load_close(client);
			if (!load.ends)
				load_begin(client);
			return;
		}
		if (got < 0)
			load_fail(client, "end");
		if (load.counts)
			load.octets += (uint64_t)got;
		while (at < (size_t)got && taken > 0) {
			taken = load_take(client, data + at, (size_t)got - at);
			at += taken;
		}
		if (taken == 0)
			return;
		turn += (size_t)got;
		if (turn > (4u << 20)) {
			loop_defer(
				load.loop, &client->again, load_again, client);
			return;
		}
	}
}

static void load_again(void *context)
{
	load_read(context);
}

static void load_connected(struct load_client *client)
{
	int number = 0;
	socklen_t size = sizeof(number);

	getsockopt(client->stream.socket, SOL_SOCKET, SO_ERROR, &number, &size);
	if (number != 0) {
		errno = number;
		load_fail(client, "connect");
	}
	if (load.tls && stream_begin_tls_client(&client->stream, load.context,
				"localhost", NULL) < 0)
		load_fail(client, "TLS");
	client->state = LOAD_GREETED;
}

static void load_ready(void *context, bool readable, bool writable)
{
	struct load_client *client = context;

	if (client->state == LOAD_CONNECT && !writable)
		return;
	stream_ready(&client->stream, readable, writable);
	if (client->state == LOAD_CONNECT) {
		load_connected(client);
		if (load.tls)
			client->stream.readable = true;
	}
	load_read(client);
}

static void load_begin(struct load_client *client)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		load_fail(client, "socket");
	stream_open(&client->stream, fd);
	client->stream.readable = client->stream.writable = false;
	client->begun = load_clock();
	client->state = LOAD_CONNECT;
	if (connect(fd, (struct sockaddr *)&load.address,
		    sizeof(load.address)) < 0 &&
		errno != EINPROGRESS)
		load_fail(client, "connect");
	client->watch = loop_watch_new(load.loop, fd, load_ready, client);
	if (client->watch == NULL)
		load_fail(client, "watch");
}

/* ---- the run ---- */

static void load_stop(void *context)
{
	(void)context;
	loop_stop(load.loop);
}

static void load_run(unsigned ms)
{
	struct loop_timer timer = { 0 };

	if (ms > 0)
		loop_timer_set(load.loop, &timer, ms, load_stop, NULL);
	if (loop_run(load.loop, NULL) < 0)
		exit(1);
	loop_timer_clear(load.loop, &timer);
}

/* Another one logs in for each that has, so that not all do at once. */
static void load_open_more(void)
{
	if (load.opened < load.count)
		load_begin(&load.clients[load.opened++]);
	if (load.ready == load.count &&
		(load.mode == LOAD_IDLE || load.mode == LOAD_MIXED))
		loop_stop(load.loop);
}

static void load_word(void *context, bool readable, bool writable)
{
	(void)context;
	(void)readable;
	(void)writable;
	loop_stop(load.loop);
}

/* Each session is still the one of its user. */
static void load_check_all(void)
{
	load.ends = true;
	load_run(2000); /* who is at work comes to an end */
	load.counts = true;
	load.done = 0;
	load.mode = LOAD_NOOP;
	for (size_t i = 0; i < load.count; i++) {
		if (load.clients[i].state != LOAD_REST)
			load_fail(&load.clients[i], "late");
		load_ask(&load.clients[i]);
	}
	for (int i = 0; i < 600 && load.done < load.count; i++)
		load_run(100);
	printf("checked=%llu\n", (unsigned long long)load.done);
}

static void load_hold(void)
{
	struct loop_watch *word;
	uint64_t begun = load_clock();

	load_run(300000);
	printf("ready=%zu open_s=%.2f\n", load.ready,
		(double)(load_clock() - begun) / 1e9);
	fflush(stdout);
	word = loop_watch_level(load.loop, STDIN_FILENO, load_word, NULL);
	load.counts = true;
	load_run(0);
	loop_watch_free(&word);
	printf("done=%llu\n", (unsigned long long)load.done);
	load_check_all();
}

static void load_measure(void)
{
	uint64_t begun;
	double seconds;

	load_run(LOAD_WARM_MS);
	load.counts = true;
	begun = load_clock();
	load_run(load.seconds * 1000);
	seconds = (double)(load_clock() - begun) / 1e9;
	printf("rate=%.1f MB_per_s=%.1f p50_us=%.1f p99_us=%.1f\n",
		(double)load.done / seconds,
		(double)load.octets / seconds / (1 << 20),
		(double)histogram_quantile(&load.times, 500) / 1e3,
		(double)histogram_quantile(&load.times, 990) / 1e3);
}

static int load_parse(int argc, char **argv)
{
	int option;

	load.mode = LOAD_MODES;
	while ((option = getopt(argc, argv, "m:p:Sc:a:t:n:")) != -1) {
		if (option == 'm')
			for (load.mode = 0; load.mode < LOAD_MODES; load.mode++)
				if (strcmp(load_modes[load.mode], optarg) == 0)
					break;
		if (option == 'p')
			load.port = atoi(optarg);
		else if (option == 'S')
			load.tls = true;
		else if (option == 'c')
			load.count = (size_t)atol(optarg);
		else if (option == 'a')
			load.active = (size_t)atol(optarg);
		else if (option == 't')
			load.seconds = (unsigned)atoi(optarg);
		else if (option == 'n')
			load.users = (unsigned)atoi(optarg);
		else if (option == '?')
			return -1;
	}
	return load.mode < LOAD_MODES && load.port > 0 ? 0 : -1;
}

static void load_set_up(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	load.address.sin_family = AF_INET;
	load.address.sin_port = htons((uint16_t)load.port);
	load.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	load.loop = loop_new(NULL);
	load.context = tls_client_context_new(NULL, false, NULL);
	load.clients = xcalloc(load.count, sizeof(*load.clients));
	memset(load.body, 'm', LOAD_BODY);
	for (size_t i = 77; i < LOAD_BODY; i += 78)
		memcpy(load.body + i - 1, "\r\n", 2);
	memcpy(load.body + LOAD_BODY, "\r\n.\r\n", 6);
}

int main(int argc, char **argv)
{
	bool holds;

	if (load_parse(argc, argv) < 0) {
		fputs("mail-load: wrong options\n", stderr);
		return 2;
	}
	load_set_up();
	if (load.loop == NULL || load.context == NULL)
		return 1;
	holds = load.mode == LOAD_IDLE || load.mode == LOAD_MIXED;
	for (size_t i = 0; i < load.active && i < load.count; i++)
		load.clients[i].active = true;
	while (load.opened < load.count &&
		(!holds || load.opened < LOAD_OPENING))
		load_begin(&load.clients[load.opened++]);
	if (holds)
		load_hold();
	else
		load_measure();
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control client against peers that answer well, slowly, badly and not at
 * all. Each peer is a thread behind a UNIX socket.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/control_client.h"
#include "lib/endpoint.h"
#include "lib/instant.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TIMEOUT_MS   400

typedef void serve_fn(int fd);

struct peer {
	char directory[64];
	char endpoint[128];
	int listener;
	serve_fn *serve;
	pthread_t thread;
	struct control_client *client;
};

static void *peer_run(void *argument)
{
	struct peer *peer = argument;
	struct pollfd polled = { peer->listener, POLLIN, 0 };
	int fd;

	if (poll(&polled, 1, 10000) != 1)
		return NULL;
	fd = accept(peer->listener, NULL, NULL);
	peer->serve(fd);
	close(fd);
	return NULL;
}

/* A peer that serves one connection, and the client at it. */
static struct peer *peer_start(serve_fn *serve)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	struct error error = { "" };

	assert_non_null(peer);
	peer->serve = serve;
	snprintf(peer->directory, sizeof(peer->directory),
		"/tmp/control-client-test.XXXXXX");
	assert_non_null(mkdtemp(peer->directory));
	snprintf(peer->endpoint, sizeof(peer->endpoint), "unix:%s/s",
		peer->directory);
	peer->listener =
		endpoint_listen(peer->endpoint, 0600, (gid_t)-1, &error);
	if (peer->listener < 0)
		fail_msg("%s", error.text);
	assert_int_equal(
		pthread_create(&peer->thread, NULL, peer_run, peer), 0);
	peer->client = control_connect(peer->endpoint, TIMEOUT_MS, &error);
	if (peer->client == NULL)
		fail_msg("%s", error.text);
	return peer;
}

static void peer_end(struct peer *peer)
{
	control_close(&peer->client);
	assert_null(peer->client);
	control_close(&peer->client);
	pthread_join(peer->thread, NULL);
	close(peer->listener);
	unlink(peer->endpoint + strlen("unix:"));
	rmdir(peer->directory);
	free(peer);
}

static void say(int fd, const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

		if (sent < 0)
			return;
		text += sent;
		size -= (size_t)sent;
	}
}

/* Reads up to the empty line that ends a request; false at the end. */
static int hear(int fd)
{
	char last = 0;
	char byte;

	while (read(fd, &byte, 1) == 1) {
		if (byte == '\n' && last == '\n')
			return 1;
		last = byte;
	}
	return 0;
}

static void wait_for_end(int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

static struct attr_list *request_new(const char *verb)
{
	struct attr_list *request = attr_list_new();

	attr_list_add(request, "request", verb);
	return request;
}

/* A call that must succeed. */
static const struct attr_list *call(struct peer *peer, const char *verb)
{
	struct attr_list *request = request_new(verb);
	const struct attr_list *reply = NULL;
	struct error error = { "" };

	if (control_call(peer->client, request, &reply, &error) < 0)
		fail_msg("%s", error.text);
	attr_list_free(&request);
	return reply;
}

/* A call that must fail with that text and leave the client unusable. */
static void assert_call_fails(struct peer *peer, const char *text)
{
	struct attr_list *request = request_new("status");
	const struct attr_list *reply = NULL;
	struct error error = { "" };

	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			control_call(peer->client, request, &reply, &error),
			-1);
		if (strstr(error.text, text) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", text, error.text);
		assert_non_null(strstr(error.text, peer->endpoint));
		text = "failed before";
	}
	assert_int_equal(control_next(peer->client, 0, &reply, &error), -1);
	assert_non_null(strstr(error.text, "failed before"));
	attr_list_free(&request);
}

static void serve_well(int fd)
{
	while (hear(fd))
		say(fd, "status=ok\nname=a\\nb\n\n");
}

static void answers(void **state)
{
	struct peer *peer = peer_start(serve_well);

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct attr_list *reply = call(peer, "status");

		assert_string_equal(attr_list_get(reply, "name"), "a\nb");
		assert_int_equal(control_status(reply, NULL), CONTROL_OK);
	}
	peer_end(peer);
}

static void serve_bytewise(int fd)
{
	static const char text[] = "status=ok\nrecords=2\n\nn=1\n\nn=2\n\n";

	if (!hear(fd))
		return;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		send(fd, text + i, 1, MSG_NOSIGNAL);
		usleep(1000);
	}
	serve_well(fd);
}

static void reads_lists_bytewise(void **state)
{
	struct peer *peer = peer_start(serve_bytewise);
	const struct attr_list *message;
	struct error error = { "" };

	(void)state;
	assert_string_equal(
		attr_list_get(call(peer, "account-list"), "records"), "2");
	assert_int_equal(control_next(peer->client, 1000, &message, &error), 1);
	assert_string_equal(attr_list_get(message, "n"), "1");
	assert_int_equal(control_next(peer->client, -1, &message, &error), 1);
	assert_string_equal(attr_list_get(message, "n"), "2");
	call(peer, "status");
	peer_end(peer);
}

static void serve_at_once(int fd)
{
	if (hear(fd))
		say(fd, "status=ok\nrecords=3\n\nn=1\n\nn=2\n\nn=3\n\n");
	wait_for_end(fd);
}

static void refuses_to_mix_replies(void **state)
{
	struct peer *peer = peer_start(serve_at_once);
	const struct attr_list *message;

	(void)state;
	call(peer, "account-list");
	assert_int_equal(control_next(peer->client, 0, &message, NULL), 1);
	assert_int_equal(control_next(peer->client, 0, &message, NULL), 1);
	assert_call_fails(peer, "not read to its end");
	peer_end(peer);
}

static void serve_too_much(int fd)
{
	if (hear(fd))
		say(fd, "status=ok\n\nstatus=ok\n\n");
	wait_for_end(fd);
}

static void refuses_what_was_not_asked(void **state)
{
	struct peer *peer = peer_start(serve_too_much);

	(void)state;
	call(peer, "status");
	assert_call_fails(peer, "more than was asked");
	peer_end(peer);
}

static void serve_never(int fd)
{
	wait_for_end(fd);
}

static void serve_half(int fd)
{
	if (hear(fd))
		say(fd, "status=ok\nname=");
	wait_for_end(fd);
}

/* A byte now and then does not lengthen the wait. */
static void serve_trickle(int fd)
{
	if (!hear(fd))
		return;
	for (int i = 0; i < 40; i++) {
		if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
			return;
		usleep(50000);
	}
	say(fd, "=1\n\n");
}

static void serve_late(int fd)
{
	if (!hear(fd))
		return;
	usleep((TIMEOUT_MS + 100) * 1000);
	say(fd, "status=ok\n\n");
	wait_for_end(fd);
}

static void times_out(void **state)
{
	static serve_fn *const serves[] = { serve_never, serve_half,
		serve_trickle, serve_late };

	(void)state;
	for (size_t i = 0; i < COUNT(serves); i++) {
		struct peer *peer = peer_start(serves[i]);
		int64_t start = instant_monotonic();

		assert_call_fails(peer, "no answer within 400 ms");
		assert_in_range(instant_monotonic() - start, TIMEOUT_MS - 10,
			TIMEOUT_MS + 1000);
		/* the late answer is answer to nothing */
		usleep(200000);
		assert_call_fails(peer, "failed before");
		peer_end(peer);
	}
}

static void serve_deaf(int fd)
{
	usleep((TIMEOUT_MS + 600) * 1000);
	(void)fd;
}

static void times_out_sending(void **state)
{
	struct peer *peer = peer_start(serve_deaf);
	struct attr_list *request = request_new("move");
	const struct attr_list *reply;
	struct error error;
	char *big = malloc(60001);

	(void)state;
	memset(big, 'x', 60000);
	big[60000] = '\0';
	for (int i = 0; i < 40; i++)
		attr_list_add(request, "reason", big);
	assert_int_equal(
		control_call(peer->client, request, &reply, &error), -1);
	assert_non_null(strstr(error.text, "takes no request"));
	attr_list_free(&request);
	free(big);
	peer_end(peer);
}

static void serve_close(int fd)
{
	hear(fd);
}

static void serve_cut(int fd)
{
	if (hear(fd))
		say(fd, "status=ok\nna");
}

static void serve_garbage(int fd)
{
	if (hear(fd))
		say(fd, "220 example.org ESMTP\r\n");
	wait_for_end(fd);
}

static void serve_bad_count(int fd)
{
	if (hear(fd))
		say(fd, "status=ok\nrecords=many\n\n");
	wait_for_end(fd);
}

static void gives_bad_peers_up(void **state)
{
	static const struct {
		serve_fn *serve;
		const char *text;
	} cases[] = {
		{ serve_close, "it closed the connection" },
		{ serve_cut, "in the middle of a message" },
		{ serve_garbage, "" },
		{ serve_bad_count, "records" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct peer *peer = peer_start(cases[i].serve);

		assert_call_fails(peer, cases[i].text);
		peer_end(peer);
	}
}

static void serve_gone(int fd)
{
	if (hear(fd))
		say(fd, "status=ok\n\n");
}

/* Writing to a peer that is gone is an error, not a signal. */
static void survives_a_peer_that_went(void **state)
{
	struct peer *peer = peer_start(serve_gone);
	struct pollfd polled = { control_fd(peer->client), POLLIN, 0 };

	(void)state;
	call(peer, "status");
	assert_int_equal(poll(&polled, 1, 5000), 1);
	assert_call_fails(peer, "policyd at");
	peer_end(peer);
}

static void serve_watch(int fd)
{
	if (!hear(fd))
		return;
	say(fd, "status=ok\n\nevent=round\nn=");
	usleep(300000);
	say(fd, "1\n\nevent=end\n\n");
	serve_well(fd);
}

/* The end of a wait is no failure; half a message is kept meanwhile. */
static void watches(void **state)
{
	struct peer *peer = peer_start(serve_watch);
	const struct attr_list *message;
	struct error error = { "" };

	(void)state;
	call(peer, "watch");
	assert_int_equal(control_next(peer->client, 0, &message, &error), 0);
	assert_int_equal(control_next(peer->client, 50, &message, &error), 0);
	assert_int_equal(control_next(peer->client, 5000, &message, &error), 1);
	assert_string_equal(attr_list_get(message, "n"), "1");
	assert_int_equal(control_next(peer->client, 5000, &message, &error), 1);
	assert_string_equal(attr_list_get(message, "event"), "end");
	call(peer, "status");
	peer_end(peer);
}

static void tells_when_nobody_is_there(void **state)
{
	struct error error;

	(void)state;
	assert_null(control_connect("unix:/nonexistent/s", 100, &error));
	assert_string_equal(error.text,
		"policyd: connect to unix:/nonexistent/s: No such file or "
		"directory");
	assert_null(control_connect("nonsense", 100, &error));
}

static void knows_statuses(void **state)
{
	static const struct {
		const char *word, *reason;
		enum control_status status;
		const char *text;
	} cases[] = {
		{ "ok", "never read", CONTROL_OK, "untouched" },
		{ "not-found", "no account x", CONTROL_NOT_FOUND,
			"no account x" },
		{ "conflict", "stale epoch", CONTROL_CONFLICT, "stale epoch" },
		{ "denied", NULL, CONTROL_DENIED, "denied" },
		{ "error", "disk full", CONTROL_ERROR, "disk full" },
		{ "OK", NULL, CONTROL_ERROR,
			"policyd answered without a known status" },
		{ NULL, "x", CONTROL_ERROR,
			"policyd answered without a known status" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct attr_list *reply = attr_list_new();
		struct error error = { "untouched" };

		if (cases[i].word != NULL)
			attr_list_add(reply, "status", cases[i].word);
		if (cases[i].reason != NULL)
			attr_list_add(reply, "reason", cases[i].reason);
		assert_int_equal(
			control_status(reply, &error), cases[i].status);
		assert_string_equal(error.text, cases[i].text);
		if (i <= CONTROL_ERROR)
			assert_string_equal(
				control_status_name(cases[i].status),
				cases[i].word);
		attr_list_free(&reply);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(reads_lists_bytewise),
		cmocka_unit_test(refuses_to_mix_replies),
		cmocka_unit_test(refuses_what_was_not_asked),
		cmocka_unit_test(times_out),
		cmocka_unit_test(times_out_sending),
		cmocka_unit_test(gives_bad_peers_up),
		cmocka_unit_test(survives_a_peer_that_went),
		cmocka_unit_test(watches),
		cmocka_unit_test(tells_when_nobody_is_there),
		cmocka_unit_test(knows_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

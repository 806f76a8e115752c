/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of connections, against a server of its own that can stand still. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/endpoint.h"
#include "lib/instant.h"
#include "milter/policyd_pool.h"

#define CONNECTIONS_MAX 64

static struct server {
	char directory[32];
	char endpoint[64];
	int listener;
	atomic_bool stands_still;
	atomic_int delay_ms;
	atomic_int connections; /* ever */
	int open[CONNECTIONS_MAX];
} server;

/* Answers each empty line: a question ends with one. */
static void *server_serve(void *argument)
{
	static const char answer[] =
		"status=ok\naction=go-on\nmoving=no\ntext=hello\n\n";
	int fd = *(int *)argument;
	char last = 0;
	char byte;

	while (read(fd, &byte, 1) == 1) {
		if (byte == '\n' && last == '\n') {
			while (atomic_load(&server.stands_still))
				usleep(10000);
			usleep((useconds_t)atomic_load(&server.delay_ms) *
				1000);
			if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) <
				0)
				break;
		}
		last = byte;
	}
	close(fd);
	return NULL;
}

static void *server_main(void *unused)
{
	(void)unused;
	for (;;) {
		int fd = accept(server.listener, NULL, NULL);
		int number;
		pthread_t thread;

		if (fd < 0)
			return NULL;
		number = atomic_fetch_add(&server.connections, 1);
		assert_true(number < CONNECTIONS_MAX);
		server.open[number] = fd;
		assert_int_equal(pthread_create(&thread, NULL, server_serve,
					 &server.open[number]),
			0);
		pthread_detach(thread);
	}
}

static int start(void **state)
{
	struct error error;
	pthread_t thread;
	int flags = 0;

	(void)state;
	snprintf(server.directory, sizeof(server.directory), "%s",
		"/tmp/rehome-pool.XXXXXX");
	if (mkdtemp(server.directory) == NULL)
		return -1;
	snprintf(server.endpoint, sizeof(server.endpoint), "unix:%s/policy",
		server.directory);
	server.listener =
		endpoint_listen(server.endpoint, 0600, (gid_t)-1, &error);
	if (server.listener < 0)
		return -1;
	/* a blocking accept is all that is needed here */
	flags = fcntl(server.listener, F_GETFL);
	fcntl(server.listener, F_SETFL, flags & ~O_NONBLOCK);
	if (pthread_create(&thread, NULL, server_main, NULL) != 0)
		return -1;
	pthread_detach(thread);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	unlink(server.endpoint + strlen("unix:"));
	return rmdir(server.directory);
}

static int64_t soon(int ms)
{
	return instant_monotonic() + ms;
}

static void answers(void **state)
{
	struct policyd_pool *pool = policyd_pool_new(server.endpoint, 4);
	int before = atomic_load(&server.connections);
	struct decision decision;
	struct error error;
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		assert_int_equal(policyd_pool_ask(pool, "ann@example.org",
					 soon(5000), &decision, &error),
			0);
		assert_int_equal(decision.verdict, DECISION_GO_ON);
		assert_false(decision.moving);
		assert_string_equal(decision.text, "hello");
	}
	assert_int_equal(atomic_load(&server.connections), before + 1);
	policyd_pool_free(&pool);
	assert_null(pool);
}

static void *ask_once(void *pool)
{
	struct decision decision;

	if (policyd_pool_ask(
		    pool, "ann@example.org", soon(10000), &decision, NULL) < 0)
		return pool;
	return NULL;
}

static void keeps_its_bound(void **state)
{
	struct policyd_pool *pool = policyd_pool_new(server.endpoint, 2);
	int before = atomic_load(&server.connections);
	pthread_t threads[8];
	void *failed;
	size_t i;

	(void)state;
	atomic_store(&server.delay_ms, 50);
	for (i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, ask_once, pool);
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(atomic_load(&server.connections), before + 2);
	atomic_store(&server.delay_ms, 0);
	policyd_pool_free(&pool);
}

static void waits_in_turn_no_longer_than_allowed(void **state)
{
	struct policyd_pool *pool = policyd_pool_new(server.endpoint, 1);
	int64_t begin = instant_monotonic();
	struct decision decision;
	struct error error;
	pthread_t thread;
	void *failed;

	(void)state;
	atomic_store(&server.delay_ms, 600);
	pthread_create(&thread, NULL, ask_once, pool);
	usleep(100000);
	assert_int_equal(policyd_pool_ask(pool, "ann@example.org", soon(100),
				 &decision, &error),
		-1);
	assert_true(instant_monotonic() - begin < 500);
	assert_int_equal(decision.verdict, DECISION_LATER);
	assert_non_null(strstr(error.text, "1 connections wait"));
	pthread_join(thread, &failed);
	assert_null(failed);
	atomic_store(&server.delay_ms, 0);
	policyd_pool_free(&pool);
}

/* How long a question took that must fail. */
static int64_t fails(struct policyd_pool *pool, const char *why)
{
	int64_t begin = instant_monotonic();
	struct decision decision;
	struct error error;

	assert_int_equal(policyd_pool_ask(pool, "ann@example.org", soon(200),
				 &decision, &error),
		-1);
	assert_int_equal(decision.verdict, DECISION_LATER);
	if (strstr(error.text, why) == NULL)
		fail_msg("\"%s\", not \"%s\"", error.text, why);
	return instant_monotonic() - begin;
}

static void tries_a_silent_policyd_again(void **state)
{
	struct policyd_pool *pool = policyd_pool_new(server.endpoint, 4);
	struct decision decision;
	struct error error;
	pthread_t thread;
	void *failed;
	int round;

	(void)state;
	atomic_store(&server.stands_still, true);
	for (round = 0; round < 3; round++) {
		assert_true(fails(pool, "no answer in time") >= 190);
		assert_true(fails(pool, "a moment ago") < 100);
		assert_true(fails(pool, "a moment ago") < 100);
		usleep(1100000);
	}
	/* one at a time tries */
	pthread_create(&thread, NULL, ask_once, pool);
	usleep(100000);
	assert_true(fails(pool, "a moment ago") < 100);
	atomic_store(&server.stands_still, false);
	pthread_join(thread, &failed);
	assert_null(failed);
	for (round = 0; round < 3; round++)
		assert_int_equal(policyd_pool_ask(pool, "ann@example.org",
					 soon(5000), &decision, &error),
			0);
	policyd_pool_free(&pool);
}

static void replaces_what_was_closed(void **state)
{
	struct policyd_pool *pool = policyd_pool_new(server.endpoint, 2);
	struct decision decision;
	struct error error;
	int round;

	(void)state;
	for (round = 0; round < 5; round++) {
		int newest = atomic_load(&server.connections) - 1;

		assert_int_equal(policyd_pool_ask(pool, "ann@example.org",
					 soon(5000), &decision, &error),
			0);
		if (round > 0)
			assert_int_equal(atomic_load(&server.connections) - 1,
				newest + 1);
		shutdown(server.open[atomic_load(&server.connections) - 1],
			SHUT_RDWR);
	}
	policyd_pool_free(&pool);
}

static void nobody_is_there(void **state)
{
	struct policyd_pool *pool =
		policyd_pool_new("unix:/nonexistent/policy", 2);
	int round;

	(void)state;
	/* at once, and not taken for a policyd that stands still */
	for (round = 0; round < 3; round++)
		assert_true(fails(pool, "No such file") < 100);
	policyd_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(keeps_its_bound),
		cmocka_unit_test(waits_in_turn_no_longer_than_allowed),
		cmocka_unit_test(tries_a_silent_policyd_again),
		cmocka_unit_test(replaces_what_was_closed),
		cmocka_unit_test(nobody_is_there),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

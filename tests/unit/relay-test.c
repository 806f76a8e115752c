/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The byte phase between two socket pairs, clear and by TLS: what goes in at
 * one end comes out at the other, in order, whoever is slow; ends are handed
 * on.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "gateway/relay.h"
#include "tests/unit/certificate.h"

#define DAY 86400L

static char scratch[] = "/tmp/relay-test.XXXXXX";

struct bench {
	struct tls_context *server_context, *client_context; /* or NULL */
	struct relay_pool *pool;
	struct relay relay;
	struct stream client, home;
	struct stream client_end, home_end; /* what these themselves hold */
	int64_t now;
	enum relay_result last;
};

static int set_up_files(void **state)
{
	struct certificate self;

	(void)state;
	if (mkdtemp(scratch) == NULL || chdir(scratch) < 0)
		return -1;
	self = certificate_new(NULL, "x", "DNS:x", -DAY, DAY);
	certificate_save(&self, "cert.pem", "cert.key");
	certificate_clear(&self);
	return 0;
}

static int tear_down_files(void **state)
{
	(void)state;
	unlink("cert.pem");
	unlink("cert.key");
	return rmdir(scratch);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	int client[2], home[2];

	if (bench == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, client) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, home) < 0)
		return -1;
	stream_open(&bench->client_end, client[0]);
	stream_open(&bench->home_end, home[0]);
	stream_open(&bench->client, client[1]);
	stream_open(&bench->home, home[1]);
	bench->pool = relay_pool_new(4);
	relay_begin(&bench->relay, bench->pool, &bench->client, &bench->home,
		bench->now);
	*state = bench;
	return 0;
}

static int shake(struct stream *server, struct tls_context *server_context,
	struct stream *client, struct tls_context *client_context)
{
	if (stream_begin_tls_server(server, server_context, NULL) < 0 ||
		stream_begin_tls_client(client, client_context, "x", NULL) < 0)
		return -1;
	for (int i = 0; i < 5; i++) {
		stream_ready(server, true, true);
		stream_ready(client, true, true);
		(void)stream_handshake(client, NULL);
		(void)stream_handshake(server, NULL);
	}
	return stream_handshake(client, NULL) == 1 &&
			       stream_handshake(server, NULL) == 1
		       ? 0
		       : -1;
}

/* Client, home or both by TLS. */
static int setup_tls(void **state, bool client, bool home)
{
	struct bench *bench;

	if (setup(state) < 0)
		return -1;
	bench = *state;
	bench->server_context =
		tls_server_context_new("cert.pem", "cert.key", NULL);
	bench->client_context = tls_client_context_new(NULL, false, NULL);
	if (bench->server_context == NULL || bench->client_context == NULL ||
		(client &&
			shake(&bench->client, bench->server_context,
				&bench->client_end, bench->client_context) < 0))
		return -1;
	return home ? shake(&bench->home_end, bench->server_context,
			      &bench->home, bench->client_context)
		    : 0;
}

static int setup_tls_client(void **state)
{
	return setup_tls(state, true, false);
}

static int setup_tls_home(void **state)
{
	return setup_tls(state, false, true);
}

static int setup_tls_both(void **state)
{
	return setup_tls(state, true, true);
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	relay_clear(&bench->relay);
	relay_pool_free(&bench->pool);
	stream_close(&bench->client);
	stream_close(&bench->home);
	stream_close(&bench->client_end);
	stream_close(&bench->home_end);
	tls_context_free(&bench->server_context);
	tls_context_free(&bench->client_context);
	free(bench);
	return 0;
}

/* As an event loop would, where all is ready: an end is told again. */
static void run(struct bench *bench)
{
	bench->last = RELAY_WAIT;
	for (int i = 0; i < 2 && bench->last == RELAY_WAIT; i++) {
		stream_ready(&bench->client, !bench->client.ended, true);
		stream_ready(&bench->home, !bench->home.ended, true);
		bench->last = relay_run(&bench->relay, bench->now);
	}
	if (bench->last == RELAY_OVER)
		assert_int_equal(stream_unsent(&bench->client), 0);
}

static void say(struct stream *end, const char *text)
{
	assert_int_equal(stream_write(end, text, strlen(text)), strlen(text));
}

static void hear(struct stream *end, const char *text)
{
	char heard[256] = "";
	ssize_t size;

	stream_ready(end, true, true);
	size = stream_read(end, heard, sizeof(heard) - 1);
	if (text == NULL) {
		assert_int_equal(size, STREAM_END);
		return;
	}
	assert_int_equal(size < 0 ? 0 : size, strlen(text));
	assert_string_equal(heard, text);
}

static void test_both_ways(void **state)
{
	struct bench *bench = *state;

	say(&bench->client_end, "a NOOP\r\n");
	say(&bench->home_end, "* BYE\r\n");
	run(bench);
	assert_int_equal(bench->last, RELAY_WAIT);
	hear(&bench->home_end, "a NOOP\r\n");
	hear(&bench->client_end, "* BYE\r\n");
}

/* What dialog and entry had read already comes first. */
static void test_what_was_read_before(void **state)
{
	struct bench *bench = *state;

	relay_add_up(&bench->relay, "b SEL", 5);
	relay_add_down(&bench->relay, "a OK\r\n", 6);
	say(&bench->client_end, "ECT x\r\n");
	run(bench);
	hear(&bench->home_end, "b SELECT x\r\n");
	hear(&bench->client_end, "a OK\r\n");
}

/* Octet i of what a side sends. */
static char octet(size_t i)
{
	return (char)((i * 2654435761u) >> 13);
}

static size_t push(struct stream *end, size_t from, size_t until)
{
	static char data[100000];

	stream_ready(end, false, true);
	while (from < until && end->writable) {
		size_t size = until - from < sizeof(data) ? until - from
							  : sizeof(data);
		ssize_t put;

		for (size_t i = 0; i < size; i++)
			data[i] = octet(from + i);
		put = stream_write(end, data, size);
		if (put <= 0)
			break;
		from += (size_t)put;
	}
	return from;
}

static size_t pull(struct stream *end, size_t from, size_t most)
{
	static char data[70000], expected[70000];
	ssize_t got;

	stream_ready(end, true, false);
	got = stream_read(end, data, most < sizeof(data) ? most : sizeof(data));
	if (got <= 0)
		return from;
	for (ssize_t i = 0; i < got; i++)
		expected[i] = octet(from + (size_t)i);
	assert_memory_equal(data, expected, (size_t)got);
	return from + (size_t)got;
}

/* Both at once, a fast reader above and a slow one below. */
static void test_bulk(void **state)
{
	const size_t size = 20 << 20;
	struct bench *bench = *state;
	size_t up_in = 0, up_out = 0, down_in = 0, down_out = 0;

	while (up_out < size || down_out < size) {
		up_in = push(&bench->client_end, up_in, size);
		down_in = push(&bench->home_end, down_in, size);
		run(bench);
		assert_true(bench->last == RELAY_WAIT ||
			    bench->last == RELAY_AGAIN);
		up_out = pull(&bench->home_end, up_out, 70000);
		down_out = pull(&bench->client_end, down_out, 9000);
	}
	assert_int_equal(up_out, size);
	assert_int_equal(down_out, size);
	assert_int_equal(bench->relay.up.pipe[0], -1);
}

/* A client that does not read holds its home back, and costs little. */
static void test_back_pressure(void **state)
{
	const size_t size = 64 << 20;
	struct bench *bench = *state;
	size_t in = 0, before;

	do {
		before = in;
		in = push(&bench->home_end, in, size);
		run(bench);
	} while (in > before);
	assert_true(in < (4 << 20));
	assert_true(bench->relay.down.kept_size <= 65536);
	assert_true(stream_unsent(&bench->client) < 70000);
	assert_true(bench->relay.down.kept != NULL ||
		    bench->relay.down.piped > 0 ||
		    stream_unsent(&bench->client) > 0);
	say(&bench->client_end, "x");
	run(bench);
	hear(&bench->home_end, "x");
}

/* The client ends first: the home sees that, and has the last word. */
static void test_client_ends(void **state)
{
	struct bench *bench = *state;

	say(&bench->client_end, "a LOGOUT\r\n");
	stream_shut(&bench->client_end);
	run(bench);
	assert_int_equal(bench->last, RELAY_WAIT);
	hear(&bench->home_end, "a LOGOUT\r\n");
	hear(&bench->home_end, NULL);
	say(&bench->home_end, "* BYE\r\n");
	run(bench);
	hear(&bench->client_end, "* BYE\r\n");
	stream_close(&bench->home_end);
	run(bench);
	assert_int_equal(bench->last, RELAY_OVER);
}

/* The home ends: over when the client has got all of it. */
static void test_home_ends(void **state)
{
	struct bench *bench = *state;
	size_t in, out = 0;

	in = push(&bench->home_end, 0, 64 << 20);
	run(bench);
	in = push(&bench->home_end, in, 64 << 20);
	/* What its own TLS still has would be lost with it. */
	while (stream_unsent(&bench->home_end) > 0) {
		out = pull(&bench->client_end, out, 70000);
		run(bench);
		stream_ready(&bench->home_end, false, true);
	}
	stream_close(&bench->home_end);
	run(bench);
	assert_int_not_equal(bench->last, RELAY_OVER);
	while (out < in) {
		out = pull(&bench->client_end, out, 70000);
		run(bench);
	}
	assert_int_equal(bench->last, RELAY_OVER);
	hear(&bench->client_end, NULL);
}

/* The very last octets wait for the client: it is not over without them, even
 * when somebody has seen the end before. */
static void test_home_ends_behind_the_rest(void **state)
{
	struct bench *bench = *state;
	size_t in = 0, out = 0;

	while (stream_unsent(&bench->client) == 0 &&
		bench->relay.down.kept == NULL &&
		bench->relay.down.piped == 0) {
		in = push(&bench->home_end, in, in + 30000);
		run(bench);
	}
	stream_close(&bench->home_end);
	stream_ready(&bench->home, true, true);
	assert_int_equal(
		stream_read(&bench->home, (char[1]){ 0 }, 1), STREAM_END);
	run(bench);
	assert_int_equal(bench->last, RELAY_WAIT);
	while (out < in) {
		out = pull(&bench->client_end, out, 70000);
		run(bench);
	}
	run(bench);
	assert_int_equal(bench->last, RELAY_OVER);
}

static void test_lost_client(void **state)
{
	struct bench *bench = *state;

	stream_close(&bench->client_end);
	say(&bench->home_end, "x");
	run(bench);
	assert_int_equal(bench->last, RELAY_BROKEN);
}

static void test_quiet(void **state)
{
	struct bench *bench = *state;

	assert_false(relay_is_quiet(&bench->relay, 1000, 0));
	say(&bench->client_end, "a NOOP\r\n");
	run(bench);
	assert_false(relay_is_quiet(&bench->relay, 1000, 100));
	say(&bench->home_end, "* 1 EXI");
	run(bench);
	assert_false(relay_is_quiet(&bench->relay, 1000, 100));
	bench->now = 500;
	say(&bench->home_end, "STS\r\na OK\r\n");
	run(bench);
	assert_false(relay_is_quiet(&bench->relay, 599, 100));
	assert_true(relay_is_quiet(&bench->relay, 600, 100));
	say(&bench->client_end, "b");
	run(bench);
	assert_false(relay_is_quiet(&bench->relay, 9999, 100));
}

/* For a freeze: nothing more from the client, but the home's last words. */
static void test_stop(void **state)
{
	struct bench *bench = *state;

	relay_add_up(&bench->relay, "a EXPUNGE\r\n", 11);
	relay_stop(&bench->relay);
	say(&bench->client_end, "b NOOP\r\n");
	run(bench);
	hear(&bench->home_end, "a EXPUNGE\r\n");
	hear(&bench->home_end, NULL);
	say(&bench->home_end, "a OK\r\n");
	run(bench);
	assert_int_equal(bench->last, RELAY_WAIT);
	hear(&bench->client_end, "a OK\r\n");
	stream_close(&bench->home_end);
	run(bench);
	assert_int_equal(bench->last, RELAY_OVER);
}

int main(void)
{
#define BOTH(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST(name)                                                             \
	BOTH(name, setup), BOTH(name, setup_tls_client),                       \
		BOTH(name, setup_tls_home), BOTH(name, setup_tls_both)
	const struct CMUnitTest tests[] = {
		TEST(test_both_ways),
		TEST(test_what_was_read_before),
		TEST(test_bulk),
		TEST(test_back_pressure),
		TEST(test_client_ends),
		TEST(test_home_ends),
		TEST(test_home_ends_behind_the_rest),
		TEST(test_lost_client),
		TEST(test_quiet),
		TEST(test_stop),
	};

	return cmocka_run_group_tests(tests, set_up_files, tear_down_files);
}

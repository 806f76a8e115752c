/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams by TLS over a socket pair, both ends of it ours: handshakes in steps,
 * refusals with their reason, octets in order past full sockets, ends.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "gateway/stream.h"
#include "tests/unit/certificate.h"

#define DAY  86400L
#define HOST "mail.example.org"

#define CA_FILE	  "ca.pem"
#define CERT_FILE "cert.pem"
#define KEY_FILE  "cert.key"

static char scratch[] = "/tmp/stream-test.XXXXXX";

struct pair {
	struct tls_context *server_context, *client_context;
	struct stream server, client;
	struct error server_error, client_error;
	int server_done, client_done;
};

static int set_up_files(void **state)
{
	struct certificate ca, cert;

	(void)state;
	if (mkdtemp(scratch) == NULL || chdir(scratch) < 0)
		return -1;
	ca = certificate_new(NULL, "Test CA", NULL, -DAY, DAY);
	cert = certificate_new(&ca, "x", "DNS:" HOST, -DAY, DAY);
	certificate_save(&ca, CA_FILE, "ca.key");
	certificate_save(&cert, CERT_FILE, KEY_FILE);
	certificate_clear(&ca);
	certificate_clear(&cert);
	return 0;
}

static int tear_down_files(void **state)
{
	(void)state;
	unlink(CA_FILE);
	unlink("ca.key");
	unlink(CERT_FILE);
	unlink(KEY_FILE);
	return rmdir(scratch);
}

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	int ends[2];

	if (pair == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return -1;
	stream_open(&pair->server, ends[0]);
	stream_open(&pair->client, ends[1]);
	pair->server_context =
		tls_server_context_new(CERT_FILE, KEY_FILE, NULL);
	pair->client_context = tls_client_context_new(CA_FILE, true, NULL);
	*state = pair;
	return pair->server_context != NULL && pair->client_context != NULL
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	stream_close(&pair->server);
	stream_close(&pair->client);
	stream_close(&pair->client);
	tls_context_free(&pair->server_context);
	tls_context_free(&pair->client_context);
	free(pair);
	return 0;
}

static void begin(struct pair *pair, const char *host)
{
	assert_int_equal(stream_begin_tls_server(
				 &pair->server, pair->server_context, NULL),
		0);
	assert_int_equal(stream_begin_tls_client(&pair->client,
				 pair->client_context, host, NULL),
		0);
}

/* As an event loop would say it, where all is ready. */
static void wake(struct pair *pair)
{
	stream_ready(&pair->server, true, true);
	stream_ready(&pair->client, true, true);
}

/* Until both are done, or one is refused. */
static void shake(struct pair *pair)
{
	pair->server_done = pair->client_done = 0;
	for (int i = 0; i < 10; i++) {
		wake(pair);
		if (pair->client_done == 0)
			pair->client_done = stream_handshake(
				&pair->client, &pair->client_error);
		if (pair->server_done == 0)
			pair->server_done = stream_handshake(
				&pair->server, &pair->server_error);
	}
}

static void connected(struct pair *pair)
{
	begin(pair, HOST);
	shake(pair);
	assert_int_equal(pair->client_done, 1);
	assert_int_equal(pair->server_done, 1);
}

static void hear(struct stream *stream, const char *text)
{
	char heard[64] = "";

	assert_int_equal(
		stream_read(stream, heard, sizeof(heard) - 1), strlen(text));
	assert_string_equal(heard, text);
}

/* ---- handshakes ---- */

static void test_no_tls(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(stream_handshake(&pair->client, NULL), 1);
	assert_int_equal(stream_unsent(&pair->client), 0);
}

static void test_handshake(void **state)
{
	struct pair *pair = *state;

	begin(pair, HOST);
	assert_int_equal(stream_handshake(&pair->server, NULL), 0);
	assert_false(pair->server.readable);
	assert_true(pair->server.writable);
	shake(pair);
	assert_int_equal(pair->client_done, 1);
	assert_int_equal(pair->server_done, 1);
	assert_int_equal(stream_handshake(&pair->server, NULL), 1);
	assert_int_equal(stream_write(&pair->client, "a NOOP\r\n", 8), 8);
	hear(&pair->server, "a NOOP\r\n");
	assert_int_equal(stream_write(&pair->server, "a OK\r\n", 6), 6);
	hear(&pair->client, "a OK\r\n");
	assert_int_equal(stream_write(&pair->client, "", 0), 0);
}

/* Who just reads and writes never sees the handshake. */
static void test_handshake_within(void **state)
{
	struct pair *pair = *state;
	ssize_t put = 0;
	char heard[16];

	begin(pair, HOST);
	for (int i = 0; put == 0 && i < 10; i++) {
		wake(pair);
		put = stream_write(&pair->client, "hello", 5);
		if (put == 0)
			assert_int_equal(stream_read(&pair->server, heard,
						 sizeof(heard)),
				STREAM_WAIT);
	}
	assert_int_equal(put, 5);
	hear(&pair->server, "hello");
}

/* A client sends its first command right behind the handshake: it is told. */
static void test_octets_behind_handshake(void **state)
{
	struct pair *pair = *state;

	begin(pair, HOST);
	assert_int_equal(stream_handshake(&pair->client, NULL), 0);
	assert_int_equal(stream_handshake(&pair->server, NULL), 0);
	wake(pair);
	assert_int_equal(stream_handshake(&pair->client, NULL), 1);
	assert_int_equal(stream_write(&pair->client, "early", 5), 5);
	assert_int_equal(stream_handshake(&pair->server, NULL), 1);
	assert_true(pair->server.readable);
	hear(&pair->server, "early");
}

static void test_wrong_host(void **state)
{
	struct pair *pair = *state;

	begin(pair, "other.example.org");
	shake(pair);
	assert_int_equal(pair->client_done, -1);
	assert_non_null(strstr(pair->client_error.text, "other.example.org"));
	assert_int_equal(stream_handshake(&pair->client, NULL), -1);
	assert_int_equal(stream_write(&pair->client, "x", 1), STREAM_BROKEN);
	/* By then the server has taken it for done, or has not. */
	while (stream_read(&pair->server, (char[1]){ 0 }, 1) == STREAM_WAIT)
		wake(pair);
}

static void test_clear_text(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(stream_begin_tls_server(
				 &pair->server, pair->server_context, NULL),
		0);
	assert_int_equal(stream_write(&pair->client, "a NOOP\r\n", 8), 8);
	assert_int_equal(
		stream_handshake(&pair->server, &pair->server_error), -1);
	assert_string_equal(pair->server_error.text,
		"TLS: the peer does not speak TLS here");
	assert_int_equal(
		stream_read(&pair->server, (char[1]){ 0 }, 1), STREAM_BROKEN);
}

static void test_gone_in_handshake(void **state)
{
	struct pair *pair = *state;

	begin(pair, HOST);
	assert_int_equal(stream_handshake(&pair->client, NULL), 0);
	stream_close(&pair->client);
	assert_int_equal(
		stream_handshake(&pair->server, &pair->server_error), -1);
	assert_string_equal(
		pair->server_error.text, "TLS: the peer closed the connection");
}

/* ---- octets ---- */

static char octet(size_t i)
{
	return (char)((i * 2654435761u) >> 13);
}

static void fill(char *data, size_t from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] = octet(from + i);
}

struct flow {
	struct stream *from, *to;
	size_t in, out;
	bool was_full;
};

/* Sends and reads once, pieces of all sizes in turn. */
static void move(struct flow *flow, size_t turn, size_t size)
{
	static const size_t writes[] = { 150000, 1, 16384, 16385, 40000 };
	static const size_t reads[] = { 70000, 16384, 100, 32768 };
	static char data[150000], expected[70000];
	size_t length = writes[turn % 5];
	ssize_t put = 0, got;

	if (length > size - flow->in)
		length = size - flow->in;
	fill(data, flow->in, flow->from->writable ? length : 0);
	if (flow->from->writable)
		put = stream_write(flow->from, data, length);
	/* All or nothing: what the socket has no room for is kept. */
	assert_true(put == 0 || put == (ssize_t)length);
	flow->in += (size_t)put;
	if (stream_unsent(flow->from) > 0) {
		assert_false(flow->from->writable);
		flow->was_full = true;
	}
	got = stream_read(flow->to, data, reads[turn % 4]);
	assert_true(got >= 0);
	fill(expected, flow->out, (size_t)got);
	assert_memory_equal(data, expected, (size_t)got);
	flow->out += (size_t)got;
}

static void test_bulk(void **state)
{
	const size_t size = 20 << 20;
	struct pair *pair = *state;
	struct flow up = { .from = &pair->client, .to = &pair->server };
	struct flow down = { .from = &pair->server, .to = &pair->client };

	connected(pair);
	for (size_t turn = 0; up.out < size || down.out < size; turn++) {
		move(&up, turn, size);
		move(&down, turn, size);
		wake(pair);
	}
	assert_int_equal(up.out, size);
	assert_int_equal(down.out, size);
	assert_true(up.was_full && down.was_full);
}

/* The last words and the end, told (twice, as of gateway/loop.h) before or
 * after somebody could read them: the end is found without being told once
 * more. */
static void test_end_in_clear(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(
		stream_read(&pair->server, (char[1]){ 0 }, 1), STREAM_WAIT);
	assert_int_equal(stream_write(&pair->client, "bye", 3), 3);
	stream_shut(&pair->client);
	stream_ready(&pair->server, true, true);
	stream_ready(&pair->server, true, true);
	hear(&pair->server, "bye");
	assert_true(pair->server.readable);
	assert_int_equal(
		stream_read(&pair->server, (char[1]){ 0 }, 1), STREAM_END);

	assert_int_equal(
		stream_read(&pair->client, (char[1]){ 0 }, 1), STREAM_WAIT);
	assert_int_equal(stream_write(&pair->server, "bye", 3), 3);
	stream_shut(&pair->server);
	stream_ready(&pair->client, true, true);
	hear(&pair->client, "bye");
	assert_false(pair->client.readable);
	stream_ready(&pair->client, true, true);
	assert_int_equal(
		stream_read(&pair->client, (char[1]){ 0 }, 1), STREAM_END);
}

/* Readiness that came while we wrote is not forgotten. */
static void test_ready_while_writing(void **state)
{
	struct pair *pair = *state;

	connected(pair);
	assert_int_equal(
		stream_read(&pair->server, (char[1]){ 0 }, 1), STREAM_WAIT);
	assert_false(pair->server.readable);
	assert_int_equal(stream_write(&pair->client, "x", 1), 1);
	stream_ready(&pair->server, true, false);
	assert_int_equal(stream_write(&pair->server, "y", 1), 1);
	assert_true(pair->server.readable);
	hear(&pair->server, "x");
}

/* ---- ends ---- */

/* The end comes behind what the socket had no room for. */
static void test_shut_behind_the_rest(void **state)
{
	struct pair *pair = *state;
	char *data = calloc(1, 65536);
	size_t in = 0, out = 0;
	ssize_t got;

	connected(pair);
	do {
		assert_int_equal(
			stream_write(&pair->client, data, 65536), 65536);
		in += 65536;
	} while (pair->client.writable);
	assert_true(stream_unsent(&pair->client) > 0);
	stream_shut(&pair->client);
	stream_shut(&pair->client);
	do {
		stream_ready(&pair->server, true, true);
		got = stream_read(&pair->server, data, 65536);
		out += got > 0 ? (size_t)got : 0;
		stream_ready(&pair->client, false, true);
	} while (got >= 0);
	assert_int_equal(got, STREAM_END);
	assert_int_equal(out, in);
	stream_ready(&pair->client, false, true);
	assert_int_equal(recv(pair->server.socket, data, 1, 0), 0);
	/* The other way is still open. */
	assert_int_equal(stream_write(&pair->server, "bye", 3), 3);
	hear(&pair->client, "bye");
	stream_shut(&pair->server);
	wake(pair);
	assert_int_equal(stream_read(&pair->client, data, 1), STREAM_END);
	assert_int_equal(recv(pair->client.socket, data, 1, 0), 0);
	free(data);
}

/* Many clients say no close_notify: their end is one, and they may listen. */
static void test_end_without_notice(void **state)
{
	struct pair *pair = *state;

	connected(pair);
	assert_int_equal(stream_write(&pair->client, "x", 1), 1);
	shutdown(pair->client.socket, SHUT_WR);
	hear(&pair->server, "x");
	wake(pair);
	assert_int_equal(
		stream_read(&pair->server, (char[1]){ 0 }, 1), STREAM_END);
	assert_true(pair->server.ended);
	assert_int_equal(stream_write(&pair->server, "bye", 3), 3);
	hear(&pair->client, "bye");
}

static void test_broken_record(void **state)
{
	static const char wrong[] = "\x17\x03\x03\x00\x20"
				    "0123456789abcdef0123456789abcdef";
	struct pair *pair = *state;

	connected(pair);
	assert_int_equal(send(pair->client.socket, wrong, sizeof(wrong) - 1, 0),
		sizeof(wrong) - 1);
	assert_int_equal(
		stream_read(&pair->server, (char[1]){ 0 }, 1), STREAM_BROKEN);
	assert_int_equal(stream_write(&pair->server, "x", 1), STREAM_BROKEN);
}

static void test_lost_peer(void **state)
{
	struct pair *pair = *state;
	ssize_t put = 0;

	connected(pair);
	close(pair->client.socket);
	pair->client.socket = -1;
	for (int i = 0; i < 4 && put >= 0; i++) {
		wake(pair);
		put = stream_write(&pair->server, "x", 1);
	}
	assert_int_equal(put, STREAM_BROKEN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_no_tls),
		TEST(test_handshake),
		TEST(test_handshake_within),
		TEST(test_octets_behind_handshake),
		TEST(test_wrong_host),
		TEST(test_clear_text),
		TEST(test_gone_in_handshake),
		TEST(test_bulk),
		TEST(test_end_in_clear),
		TEST(test_ready_while_writing),
		TEST(test_shut_behind_the_rest),
		TEST(test_end_without_notice),
		TEST(test_broken_record),
		TEST(test_lost_peer),
	};

	return cmocka_run_group_tests(tests, set_up_files, tear_down_files);
}

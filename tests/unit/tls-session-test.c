/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS sessions of our client and our server over a socket pair: what is read
 * and written, how it ends, and what stops a server from starting.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <openssl/pem.h>
#include <cmocka.h>

#include "lib/tls.h"
#include "tests/unit/certificate.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DAY	     86400L
#define BIG	     (1 << 20)
#define HOST	     "mail.example.org"

/* Relative to the scratch directory, which is the working directory. */
#define CA_FILE	   "ca.pem"
#define GOOD_FILE  "good.pem"
#define GOOD_KEY   "good.key"
#define OTHER_KEY  "ca.key"
#define LOCKED_KEY "locked.key"

static char scratch[] = "/tmp/tls-session-test.XXXXXX";

static void make_locked_key(const struct certificate *certificate)
{
	FILE *file = fopen(LOCKED_KEY, "w");

	assert_true(
		PEM_write_PrivateKey(file, certificate->key, EVP_aes_128_cbc(),
			(const unsigned char *)"secret", 6, NULL, NULL));
	fclose(file);
}

static int set_up(void **state)
{
	struct certificate ca;
	struct certificate good;

	(void)state;
	if (mkdtemp(scratch) == NULL || chdir(scratch) < 0)
		return -1;
	ca = certificate_new(NULL, "Test CA", NULL, -DAY, DAY);
	good = certificate_new(&ca, "x", "DNS:" HOST, -DAY, DAY);
	certificate_save(&ca, CA_FILE, OTHER_KEY);
	certificate_save(&good, GOOD_FILE, GOOD_KEY);
	make_locked_key(&good);
	certificate_clear(&ca);
	certificate_clear(&good);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { CA_FILE, GOOD_FILE, GOOD_KEY,
		OTHER_KEY, LOCKED_KEY };

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	return rmdir(scratch);
}

enum manner {
	READS,	/* to the end, then goes */
	LEAVES, /* at once, with a close_notify */
	RUNS,	/* at once, without */
	SLEEPS, /* until we go */
};

/* Our server in a thread, and our client at it. */
struct pair {
	/* what the server does after the handshake */
	size_t sends;
	enum manner manner;
	/* what it saw */
	size_t got;
	bool clean;
	struct error error;

	struct tls_context *server_context, *client_context;
	int server_socket, socket;
	pthread_t thread;
	struct tls_session *session;
};

/* All that there is to read. Returns the last result, with errno. */
static ssize_t read_all(struct tls_session *session, size_t *size_r)
{
	char data[5000];
	ssize_t size;

	*size_r = 0;
	while ((size = tls_read(session, data, sizeof(data))) > 0)
		*size_r += (size_t)size;
	return size;
}

static void *serve(void *argument)
{
	struct pair *pair = argument;
	struct tls_session *session = tls_accept(
		pair->server_context, pair->server_socket, &pair->error);
	struct pollfd hangup = { pair->server_socket, 0, 0 };
	char *data = calloc(1, BIG);

	if (session != NULL && pair->sends > 0)
		tls_write(session, data, pair->sends);
	if (session != NULL && pair->manner == READS)
		pair->clean = read_all(session, &pair->got) == 0;
	if (pair->manner == SLEEPS)
		poll(&hangup, 1, 5000);
	if (pair->manner == RUNS)
		shutdown(pair->server_socket, SHUT_RDWR);
	tls_session_free(&session);
	close(pair->server_socket);
	free(data);
	return NULL;
}

static void pair_serve(struct pair *pair)
{
	struct timeval wait = { 0, 200000 };
	struct error error = { "" };
	int ends[2];

	pair->server_context =
		tls_server_context_new(GOOD_FILE, GOOD_KEY, &error);
	if (pair->server_context == NULL)
		fail_msg("%s", error.text);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	pair->socket = ends[0];
	pair->server_socket = ends[1];
	setsockopt(pair->socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(pair->socket, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	assert_int_equal(pthread_create(&pair->thread, NULL, serve, pair), 0);
}

static void pair_start(struct pair *pair)
{
	struct error error = { "" };

	pair_serve(pair);
	pair->client_context = tls_client_context_new(CA_FILE, true, &error);
	if (pair->client_context == NULL)
		fail_msg("%s", error.text);
	pair->session =
		tls_connect(pair->client_context, pair->socket, HOST, &error);
	if (pair->session == NULL)
		fail_msg("%s", error.text);
}

/* The client goes; the server is waited for. */
static void pair_end(struct pair *pair)
{
	tls_session_free(&pair->session);
	close(pair->socket);
	pthread_join(pair->thread, NULL);
	tls_context_free(&pair->server_context);
	tls_context_free(&pair->client_context);
}

static void writes(void **state)
{
	struct pair pair = { 0 };
	char *data = calloc(1, BIG);

	(void)state;
	pair_start(&pair);
	assert_int_equal(tls_write(pair.session, data, 0), 0);
	assert_int_equal(tls_write(pair.session, data, BIG), BIG);
	assert_int_equal(tls_write(pair.session, "x", 1), 1);
	pair_end(&pair);
	assert_int_equal(pair.got, BIG + 1);
	assert_true(pair.clean);
	free(data);
}

/*
 * An end without close_notify may be an attacker's: it is no clean end. After a
 * failure the session is dead, and sends no close_notify either.
 */
static void tells_ends_apart(void **state)
{
	static const struct {
		enum manner manner;
		int result;
		int number;
	} cases[] = {
		{ LEAVES, 0, 0 }, { RUNS, -1, ECONNRESET },
		{ READS, -1, EAGAIN }, /* it waits for us as we do for it */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair pair = { .sends = 100000,
			.manner = cases[i].manner };
		char byte;
		size_t size;

		pair_start(&pair);
		errno = 0;
		assert_int_equal(
			read_all(pair.session, &size), cases[i].result);
		assert_int_equal(errno, cases[i].number);
		assert_int_equal(size, 100000);
		assert_int_equal(
			tls_read(pair.session, &byte, 1), cases[i].result);
		pair_end(&pair);
		assert_false(pair.clean);
	}
}

static void tells_what_is_pending(void **state)
{
	struct pair pair = { .sends = 100 };
	char data[100];

	(void)state;
	pair_start(&pair);
	assert_false(tls_pending(pair.session));
	assert_int_equal(tls_read(pair.session, data, 0), 0);
	assert_int_equal(tls_read(pair.session, data, 40), 40);
	assert_true(tls_pending(pair.session));
	assert_int_equal(tls_read(pair.session, data, 100), 60);
	assert_false(tls_pending(pair.session));
	pair_end(&pair);
	assert_true(pair.clean);
}

/* The default action of SIGPIPE would end this program. */
static void raises_no_sigpipe(void **state)
{
	struct pair pair = { .manner = RUNS };

	(void)state;
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	pair_start(&pair);
	while (tls_write(pair.session, "x", 1) == 1)
		usleep(1000);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(tls_write(pair.session, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	pair_end(&pair);
}

/* The close_notify waits for nobody, and disturbs nobody who is gone. */
static void goes_quietly(void **state)
{
	static const char zeros[4096];
	static const enum manner manners[] = { RUNS, SLEEPS };
	struct timeval never = { 0, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(manners); i++) {
		struct pair pair = { .manner = manners[i] };
		time_t start = time(NULL);

		pair_start(&pair);
		if (manners[i] == RUNS)
			poll(&(struct pollfd){ pair.socket, 0, 0 }, 1, 5000);
		else
			while (send(pair.socket, zeros, sizeof(zeros),
				       MSG_DONTWAIT) > 0)
				;
		setsockopt(pair.socket, SOL_SOCKET, SO_SNDTIMEO, &never,
			sizeof(never));
		pair_end(&pair);
		assert_true(time(NULL) - start < 4);
	}
}

static void serves_no_clear_text(void **state)
{
	struct pair pair = { 0 };

	(void)state;
	pair_serve(&pair);
	assert_int_equal(write(pair.socket, "a LOGIN x y\r\n", 13), 13);
	pair_end(&pair);
	assert_string_equal(
		pair.error.text, "TLS: the peer does not speak TLS here");
}

static void tells_bad_files(void **state)
{
	static const struct {
		const char *certificate, *key, *text;
	} servers[] = {
		{ "none.pem", GOOD_KEY,
			"certificate file none.pem: No such file" },
		{ GOOD_KEY, GOOD_KEY, "certificate file " GOOD_KEY ": " },
		{ GOOD_FILE, "none.key", "key file none.key: No such file" },
		{ GOOD_FILE, OTHER_KEY,
			"key file " OTHER_KEY ": key values mismatch" },
		{ GOOD_FILE, LOCKED_KEY, "key file " LOCKED_KEY ": " },
	};
	static const struct {
		const char *ca, *text;
	} clients[] = {
		{ "none.pem", "CA file none.pem: No such file" },
		{ GOOD_KEY, "CA file " GOOD_KEY ": " },
	};
	struct error error;

	(void)state;
	for (size_t i = 0; i < COUNT(servers); i++) {
		assert_null(tls_server_context_new(
			servers[i].certificate, servers[i].key, &error));
		if (strstr(error.text, servers[i].text) == NULL)
			fail_msg("server %zu: %s", i, error.text);
		assert_null(strstr(error.text, "unknown cause"));
	}
	for (size_t i = 0; i < COUNT(clients); i++) {
		assert_null(
			tls_client_context_new(clients[i].ca, true, &error));
		if (strstr(error.text, clients[i].text) == NULL)
			fail_msg("client %zu: %s", i, error.text);
		assert_null(strstr(error.text, "unknown cause"));
	}
}

/* A program with a terminal does not ask there for the key's password. */
static void asks_for_no_password(void **state)
{
	char prompt[256];
	int terminal;
	int status;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(5);
		_exit(tls_server_context_new(GOOD_FILE, LOCKED_KEY, NULL) !=
			NULL);
	}
	while (read(terminal, prompt, sizeof(prompt)) > 0)
		;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(terminal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes),
		cmocka_unit_test(tells_ends_apart),
		cmocka_unit_test(tells_what_is_pending),
		cmocka_unit_test(raises_no_sigpipe),
		cmocka_unit_test(goes_quietly),
		cmocka_unit_test(serves_no_clear_text),
		cmocka_unit_test(tells_bad_files),
		cmocka_unit_test(asks_for_no_password),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

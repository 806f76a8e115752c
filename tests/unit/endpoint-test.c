/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Endpoints: the accepted forms, and real sockets below a scratch directory and
 * on loopback.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/endpoint.h"
#include "lib/instant.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RACERS	     8
#define NO_GROUP     ((gid_t)-1)

static char scratch[64];
static char path[96];
static char endpoint[128];

/* Each test has a directory of its own; "s" in it is the socket. */
static int set_up(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "/tmp/endpoint-test.XXXXXX");
	if (mkdtemp(scratch) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", scratch);
	snprintf(endpoint, sizeof(endpoint), "unix:%s", path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(scratch);
}

static int listen_here(void)
{
	struct error error = { "" };
	int fd = endpoint_listen(endpoint, 0600, NO_GROUP, &error);

	if (fd < 0)
		fail_msg("%s", error.text);
	return fd;
}

static int connect_here(void)
{
	struct error error = { "" };
	int fd = endpoint_connect(endpoint, 1000, &error);

	if (fd < 0)
		fail_msg("%s", error.text);
	return fd;
}

static void checks_forms(void **state)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
		{ "unix:/run/rehome/control", 0 },
		{ "unix:/x", 0 },
		{ "unix:run/control", -1 },
		{ "unix:", -1 },
		{ "unix:/", -1 },
		{ "unix:/run/", -1 },
		{ "/run/control", -1 },
		{ "", -1 },
		{ "inet:localhost:10025", 0 },
		{ "inet:127.0.0.1:1", 0 },
		{ "inet:127.0.0.1:65535", 0 },
		{ "inet:[::1]:143", 0 },
		{ "inet:[fe80::1%eth0]:143", 0 },
		{ "inet:127.0.0.1:0", -1 },
		{ "inet:127.0.0.1:65536", -1 },
		{ "inet:127.0.0.1:100000", -1 },
		{ "inet:127.0.0.1:4294967297", -1 },
		{ "inet:127.0.0.1:", -1 },
		{ "inet:127.0.0.1:imap", -1 },
		{ "inet:127.0.0.1:14 3", -1 },
		{ "inet:127.0.0.1:-1", -1 },
		{ "inet:127.0.0.1", -1 },
		{ "inet::143", -1 },
		{ "inet:::1:143", -1 },
		{ "inet:[::1]", -1 },
		{ "inet:[]:143", -1 },
		{ "inet:[::1:143", -1 },
		{ "inet:a b:143", -1 },
		{ "inet:a/b:143", -1 },
		{ "INET:localhost:143", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error error = { "" };

		if (endpoint_check(cases[i].text, &error) != cases[i].result)
			fail_msg("%s: %s", cases[i].text, error.text);
		if (cases[i].result < 0)
			assert_non_null(strstr(error.text, cases[i].text));
	}
}

static void bounds_lengths(void **state)
{
	char text[400];

	(void)state;
	for (size_t length = 106; length < 110; length++) {
		snprintf(text, sizeof(text), "unix:/%0*d", (int)length - 1, 7);
		assert_int_equal(
			endpoint_check(text, NULL), length <= 107 ? 0 : -1);
	}
	snprintf(text, sizeof(text), "inet:%0255d:1", 7);
	assert_int_equal(endpoint_check(text, NULL), 0);
	snprintf(text, sizeof(text), "inet:%0256d:1", 7);
	assert_int_equal(endpoint_check(text, NULL), -1);
}

static void listens_and_connects(void **state)
{
	int listener = listen_here();
	struct timeval wait;
	socklen_t size = sizeof(wait);
	struct stat status;
	char byte = 0;
	int client;
	int server;

	(void)state;
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(accept(listener, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	client = connect_here();
	assert_false(fcntl(client, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(
		getsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, &size), 0);
	assert_int_equal(wait.tv_sec, 1);
	assert_int_equal(
		getsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &wait, &size), 0);
	assert_int_equal(wait.tv_sec, 1);
	server = accept(listener, NULL, NULL);
	assert_int_equal(write(server, "x", 1), 1);
	assert_int_equal(read(client, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(server);
	close(client);
	close(listener);
}

static void gives_mode_and_group(void **state)
{
	struct stat status;
	struct error error = { "" };
	gid_t group = geteuid() == 0 ? 12 : getegid();
	mode_t mask = umask(0077);
	int fd = endpoint_listen(endpoint, 0660, group, &error);

	(void)state;
	umask(mask);
	if (fd < 0)
		fail_msg("%s", error.text);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	assert_int_equal(status.st_gid, group);
	close(fd);
}

static void replaces_a_stale_socket(void **state)
{
	int first = listen_here();
	int second;

	(void)state;
	close(first);
	second = listen_here();
	first = connect_here();
	close(first);
	close(second);
}

static void leaves_a_live_socket(void **state)
{
	int first = listen_here();
	struct error error;
	int client;

	(void)state;
	assert_int_equal(endpoint_listen(endpoint, 0600, NO_GROUP, &error), -1);
	assert_non_null(strstr(error.text, "another process listens"));
	assert_non_null(strstr(error.text, path));
	client = connect_here();
	close(client);
	close(first);
}

/* One whose queue is full is as alive as any. */
static void leaves_a_busy_socket(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client;

	(void)state;
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(
		bind(listener, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(listener, 0), 0);
	client = connect_here();
	assert_int_equal(endpoint_listen(endpoint, 0600, NO_GROUP, NULL), -1);
	close(client);
	close(listener);
}

static void leaves_what_is_no_socket(void **state)
{
	int file = open(path, O_CREAT | O_WRONLY, 0600);
	struct error error;
	struct stat status;

	(void)state;
	close(file);
	assert_int_equal(endpoint_listen(endpoint, 0600, NO_GROUP, &error), -1);
	assert_non_null(strstr(error.text, "no socket"));
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISREG(status.st_mode));
}

static void tells_what_is_missing(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(endpoint_connect(endpoint, 100, &error), -1);
	assert_non_null(strstr(error.text, path));
	assert_non_null(strstr(error.text, strerror(ENOENT)));
	assert_int_equal(
		endpoint_listen("unix:/nonexistent/s", 0600, NO_GROUP, &error),
		-1);
	assert_non_null(strstr(error.text, "/nonexistent/"));
	close(listen_here());
	assert_int_equal(endpoint_connect(endpoint, 100, &error), -1);
	assert_non_null(strstr(error.text, strerror(ECONNREFUSED)));
}

/* A directory that somebody holds does not stop the start for ever. */
static void waits_for_the_directory(void **state)
{
	int held = open(scratch, O_RDONLY | O_DIRECTORY);
	int64_t start = instant_monotonic();
	struct error error;

	(void)state;
	assert_int_equal(flock(held, LOCK_EX), 0);
	assert_int_equal(endpoint_listen(endpoint, 0600, NO_GROUP, &error), -1);
	assert_in_range(instant_monotonic() - start, 4000, 15000);
	assert_non_null(strstr(error.text, "lock"));
	close(held);
}

static void *race(void *argument)
{
	int *fd = argument;

	*fd = endpoint_listen(endpoint, 0600, NO_GROUP, NULL);
	return NULL;
}

/* Of all that find the same stale socket one gets it, and keeps it. */
static void lets_one_racer_win(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		pthread_t threads[RACERS];
		int fds[RACERS];
		int winner = -1;
		int server;
		int client;

		close(listen_here());
		for (size_t i = 0; i < RACERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, race,
						 &fds[i]),
				0);
		for (size_t i = 0; i < RACERS; i++) {
			pthread_join(threads[i], NULL);
			if (fds[i] < 0)
				continue;
			assert_int_equal(winner, -1);
			winner = fds[i];
		}
		assert_true(winner >= 0);
		client = connect_here();
		server = accept(winner, NULL, NULL);
		assert_true(server >= 0);
		close(server);
		close(client);
		close(winner);
	}
}

static void times_out_connecting(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int64_t start;
	struct error error;
	int client;

	(void)state;
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(
		bind(listener, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(listener, 0), 0);
	client = connect_here();
	start = instant_monotonic();
	assert_int_equal(endpoint_connect(endpoint, 300, &error), -1);
	assert_in_range(instant_monotonic() - start, 290, 5000);
	assert_non_null(strstr(error.text, strerror(ETIMEDOUT)));
	close(client);
	close(listener);
}

/* A port that is free at this moment. */
static int free_port(int family)
{
	struct sockaddr_in6 address = { .sin6_family = (sa_family_t)family,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in *address4 = (struct sockaddr_in *)&address;
	socklen_t size = sizeof(address);
	int fd = socket(family, SOCK_STREAM, 0);

	if (family == AF_INET) {
		size = sizeof(*address4);
		address4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	close(fd);
	return ntohs(address.sin6_port);
}

static void assert_talks(const char *listen_at, const char *connect_to)
{
	struct error error = { "" };
	int listener = endpoint_listen(listen_at, 0, NO_GROUP, &error);
	int on = 0;
	socklen_t size = sizeof(on);
	int client;
	int server;

	if (listener < 0)
		fail_msg("%s", error.text);
	client = endpoint_connect(connect_to, 1000, &error);
	if (client < 0)
		fail_msg("%s", error.text);
	assert_int_equal(
		getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
	assert_true(on);
	on = 0;
	server = accept(listener, NULL, NULL);
	assert_int_equal(
		getsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
	assert_true(on);
	close(server);
	close(client);
	close(listener);
}

static void serves_ipv4(void **state)
{
	char at[64];
	char by_name[64];
	struct error error;
	int port = free_port(AF_INET);

	(void)state;
	assert_true(port > 0);
	snprintf(at, sizeof(at), "inet:127.0.0.1:%d", port);
	snprintf(by_name, sizeof(by_name), "inet:localhost:%d", port);
	assert_talks(at, at);
	/* at once again, though the last connection is not forgotten yet;
	 * the name has an address of IPv6 too, where nobody listens */
	assert_talks(at, by_name);
	assert_int_equal(endpoint_connect(at, 1000, &error), -1);
	assert_non_null(strstr(error.text, strerror(ECONNREFUSED)));
}

static void serves_ipv6(void **state)
{
	char at[64];
	char any[64];
	char ipv4[64];
	int port = free_port(AF_INET6);

	(void)state;
	if (port == 0) {
		print_message("no IPv6 here\n");
		skip();
	}
	snprintf(at, sizeof(at), "inet:[::1]:%d", port);
	snprintf(any, sizeof(any), "inet:[::]:%d", port);
	snprintf(ipv4, sizeof(ipv4), "inet:127.0.0.1:%d", port);
	assert_talks(at, at);
	assert_talks(any, at);
	assert_talks(any, ipv4);
}

static void tells_unknown_hosts(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(
		endpoint_connect("inet:no-such-host.invalid:1", 1000, &error),
		-1);
	assert_non_null(strstr(error.text, "host no-such-host.invalid"));
}

#define WITH_SCRATCH(test)                                                     \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_forms),
		cmocka_unit_test(bounds_lengths),
		WITH_SCRATCH(listens_and_connects),
		WITH_SCRATCH(gives_mode_and_group),
		WITH_SCRATCH(replaces_a_stale_socket),
		WITH_SCRATCH(leaves_a_live_socket),
		WITH_SCRATCH(leaves_a_busy_socket),
		WITH_SCRATCH(leaves_what_is_no_socket),
		WITH_SCRATCH(tells_what_is_missing),
		WITH_SCRATCH(waits_for_the_directory),
		WITH_SCRATCH(lets_one_racer_win),
		WITH_SCRATCH(times_out_connecting),
		cmocka_unit_test(serves_ipv4),
		cmocka_unit_test(serves_ipv6),
		cmocka_unit_test(tells_unknown_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

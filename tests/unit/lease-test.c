/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker must know no later than policyd that its lease is over. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "copier/lease.h"

#include "lib/instant.h"

#define LEASE 1500 /* ms */

struct server {
	int socket;
	const char *answer;
};

/* Answers the first renewal and says nothing more. */
static void *serve(void *context)
{
	struct server *server = context;
	int client = accept(server->socket, NULL, NULL);
	char request[4096];

	if (read(client, request, sizeof(request)) > 0 &&
		write(client, server->answer, strlen(server->answer)) < 0)
		perror("write");
	while (read(client, request, sizeof(request)) > 0)
		;
	close(client);
	return NULL;
}

static void test_left(const char *answer, bool held)
{
	const struct timespec pause = { 1, 0 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct server server = { socket(AF_UNIX, SOCK_STREAM, 0), answer };
	char control[sizeof(address.sun_path) + 8];
	struct lease *lease;
	pthread_t thread;

	snprintf(address.sun_path, sizeof(address.sun_path),
		"/tmp/rehome-lease.%ld", (long)getpid());
	unlink(address.sun_path);
	assert_int_equal(bind(server.socket, (struct sockaddr *)&address,
				 sizeof(address)),
		0);
	assert_int_equal(listen(server.socket, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
	snprintf(control, sizeof(control), "unix:%s", address.sun_path);
	lease = lease_start(
		control, "ann@example.org", 1, instant_monotonic(), LEASE);
	nanosleep(&pause, NULL); /* the renewal was at 500 ms */
	assert_int_equal(lease_is_held(lease, NULL), held);
	shutdown(server.socket, SHUT_RDWR);
	lease_free(&lease);
	pthread_join(thread, NULL);
	close(server.socket);
	unlink(address.sun_path);
}

static void test_all_left(void **state)
{
	(void)state;
	test_left("status=ok\nlease_ms=1500\nphase=copying\nheld=no\n\n", true);
}

static void test_little_left(void **state)
{
	(void)state;
	test_left("status=ok\nlease_ms=200\nphase=copying\nheld=no\n\n", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_left),
		cmocka_unit_test(test_little_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

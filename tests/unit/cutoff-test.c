/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/cutoff: whoever waits in a socket is let go when a lease is over. */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/instant.h"

#include "copier/cutoff.h"
#include "copier/doveadm.h"
#include "copier/lease.h"

struct waiting {
	int socket;
	ssize_t got;
};

static void *wait_for_data(void *context)
{
	struct waiting *waiting = context;
	char byte;

	waiting->got = read(waiting->socket, &byte, 1);
	return NULL;
}

/* policyd is not there: by our own clock the lease is over some time. */
static void test_lease_runs_out(void **state)
{
	struct waiting waiting = { .got = 1 };
	int pair[2], other[2];
	struct lease *lease;
	pthread_t thread;
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	cutoff_add(pair[0]);
	cutoff_add(other[0]);
	cutoff_drop(other[0]);
	waiting.socket = pair[0];
	assert_int_equal(
		pthread_create(&thread, NULL, wait_for_data, &waiting), 0);
	lease = lease_start("unix:/nowhere/control", "ann@example.org", 1,
		instant_monotonic(), 300);
	pthread_join(thread, NULL);
	assert_int_equal(waiting.got, 0);
	assert_false(lease_is_held(lease, NULL));
	assert_true(cutoff_is_done());
	lease_free(&lease);
	/* one that had been dropped is left alone */
	assert_int_equal(write(other[1], "x", 1), 1);
	assert_int_equal(read(other[0], &byte, 1), 1);
	/* one that comes later is not */
	cutoff_add(other[0]);
	assert_int_equal(read(other[0], &byte, 1), 0);
	close(pair[0]);
	close(pair[1]);
	close(other[0]);
	close(other[1]);
}

/* Nor does a doveadm server get to do any more. */
static void test_doveadm_is_cut_off(void **state)
{
	char path[] = "/tmp/rehome-cutoff-XXXXXX", endpoint[64];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct doveadm_target target = { .endpoint = endpoint,
		.timeout_ms = 10000 };
	enum mailbox_failure failure;
	struct error error;
	int listener;

	(void)state;
	cutoff_all();
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_non_null(mkdtemp(path));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", path);
	snprintf(endpoint, sizeof(endpoint), "unix:%s/s", path);
	assert_int_equal(
		bind(listener, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(listener, 1), 0);
	assert_null(doveadm_open(&target, &failure, &error));
	assert_int_equal(failure, MAILBOX_LATER);
	if (strstr(error.text, "cut off") == NULL)
		fail_msg("%s", error.text);
	close(listener);
	unlink(address.sun_path);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease_runs_out),
		cmocka_unit_test(test_doveadm_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Reload by command and by a service, with all that a service can answer. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/instant.h"
#include "policyd/reload.h"

static char directory[64];
static char target[96];

struct service {
	int listener;
	const char *answer; /* NULL: says nothing, for ever */
	bool slowly;	    /* byte by byte */
	size_t filler;	    /* bytes more behind the answer */
};

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/reload-test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(target, sizeof(target), "unix:%s/reload", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(target + 5);
	return rmdir(directory);
}

static void *serve(void *context)
{
	const struct service *service = context;
	int client = accept(service->listener, NULL, NULL);
	char rest[16];
	size_t size;

	if (service->answer == NULL) {
		/* The other side gives up first. */
		while (read(client, rest, sizeof(rest)) > 0)
			;
		sleep(1);
		close(client);
		return NULL;
	}
	size = strlen(service->answer);
	for (size_t i = 0; i < size; i++) {
		if (send(client, service->answer + i, 1, MSG_NOSIGNAL) != 1)
			break;
		if (service->slowly)
			usleep(60000);
	}
	for (size_t i = 0; i < service->filler; i++)
		send(client, "x", 1, MSG_NOSIGNAL);
	close(client);
	return NULL;
}

static int ask(struct service *service, int timeout_ms, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;
	int result;

	strcpy(address.sun_path, target + 5);
	unlink(address.sun_path);
	service->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(service->listener, (struct sockaddr *)&address,
				 sizeof(address)),
		0);
	assert_int_equal(listen(service->listener, 1), 0);
	pthread_create(&thread, NULL, serve, service);
	result = reload_run(target, timeout_ms, error);
	pthread_join(thread, NULL);
	close(service->listener);
	return result;
}

static void services_are_understood(void **state)
{
	static const struct {
		const char *answer;
		int result;
		const char *error;
	} cases[] = {
		{ "ok", 0, "" },
		{ "ok\n", 0, "" },
		{ "  \nok in 20 ms\n", 0, "" },
		{ "okay\n", -1, "okay" },
		{ "OK\n", -1, "OK" },
		{ "postfix is not running\nok\n", -1, "is not running" },
		{ "", -1, "without an answer" },
		{ "\n", -1, "without an answer" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct service service = { .answer = cases[i].answer };
		struct error error = { "" };

		assert_int_equal(ask(&service, 5000, &error), cases[i].result);
		assert_non_null(strstr(error.text, cases[i].error));
		if (cases[i].result < 0)
			assert_non_null(strstr(error.text, target));
	}
}

static void much_is_dropped(void **state)
{
	struct service service = { .answer = "ok ", .filler = 20000 };
	struct error error;

	(void)state;
	assert_int_equal(ask(&service, 5000, &error), 0);
}

static void the_limit_is_for_all_of_it(void **state)
{
	struct service hung = { .answer = NULL };
	struct service slow = { .answer = "ok and many more words to say",
		.slowly = true };
	struct error error = { "" };
	int64_t began;

	(void)state;
	began = instant_monotonic();
	assert_int_equal(ask(&hung, 200, &error), -1);
	assert_non_null(strstr(error.text, "200 ms"));
	began = instant_monotonic();
	assert_int_equal(ask(&slow, 300, &error), -1);
	assert_true(instant_monotonic() - began >= 300);
}

static void nobody_listens(void **state)
{
	struct error error = { "" };

	(void)state;
	assert_int_equal(reload_run("unix:/nowhere/reload", 500, &error), -1);
	assert_non_null(strstr(error.text, "/nowhere/reload"));
}

static void commands_serve_too(void **state)
{
	struct error error = { "" };

	(void)state;
	assert_int_equal(reload_run("/bin/true", 5000, &error), 0);
	assert_int_equal(reload_run("/bin/false -x", 5000, &error), -1);
	assert_non_null(strstr(error.text, "reload"));
	assert_int_equal(reload_run("/bin/sleep 30", 100, &error), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(services_are_understood),
		TEST(much_is_dropped),
		TEST(the_limit_is_for_all_of_it),
		TEST(nobody_listens),
		TEST(commands_serve_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

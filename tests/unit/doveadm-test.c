/* SPDX-License-Identifier: BSD-2-Clause */
/* What a doveadm server sends, whole and one octet at a time. */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "copier/doveadm.h"
#include "copier/doveadm_wire.h"

#include "lib/buffer.h"

#define PIECE(text) text, sizeof(text) - 1

/* The events of a conversation, one line each. */
static char *events(const char *data, size_t size, bool packets, size_t step)
{
	struct doveadm_wire wire = { .place = DOVEADM_HANDSHAKE };
	struct buffer told = BUFFER_EMPTY;
	size_t at = 0, end = 0;

	buffer_add(&told, "", 0);
	doveadm_wire_begin(&wire, packets);
	while (at < size) {
		struct doveadm_event event;
		struct error error = { "" };
		size_t used;
		int result;

		if (at == end)
			end = at + step < size ? at + step : size;
		result = doveadm_wire_feed(
			&wire, data + at, end - at, &used, &event, &error);
		at += used;
		if (result < 0) {
			buffer_printf(&told, "bad: %s\n", error.text);
			break;
		}
		if (result > 0)
			buffer_printf(&told, "%s [%s] [%s] %s\n",
				event.ok ? "ok" : "no", event.code,
				event.output, event.words);
	}
	doveadm_wire_clear(&wire);
	return told.data;
}

static void answers(void **state)
{
	static const struct {
		const char *data;
		size_t size;
		bool packets;
		const char *told;
	} cases[] = {
		{ PIECE("\n+\n"), false, "ok [] [] \n" },
		{ PIECE("\n-NOTFOUND\n\n+\n"), false,
			"no [NOTFOUND] [] \nok [] [] \n" },
		{ PIECE("INBOX\t17\t\n+\n"), false, "ok [] [INBOX\t17\t] \n" },
		{ PIECE("\n-\n"), false, "no [] [] \n" },
		{ PIECE("\nwhat\n"), false,
			"bad: answer that is none: what\n" },
		{ PIECE("\n+\0\n"), false, "bad: line with a NUL\n" },
		{ PIECE("L\0\0\0\x25\4doveadm(u)<1><x>: Cannot update: no\n\0\0"
			"\0\0\x0b\n-NOTFOUND\n"),
			true, "no [NOTFOUND] [] Cannot update: no\n" },
		/* the words of one answer are not those of the next */
		{ PIECE("L\0\0\0\x0d\4doveadm: no\n\0\0\0\0\5\n-X\n\n\0\0\0\0\2"
			"+\n"),
			true, "no [X] [] doveadm: no\nok [] [] \n" },
		{ PIECE("\0\0\0\0\0\0\0\0\0\1\n\0\0\0\0\2+\n"), true,
			"ok [] [] \n" },
		{ PIECE("Q\0\0\0\1x"), true,
			"bad: packet of unknown kind 81\n" },
	};
	size_t i, step;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (step = 1; step <= cases[i].size; step++) {
			char *told = events(cases[i].data, cases[i].size,
				cases[i].packets, step);

			assert_string_equal(told, cases[i].told);
			free(told);
		}
}

static void limits_lines(void **state)
{
	size_t size = DOVEADM_LINE_MAX + 2;
	char *data = malloc(size);
	char *told;

	(void)state;
	memset(data, 'x', size);
	told = events(data, size, false, 1000);
	assert_string_equal(told, "bad: line of more than 65536 octets\n");
	free(told);
	free(data);
}

static void greets(void **state)
{
	static const char hello[] = "VERSION\tdoveadm-client\t1\t2\n-\n+\n";
	struct doveadm_wire wire = { .place = DOVEADM_HANDSHAKE };
	const char *at = hello;
	const char *const lines[] = { "VERSION\tdoveadm-client\t1\t2", "-",
		"+" };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct doveadm_event event;
		size_t used;

		assert_int_equal(doveadm_wire_feed(&wire, at, strlen(at), &used,
					 &event, NULL),
			1);
		assert_string_equal(event.line, lines[i]);
		at += used;
	}
	doveadm_wire_clear(&wire);
}

static void escapes(void **state)
{
	struct buffer command = BUFFER_EMPTY;

	(void)state;
	doveadm_wire_escape(&command, "a\tb\nc\rd\001e\303\244");
	assert_string_equal(command.data, "a\001tb\001nc\001rd\0011e\303\244");
	buffer_free(&command);
}

/* A server that never comes to the answer, but logs and logs. */
static void *talk(void *context)
{
	static const char hello[] = "VERSION\tdoveadm-client\t1\t2\n+\n";
	static const char log[] = "L\0\0\0\5\x03line";
	const struct timespec pause = { 0, 20000000 };
	int socket = accept(*(int *)context, NULL, NULL);

	send(socket, hello, sizeof(hello) - 1, MSG_NOSIGNAL);
	while (send(socket, log, sizeof(log) - 1, MSG_NOSIGNAL) > 0)
		nanosleep(&pause, NULL);
	close(socket);
	return NULL;
}

static void waits_for_an_answer_only(void **state)
{
	static const char *const command[] = { "who", NULL };
	char path[] = "/tmp/rehome-doveadm-XXXXXX", endpoint[64];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct doveadm_target target = { .endpoint = endpoint,
		.timeout_ms = 300 };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	enum mailbox_failure failure;
	struct doveadm *doveadm;
	struct error error;
	pthread_t thread;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", path);
	snprintf(endpoint, sizeof(endpoint), "unix:%s/s", path);
	assert_int_equal(
		bind(listener, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, talk, &listener), 0);
	alarm(10);
	doveadm = doveadm_open(&target, &failure, &error);
	assert_non_null(doveadm);
	assert_int_equal(doveadm_call(doveadm, "ann", command, &error), -1);
	assert_non_null(strstr(error.text, "timed out"));
	alarm(0);
	doveadm_close(&doveadm);
	pthread_join(thread, NULL);
	close(listener);
	unlink(address.sun_path);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(limits_lines),
		cmocka_unit_test(greets),
		cmocka_unit_test(escapes),
		cmocka_unit_test(waits_for_an_answer_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

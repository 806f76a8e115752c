/* SPDX-License-Identifier: BSD-2-Clause */
/* What a doveadm server sends, whole and one octet at a time. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(limits_lines),
		cmocka_unit_test(greets),
		cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

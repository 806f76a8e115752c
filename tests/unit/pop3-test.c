/* SPDX-License-Identifier: BSD-2-Clause */
/* What POP3 servers send: whole, and cut at every place. */
#include "config.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "copier/pop3_parse.h"
#include "copier/pop3_wire.h"

#include "lib/buffer.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Reads one response in pieces; events as text: "R" reply, "L" line, "D" data
 * (pieces joined), "E" end, "X" bad. Returns the octets used. */
static size_t read_wire(const char *input, size_t size, size_t piece,
	enum pop3_wire_shape shape, struct buffer *events)
{
	struct pop3_wire wire;
	enum pop3_wire_event event = POP3_WIRE_MORE;
	size_t at = 0, used;
	bool data = false;

	pop3_wire_expect(&wire, shape);
	buffer_clear(events);
	for (;;) {
		size_t give = size - at < piece ? size - at : piece;

		event = pop3_wire_feed(&wire, input + at, give, &used, NULL);
		at += used;
		if (event == POP3_WIRE_MORE && at == size)
			return at;
		if (event != POP3_WIRE_DATA && event != POP3_WIRE_MORE) {
			if (data)
				buffer_add_text(events, "}");
			data = false;
		}
		switch (event) {
		case POP3_WIRE_BAD:
			buffer_add_text(events, "X");
			return at;
		case POP3_WIRE_MORE:
			break;
		case POP3_WIRE_REPLY:
			buffer_printf(events, "R%d{%s}", wire.ok, wire.line);
			break;
		case POP3_WIRE_LINE:
			buffer_printf(events, "L{%s}", wire.line);
			break;
		case POP3_WIRE_DATA:
			if (!data)
				buffer_add_text(events, "D{");
			data = true;
			buffer_add(events, wire.data, wire.data_size);
			break;
		case POP3_WIRE_END:
			buffer_add_text(events, "E");
			return at;
		}
	}
}

static const struct {
	enum pop3_wire_shape shape;
	const char *input;
	const char *events;
	size_t left; /* octets of the next response */
} wire_cases[] = {
	{ POP3_WIRE_SHORT, "+OK\r\n", "R1{+OK}E", 0 },
	{ POP3_WIRE_SHORT, "+OK done\r\n+OK", "R1{+OK done}E", 3 },
	{ POP3_WIRE_SHORT, "+OKAY\r\n", "X", 0 },
	{ POP3_WIRE_SHORT, "* OK IMAP\r\n", "X", 0 },
	{ POP3_WIRE_SHORT, "+OK\n", "X", 0 },
	{ POP3_WIRE_SHORT, "+ go\r\n", "R0{+ go}E", 0 },
	{ POP3_WIRE_SHORT, "+ \r\n", "R0{+ }E", 0 },
	{ POP3_WIRE_LIST, "-ERR [IN-USE] no\r\n1 2\r\n",
		"R0{-ERR [IN-USE] no}E", 5 },
	{ POP3_WIRE_LIST, "+OK\r\n.\r\n", "R1{+OK}E", 0 },
	{ POP3_WIRE_LIST, "+OK\r\n1 2\r\n..a\r\n\r\n.\r\n+",
		"R1{+OK}L{1 2}L{.a}L{}E", 1 },
	{ POP3_WIRE_LIST, "+OK\r\n1 2\n.\r\n", "R1{+OK}X", 3 },
	{ POP3_WIRE_BODY, "-ERR no such message\r\n",
		"R0{-ERR no such message}E", 0 },
	{ POP3_WIRE_BODY, "+OK\r\n.\r\n", "R1{+OK}E", 0 },
	{ POP3_WIRE_BODY, "+OK\r\na\r\n.\r\n+OK\r\n", "R1{+OK}D{a\r\n}E", 5 },
	{ POP3_WIRE_BODY, "+OK\r\n..\r\n..a\r\n...\r\n.\r\n",
		"R1{+OK}D{.\r\n.a\r\n..\r\n}E", 0 },
	{ POP3_WIRE_BODY, "+OK\r\na\n.\r\nb\n.\n\r\n.\r\n",
		"R1{+OK}D{a\n.\r\nb\n.\n\r\n}E", 0 },
	{ POP3_WIRE_BODY, "+OK\r\n.\rb\r\n.\r\r\n.b\r\n.\r\n",
		"R1{+OK}D{\rb\r\n\r\r\nb\r\n}E", 0 },
	{ POP3_WIRE_BODY, "+OK\r\na\r\r\n\r\n\r.\r\n.\r\n",
		"R1{+OK}D{a\r\r\n\r\n\r.\r\n}E", 0 },
	{ POP3_WIRE_BODY, "+OK\r\na\r\n.", "R1{+OK}D{a\r\n", 0 },
	{ POP3_WIRE_BODY, "+OK\r\n\r\n.\r\n", "R1{+OK}D{\r\n}E", 0 },
};

static void takes_responses_apart(void **state)
{
	struct buffer events = BUFFER_EMPTY;
	size_t i, piece;

	(void)state;
	for (i = 0; i < COUNT(wire_cases); i++) {
		size_t size = strlen(wire_cases[i].input);

		for (piece = 1; piece <= size; piece++) {
			size_t used = read_wire(wire_cases[i].input, size,
				piece, wire_cases[i].shape, &events);

			assert_string_equal(events.data, wire_cases[i].events);
			assert_int_equal(size - used, wire_cases[i].left);
		}
	}
	buffer_free(&events);
}

static void has_limits(void **state)
{
	struct pop3_wire wire;
	enum pop3_wire_event event;
	struct error error = { "" };
	char line[POP3_WIRE_LINE_MAX + 8];
	size_t used, size;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "+OK ", 4);
	for (size = POP3_WIRE_LINE_MAX - 1; size < sizeof(line) - 2; size++) {
		memset(line + 4, 'x', sizeof(line) - 4);
		memcpy(line + size, "\r\n", 2);
		pop3_wire_expect(&wire, POP3_WIRE_SHORT);
		event = pop3_wire_feed(&wire, line, size + 2, &used, &error);
		assert_int_equal(event, size < POP3_WIRE_LINE_MAX
						? POP3_WIRE_REPLY
						: POP3_WIRE_BAD);
	}
	pop3_wire_expect(&wire, POP3_WIRE_SHORT);
	event = pop3_wire_feed(&wire, "+OK a\0b\r\n", 9, &used, &error);
	assert_int_equal(event, POP3_WIRE_BAD);
	assert_non_null(strstr(error.text, "NUL"));
}

static void reads_capabilities(void **state)
{
	static const char *const lines[] = { "USER", "sasl LOGIN plain", "STLS",
		"PIPELINING", "TOP", "UIDL", "AUTH-RESP-CODE", "EXPIRE 0 USER",
		"LOGIN-DELAY 300 USER", "", "IMPLEMENTATION x", "XTOP",
		"SASL-PLAIN" };
	struct pop3_capabilities have;
	size_t i;

	(void)state;
	pop3_capabilities_clear(&have);
	assert_false(have.known);
	assert_int_equal(have.expire, -1);
	for (i = 0; i < COUNT(lines); i++)
		pop3_capability_parse(lines[i], &have);
	assert_true(have.known && have.user && have.sasl_plain && have.stls);
	assert_true(have.pipelining && have.top && have.uidl);
	assert_true(have.auth_codes && have.expire_user);
	assert_int_equal(have.expire, 0);
	assert_int_equal(have.login_delay, 300);
	pop3_capability_parse("EXPIRE NEVER", &have);
	assert_int_equal(have.expire, -1);
	assert_false(have.expire_user);
	pop3_capability_parse("EXPIRE 30", &have);
	assert_int_equal(have.expire, 30);
	pop3_capability_parse("SASL XPLAIN PLAINX", &have);
	pop3_capability_parse("LOGIN-DELAY soon", &have);
	assert_int_equal(have.login_delay, 300);
}

static void reads_lists(void **state)
{
	static const struct {
		const char *line;
		int list, uidl;
	} cases[] = {
		{ "1 120", 0, 0 },
		{ "1 120 more", 0, -1 },
		{ "4294967295 0", 0, 0 },
		{ "4294967296 1", -1, -1 },
		{ "0 1", -1, -1 },
		{ "1", -1, -1 },
		{ "1 ", -1, -1 },
		{ "-1 5", -1, -1 },
		{ "1 x", -1, 0 },
		{ "1  x", -1, 0 },
		{ "1 x ", -1, -1 },
		{ "1x 5", -1, -1 },
		{ "", -1, -1 },
		{ "1 9999999999999999999", -1, 0 },
		{ "1 \xff\x01", -1, 0 },
	};
	uint32_t number;
	uint64_t size;
	const char *uidl;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(pop3_list_parse(cases[i].line, &number, &size),
			cases[i].list);
		assert_int_equal(pop3_uidl_parse(cases[i].line, &number, &uidl),
			cases[i].uidl);
	}
	assert_int_equal(pop3_uidl_parse("7 a.b", &number, &uidl), 0);
	assert_int_equal(number, 7);
	assert_string_equal(uidl, "a.b");
}

static void judges_refusals(void **state)
{
	static const struct {
		const char *line;
		enum pop3_refusal refusal;
	} cases[] = {
		{ "-ERR [AUTH] wrong", POP3_REFUSED_DENIED },
		{ "-ERR [auth] wrong", POP3_REFUSED_DENIED },
		{ "-ERR [IN-USE] other", POP3_REFUSED_BUSY },
		{ "-ERR [LOGIN-DELAY] soon", POP3_REFUSED_LATER },
		{ "-ERR [SYS/TEMP] disk", POP3_REFUSED_LATER },
		{ "-ERR [SYS/PERM] gone", POP3_REFUSED_LATER },
		{ "-ERR maildrop is Locked by 1", POP3_REFUSED_BUSY },
		{ "-ERR too many logins", POP3_REFUSED_LATER },
		{ "-ERR invalid password", POP3_REFUSED },
		{ "-ERR", POP3_REFUSED },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_int_equal(
			pop3_refusal_parse(cases[i].line), cases[i].refusal);
	assert_string_equal(pop3_words("-ERR  [AUTH] no"), "[AUTH] no");
	assert_string_equal(pop3_words("-ERR"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_responses_apart),
		cmocka_unit_test(has_limits),
		cmocka_unit_test(reads_capabilities),
		cmocka_unit_test(reads_lists),
		cmocka_unit_test(judges_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The PROXY protocol: headers good and bad, cut anywhere, made and read. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/proxy_header.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SIGNATURE    "\r\n\r\n\0\r\nQUIT\n"
#define REST	     "a LOGIN x y\r\n"
#define TEXT(text)   text, sizeof(text) - 1
#define V6_A	     "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
#define V6_B	     "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define MAPPED	     "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1"

static void test_good(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		bool known;
		const char *client, *server;
		unsigned client_port, server_port;
	} cases[] = {
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 40000 143\r\n"), true,
			"192.0.2.1", "198.51.100.2", 40000, 143 },
		{ TEXT("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n"), true,
			"2001:db8::1", "::1", 65535, 0 },
		{ TEXT("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), true,
			"192.0.2.1", "::1", 1, 2 },
		{ TEXT("PROXY UNKNOWN\r\n"), false, "", "", 0, 0 },
		{ TEXT("PROXY UNKNOWN whatever it says\r\n"), false, "", "", 0,
			0 },
		{ TEXT(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2"
				 "\x9c\x40\0\x8f"),
			true, "192.0.2.1", "198.51.100.2", 40000, 143 },
		{ TEXT(SIGNATURE "\x21\x21\0\x24" V6_A V6_B "\0\1\0\2"), true,
			"2001:db8::1", "2001:db8::2", 1, 2 },
		{ TEXT(SIGNATURE "\x21\x21\0\x24" MAPPED V6_B "\0\1\0\2"), true,
			"192.0.2.1", "2001:db8::2", 1, 2 },
		/* more than is known follows the addresses */
		{ TEXT(SIGNATURE "\x21\x11\0\x11\xc0\0\2\1\xc6\x33\x64\2"
				 "\0\1\0\2\x04\0\2xx"),
			true, "192.0.2.1", "198.51.100.2", 1, 2 },
		/* LOCAL, unspecified, a UNIX socket */
		{ TEXT(SIGNATURE "\x20\0\0\0"), false, "", "", 0, 0 },
		{ TEXT(SIGNATURE "\x20\x11\0\x0c"
				 "abcdefghijkl"),
			false, "", "", 0, 0 },
		{ TEXT(SIGNATURE "\x21\0\0\0"), false, "", "", 0, 0 },
		{ TEXT(SIGNATURE "\x21\x31\0\2"
				 "ab"),
			false, "", "", 0, 0 },
	};
	struct proxy_header header;
	char data[256];
	size_t size;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		memcpy(data, cases[i].text, cases[i].size);
		memcpy(data + cases[i].size, REST, sizeof(REST));
		for (size_t cut = 0; cut < cases[i].size; cut++)
			if (proxy_header_parse(data, cut, &header, &size) != 0)
				fail_msg("case %zu cut at %zu", i, cut);
		for (size_t more = 0; more < sizeof(REST); more++) {
			assert_int_equal(
				proxy_header_parse(data, cases[i].size + more,
					&header, &size),
				1);
			assert_int_equal(size, cases[i].size);
		}
		assert_int_equal(header.known, cases[i].known);
		assert_string_equal(header.client, cases[i].client);
		assert_string_equal(header.server, cases[i].server);
		assert_int_equal(header.client_port, cases[i].client_port);
		assert_int_equal(header.server_port, cases[i].server_port);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} cases[] = {
		{ TEXT("a LOGIN x y\r\n") },
		{ TEXT("P1 LOGIN x y\r\n") },
		{ TEXT("\x16\x03\x01") },
		{ TEXT("PROXY\r\n") },
		{ TEXT("PROXY \r\n") },
		{ TEXT("PROXY \n") },
		{ TEXT("proxy UNKNOWN\r\n") },
		{ TEXT("PROXY UNKNOWN\n") },
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n") },
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 \r\n") },
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n") },
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n") },
		{ TEXT("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n") },
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n") },
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n") },
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n") },
		{ TEXT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n") },
		{ TEXT("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n") },
		{ TEXT("PROXY TCP4 2001:db8::1 ::1 1 2\r\n") },
		{ TEXT("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n") },
		{ TEXT("PROXY TCP6 fe80::1%lo ::1 1 2\r\n") },
		{ TEXT("PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n") },
		{ TEXT("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n") },
		/* 108 octets without a line end */
		{ TEXT("PROXY UNKNOWN "
		       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		       "\r\n") },
		{ TEXT("\r\n\r\n\0\r\nQUIT\r") },
		{ TEXT(SIGNATURE "\x11") },
		{ TEXT(SIGNATURE "\x22\x11\0\x0c"
				 "abcdefghijkl") },
		{ TEXT(SIGNATURE "\x21\x11\0\x0b"
				 "abcdefghijk") },
		{ TEXT(SIGNATURE "\x21\x12\0\x0c"
				 "abcdefghijkl") },
		{ TEXT(SIGNATURE "\x21\x11\x0f\xf1") },
		{ TEXT(SIGNATURE "\x21\x11\xff\xff") },
	};
	struct proxy_header header;
	size_t size;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (proxy_header_parse(
			    cases[i].text, cases[i].size, &header, &size) != -1)
			fail_msg("case %zu", i);
}

static void test_made(void **state)
{
	static const struct {
		struct proxy_header header;
		const char *line;
	} cases[] = {
		{ { true, "192.0.2.1", 40000, "198.51.100.2", 143 },
			"PROXY TCP4 192.0.2.1 198.51.100.2 40000 143\r\n" },
		{ { true, "2001:db8::1", 1, "::1", 65535 },
			"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n" },
		{ { true, "192.0.2.1", 1, "::1", 2 },
			"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n" },
		{ { true, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
			  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535 },
			"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"
			"\r\n" },
		{ { false, "192.0.2.1", 1, "198.51.100.2", 2 },
			"PROXY UNKNOWN\r\n" },
		{ { true, "", 1, "198.51.100.2", 2 }, "PROXY UNKNOWN\r\n" },
	};
	struct proxy_header back;
	char made[PROXY_HEADER_MADE];
	size_t size, read;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct proxy_header *header = &cases[i].header;
		bool known = strstr(cases[i].line, "UNKNOWN") == NULL;

		size = proxy_header_make(header, 1, made);
		assert_int_equal(size, strlen(cases[i].line));
		assert_memory_equal(made, cases[i].line, size);
		for (int version = 1; version <= 2; version++) {
			size = proxy_header_make(header, version, made);
			assert_int_equal(
				proxy_header_parse(made, size, &back, &read),
				1);
			assert_int_equal(read, size);
			assert_int_equal(back.known, known);
			if (!known)
				continue;
			assert_string_equal(back.client, header->client);
			assert_string_equal(back.server, header->server);
			assert_int_equal(back.client_port, header->client_port);
			assert_int_equal(back.server_port, header->server_port);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

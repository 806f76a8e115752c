/* SPDX-License-Identifier: BSD-2-Clause */
/* Hexadecimal digits, and the percent-encoding that is made of them. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "copier/percent.h"
#include "lib/hex.h"

static void test_hex(void **state)
{
	unsigned char octets[256], back[256];
	char text[2 * 256 + 1];
	int i;

	(void)state;
	for (i = 0; i < 256; i++)
		octets[i] = (unsigned char)i;
	hex_print(octets, 256, text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text + 2 * 0xa9, "a9aaab", 6);
	assert_true(hex_scan(text, back, 256));
	assert_memory_equal(back, octets, 256);
	for (i = 0; i < 512; i++) {
		char was = text[i];

		text[i] = "g:/@`G \x80"[i % 8];
		assert_false(hex_scan(text, back, 256));
		text[i] = was;
	}
	/* the end of the text is no digit */
	assert_false(hex_scan("a", back, 1));
	assert_false(hex_scan("", back, 1));
	assert_true(hex_scan("", back, 0));
	assert_true(hex_scan("fFxx", back, 1));
	assert_int_equal(back[0], 255);
}

static const struct {
	const char *text;
	const char *encoded;
} percents[] = {
	{ "", "" },
	{ "INBOX/a-b_c.d~", "INBOX/a-b_c.d~" },
	{ " %\n\x7f", "%20%25%0A%7F" },
	{ "\xc3\xa9", "%C3%A9" },
};

static void test_percent(void **state)
{
	/* sscanf would take some of these */
	static const char *const bad[] = { "%", "%4", "a%4", "%4g", "%g4",
		"% 4", "%+4", "%0x", "%00", "a%00b" };
	char text[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		char *encoded = percent_encode(percents[i].text);

		assert_string_equal(encoded, percents[i].encoded);
		assert_int_equal(percent_decode(encoded), 0);
		assert_string_equal(encoded, percents[i].text);
		free(encoded);
	}
	strcpy(text, "%c3%A9+%2b");
	assert_int_equal(percent_decode(text), 0);
	assert_string_equal(text, "\xc3\xa9++");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(text, bad[i]);
		assert_int_equal(percent_decode(text), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_percent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

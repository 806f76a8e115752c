/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts of bytes: units, bounds, and what is none. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/size.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t size; /* -1: none */
	} cases[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "1500", 1500 },
		{ "500k", 500 * 1024 },
		{ "500K", 500 * 1024 },
		{ "10M", 10 << 20 },
		{ "2g", INT64_C(2) << 30 },
		{ "1T", INT64_C(1) << 40 },
		{ "007", 7 },
		{ "999999999999999", INT64_C(999999999999999) },
		{ "", -1 },
		{ "k", -1 },
		{ "-1", -1 },
		{ " 1", -1 },
		{ "1 k", -1 },
		{ "1kB", -1 },
		{ "1.5M", -1 },
		{ "1P", -1 },
		{ "1000000000000000", -1 },
		{ "999999999999999T", -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct error error = { "" };
		int64_t size = 42;
		int result = size_parse(cases[i].text, &size, &error);

		assert_int_equal(result, cases[i].size < 0 ? -1 : 0);
		assert_int_equal(size, cases[i].size < 0 ? 42 : cases[i].size);
		if (result < 0)
			assert_string_not_equal(error.text, "");
	}
}

static void test_formats(void **state)
{
	static const char *const cases[] = { "0", "1", "1000", "1023", "1k",
		"1025", "500k", "2000k", "10M", "2G", "3T", "2048T",
		"999999999999999" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char text[SIZE_TEXT];
		int64_t size;

		assert_int_equal(size_parse(cases[i], &size, NULL), 0);
		assert_string_equal(size_format(size, text), cases[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/netstring: whole ones, pieces, and what is none. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/netstring.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX	     20

static const struct {
	const char *data;
	int result;
	const char *payload; /* or a part of the error */
} table[] = {
	{ "5:hello,", 1, "hello" },
	{ "5:hello,5:world,", 1, "hello" },
	{ "0:,", 1, "" },
	{ "1:,,", 1, "," },
	{ "3:5:x,", 1, "5:x" },
	{ "20:12345678901234567890,", 1, "12345678901234567890" },
	{ "", 0, NULL },
	{ "5", 0, NULL },
	{ "5:", 0, NULL },
	{ "5:hell", 0, NULL },
	{ "5:hello", 0, NULL },
	{ "0", 0, NULL },
	{ "0:", 0, NULL },
	{ "20:", 0, NULL },
	{ "21", -1, "longer than 20" },
	{ "21:", -1, "longer than 20" },
	{ "99999999999999999999999999:", -1, "longer than 20" },
	{ "00:,", -1, "begins with 0" },
	{ "05:hello,", -1, "begins with 0" },
	{ "0000000000000", -1, "begins with 0" },
	{ ":,", -1, "no length" },
	{ "-1:x,", -1, "no length" },
	{ "+1:x,", -1, "no length" },
	{ " 1:x,", -1, "no length" },
	{ "1 :x,", -1, "no length" },
	{ "x", -1, "no length" },
	{ "\n", -1, "no length" },
	{ "5:hello;", -1, "no comma" },
	{ "5:helloworld", -1, "no comma" },
	{ "0:x", -1, "no comma" },
};

static void test_parse(void **state)
{
	const char *payload;
	struct error error;
	size_t i, size, used;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		int result =
			netstring_parse(table[i].data, strlen(table[i].data),
				MAX, &payload, &size, &used, &error);

		if (result != table[i].result)
			fail_msg("\"%s\": %d", table[i].data, result);
		if (result == 1) {
			assert_int_equal(size, strlen(table[i].payload));
			assert_memory_equal(payload, table[i].payload, size);
			assert_ptr_equal(
				payload + size + 1, table[i].data + used);
		} else if (result < 0) {
			assert_non_null(strstr(error.text, table[i].payload));
		}
	}
}

/* With each byte more the answer is the same or a decision, and the decision
 * of the whole does not depend on where it was cut. */
static void test_parse_bytewise(void **state)
{
	const char *payload;
	size_t i, k, size, used;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		int result = 0;

		for (k = 0; k <= strlen(table[i].data) && result == 0; k++)
			result = netstring_parse(table[i].data, k, MAX,
				&payload, &size, &used, NULL);
		assert_int_equal(result, table[i].result);
	}
}

static void test_binary(void **state)
{
	static const char bytes[] = { 0, 1, '\n', (char)0xff, ',', 0 };
	struct buffer buffer = BUFFER_EMPTY;
	const char *payload;
	size_t size, used;

	(void)state;
	netstring_print(bytes, sizeof(bytes), &buffer);
	netstring_print("", 0, &buffer);
	assert_int_equal(buffer.size, sizeof(bytes) + 3 + 3);
	assert_int_equal(netstring_parse(buffer.data, buffer.size,
				 NETSTRING_MAX, &payload, &size, &used, NULL),
		1);
	assert_int_equal(size, sizeof(bytes));
	assert_memory_equal(payload, bytes, sizeof(bytes));
	buffer_drop(&buffer, used);
	assert_string_equal(buffer.data, "0:,");
	buffer_free(&buffer);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_bytewise),
		cmocka_unit_test(test_binary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

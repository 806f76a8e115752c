/* SPDX-License-Identifier: BSD-2-Clause */
/* Which messages are read back, whatever pieces their octets come in. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "copier/altered_scan.h"

#define TEXT(text) text, sizeof(text) - 1

static const struct {
	const char *text;
	size_t size;
	enum journal_risk risk;
} table[] = {
	{ TEXT(""), JOURNAL_NO_RISK },
	{ TEXT("\r\n"), JOURNAL_NO_RISK },
	{ TEXT("A: b\r\n\r\nbody\r\n"), JOURNAL_NO_RISK },
	{ TEXT("A: b\r\n\r\nbody \xc3\xbc\r\n\r\n\xff\r\n"), JOURNAL_NO_RISK },
	{ TEXT("\r\n\xff\r\n"), JOURNAL_NO_RISK },
	{ TEXT("A: \xc3\xbc\r\n\r\nbody\r\n"), JOURNAL_RISK_HEADER },
	{ TEXT("A: b\r\n \r\nC: \xff\r\n\r\nbody\r\n"), JOURNAL_RISK_HEADER },
	{ TEXT("A: b\r\n\r\nbo\0dy\r\n"), JOURNAL_RISK_NUL },
	{ TEXT("A: \0b\r\n\r\nbody\r\n"), JOURNAL_RISK_NUL },
	{ TEXT("\0"), JOURNAL_RISK_NUL },
	{ TEXT("A: b\r\n\r\nbo\rdy\r\n"), JOURNAL_RISK_LINES },
	{ TEXT("A: b\r\n\r\nbody\r\r\n"), JOURNAL_RISK_LINES },
	{ TEXT("A: b\r\n\r\nbo\ndy\r\n"), JOURNAL_RISK_LINES },
	{ TEXT("A: b\r\n\r\nbody\n"), JOURNAL_RISK_LINES },
	{ TEXT("A: b\n\nbody\r\n"), JOURNAL_RISK_LINES },
	{ TEXT("\n"), JOURNAL_RISK_LINES },
	{ TEXT("A: b\r\n\r\nbody\r"), JOURNAL_RISK_LINES },
	{ TEXT("A: b\r\n\r\nbody"), JOURNAL_RISK_LINES },
	{ TEXT("A: b"), JOURNAL_RISK_LINES },
	{ TEXT("\r"), JOURNAL_RISK_LINES },
};

static enum journal_risk scan(const char *text, size_t size, size_t piece)
{
	struct altered_scan scanned;
	size_t at, octets;

	altered_begin(&scanned);
	for (at = 0; at < size; at += octets) {
		octets = size - at < piece ? size - at : piece;
		altered_add(&scanned, text + at, octets);
	}
	return altered_end(&scanned);
}

static void test_risks(void **state)
{
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (piece = 1; piece <= table[i].size + 1; piece++)
			assert_int_equal(
				scan(table[i].text, table[i].size, piece),
				table[i].risk);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_risks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

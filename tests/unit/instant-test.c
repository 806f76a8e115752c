/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/instant: what is read, what is refused, and printing. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "lib/instant.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW	     INT64_C(1700000000000)

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t instant;
	} table[] = {
		{ "now", NOW },
		{ "never", INSTANT_NEVER },
		{ "+90s", NOW + 90000 },
		{ "+90", NOW + 90000 },
		{ "+250ms", NOW + 250 },
		{ "+15m", NOW + 900000 },
		{ "+2h", NOW + 7200000 },
		{ "+3d", NOW + 259200000 },
		{ "@1763742000", INT64_C(1763742000000) },
		{ "@1", 1000 },
		{ "2026-11-21T18:00:05Z", INT64_C(1795284005000) },
		{ "2026-11-21t18:00:05z", INT64_C(1795284005000) },
		{ "2026-11-21 18:00Z", INT64_C(1795284000000) },
		{ "2026-11-21T18:00:05.250Z", INT64_C(1795284005250) },
		{ "2026-11-21T18:00:05.2Z", INT64_C(1795284005200) },
		{ "2026-11-21T18:00:05.250999Z", INT64_C(1795284005250) },
		{ "2026-11-21T18:00:05+01:00", INT64_C(1795280405000) },
		{ "2026-11-21T18:00:05-01:30", INT64_C(1795289405000) },
		{ "2024-02-29T00:00:00Z", INT64_C(1709164800000) },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000) },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
		{ "1970-01-01T00:00:01Z", 1000 },
		/* local zone: two hours east in summer, one in winter */
		{ "2026-11-21 18:00", INT64_C(1795280400000) },
		{ "2026-07-21 18:00:05", INT64_C(1784649605000) },
		{ "2026-07-21T18:00:05.001", INT64_C(1784649605001) },
	};
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		int64_t instant = -1;

		if (instant_parse(table[i].text, NOW, &instant, &error) < 0)
			fail_msg("%s: %s", table[i].text, error.text);
		if (instant != table[i].instant)
			fail_msg("%s: %lld", table[i].text, (long long)instant);
	}
}

static void test_parse_bad(void **state)
{
	static const char *const table[] = {
		"",
		" ",
		"Now",
		"now ",
		"+",
		"+x",
		"+-5s",
		"+5w",
		"+5 s",
		"+9223372036854775807",
		"+9223372036854775807ms",
		"+9223370336854775807ms",
		"-5s",
		"5s",
		"@",
		"@0",
		"@-1",
		"@1x",
		"@9223372036854775807",
		"@99999999999999999999",
		"1763742000",
		"2026",
		"2026-11-21",
		"2026-11-21T",
		"2026-11-21T18",
		"2026-11-21T18:0",
		"2026-11-21T18:00:",
		"2026-11-21T18:00:5",
		"2026-11-21T18:00:05.",
		"2026-11-21T18:00:05.Z",
		"2026-11-21T18:00:05ZZ",
		"2026-11-21T18:00:05+0100",
		"2026-11-21T18:00:05+01",
		"2026-11-21T18:00:05+24:00",
		"2026-11-21T18:00:05+01:60",
		"2026-11-21T18:00:05 +01:00",
		"2026-11-21_18:00",
		"2026-13-01 00:00Z",
		"2026-00-01 00:00Z",
		"2026-01-00 00:00Z",
		"2026-01-32 00:00Z",
		"2026-02-29 00:00Z",
		"2100-02-29 00:00Z",
		"2026-04-31 00:00Z",
		"2026-01-01 24:00Z",
		"2026-01-01 00:60Z",
		"2026-01-01 00:00:61Z",
		"1969-12-31 23:59:59Z",
		"1970-01-01 00:00:00Z",
		"1970-01-01 00:30+01:00",
		"26-11-21 18:00",
		"2026-1-21 18:00",
		"12026-11-21 18:00",
		"2026-11-21 18:00x",
	};
	struct error error;
	int64_t instant = 77;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		if (instant_parse(table[i], NOW, &instant, &error) == 0)
			fail_msg("\"%s\" accepted", table[i]);
		assert_int_equal(instant, 77);
		assert_non_null(strstr(error.text, "+90s"));
		assert_non_null(strstr(error.text, "18:00:05Z"));
	}
}

static void test_format(void **state)
{
	static const struct {
		int64_t instant;
		const char *text;
	} table[] = {
		{ 0, "" },
		{ INSTANT_NEVER, "never" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ INT64_C(1795284005250), "2026-11-21T18:00:05.250Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ INSTANT_NEVER - 1, "292278994-08-17T07:12:55.806Z" },
		{ INT64_MIN, "-292275055-05-16T16:47:04.192Z" },
	};
	char text[INSTANT_TEXT_SIZE];
	int64_t again;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		instant_format(table[i].instant, text);
		assert_string_equal(text, table[i].text);
	}
	instant_format(NOW + 123, text);
	assert_int_equal(instant_parse(text, 0, &again, NULL), 0);
	assert_int_equal(again, NOW + 123);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} table[] = {
		{ "0", 0 },
		{ "30", 30000 },
		{ "250ms", 250 },
		{ "30s", 30000 },
		{ "15m", 900000 },
		{ "2h", 7200000 },
		{ "3d", 259200000 },
		{ "9223372036854775806ms", INT64_MAX - 1 },
		{ "9223372036854775807ms", -1 },
		{ "9223372036854775808ms", -1 },
		{ "9223372036854775s", INT64_C(9223372036854775000) },
		{ "9223372036854776s", -1 },
		{ "106751991168d", -1 },
		{ "", -1 },
		{ "s", -1 },
		{ "-1s", -1 },
		{ "+1s", -1 },
		{ " 1s", -1 },
		{ "1 s", -1 },
		{ "1s ", -1 },
		{ "1S", -1 },
		{ "1.5s", -1 },
		{ "1w", -1 },
		{ "1mss", -1 },
	};
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		int64_t ms = -1;
		int status = duration_parse(table[i].text, &ms, &error);

		if (status != (table[i].ms < 0 ? -1 : 0) || ms != table[i].ms)
			fail_msg("\"%s\": %d, %lld", table[i].text, status,
				(long long)ms);
		if (status < 0)
			assert_non_null(strstr(error.text, "250ms"));
	}
}

static void test_clocks(void **state)
{
	int64_t before = instant_monotonic();
	int64_t now = instant_now();

	(void)state;
	/* milliseconds: later than 2020, earlier than 2200 */
	assert_true(now > INT64_C(1577836800000));
	assert_true(now < INT64_C(7258118400000));
	assert_true(instant_monotonic() >= before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_clocks),
	};

	/* a zone that needs no zone files */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures as people read them. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "lib/figure.h"
#include "lib/instant.h"

struct figure_case {
	int64_t number;
	const char *text;
};

static void check(const char *(*print)(int64_t, char[FIGURE_SIZE]),
	const struct figure_case *cases, size_t count)
{
	char text[FIGURE_SIZE];

	for (size_t i = 0; i < count; i++)
		assert_string_equal(
			print(cases[i].number, text), cases[i].text);
}

#define CHECK(print, cases)                                                    \
	check(print, cases, sizeof(cases) / sizeof(*(cases)))

static void counts(void **state)
{
	static const struct figure_case cases[] = { { 0, "0" }, { 7, "7" },
		{ 999, "999" }, { 1000, "1,000" }, { 12345, "12,345" },
		{ 1234567, "1,234,567" }, { -1, "-1" }, { -123, "-123" },
		{ -1234, "-1,234" }, { INT64_MAX, "9,223,372,036,854,775,807" },
		{ INT64_MIN, "-9,223,372,036,854,775,808" } };

	(void)state;
	CHECK(figure_count, cases);
}

static void sizes(void **state)
{
	static const struct figure_case cases[] = { { 0, "0 B" },
		{ 999, "999 B" }, { 1000, "1.0 kB" }, { 99900, "99.9 kB" },
		{ 99999, "100 kB" }, { 999499, "999 kB" }, { 999999, "1.0 MB" },
		{ 56200000, "56.2 MB" }, { 210000000, "210 MB" },
		{ 1500000000, "1.5 GB" }, { INT64_MAX, "9223 PB" } };

	(void)state;
	CHECK(figure_size, cases);
}

static void durations(void **state)
{
	static const struct figure_case cases[] = { { 0, "0 ms" },
		{ 412, "412 ms" }, { 999, "999 ms" }, { 1000, "1 s" },
		{ 3250, "3.2 s" }, { 59999, "59.9 s" }, { 60000, "1 min" },
		{ 133000, "2 min 13 s" }, { 3599999, "59 min 59 s" },
		{ 3600000, "1 h" }, { 11100000, "3 h 5 min" },
		{ 86400000, "1 day" }, { 90000000, "1 day 1 h" },
		{ 187200000, "2 days 4 h" } };

	(void)state;
	CHECK(figure_duration, cases);
}

static void clocks(void **state)
{
	static const struct figure_case cases[] = { { -5, "0:00" },
		{ 0, "0:00" }, { 1, "0:01" }, { 32000, "0:32" },
		{ 725000, "12:05" }, { 3599001, "1:00:00" },
		{ 11109000, "3:05:09" } };

	(void)state;
	CHECK(figure_clock, cases);
}

static void instants(void **state)
{
	static const struct figure_case cases[] = { { 0, "-" },
		{ INSTANT_NEVER, "never" },
		{ 1763748005250, "2025-11-21 18:00:05" } };
	static const struct figure_case exact[] = { { 0, "-" },
		{ INSTANT_NEVER, "never" },
		{ 1763748005007, "2025-11-21 18:00:05.007" } };

	(void)state;
	CHECK(figure_instant, cases);
	CHECK(figure_instant_ms, exact);
}

static void plurals(void **state)
{
	char text[FIGURE_SIZE];

	(void)state;
	assert_string_equal(figure_plural(1, "move", text), "1 move");
	assert_string_equal(figure_plural(0, "move", text), "0 moves");
	assert_string_equal(figure_plural(2000, "move", text), "2,000 moves");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(clocks),
		cmocka_unit_test(instants),
		cmocka_unit_test(plurals),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures for the eye, see figure.h. */
#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/figure.h"
#include "lib/instant.h"

#define FIGURE_SECOND ((int64_t)1000)
#define FIGURE_MINUTE (60 * FIGURE_SECOND)
#define FIGURE_HOUR   (60 * FIGURE_MINUTE)
#define FIGURE_DAY    (24 * FIGURE_HOUR)

const char *figure_count(int64_t count, char text_r[FIGURE_SIZE])
{
	char digits[24];
	size_t size, used = 0;

	snprintf(digits, sizeof(digits), "%" PRId64, count);
	size = strlen(digits);
	for (size_t i = 0; i < size; i++) {
		if (i > 0 && (size - i) % 3 == 0 && digits[i - 1] != '-')
			text_r[used++] = ',';
		text_r[used++] = digits[i];
	}
	text_r[used] = '\0';
	return text_r;
}

const char *figure_size(int64_t bytes, char text_r[FIGURE_SIZE])
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB" };
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		snprintf(text_r, FIGURE_SIZE, "%" PRId64 " B", bytes);
		return text_r;
	}
	/* 999.95 would be printed as 1000.0 */
	while (value >= 999.95 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1000;
		unit++;
	}
	snprintf(text_r, FIGURE_SIZE, "%.*f %s", value < 99.95 ? 1 : 0, value,
		units[unit]);
	return text_r;
}

static const char *figure_pair(char text_r[FIGURE_SIZE], int64_t ms,
	int64_t large, const char *large_name, int64_t small,
	const char *small_name)
{
	int64_t rest = ms % large / small;

	if (rest == 0)
		snprintf(text_r, FIGURE_SIZE, "%" PRId64 " %s", ms / large,
			large_name);
	else
		snprintf(text_r, FIGURE_SIZE, "%" PRId64 " %s %" PRId64 " %s",
			ms / large, large_name, rest, small_name);
	return text_r;
}

const char *figure_duration(int64_t ms, char text_r[FIGURE_SIZE])
{
	if (ms < FIGURE_SECOND) {
		snprintf(text_r, FIGURE_SIZE, "%" PRId64 " ms", ms);
		return text_r;
	}
	if (ms < FIGURE_MINUTE) {
		if (ms % FIGURE_SECOND == 0)
			snprintf(text_r, FIGURE_SIZE, "%" PRId64 " s",
				ms / FIGURE_SECOND);
		else /* cut, since 59.96 rounds to 60.0 */
			snprintf(text_r, FIGURE_SIZE,
				"%" PRId64 ".%" PRId64 " s", ms / FIGURE_SECOND,
				ms % FIGURE_SECOND / 100);
		return text_r;
	}
	if (ms < FIGURE_HOUR)
		return figure_pair(
			text_r, ms, FIGURE_MINUTE, "min", FIGURE_SECOND, "s");
	if (ms < FIGURE_DAY)
		return figure_pair(
			text_r, ms, FIGURE_HOUR, "h", FIGURE_MINUTE, "min");
	return figure_pair(text_r, ms, FIGURE_DAY,
		ms < 2 * FIGURE_DAY ? "day" : "days", FIGURE_HOUR, "h");
}

const char *figure_clock(int64_t ms, char text_r[FIGURE_SIZE])
{
	int64_t seconds = ms < 0 ? 0 : (ms + 999) / 1000;

	if (seconds >= 3600)
		snprintf(text_r, FIGURE_SIZE,
			"%" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600,
			seconds / 60 % 60, seconds % 60);
	else
		snprintf(text_r, FIGURE_SIZE, "%" PRId64 ":%02" PRId64,
			seconds / 60, seconds % 60);
	return text_r;
}

/* False: there is no stamp to print, the text says so. */
static bool figure_stamp(int64_t instant, char text_r[FIGURE_SIZE])
{
	time_t seconds = (time_t)(instant / 1000);
	struct tm local;

	if (instant != 0 && instant != INSTANT_NEVER &&
		localtime_r(&seconds, &local) != NULL &&
		strftime(text_r, FIGURE_SIZE, "%Y-%m-%d %H:%M:%S", &local) > 0)
		return true;
	snprintf(text_r, FIGURE_SIZE, "%s", instant == 0 ? "-" : "never");
	return false;
}

const char *figure_instant(int64_t instant, char text_r[FIGURE_SIZE])
{
	figure_stamp(instant, text_r);
	return text_r;
}

const char *figure_instant_ms(int64_t instant, char text_r[FIGURE_SIZE])
{
	size_t size;

	if (figure_stamp(instant, text_r)) {
		size = strlen(text_r);
		snprintf(text_r + size, FIGURE_SIZE - size, ".%03d",
			(int)(instant % 1000));
	}
	return text_r;
}

const char *figure_plural(
	int64_t count, const char *word, char text_r[FIGURE_SIZE])
{
	char number[FIGURE_SIZE];

	snprintf(text_r, FIGURE_SIZE, "%s %s%s", figure_count(count, number),
		word, count == 1 ? "" : "s");
	return text_r;
}

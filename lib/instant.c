/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and printing of instants and durations. What cannot be represented
 * is an error, never a wrapped or clamped value: an instant far in the future
 * that came out as one in the past would start a move at once.
 */
#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/instant.h"

#define INSTANT_MINUTE 60000

static int64_t instant_clock(clockid_t id)
{
	struct timespec now;

	/* cannot fail with these clocks on Linux */
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t instant_now(void)
{
	return instant_clock(CLOCK_REALTIME);
}

int64_t instant_monotonic(void)
{
	return instant_clock(CLOCK_MONOTONIC);
}

static bool instant_is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Reads digits; -1 when there are none or the number is too large. */
static int64_t instant_digits(const char **text)
{
	int64_t number = 0;

	if (!instant_is_digit(**text))
		return -1;
	for (; instant_is_digit(**text); (*text)++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(
				number, (int64_t)(**text - '0'), &number))
			return -1;
	}
	return number;
}

/* The milliseconds of a unit, 0 when there is no such unit. */
static int64_t duration_unit(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "", 1000 },
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", INSTANT_MINUTE },
		{ "h", 60 * INSTANT_MINUTE },
		{ "d", INT64_C(24) * 60 * INSTANT_MINUTE },
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(units[i].name, unit) == 0)
			return units[i].ms;
	}
	return 0;
}

int duration_parse(const char *text, int64_t *ms_r, struct error *error)
{
	const char *unit = text;
	int64_t number = instant_digits(&unit);
	int64_t ms = duration_unit(unit);

	/* the largest one would be taken for "never" */
	if (number < 0 || ms == 0 || __builtin_mul_overflow(number, ms, &ms) ||
		ms == INSTANT_NEVER) {
		error_set(error,
			"duration \"%s\": give one like 250ms, 30s, 15m, 2h "
			"or 3d",
			text);
		return -1;
	}
	*ms_r = ms;
	return 0;
}

/* Reads exactly count digits; -1 when they are not there. */
static int instant_field(const char **text, int count)
{
	int number = 0;

	for (; count > 0; count--, (*text)++) {
		if (!instant_is_digit(**text))
			return -1;
		number = number * 10 + (**text - '0');
	}
	return number;
}

/* Takes the byte when it comes next. */
static bool instant_take(const char **text, char byte)
{
	if (**text != byte)
		return false;
	(*text)++;
	return true;
}

static int instant_month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* "2026-11-21" and the blank or 'T' behind it */
static bool instant_date(const char **text, struct tm *broken_r)
{
	int year = instant_field(text, 4);
	int month, day;

	if (year < 1970 || !instant_take(text, '-'))
		return false;
	month = instant_field(text, 2);
	if (month < 1 || month > 12 || !instant_take(text, '-'))
		return false;
	day = instant_field(text, 2);
	if (day < 1 || day > instant_month_days(year, month))
		return false;
	broken_r->tm_year = year - 1900;
	broken_r->tm_mon = month - 1;
	broken_r->tm_mday = day;
	return instant_take(text, ' ') || instant_take(text, 'T') ||
	       instant_take(text, 't');
}

/* "18:00", "18:00:05", "18:00:05.250"; more digits than three are dropped */
static bool instant_time(const char **text, struct tm *broken_r, int *ms_r)
{
	int unit = 100;

	broken_r->tm_hour = instant_field(text, 2);
	if (broken_r->tm_hour < 0 || broken_r->tm_hour > 23 ||
		!instant_take(text, ':'))
		return false;
	broken_r->tm_min = instant_field(text, 2);
	if (broken_r->tm_min < 0 || broken_r->tm_min > 59)
		return false;
	if (!instant_take(text, ':'))
		return true;
	broken_r->tm_sec = instant_field(text, 2);
	/* 60: a leap second (RFC 3339 section 5.7) */
	if (broken_r->tm_sec < 0 || broken_r->tm_sec > 60)
		return false;
	if (!instant_take(text, '.'))
		return true;
	if (!instant_is_digit(**text))
		return false;
	for (; instant_is_digit(**text); (*text)++, unit /= 10)
		*ms_r += (**text - '0') * unit;
	return true;
}

/*
 * "Z", "+01:00" or nothing, which means the local zone. Returns the offset in
 * minutes in *minutes_r, and false when it is none of these.
 */
static bool instant_zone(const char *text, bool *local_r, int *minutes_r)
{
	int sign = *text == '-' ? -1 : 1;
	int hours, minutes;

	*local_r = *text == '\0';
	if (*local_r)
		return true;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if (!instant_take(&text, '+') && !instant_take(&text, '-'))
		return false;
	hours = instant_field(&text, 2);
	if (hours < 0 || hours > 23 || !instant_take(&text, ':'))
		return false;
	minutes = instant_field(&text, 2);
	if (minutes < 0 || minutes > 59 || *text != '\0')
		return false;
	*minutes_r = sign * (hours * 60 + minutes);
	return true;
}

static bool instant_calendar(const char *text, int64_t *instant_r)
{
	struct tm broken = { .tm_isdst = -1 };
	int ms = 0, offset = 0;
	bool local;
	time_t seconds;

	if (!instant_date(&text, &broken) ||
		!instant_time(&text, &broken, &ms) ||
		!instant_zone(text, &local, &offset))
		return false;
	seconds = local ? mktime(&broken) : timegm(&broken);
	*instant_r =
		(int64_t)seconds * 1000 + ms - (int64_t)offset * INSTANT_MINUTE;
	/* 0 would mean "none" */
	return *instant_r > 0;
}

int instant_parse(
	const char *text, int64_t now, int64_t *instant_r, struct error *error)
{
	const char *rest = text + 1;
	int64_t instant;
	bool good;

	if (strcmp(text, "now") == 0) {
		instant = now;
		good = true;
	} else if (strcmp(text, "never") == 0) {
		instant = INSTANT_NEVER;
		good = true;
	} else if (text[0] == '+') {
		good = duration_parse(rest, &instant, NULL) == 0 &&
		       !__builtin_add_overflow(now, instant, &instant) &&
		       instant != INSTANT_NEVER;
	} else if (text[0] == '@') {
		instant = instant_digits(&rest);
		good = instant > 0 && *rest == '\0' &&
		       !__builtin_mul_overflow(instant, 1000, &instant);
	} else {
		good = instant_calendar(text, &instant);
	}
	if (!good) {
		error_set(error,
			"instant \"%s\": give now, never, +90s, +15m, +2h, "
			"+3d, @1763742000, \"2026-11-21 18:00[:05]\" or "
			"2026-11-21T18:00:05Z",
			text);
		return -1;
	}
	*instant_r = instant;
	return 0;
}

void instant_format(int64_t instant, char text_r[INSTANT_TEXT_SIZE])
{
	int ms = (int)(instant % 1000);
	time_t seconds = (time_t)(instant / 1000);
	struct tm broken;
	size_t used;

	if (instant == 0 || instant == INSTANT_NEVER) {
		snprintf(text_r, INSTANT_TEXT_SIZE, "%s",
			instant == 0 ? "" : "never");
		return;
	}
	if (ms < 0) {
		seconds--;
		ms += 1000;
	}
	/* any int64_t of milliseconds has a year that fits into an int */
	gmtime_r(&seconds, &broken);
	used = strftime(
		text_r, INSTANT_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &broken);
	snprintf(text_r + used, INSTANT_TEXT_SIZE - used, ".%03dZ", ms);
}

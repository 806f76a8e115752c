/* SPDX-License-Identifier: BSD-2-Clause */
/* The From_ line: "From ADDRESS Sat Nov 21 18:00:00 2026", and its kin. */
#include "config.h"

#include "copier/mbox_parse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MBOX_WORDS 32
#define MBOX_WORD  16

struct mbox_words {
	char word[MBOX_WORDS][MBOX_WORD];
	size_t count;
};

/* The words of the line; those that are too long become "". */
static void mbox_split(const char *line, size_t size, struct mbox_words *words)
{
	size_t at = 0;

	words->count = 0;
	while (at < size && words->count < MBOX_WORDS) {
		size_t from = at, length;

		while (at < size && !isspace((unsigned char)line[at]))
			at++;
		length = at - from;
		if (length > 0) {
			char *word = words->word[words->count++];

			if (length >= MBOX_WORD)
				length = 0;
			memcpy(word, line + from, length);
			word[length] = '\0';
		}
		at++;
	}
}

static int mbox_name(const char *word, const char *names)
{
	int i;

	for (i = 0; strlen(word) == 3 && names[3 * i] != '\0'; i++)
		if (strncasecmp(word, names + 3 * i, 3) == 0)
			return i;
	return -1;
}

/* A zone as "+0200"; names of zones are as many as they are wrong. */
static bool mbox_zone(const char *word, int *zone_r)
{
	int hours, minutes;
	char sign, end;

	if (strlen(word) != 5 ||
		sscanf(word, "%c%2d%2d%c", &sign, &hours, &minutes, &end) !=
			3 ||
		(sign != '+' && sign != '-') || hours < 0 || hours > 14 ||
		minutes < 0 || minutes > 59)
		return false;
	*zone_r = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return true;
}

/* Year and zone stand behind the time, in any order. */
static bool mbox_year(const struct mbox_words *words, size_t at, int *year_r,
	int *zone_r, bool *zoned_r)
{
	*year_r = 0;
	*zoned_r = false;
	for (; at < words->count; at++) {
		const char *word = words->word[at];

		if (strlen(word) == 4 && strspn(word, "0123456789") == 4) {
			if (*year_r == 0)
				sscanf(word, "%d", year_r);
		} else if (mbox_zone(word, zone_r)) {
			*zoned_r = true;
		}
	}
	return *year_r >= 1970;
}

static void mbox_print(
	struct tm *when, bool zoned, int zone, char date_r[MAILDATE_SIZE])
{
	struct tm local = *when;
	time_t seconds;

	if (zoned) {
		maildate_print((int64_t)timegm(when) - zone * 60, zone, date_r);
		return;
	}
	local.tm_isdst = -1;
	seconds = mktime(&local);
	localtime_r(&seconds, &local);
	maildate_print(seconds, (int)(local.tm_gmtoff / 60), date_r);
}

/* "Sat Nov 21 18:00[:00]" at this word. */
static bool mbox_date_at(
	const struct mbox_words *words, size_t at, struct tm *when_r)
{
	int month, day, hour, minute, second = 0;
	char end;
	int count;

	if (at + 3 >= words->count ||
		mbox_name(words->word[at], "MonTueWedThuFriSatSun") < 0)
		return false;
	month = mbox_name(
		words->word[at + 1], "JanFebMarAprMayJunJulAugSepOctNovDec");
	if (month < 0 ||
		sscanf(words->word[at + 2], "%2d%c", &day, &end) != 1 ||
		day < 1 || day > 31)
		return false;
	count = sscanf(words->word[at + 3], "%2d:%2d:%2d%c", &hour, &minute,
		&second, &end);
	if ((count != 2 && count != 3) || hour < 0 || hour > 23 || minute < 0 ||
		minute > 59 || second < 0 || second > 60)
		return false;
	*when_r = (struct tm){ .tm_mon = month,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_sec = second };
	return true;
}

int mbox_from_date(const char *line, size_t size, char date_r[MAILDATE_SIZE])
{
	struct mbox_words words;
	struct tm when;
	size_t i;
	int year, zone = 0;
	bool zoned;

	date_r[0] = '\0';
	if (size < 5 || memcmp(line, "From ", 5) != 0)
		return -1;
	mbox_split(line + 5, size - 5, &words);
	for (i = 0; i < words.count; i++) {
		if (!mbox_date_at(&words, i, &when) ||
			!mbox_year(&words, i + 4, &year, &zone, &zoned))
			continue;
		when.tm_year = year - 1900;
		mbox_print(&when, zoned, zone, date_r);
		return 1;
	}
	return 0;
}

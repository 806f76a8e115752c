/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and normalises INTERNALDATE; no locale and no time zone of ours. */
#include "config.h"

#include "copier/maildate.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char maildate_months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct maildate {
	int day, month, year, hour, minute, second;
	int zone; /* minutes east */
};

/* Reads exactly size digits. */
static bool maildate_digits(const char *text, size_t size, int *number_r)
{
	size_t i;

	*number_r = 0;
	for (i = 0; i < size; i++) {
		if (!isdigit((unsigned char)text[i]))
			return false;
		*number_r = *number_r * 10 + (text[i] - '0');
	}
	return true;
}

static int maildate_month(const char *text)
{
	int i;

	for (i = 0; i < 12; i++)
		if (strncasecmp(text, maildate_months + 3 * i, 3) == 0)
			return i + 1;
	return 0;
}

/* Reads the 26 characters with a two-character day. */
static bool maildate_scan(const char *text, struct maildate *date_r)
{
	int hours, minutes;

	if (text[0] == ' ' ? !maildate_digits(text + 1, 1, &date_r->day)
			   : !maildate_digits(text, 2, &date_r->day))
		return false;
	if (text[2] != '-' || text[6] != '-' || text[11] != ' ' ||
		text[14] != ':' || text[17] != ':' || text[20] != ' ' ||
		(text[21] != '+' && text[21] != '-'))
		return false;
	date_r->month = maildate_month(text + 3);
	if (!maildate_digits(text + 7, 4, &date_r->year) ||
		!maildate_digits(text + 12, 2, &date_r->hour) ||
		!maildate_digits(text + 15, 2, &date_r->minute) ||
		!maildate_digits(text + 18, 2, &date_r->second) ||
		!maildate_digits(text + 22, 2, &hours) ||
		!maildate_digits(text + 24, 2, &minutes))
		return false;
	date_r->zone = hours * 60 + minutes;
	if (text[21] == '-')
		date_r->zone = -date_r->zone;
	return date_r->day >= 1 && date_r->day <= 31 && date_r->month >= 1 &&
	       date_r->hour <= 23 && date_r->minute <= 59 &&
	       date_r->second <= 60;
}

int maildate_parse(const char *text, size_t size, char date_r[MAILDATE_SIZE])
{
	char padded[MAILDATE_SIZE];
	struct maildate date;

	if (size + 1 == MAILDATE_SIZE - 1) {
		padded[0] = ' ';
		memcpy(padded + 1, text, size);
	} else if (size == MAILDATE_SIZE - 1) {
		memcpy(padded, text, size);
	} else {
		return -1;
	}
	padded[MAILDATE_SIZE - 1] = '\0';
	if (!maildate_scan(padded, &date))
		return -1;
	memcpy(date_r, padded, MAILDATE_SIZE);
	return 0;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t maildate_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year =
		(153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

/* The day of the calendar, so many days behind 1970-01-01. */
static void maildate_civil(int64_t days, struct maildate *date_r)
{
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t of_era = shifted - era * 146097;
	int64_t year =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
		365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	date_r->day = (int)(of_year - (153 * month + 2) / 5 + 1);
	date_r->month = (int)(month < 10 ? month + 3 : month - 9);
	date_r->year = (int)(year + era * 400 + (date_r->month <= 2));
}

void maildate_print(int64_t seconds, int zone, char date_r[MAILDATE_SIZE])
{
	const int64_t least = -2208988800, most = 253402214400; /* 1900, 9999 */
	struct maildate date;
	int64_t of_day;
	int minutes;

	if (zone <= -1440 || zone >= 1440)
		zone = 0;
	if (seconds < least + 86400)
		seconds = least + 86400;
	if (seconds > most)
		seconds = most;
	seconds += zone * 60;
	of_day = (seconds % 86400 + 86400) % 86400;
	maildate_civil((seconds - of_day) / 86400, &date);
	minutes = zone < 0 ? -zone : zone;
	snprintf(date_r, MAILDATE_SIZE,
		"%2u-%.3s-%04u %02u:%02u:%02u %c%02u%02u",
		(unsigned)date.day % 100u,
		maildate_months + 3 * ((date.month + 11) % 12),
		(unsigned)date.year % 10000u, (unsigned)(of_day / 3600) % 24u,
		(unsigned)(of_day / 60 % 60) % 60u,
		(unsigned)(of_day % 60) % 60u, zone < 0 ? '-' : '+',
		(unsigned)minutes / 60u % 24u, (unsigned)minutes % 60u);
}

int64_t maildate_seconds(const char *text)
{
	struct maildate date;

	if (strlen(text) != MAILDATE_SIZE - 1 || !maildate_scan(text, &date))
		return 0;
	return maildate_days(date.year, date.month, date.day) * 86400 +
	       date.hour * 3600 + date.minute * 60 + date.second -
	       date.zone * 60;
}

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

int64_t maildate_seconds(const char *text)
{
	struct maildate date;

	if (strlen(text) != MAILDATE_SIZE - 1 || !maildate_scan(text, &date))
		return 0;
	return maildate_days(date.year, date.month, date.day) * 86400 +
	       date.hour * 3600 + date.minute * 60 + date.second -
	       date.zone * 60;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads dates of message headers as mail has them, which is not always as the
 * RFC does. */
#include "config.h"

#include "copier/headdate.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADDATE_WORDS 10
#define HEADDATE_WORD  16

struct headdate_words {
	char word[HEADDATE_WORDS][HEADDATE_WORD];
	size_t count;
};

/* Splits at blanks and commas; comments in parentheses are left out. Words
 * beyond the last that a date can have are ignored. */
static void headdate_split(
	const char *text, size_t size, struct headdate_words *words)
{
	size_t i, length = 0;
	int depth = 0;

	words->count = 0;
	for (i = 0; i <= size && words->count < HEADDATE_WORDS; i++) {
		char c = i < size ? text[i] : ' ';

		if (c == '(' || (c == ')' && depth > 0))
			depth += c == '(' ? 1 : -1;
		else if (depth == 0 && !isspace((unsigned char)c) && c != ',') {
			if (length < HEADDATE_WORD - 1)
				words->word[words->count][length++] = c;
			continue;
		}
		if (length > 0)
			words->word[words->count++][length] = '\0';
		length = 0;
	}
}

/* All of the text as a number of one to four digits; -1 when it is none. */
static int headdate_number(const char *text)
{
	size_t size = strlen(text);
	int number = 0;

	if (size == 0 || size > 4 || strspn(text, "0123456789") != size)
		return -1;
	for (; *text != '\0'; text++)
		number = number * 10 + (*text - '0');
	return number;
}

/* Minutes east of "+0130", "GMT", "EDT"; 0 for all that is not known. */
static int headdate_zone(const char *word)
{
	static const struct {
		const char *name;
		int hours;
	} zones[] = { { "EST", -5 }, { "EDT", -4 }, { "CST", -6 },
		{ "CDT", -5 }, { "MST", -7 }, { "MDT", -6 }, { "PST", -8 },
		{ "PDT", -7 }, { "CET", 1 }, { "CEST", 2 }, { "MET", 1 },
		{ "MEST", 2 }, { "BST", 1 } };
	size_t i;
	int number;

	if (word[0] == '+' || word[0] == '-') {
		number = strlen(word) == 5 ? headdate_number(word + 1) : -1;
		if (number < 0 || number / 100 > 14 || number % 100 > 59)
			return 0;
		number = number / 100 * 60 + number % 100;
		return word[0] == '-' ? -number : number;
	}
	for (i = 0; i < sizeof(zones) / sizeof(*zones); i++)
		if (strcasecmp(word, zones[i].name) == 0)
			return zones[i].hours * 60;
	return 0;
}

/* "10:05:30", "10:05", "10.05.30". */
static bool headdate_time(const char *word, unsigned clock_r[3])
{
	char end;
	int count = sscanf(word, "%2u%*1[:.]%2u%*1[:.]%2u%c", &clock_r[0],
		&clock_r[1], &clock_r[2], &end);

	if (count == 2)
		clock_r[2] = 0;
	return (count == 2 || count == 3) && clock_r[0] <= 23 &&
	       clock_r[1] <= 59 && clock_r[2] <= 60;
}

static int headdate_year(const char *word)
{
	int year = headdate_number(word);

	/* RFC 5322 section 4.3. */
	if (year >= 0 && strlen(word) == 2)
		return year < 50 ? year + 2000 : year + 1900;
	if (year >= 0 && strlen(word) == 3)
		return year + 1900;
	return year;
}

int headdate_parse(const char *text, size_t size, char date_r[MAILDATE_SIZE])
{
	struct headdate_words words;
	char date[64];
	unsigned clock[3];
	size_t at = 0;
	int day, year, zone;

	headdate_split(text, size, &words);
	/* The day of the week, when it is told. */
	if (words.count > 0 && headdate_number(words.word[0]) < 0)
		at++;
	if (words.count < at + 4)
		return -1;
	day = headdate_number(words.word[at]);
	year = headdate_year(words.word[at + 2]);
	if (day < 1 || year < 1900 || !headdate_time(words.word[at + 3], clock))
		return -1;
	zone = words.count > at + 4 ? headdate_zone(words.word[at + 4]) : 0;
	snprintf(date, sizeof(date), "%2d-%.3s-%04d %02u:%02u:%02u %c%02d%02d",
		day, words.word[at + 1], year, clock[0], clock[1], clock[2],
		zone < 0 ? '-' : '+', (zone < 0 ? -zone : zone) / 60,
		(zone < 0 ? -zone : zone) % 60);
	return maildate_parse(date, strlen(date), date_r);
}

/* The end of the field that begins at head: behind its last line. */
static size_t headdate_field(const char *head, size_t size)
{
	size_t at = 0;

	while (at < size) {
		const char *end = memchr(head + at, '\n', size - at);

		if (end == NULL)
			return size;
		at = (size_t)(end - head) + 1;
		if (at == size || (head[at] != ' ' && head[at] != '\t'))
			return at;
	}
	return at;
}

static bool headdate_is(const char *field, size_t size, const char *name)
{
	size_t length = strlen(name);

	if (size <= length || strncasecmp(field, name, length) != 0)
		return false;
	while (length < size && (field[length] == ' ' || field[length] == '\t'))
		length++;
	return length < size && field[length] == ':';
}

/* The date of a Received field stands behind its last ';'. */
static int headdate_received(
	const char *field, size_t size, char date_r[MAILDATE_SIZE])
{
	const char *semicolon = memrchr(field, ';', size);

	if (semicolon == NULL)
		return -1;
	return headdate_parse(
		semicolon + 1, (size_t)(field + size - semicolon - 1), date_r);
}

int headdate_find(const char *head, size_t size, char date_r[MAILDATE_SIZE])
{
	size_t at = 0;
	bool received = false, dated = false;

	while (at < size && head[at] != '\r' && head[at] != '\n') {
		const char *field = head + at;
		size_t length = headdate_field(field, size - at);

		at += length;
		if (!received && headdate_is(field, length, "Received")) {
			if (headdate_received(field, length, date_r) == 0)
				return 1;
			received = true; /* those below are of other servers */
		}
		if (!dated && headdate_is(field, length, "Date")) {
			const char *colon = memchr(field, ':', length);

			dated = headdate_parse(colon + 1,
					(size_t)(field + length - colon - 1),
					date_r) == 0;
		}
	}
	return dated;
}

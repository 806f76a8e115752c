/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines, see options.h. */
#include "config.h"

#include "copier/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/instant.h"

/* More than any command has. */
#define OPTIONS_MAX 64
/* What getopt_long(3) returns for the first row; beyond all letters. */
#define OPTIONS_FIRST 256

int options_misused(const struct option_table *table, const char *text)
{
	fprintf(stderr, "rehome %s: %s; see `rehome %s --help`\n",
		table->command, text, table->command);
	return EX_USAGE;
}

/* Both forms of the table as getopt_long(3) wants them. */
static void options_prepare(const struct option_table *table,
	struct option longs_r[OPTIONS_MAX + 2], char shorts_r[OPTIONS_MAX * 2])
{
	size_t used = 0;

	if (table->count > OPTIONS_MAX)
		abort();
	shorts_r[used++] = ':';
	shorts_r[used++] = 'h';
	for (size_t i = 0; i < table->count; i++) {
		const struct option_row *row = &table->rows[i];
		bool plain = row->kind == OPTION_FLAG;

		longs_r[i] = (struct option){ row->name,
			plain ? no_argument : required_argument, NULL,
			OPTIONS_FIRST + (int)i };
		if (row->letter == 0)
			continue;
		shorts_r[used++] = row->letter;
		if (!plain)
			shorts_r[used++] = ':';
	}
	longs_r[table->count] =
		(struct option){ "help", no_argument, NULL, 'h' };
	longs_r[table->count + 1] = (struct option){ NULL, 0, NULL, 0 };
	shorts_r[used] = '\0';
}

/* The row of what getopt_long(3) has returned, or NULL. */
static const struct option_row *options_find(
	const struct option_table *table, int option)
{
	for (size_t i = 0; i < table->count; i++)
		if (option == OPTIONS_FIRST + (int)i ||
			(option == table->rows[i].letter && option != 0))
			return &table->rows[i];
	return NULL;
}

static int options_number(
	const struct option_row *row, int64_t *number_r, struct error *error)
{
	char *end;

	*number_r = strtoll(optarg, &end, 10);
	if (end != optarg && *end == '\0' && *number_r >= row->least &&
		*number_r <= row->most)
		return 0;
	error_set(error, "%.60s is not a number %s", optarg, row->range);
	return -1;
}

static int options_duration(
	const struct option_row *row, int64_t *ms_r, struct error *error)
{
	if (duration_parse(optarg, ms_r, error) < 0)
		return -1;
	if (*ms_r >= row->least && *ms_r <= row->most)
		return 0;
	error_set(error, "%.60s is not %s", optarg, row->range);
	return -1;
}

/* Puts the value where it belongs. 0, or -1 with an error. */
static int options_take(
	const struct option_row *row, void *values, struct error *error)
{
	void *place = (char *)values + row->place;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)place = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)place = optarg;
		return 0;
	case OPTION_NUMBER:
		return options_number(row, place, error);
	case OPTION_DURATION:
		return options_duration(row, place, error);
	case OPTION_ACCESS:
		return copy_access_set(place,
			(enum copy_access_option)row->least, optarg, error);
	}
	abort();
}

int options_read(const struct option_table *table, int argc, char **argv,
	void *values, int *code_r)
{
	struct option longs[OPTIONS_MAX + 2];
	char shorts[OPTIONS_MAX * 2];
	struct error error;
	int option;

	options_prepare(table, longs, shorts);
	opterr = 0;
	while ((option = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *row = options_find(table, option);

		if (option == 'h') {
			fputs(table->help, stdout);
			*code_r = EX_OK;
			return -1;
		}
		if (row == NULL)
			error_set(&error,
				option == ':' ? "option %.60s needs a value"
					      : "unknown option %.60s",
				argv[optind - 1]);
		else if (options_take(row, values, &error) == 0)
			continue;
		else
			error_prefix(&error, "--%s", row->name);
		*code_r = options_misused(table, error.text);
		return -1;
	}
	return optind;
}

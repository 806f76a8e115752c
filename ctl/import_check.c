/* SPDX-License-Identifier: BSD-2-Clause */
/* Checking one line of a CSV file of accounts, see import_private.h. */
#include <config.h>

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import_private.h"
#include "lib/account.h"
#include "lib/address.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

const char *const import_names[IMPORT_COLUMNS] = {
	[IMPORT_ADDRESS] = "address",
	[IMPORT_SOURCE] = "source",
	[IMPORT_DESTINATION] = "destination",
	[IMPORT_ALIAS] = "alias",
	[IMPORT_BATCH] = "batch",
	[IMPORT_NOT_BEFORE] = "not_before",
	[IMPORT_COMPLETE_AFTER] = "complete_after",
	[IMPORT_STRATEGY] = "strategy",
	[IMPORT_MAIL] = "mail",
	[IMPORT_FREEZE_BUDGET] = "freeze_budget",
};

/* Where an address was seen first; found by tsearch(3). */
struct import_seen {
	char *address;
	size_t line;
};

void import_problem(struct import_reader *reader, size_t line, size_t column,
	const char *text)
{
	struct import *import = reader->import;
	struct import_problem *problem;

	reader->bad = true;
	if (import->problems_found++ >= IMPORT_PROBLEMS_MAX)
		return;
	import->problems = xreallocarray(import->problems,
		import->problems_count + 1, sizeof(*import->problems));
	problem = &import->problems[import->problems_count++];
	problem->line = line;
	problem->column = column;
	problem->text = xstrdup(text);
}

/* A problem with a column of the line at hand. */
static void import_complain(struct import_reader *reader,
	enum import_column column, const struct error *error)
{
	struct error whole = *error;

	error_prefix(&whole, "%s", import_names[column]);
	import_problem(
		reader, reader->row.line, reader->places[column], whole.text);
}

static int import_compare_seen(const void *left, const void *right)
{
	const struct import_seen *one = left, *two = right;

	return strcmp(one->address, two->address);
}

void import_free_seen(void *data)
{
	struct import_seen *seen = data;

	free(seen->address);
	free(seen);
}

/* Every address may stand once in a file, as account or as alias. */
static void import_check_once(struct import_reader *reader,
	enum import_column column, const char *address)
{
	struct import_seen *seen = xcalloc(1, sizeof(*seen));
	struct import_seen **found;
	struct error error;

	seen->address = xstrdup(address);
	seen->line = reader->row.line;
	found = tsearch(seen, &reader->seen, import_compare_seen);
	if (found == NULL)
		abort();
	if (*found == seen)
		return;
	error_set(&error, "%s stands on line %zu already", address,
		(*found)->line);
	import_complain(reader, column, &error);
	import_free_seen(seen);
}

static int import_check_address(struct import_reader *reader,
	enum import_column column, const char *text, struct address *address_r)
{
	struct error error;

	if (address_parse(text, address_r, &error) < 0) {
		import_complain(reader, column, &error);
		return -1;
	}
	if (reader->config != NULL &&
		config_domain(reader->config, address_domain(address_r)) ==
			NULL) {
		error_set(&error, "domain %s is not in the configuration",
			address_domain(address_r));
		import_complain(reader, column, &error);
		return -1;
	}
	import_check_once(reader, column, address_r->text);
	return 0;
}

static void import_check_aliases(struct import_reader *reader)
{
	char *rest = reader->fields[IMPORT_ALIAS], *word;
	struct address alias;

	while (rest != NULL && (word = strsep(&rest, " \t\r\n")) != NULL) {
		if (*word == '\0')
			continue;
		if (import_check_address(reader, IMPORT_ALIAS, word, &alias) ==
			0)
			attr_list_add(reader->row.entry, "alias", alias.text);
	}
}

static void import_check_system(
	struct import_reader *reader, enum import_column column)
{
	const char *name = reader->fields[column];
	struct error error;

	if (name == NULL)
		return;
	if (reader->config != NULL &&
		config_system(reader->config, name) == NULL) {
		error_set(
			&error, "system %s is not in the configuration", name);
		import_complain(reader, column, &error);
		return;
	}
	if (strlen(name) >= ACCOUNT_NAME_SIZE) {
		error_set(
			&error, "longer than %d bytes", ACCOUNT_NAME_SIZE - 1);
		import_complain(reader, column, &error);
		return;
	}
	attr_list_add(reader->row.entry, import_names[column], name);
}

static void import_check_systems(struct import_reader *reader)
{
	const char *source = reader->fields[IMPORT_SOURCE];
	const char *destination = reader->fields[IMPORT_DESTINATION];
	struct error error;

	import_check_system(reader, IMPORT_SOURCE);
	import_check_system(reader, IMPORT_DESTINATION);
	if (source != NULL && destination != NULL &&
		strcmp(source, destination) == 0) {
		error_set(&error, "%s is the source too", destination);
		import_complain(reader, IMPORT_DESTINATION, &error);
	}
}

static void import_check_batch(struct import_reader *reader)
{
	const char *batch = reader->fields[IMPORT_BATCH];
	struct error error;

	if (batch == NULL)
		return;
	if (strlen(batch) >= ACCOUNT_NAME_SIZE) {
		error_set(
			&error, "longer than %d bytes", ACCOUNT_NAME_SIZE - 1);
		import_complain(reader, IMPORT_BATCH, &error);
		return;
	}
	attr_list_add(reader->row.entry, "batch", batch);
}

static void import_check_instant(
	struct import_reader *reader, enum import_column column)
{
	const char *text = reader->fields[column];
	struct error error;
	int64_t instant;

	if (text == NULL)
		return;
	if (instant_parse(text, reader->now, &instant, &error) < 0)
		import_complain(reader, column, &error);
	else if (instant == INSTANT_NEVER)
		attr_list_add(
			reader->row.request, import_names[column], "never");
	else
		attr_list_add_number(
			reader->row.request, import_names[column], instant);
}

static void import_check_words(struct import_reader *reader)
{
	const char *strategy = reader->fields[IMPORT_STRATEGY];
	const char *mail = reader->fields[IMPORT_MAIL];
	const char *budget = reader->fields[IMPORT_FREEZE_BUDGET];
	enum account_mail parsed;
	struct error error;
	int64_t ms;

	if (strategy != NULL && account_strategy_find(strategy) == NULL) {
		error_set(&error, "no strategy \"%s\"", strategy);
		import_complain(reader, IMPORT_STRATEGY, &error);
	} else if (strategy != NULL) {
		attr_list_add(reader->row.request, "strategy", strategy);
	}
	if (mail != NULL && account_mail_parse(mail, &parsed) < 0) {
		error_set(&error, "\"%s\" is neither defer nor park", mail);
		import_complain(reader, IMPORT_MAIL, &error);
	} else if (mail != NULL) {
		attr_list_add(reader->row.request, "mail", mail);
	}
	if (budget == NULL)
		return;
	if (duration_parse(budget, &ms, &error) < 0) {
		import_complain(reader, IMPORT_FREEZE_BUDGET, &error);
	} else if (ms <= 0) {
		error_set(&error, "nothing moves in no time");
		import_complain(reader, IMPORT_FREEZE_BUDGET, &error);
	} else {
		attr_list_add_number(reader->row.request, "freeze_budget", ms);
	}
}

/*
 * The columns of a request count only with not_before: a sheet whose every
 * line says "precopy" is not yet an order to move everybody.
 */
static void import_check_request(struct import_reader *reader)
{
	struct error error;

	reader->row.request = attr_list_new();
	import_check_instant(reader, IMPORT_NOT_BEFORE);
	import_check_instant(reader, IMPORT_COMPLETE_AFTER);
	import_check_words(reader);
	if (reader->fields[IMPORT_NOT_BEFORE] != NULL)
		return;
	for (enum import_column column = IMPORT_COMPLETE_AFTER;
		column < IMPORT_COLUMNS; column++) {
		if (reader->fields[column] == NULL)
			continue;
		error_set(&error, "not_before must be given too, such as now: "
				  "it asks for the move");
		import_complain(reader, column, &error);
	}
	attr_list_free(&reader->row.request);
}

static void import_require(struct import_reader *reader)
{
	static const enum import_column required[] = { IMPORT_ADDRESS,
		IMPORT_SOURCE, IMPORT_DESTINATION };
	struct error error;

	error_set(&error, "must not be empty");
	for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++)
		if (reader->fields[required[i]] == NULL)
			import_complain(reader, required[i], &error);
}

void import_check_row(struct import_reader *reader)
{
	const char *text = reader->fields[IMPORT_ADDRESS];
	struct address address;

	reader->bad = false;
	reader->row.entry = attr_list_new();
	import_require(reader);
	if (text != NULL && import_check_address(reader, IMPORT_ADDRESS, text,
				    &address) == 0)
		reader->row.address = xstrdup(address.text);
	import_check_systems(reader);
	import_check_batch(reader);
	import_check_aliases(reader);
	import_check_request(reader);
}

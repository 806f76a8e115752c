/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome list`: accounts as a table, as JSON or as bare addresses. */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include "ctl/columns.h"
#include "ctl/commands.h"
#include "ctl/describe.h"
#include "lib/figure.h"
#include "ctl/json.h"
#include "ctl/text.h"
#include "lib/instant.h"

/* As many as a page of policyd's has. */
#define LIST_FLUSH 1000

static const struct column list_columns[] = {
	{ "ADDRESS", false, 20 },
	{ "AT", false, 0 },
	{ "PHASE", false, 0 },
	{ "BATCH", false, 8 },
	{ "MESSAGES", true, 0 },
	{ "SIZE", true, 0 },
	{ "NOTE", false, 10 },
};

#define LIST_COLUMNS (sizeof(list_columns) / sizeof(*list_columns))

struct list_output {
	const struct session *session;
	bool addresses;
	struct json_array array;
	struct columns *columns;
	size_t count;
	int64_t now;
	struct error *error;
	bool bad;
};

static void list_add_row(
	struct list_output *output, const struct account *account)
{
	char messages[FIGURE_SIZE] = "", size[FIGURE_SIZE] = "";
	struct buffer note = BUFFER_EMPTY;
	const char *cells[LIST_COLUMNS] = { account->address,
		account_home_system(account),
		account_phase_name(account->phase), account->batch, messages,
		size, NULL };

	/* nothing is known of them before the first round */
	if (account->rounds > 0) {
		figure_count(account->messages, messages);
		figure_size(account->bytes, size);
	}
	describe_note(account, output->now, &note);
	cells[LIST_COLUMNS - 1] = note.data;
	columns_add(output->columns, cells);
	buffer_free(&note);
	if (columns_rows(output->columns) == LIST_FLUSH)
		columns_flush(output->columns, output->session->width, stdout);
}

static bool list_take(const struct attr_list *message, void *context)
{
	struct list_output *output = context;
	struct account account;

	output->count++;
	if (output->session->json) {
		json_array_add(&output->array, message);
		return !ferror(stdout);
	}
	if (account_scan(message, &account, output->error) < 0) {
		output->bad = true;
		return false;
	}
	if (output->addresses) {
		text_print(stdout, "%s", account.address);
		putchar('\n');
	} else {
		list_add_row(output, &account);
	}
	account_clear(&account);
	return !ferror(stdout);
}

static int list_read_filter(struct session *session, const struct line *line,
	struct attr_list *filter)
{
	static const char *const texts[] = { "phase", "home", "batch",
		"after" };
	const char *phase = line_option(line, "phase");
	const char *home = line_option(line, "home");
	enum account_phase parsed_phase;
	enum account_home parsed_home;

	if (phase != NULL && account_phase_parse(phase, &parsed_phase) < 0)
		return session_misused(session,
			"--phase is one of settled, requested, copying, "
			"ready, frozen, sweeping, retired");
	if (home != NULL && account_home_parse(home, &parsed_home) < 0)
		return session_misused(
			session, "--home is source or destination");
	if (line_has(line, "addresses") && session->json)
		return session_misused(
			session, "--addresses or --json, not both");
	attr_list_add(filter, "request", "account-list");
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (line_has(line, texts[i]))
			attr_list_add(
				filter, texts[i], line_option(line, texts[i]));
	if (line_has(line, "held"))
		attr_list_add(filter, "held", "yes");
	if (line_has(line, "failing"))
		attr_list_add(filter, "failing", "yes");
	return 0;
}

static int list_print(struct session *session, const struct line *line,
	const struct attr_list *filter, size_t limit)
{
	struct error error;
	struct list_output output = { .session = session,
		.addresses = line_has(line, "addresses"),
		.now = instant_now(),
		.error = &error };
	int code;

	output.columns = columns_new(list_columns, LIST_COLUMNS);
	if (session->json)
		json_array_begin(&output.array, stdout);
	code = session_list_accounts(
		session, filter, limit, list_take, &output, &error);
	if (code == 0 && output.bad)
		code = EX_TEMPFAIL;
	columns_flush(output.columns, session->width, stdout);
	if (session->json)
		json_array_end(&output.array);
	columns_free(&output.columns);
	if (code != 0)
		return session_fail(session, code, NULL, error.text, NULL);
	if (output.count == 0 && !session->json && !session->quiet &&
		!output.addresses)
		fputs("no accounts\n", stderr);
	return 0;
}

int list_command(struct session *session, const struct line *line)
{
	struct attr_list *filter = attr_list_new();
	size_t limit = SIZE_MAX;
	struct error error;
	int code;

	if (line_read_number(line, "limit", &limit, &error) < 0)
		code = session_misused(session, error.text);
	else
		code = list_read_filter(session, line, filter);
	if (code == 0)
		code = list_print(session, line, filter, limit);
	attr_list_free(&filter);
	return code;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What login gateways tell: who is logged in, by which ways, who never was;
 * and who is thrown out.
 */
#include <config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/columns.h"
#include "ctl/commands.h"
#include "ctl/json.h"
#include "ctl/text.h"
#include "lib/figure.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

#define SESSIONS_COLUMNS_MAX 8

/* A column shows an attribute; kinds as of account_field_kind, and 'r' an
 * instant of which 0 is "never". */
struct sessions_shown {
	const char *name;
	char kind;
};

struct sessions_table {
	struct session *session;
	const struct sessions_shown *shown;
	size_t count;
	struct columns *columns;
	struct json_array array;
	size_t rows;
};

static const char *sessions_cell(const struct attr_list *message,
	const struct sessions_shown *shown, char text_r[FIGURE_SIZE])
{
	const char *value = attr_list_get(message, shown->name);
	int64_t number = 0;

	if (shown->kind == 's' ||
		attr_list_get_number(message, shown->name, &number, NULL) <= 0)
		return value != NULL ? value : "";
	if (shown->kind == 'd')
		return number < 1000
			       ? ""
			       : figure_duration(number / 1000 * 1000, text_r);
	if (shown->kind == 'r' && number == 0)
		return "never";
	if (shown->kind == 'n')
		return figure_count(number, text_r);
	return figure_instant(number, text_r);
}

static void sessions_row(
	struct sessions_table *table, const struct attr_list *message)
{
	const char *cells[SESSIONS_COLUMNS_MAX];
	char texts[SESSIONS_COLUMNS_MAX][FIGURE_SIZE];

	table->rows++;
	if (table->session->json) {
		json_array_add(&table->array, message);
		return;
	}
	for (size_t i = 0; i < table->count; i++)
		cells[i] = sessions_cell(message, &table->shown[i], texts[i]);
	columns_add(table->columns, cells);
}

static void sessions_begin(struct sessions_table *table,
	struct session *session, const struct column *columns,
	const struct sessions_shown *shown, size_t count)
{
	*table = (struct sessions_table){
		.session = session,
		.shown = shown,
		.count = count,
	};
	table->columns = columns_new(columns, count);
	if (session->json)
		json_array_begin(&table->array, stdout);
}

/* Prints what there is, also when it broke off. */
static void sessions_end(struct sessions_table *table, const char *nothing)
{
	if (table->session->json)
		json_array_end(&table->array);
	else if (table->rows == 0 && nothing != NULL && !table->session->quiet)
		fprintf(stderr, "%s\n", nothing);
	columns_flush(table->columns, table->session->width, stdout);
	columns_free(&table->columns);
}

/*
 * The rows of one request. *next_r (or NULL) is malloc'd, where to go on, or
 * NULL; *more_r (or NULL) whether policyd has more than it gives.
 */
static int sessions_rows(struct sessions_table *table,
	const struct attr_list *request, char **next_r, bool *more_r,
	struct error *error)
{
	const struct attr_list *reply;
	int64_t records = 0;
	int code = session_call(table->session, request, &reply, error);
	const char *next, *more;

	if (code != 0)
		return code;
	next = attr_list_get(reply, "next");
	more = attr_list_get(reply, "more");
	if (next_r != NULL)
		*next_r = next != NULL ? xstrdup(next) : NULL;
	if (more_r != NULL)
		*more_r = more != NULL && strcmp(more, "yes") == 0;
	if (attr_list_get_number(reply, "records", &records, error) < 0)
		return EX_TEMPFAIL;
	while (code == 0 && records-- > 0) {
		code = session_next(table->session, &reply, error);
		if (code == 0)
			sessions_row(table, reply);
	}
	return code;
}

/* ---- sessions ---- */

int sessions_command(struct session *session, const struct line *line)
{
	static const struct column columns[] = {
		{ "ADDRESS", false, 20 },
		{ "PROTOCOL", false, 0 },
		{ "AT", false, 0 },
		{ "CLIENT", false, 0 },
		{ "SINCE", false, 0 },
		{ "QUIET FOR", true, 0 },
		{ "GATEWAY", false, 8 },
		{ "SESSION", true, 0 },
	};
	static const struct sessions_shown shown[] = {
		{ "address", 's' },
		{ "protocol", 's' },
		{ "system", 's' },
		{ "client", 's' },
		{ "since", 't' },
		{ "idle", 'd' },
		{ "gateway", 's' },
		{ "session", 's' },
	};
	const char *address = line_argument(line, 0);
	struct attr_list *request = session_request("sessions", address);
	struct sessions_table table;
	bool more = false;
	struct error error;
	int code;

	sessions_begin(&table, session, columns, shown,
		sizeof(shown) / sizeof(*shown));
	code = sessions_rows(&table, request, NULL, &more, &error);
	sessions_end(&table, code == 0 ? "no sessions" : NULL);
	attr_list_free(&request);
	if (code != 0)
		return session_fail(session, code, address, error.text, NULL);
	if (more && !session->json && !session->quiet)
		fputs("there are more\n", stderr);
	return 0;
}

int sessions_gateways(struct session *session, const struct line *line)
{
	static const struct column columns[] = {
		{ "GATEWAY", false, 8 },
		{ "STATE", false, 0 },
		{ "SESSIONS", true, 0 },
		{ "PID", true, 0 },
		{ "COUNTS FOR", true, 0 },
	};
	static const struct sessions_shown shown[] = {
		{ "gateway", 's' },
		{ "state", 's' },
		{ "sessions", 'n' },
		{ "pid", 's' },
		{ "left", 'd' },
	};
	struct attr_list *request = session_request("gateways", NULL);
	struct sessions_table table;
	struct error error;
	int code;

	(void)line;
	sessions_begin(&table, session, columns, shown,
		sizeof(shown) / sizeof(*shown));
	code = sessions_rows(&table, request, NULL, NULL, &error);
	sessions_end(&table, code == 0 ? "no gateways" : NULL);
	attr_list_free(&request);
	if (code != 0)
		return session_fail(session, code, NULL, error.text, NULL);
	return 0;
}

/* ---- kick ---- */

int sessions_kick(struct session *session, const struct line *line)
{
	const char *address = line_argument(line, 0);
	const char *number = line_option(line, "session");
	struct attr_list *request;
	const struct attr_list *reply;
	int64_t kicked = 0;
	char text[FIGURE_SIZE];
	struct error error;
	int code;

	if (number != NULL &&
		(*number == '\0' ||
			number[strspn(number, "0123456789")] != '\0'))
		return session_misused(session, "--session takes a number");
	request = session_request("kick", address);
	if (line_has(line, "gateway"))
		attr_list_add(request, "gateway", line_option(line, "gateway"));
	if (number != NULL)
		attr_list_add(request, "session", number);
	session_add_by(request);
	code = session_call(session, request, &reply, &error);
	attr_list_free(&request);
	if (code != 0)
		return session_fail(session, code, address,
			session_bare_reason(error.text, address), NULL);
	if (session->json) {
		json_print(stdout, reply);
		return 0;
	}
	(void)attr_list_get_number(reply, "kicked", &kicked, NULL);
	if (!session->quiet) {
		text_print(stdout, "%s: %s kicked", address,
			figure_plural(kicked, "session", text));
		putchar('\n');
	}
	return 0;
}

/* ---- seen, silent ---- */

int sessions_seen(struct session *session, const struct line *line)
{
	static const struct column columns[] = {
		{ "PROTOCOL", false, 0 },
		{ "MECHANISM", false, 0 },
		{ "LAST", false, 0 },
		{ "CLIENT", false, 10 },
	};
	static const struct sessions_shown shown[] = {
		{ "protocol", 's' },
		{ "mechanism", 's' },
		{ "last", 'r' },
		{ "client", 's' },
	};
	const char *address = line_argument(line, 0);
	struct attr_list *request = session_request("seen", address);
	struct sessions_table table;
	struct error error;
	int code;

	sessions_begin(&table, session, columns, shown,
		sizeof(shown) / sizeof(*shown));
	code = sessions_rows(&table, request, NULL, NULL, &error);
	sessions_end(&table, code == 0 ? "never seen" : NULL);
	attr_list_free(&request);
	if (code != 0)
		return session_fail(session, code, address,
			session_bare_reason(error.text, address), NULL);
	return 0;
}

static int sessions_silent_pages(struct sessions_table *table,
	const struct line *line, int64_t since, struct error *error)
{
	char *after = NULL, *next;
	int code;

	do {
		struct attr_list *request = session_request("silent", NULL);

		if (since > 0)
			attr_list_add_number(request, "since", since);
		if (line_has(line, "batch"))
			attr_list_add(
				request, "batch", line_option(line, "batch"));
		if (after != NULL)
			attr_list_add(request, "after", after);
		next = NULL;
		code = sessions_rows(table, request, &next, NULL, error);
		attr_list_free(&request);
		free(after);
		after = next;
	} while (code == 0 && after != NULL);
	free(after);
	return code;
}

/* A moment, or how long ago. */
static int sessions_read_since(
	const char *text, int64_t *since_r, struct error *error)
{
	int64_t now = instant_now(), ago;

	if (duration_parse(text, &ago, NULL) == 0) {
		*since_r = now - ago;
		return 0;
	}
	return instant_parse(text, now, since_r, error);
}

int sessions_silent(struct session *session, const struct line *line)
{
	static const struct column columns[] = {
		{ "ADDRESS", false, 20 },
		{ "PHASE", false, 0 },
		{ "BATCH", false, 8 },
		{ "LAST", false, 0 },
	};
	static const struct sessions_shown shown[] = {
		{ "address", 's' },
		{ "phase", 's' },
		{ "batch", 's' },
		{ "last", 'r' },
	};
	struct sessions_table table;
	int64_t since = 0;
	struct error error;
	int code;

	if (line_has(line, "since") &&
		sessions_read_since(
			line_option(line, "since"), &since, &error) < 0)
		return session_misused(session, error.text);
	sessions_begin(&table, session, columns, shown,
		sizeof(shown) / sizeof(*shown));
	code = sessions_silent_pages(&table, line, since, &error);
	sessions_end(&table, code == 0 ? "no silent accounts" : NULL);
	if (code != 0)
		return session_fail(session, code, NULL, error.text, NULL);
	return 0;
}

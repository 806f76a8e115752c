/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome status`: how many accounts are where, once or watched. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ctl/columns.h"
#include "ctl/commands.h"
#include "lib/figure.h"
#include "ctl/follow.h"
#include "ctl/json.h"
#include "ctl/text.h"

static const struct column status_columns[] = {
	{ "PHASE", false, 0 },
	{ "AT SOURCE", true, 0 },
	{ "AT DESTINATION", true, 0 },
	{ "TOTAL", true, 0 },
};

static int64_t status_number(const struct attr_list *status, const char *name)
{
	int64_t number = 0;

	attr_list_get_number(status, name, &number, NULL);
	return number;
}

static int64_t status_phase(const struct attr_list *status,
	enum account_phase phase, enum account_home home)
{
	char name[64];

	snprintf(name, sizeof(name), "phase-%s-%s", account_phase_name(phase),
		account_home_name(home));
	return status_number(status, name);
}

static void status_row(struct columns *columns, const char *title,
	int64_t source, int64_t destination)
{
	char counts[3][FIGURE_SIZE];
	const char *cells[] = { title, figure_count(source, counts[0]),
		figure_count(destination, counts[1]),
		figure_count(source + destination, counts[2]) };

	columns_add(columns, cells);
}

static void status_table(
	const struct session *session, const struct attr_list *status)
{
	struct columns *columns = columns_new(status_columns,
		sizeof(status_columns) / sizeof(*status_columns));
	int64_t source = 0, destination = 0;

	for (enum account_phase phase = 0; phase < ACCOUNT_PHASES; phase++) {
		int64_t one = status_phase(status, phase, ACCOUNT_SOURCE);
		int64_t two = status_phase(status, phase, ACCOUNT_DESTINATION);

		status_row(columns, account_phase_name(phase), one, two);
		source += one;
		destination += two;
	}
	status_row(columns, "total", source, destination);
	columns_flush(columns, session->width, stdout);
	columns_free(&columns);
}

static void status_notes(const struct attr_list *status)
{
	int64_t held = status_number(status, "held");
	int64_t failing = status_number(status, "failing");
	int64_t aliases = status_number(status, "aliases");
	char text[FIGURE_SIZE];

	printf("\n%s %s", figure_count(aliases, text),
		aliases == 1 ? "alias" : "aliases");
	printf(", %s held", figure_count(held, text));
	if (held > 0)
		fputs(" (`rehome list --held`)", stdout);
	printf(", %s failing", figure_count(failing, text));
	if (failing > 0)
		fputs(" (`rehome list --failing`)", stdout);
	putchar('\n');
}

static void status_daemon(const struct attr_list *status)
{
	const char *version = attr_list_get(status, "version");
	const char *store = attr_list_get(status, "store");
	char text[FIGURE_SIZE];

	text_print(stdout, "policyd %s, up for %s, store %s",
		version != NULL ? version : "?",
		figure_duration(
			status_number(status, "uptime") / 1000 * 1000, text),
		store != NULL ? store : "?");
	putchar('\n');
}

static int status_print(struct session *session)
{
	struct attr_list *request = session_request("status", NULL);
	const struct attr_list *reply;
	struct error error;
	int code = session_call(session, request, &reply, &error);

	attr_list_free(&request);
	if (code != 0)
		return session_fail(session, code, NULL, error.text, NULL);
	if (session->json) {
		json_print(stdout, reply);
		return 0;
	}
	status_table(session, reply);
	status_notes(reply);
	status_daemon(reply);
	return 0;
}

int status_command(struct session *session, const struct line *line)
{
	const char *batch = line_option(line, "batch");
	struct follow *follow;
	int code;

	if (!line_has(line, "watch") && batch != NULL)
		return session_misused(session, "--batch is for --watch");
	if (!line_has(line, "watch"))
		return status_print(session);
	code = follow_open(session, batch, &follow);
	/* live, the screen has the counts */
	if (code == 0 && !follow_is_live(follow))
		code = status_print(session);
	if (code == 0)
		code = follow_everything(follow);
	follow_close(&follow);
	return code;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `rehome import`: nothing is done unless the whole file is correct; then each
 * line is entered, and what is in the directory already as the file has it is
 * left alone, so that the same file can be imported again.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/commands.h"
#include "lib/figure.h"
#include "ctl/import.h"
#include "ctl/json.h"
#include "ctl/text.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

enum import_result {
	IMPORT_ADDED,
	IMPORT_CHANGED,
	IMPORT_UNCHANGED,
	IMPORT_FAILED,
	IMPORT_RESULTS,
};

static const char *const import_result_names[IMPORT_RESULTS] = {
	[IMPORT_ADDED] = "added",
	[IMPORT_CHANGED] = "changed",
	[IMPORT_UNCHANGED] = "unchanged",
	[IMPORT_FAILED] = "failed",
};

struct import_run {
	struct session *session;
	const char *file;
	bool dry;
	struct json_array array;
	size_t counts[IMPORT_RESULTS];
	size_t requested;
	int code;
	/* the line at hand */
	struct error error;
	int line_code;
};

/* What was found out about one line. */
struct import_outcome {
	enum import_result result;
	size_t aliases; /* added to an account that was there */
	bool requested;
};

static int import_call(struct import_run *run, const struct attr_list *request,
	const struct attr_list **reply_r)
{
	run->line_code =
		session_call(run->session, request, reply_r, &run->error);
	return run->line_code;
}

static bool import_is_alias(const struct attr_list *account, const char *alias)
{
	for (size_t i = 0; i < attr_list_count(account); i++)
		if (strcmp(attr_list_name(account, i), "alias") == 0 &&
			strcmp(attr_list_value(account, i), alias) == 0)
			return true;
	return false;
}

/* Whether what is there contradicts the line; the error says in what. */
static bool import_differs(struct import_run *run, const struct import_row *row,
	const struct attr_list *account)
{
	static const char *const names[] = { "source", "destination", "batch" };
	const char *address = attr_list_get(account, "address");

	run->line_code = EXIT_REFUSED;
	if (address != NULL && strcmp(address, row->address) != 0) {
		error_set(&run->error, "belongs to %s already", address);
		return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *wanted = attr_list_get(row->entry, names[i]);
		const char *is = attr_list_get(account, names[i]);

		if (wanted == NULL || (is != NULL && strcmp(is, wanted) == 0))
			continue;
		error_set(&run->error,
			"is there already with %s %s, the file says %s",
			names[i], is != NULL && *is != '\0' ? is : "none",
			wanted);
		return true;
	}
	run->line_code = 0;
	return false;
}

/* Adds the aliases that the line has and the account has not. -1: failed. */
static int import_add_aliases(struct import_run *run,
	const struct import_row *row, const struct attr_list *account,
	struct import_outcome *outcome)
{
	struct attr_list *missing = attr_list_new();
	int result = 0;

	/* account lives in the connection, which the loop below uses */
	for (size_t i = 0; i < attr_list_count(row->entry); i++) {
		const char *alias = attr_list_value(row->entry, i);

		if (strcmp(attr_list_name(row->entry, i), "alias") == 0 &&
			!import_is_alias(account, alias))
			attr_list_add(missing, "alias", alias);
	}
	for (size_t i = 0; i < attr_list_count(missing) && result == 0; i++) {
		struct attr_list *request =
			session_request("alias-add", row->address);
		const struct attr_list *reply;

		attr_list_add(request, "alias", attr_list_value(missing, i));
		session_add_by(request);
		if (!run->dry && import_call(run, request, &reply) != 0) {
			error_prefix(&run->error, "alias %s",
				attr_list_value(missing, i));
			result = -1;
		} else {
			outcome->aliases++;
		}
		attr_list_free(&request);
	}
	attr_list_free(&missing);
	return result;
}

static int import_request_move(
	struct import_run *run, const struct import_row *row)
{
	struct attr_list *request = session_request("move", row->address);
	const struct attr_list *reply;
	int code;

	for (size_t i = 0; i < attr_list_count(row->request); i++)
		attr_list_add(request, attr_list_name(row->request, i),
			attr_list_value(row->request, i));
	session_add_by(request);
	code = import_call(run, request, &reply);
	attr_list_free(&request);
	return code == 0 ? 0 : -1;
}

/* The line's account is there: brings it up to the line. */
static int import_compare(struct import_run *run, const struct import_row *row,
	const struct attr_list *account, struct import_outcome *outcome)
{
	const char *phase = attr_list_get(account, "phase");
	const char *home = attr_list_get(account, "home");
	/* moving already, or moved: the order was obeyed */
	bool idle = phase != NULL && home != NULL &&
		    strcmp(phase, account_phase_name(ACCOUNT_SETTLED)) == 0 &&
		    strcmp(home, account_home_name(ACCOUNT_SOURCE)) == 0;

	if (import_differs(run, row, account) ||
		import_add_aliases(run, row, account, outcome) < 0)
		return -1;
	if (row->request != NULL && idle) {
		if (!run->dry && import_request_move(run, row) < 0)
			return -1;
		outcome->requested = true;
	}
	outcome->result = outcome->aliases > 0 || outcome->requested
				  ? IMPORT_CHANGED
				  : IMPORT_UNCHANGED;
	return 0;
}

static int import_add(struct import_run *run, const struct import_row *row,
	struct import_outcome *outcome)
{
	struct attr_list *request =
		session_request("account-add", row->address);
	const struct attr_list *reply;
	int code = 0;

	for (size_t i = 0; i < attr_list_count(row->entry); i++)
		attr_list_add(request, attr_list_name(row->entry, i),
			attr_list_value(row->entry, i));
	session_add_by(request);
	if (!run->dry)
		code = import_call(run, request, &reply);
	attr_list_free(&request);
	if (code != 0)
		return -1;
	outcome->result = IMPORT_ADDED;
	if (row->request == NULL)
		return 0;
	if (!run->dry && import_request_move(run, row) < 0) {
		error_prefix(&run->error, "added, but not moved");
		return -1;
	}
	outcome->requested = true;
	return 0;
}

/* Looks first: most lines of a repeated import are there already. */
static int import_one(struct import_run *run, const struct import_row *row,
	struct import_outcome *outcome)
{
	struct attr_list *request =
		session_request("account-get", row->address);
	const struct attr_list *reply;
	int code = import_call(run, request, &reply);

	attr_list_free(&request);
	if (code == 0)
		return import_compare(run, row, reply, outcome);
	if (code == EXIT_REFUSED)
		return import_add(run, row, outcome);
	return -1;
}

static void import_report_json(struct import_run *run,
	const struct import_row *row, const struct import_outcome *outcome)
{
	struct attr_list *message = attr_list_new();

	attr_list_add_number(message, "line", (int64_t)row->line);
	attr_list_add(message, "address", row->address);
	attr_list_add(message, "result", import_result_names[outcome->result]);
	attr_list_add(message, "requested", outcome->requested ? "yes" : "no");
	attr_list_add_number(
		message, "aliases_added", (int64_t)outcome->aliases);
	if (outcome->result == IMPORT_FAILED)
		attr_list_add(message, "reason", run->error.text);
	json_array_add(&run->array, message);
	attr_list_free(&message);
}

static void import_report(struct import_run *run, const struct import_row *row,
	const struct import_outcome *outcome)
{
	const char *would = run->dry ? "would be " : "";
	char aliases[FIGURE_SIZE];

	if (run->session->json)
		import_report_json(run, row, outcome);
	if (outcome->result == IMPORT_FAILED) {
		char *object = xasprintf(
			"%s:%zu: %s", run->file, row->line, row->address);

		session_fail(run->session, run->line_code, object,
			run->error.text, NULL);
		free(object);
	} else if (!run->session->json && !run->session->quiet &&
		   outcome->result != IMPORT_UNCHANGED) {
		text_print(stdout, "%s: %s%s", row->address, would,
			import_result_names[outcome->result]);
		if (outcome->aliases > 0)
			printf(", %s more",
				figure_plural((int64_t)outcome->aliases,
					"address", aliases));
		fputs(outcome->requested ? ", move requested\n" : "\n", stdout);
	}
}

static void import_take_outcome(struct import_run *run,
	const struct import_row *row, struct import_outcome *outcome)
{
	if (outcome->result == IMPORT_FAILED)
		run->code = session_worse(run->code, run->line_code);
	run->counts[outcome->result]++;
	if (outcome->requested)
		run->requested++;
	import_report(run, row, outcome);
}

static bool import_has_lost(const struct import_run *run)
{
	return run->session->client == NULL && run->line_code != 0 &&
	       run->line_code != EX_TEMPFAIL;
}

static void import_rows(struct import_run *run, const struct import *import)
{
	size_t i = 0;

	if (run->session->json)
		json_array_begin(&run->array, stdout);
	while (i < import->count && !import_has_lost(run)) {
		struct import_outcome outcome = { .result = IMPORT_FAILED };

		run->line_code = 0;
		if (import_one(run, &import->rows[i], &outcome) < 0)
			outcome.result = IMPORT_FAILED;
		import_take_outcome(run, &import->rows[i], &outcome);
		i++;
	}
	if (run->session->json)
		json_array_end(&run->array);
	if (i < import->count) {
		char text[FIGURE_SIZE];
		struct error rest;

		error_set(&rest, "%s not looked at",
			figure_plural(
				(int64_t)(import->count - i), "line", text));
		session_fail(run->session, 0, run->file, rest.text, NULL);
	}
}

static void import_summary(const struct import_run *run)
{
	const char *would = run->dry ? "would be " : "";
	const char *gap = ": ";
	char text[FIGURE_SIZE];
	size_t all = 0;

	for (size_t i = 0; i < IMPORT_RESULTS; i++)
		all += run->counts[i];
	text_print(stdout, "%s: %s", run->file,
		figure_plural((int64_t)all, "account", text));
	for (size_t i = 0; i < IMPORT_RESULTS; i++) {
		if (run->counts[i] == 0)
			continue;
		printf("%s%s %s%s", gap,
			figure_count((int64_t)run->counts[i], text),
			i == IMPORT_UNCHANGED || i == IMPORT_FAILED ? ""
								    : would,
			import_result_names[i]);
		gap = ", ";
	}
	if (run->requested > 0)
		printf(", %s %srequested",
			figure_plural((int64_t)run->requested, "move", text),
			would);
	puts(run->dry ? "; nothing was done" : "");
}

static int import_refuse(
	struct session *session, const char *file, const struct import *import)
{
	struct json_array array;
	char count[FIGURE_SIZE];

	if (session->json)
		json_array_begin(&array, stdout);
	for (size_t i = 0; i < import->problems_count; i++) {
		const struct import_problem *problem = &import->problems[i];
		struct attr_list *message = attr_list_new();
		char *place =
			problem->column > 0
				? xasprintf("%s:%zu:%zu", file, problem->line,
					  problem->column)
				: xasprintf("%s:%zu", file, problem->line);

		session_fail(session, EX_DATAERR, place, problem->text, NULL);
		attr_list_add_number(message, "line", (int64_t)problem->line);
		attr_list_add_number(
			message, "column", (int64_t)problem->column);
		attr_list_add(message, "reason", problem->text);
		if (session->json)
			json_array_add(&array, message);
		attr_list_free(&message);
		free(place);
	}
	if (session->json)
		json_array_end(&array);
	return session_fail(session, EX_DATAERR, file,
		figure_plural((int64_t)import->problems_found, "error", count),
		"nothing was done");
}

static int import_load(
	struct session *session, const char *file, struct import *import)
{
	int fd = strcmp(file, "-") == 0 ? dup(STDIN_FILENO)
					: open(file, O_RDONLY | O_CLOEXEC);
	struct error error;
	int result;

	if (fd < 0)
		return session_fail(
			session, EX_NOINPUT, file, strerror(errno), NULL);
	/* with --socket there may be no configuration on this host */
	if (session->endpoint == NULL && session_config(session) == NULL) {
		close(fd);
		return EX_CONFIG;
	}
	result =
		import_read(fd, session->config, instant_now(), import, &error);
	close(fd);
	if (result < 0)
		return session_fail(
			session, EX_NOINPUT, file, error.text, NULL);
	return 0;
}

int import_command(struct session *session, const struct line *line)
{
	struct import import = { 0 };
	struct import_run run = { .session = session,
		.file = line_argument(line, 0),
		.dry = line_has(line, "dry-run") };
	int code = import_load(session, run.file, &import);

	if (code == 0 && import.problems_found > 0) {
		code = import_refuse(session, run.file, &import);
	} else if (code == 0) {
		import_rows(&run, &import);
		if (!session->json && !session->quiet)
			import_summary(&run);
		code = run.code;
	}
	import_clear(&import);
	return code;
}

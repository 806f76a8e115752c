/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the directory: add, remove, alias. */
#include <config.h>

#include <string.h>

#include "ctl/action.h"
#include "ctl/commands.h"
#include "ctl/text.h"

/* A misspelt system would be refused by policyd too, but not by name. */
static int entry_require(
	struct session *session, const struct line *line, const char *option)
{
	struct error error;
	const char *value = line_option(line, option);

	if (value != NULL && *value != '\0')
		return 0;
	error_set(&error, "--%s SYSTEM is required", option);
	return session_misused(session, error.text);
}

static bool entry_any(const struct account *account)
{
	(void)account;
	return true;
}

int entry_add(struct session *session, const struct line *line)
{
	static const struct action action = { "account-add", entry_any, NULL };
	struct action_targets targets = { 0 };
	struct attr_list *details;
	const char *alias;
	int code = entry_require(session, line, "source");

	if (code == 0)
		code = entry_require(session, line, "destination");
	if (code == 0)
		code = action_find(session, line, &action, &targets);
	if (code != 0)
		return code;
	details = attr_list_new();
	attr_list_add(details, "source", line_option(line, "source"));
	attr_list_add(details, "destination", line_option(line, "destination"));
	if (line_has(line, "home"))
		attr_list_add(details, "home", line_option(line, "home"));
	if (line_has(line, "batch"))
		attr_list_add(details, "batch", line_option(line, "batch"));
	for (size_t i = 0; (alias = line_option_at(line, "alias", i)) != NULL;
		i++)
		attr_list_add(details, "alias", alias);
	code = action_run(session, &action, details, &targets, NULL, NULL);
	attr_list_free(&details);
	action_targets_clear(&targets);
	return code;
}

int entry_remove(struct session *session, const struct line *line)
{
	static const struct action action = { "account-remove", entry_any,
		"removed" };
	struct action_targets targets = { 0 };
	struct attr_list *details = attr_list_new();
	int code = action_find(session, line, &action, &targets);

	if (code == 0)
		code = action_run(
			session, &action, details, &targets, NULL, NULL);
	action_targets_clear(&targets);
	attr_list_free(&details);
	return code;
}

/* One alias; the reply has nothing that is worth showing. */
static int entry_ask_alias(struct session *session, const char *verb,
	const char *address, const char *alias, const char *done,
	struct json_array *array)
{
	struct attr_list *request = session_request(verb, address);
	struct attr_list *result = attr_list_new();
	const struct attr_list *reply;
	struct error error;
	const char *status = control_status_name(CONTROL_ERROR);
	int code;

	attr_list_add(request, "alias", alias);
	session_add_by(request);
	code = session_call(session, request, &reply, &error);
	if (reply != NULL && attr_list_get(reply, "status") != NULL)
		status = attr_list_get(reply, "status");
	attr_list_add(result, "address", address);
	attr_list_add(result, "alias", alias);
	attr_list_add(result, "status", status);
	if (code != 0) {
		attr_list_add(result, "reason", error.text);
		session_fail(session, code, alias, error.text, NULL);
	} else if (!session->json && !session->quiet) {
		text_print(stdout, "%s: alias %s %s", address, alias, done);
		putchar('\n');
	}
	if (session->json)
		json_array_add(array, result);
	attr_list_free(&result);
	attr_list_free(&request);
	return code;
}

static int entry_alias(struct session *session, const struct line *line,
	const char *verb, const char *done)
{
	const char *address = line_argument(line, 0);
	struct json_array array;
	int code = 0;

	if (session->json)
		json_array_begin(&array, stdout);
	for (size_t i = 1; i < line_count(line); i++)
		code = session_worse(
			code, entry_ask_alias(session, verb, address,
				      line_argument(line, i), done, &array));
	if (session->json)
		json_array_end(&array);
	return code;
}

int entry_alias_add(struct session *session, const struct line *line)
{
	return entry_alias(session, line, "alias-add", "added");
}

int entry_alias_remove(struct session *session, const struct line *line)
{
	return entry_alias(session, line, "alias-remove", "removed");
}

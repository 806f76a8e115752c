/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the directory: add, remove, alias. */
#include <config.h>

#include <string.h>

#include "ctl/action.h"
#include "ctl/commands.h"
#include "ctl/text.h"
#include "lib/address.h"
#include "lib/buffer.h"

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

/*
 * Tells a typing error from what policyd may refuse for other reasons. With
 * --socket there may be no configuration here; policyd has one.
 */
static int entry_check_address(struct session *session, const char *text)
{
	struct address address;
	struct error error;

	if (address_parse(text, &address, &error) < 0)
		return session_fail(
			session, EX_DATAERR, NULL, error.text, NULL);
	if (session->endpoint != NULL)
		return 0;
	if (session_config(session) == NULL)
		return EX_CONFIG;
	if (config_domain(session->config, address_domain(&address)) != NULL)
		return 0;
	error_set(&error, "domain %s is not in the configuration",
		address_domain(&address));
	return session_fail(session, EX_DATAERR, text, error.text,
		"give it a section `domain` there");
}

static int entry_check_system(
	struct session *session, const struct line *line, const char *option)
{
	const char *name = line_option(line, option);
	struct buffer names = BUFFER_EMPTY;
	struct error error;

	if (session->endpoint != NULL)
		return 0;
	if (session_config(session) == NULL)
		return EX_CONFIG;
	if (config_system(session->config, name) != NULL)
		return 0;
	error_set(&error, "--%s: system %s is not in the configuration", option,
		name);
	for (size_t i = 0; i < session->config->systems_count; i++)
		buffer_printf(&names, "%s%s", i == 0 ? "there are: " : ", ",
			session->config->systems[i].name);
	session_fail(session, EX_DATAERR, NULL, error.text, names.data);
	buffer_free(&names);
	return EX_DATAERR;
}

static int entry_check_addresses(
	struct session *session, const struct line *line)
{
	const char *text;
	int code = 0;

	for (size_t i = 0; (text = line_argument(line, i)) != NULL; i++)
		code = session_worse(code, entry_check_address(session, text));
	for (size_t i = 0; (text = line_option_at(line, "alias", i)) != NULL;
		i++)
		code = session_worse(code, entry_check_address(session, text));
	return code;
}

static int entry_check_home(struct session *session, const struct line *line)
{
	const char *text = line_option(line, "home");
	enum account_home home;

	if (text == NULL || account_home_parse(text, &home) == 0)
		return 0;
	return session_misused(session, "--home is source or destination");
}

/* All that can be told without policyd. */
static int entry_check(struct session *session, const struct line *line)
{
	int code = entry_require(session, line, "source");

	if (code == 0)
		code = entry_require(session, line, "destination");
	if (code == 0)
		code = entry_check_home(session, line);
	if (code == 0)
		code = entry_check_system(session, line, "source");
	if (code == 0)
		code = entry_check_system(session, line, "destination");
	if (code == 0 && strcmp(line_option(line, "source"),
				 line_option(line, "destination")) == 0)
		code = session_misused(session,
			"--source and --destination are the same system");
	if (code == 0)
		code = entry_check_addresses(session, line);
	return code;
}

int entry_add(struct session *session, const struct line *line)
{
	static const struct action action = { "account-add", NULL, NULL };
	struct action_targets targets = { 0 };
	struct attr_list *details;
	const char *alias;
	int code = entry_check(session, line);

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

/*
 * Mail of an account that is in no directory goes to its domain's default
 * system: when that is not where the account is, it goes astray.
 */
static int entry_check_removal(struct session *session, const char *address)
{
	const struct config_domain *domain;
	struct account account;
	struct error error;
	const char *home;
	int code = 0;

	if (session_config(session) == NULL)
		return EX_CONFIG;
	/* what is not there is told by the request itself */
	if (session_get_account(session, address, &account, &error) != 0)
		return 0;
	domain = config_domain(
		session->config, strchr(account.address, '@') + 1);
	home = account_home_system(&account);
	if (domain != NULL && domain->default_system != NULL &&
		account.phase != ACCOUNT_RETIRED &&
		strcmp(domain->default_system, home) != 0) {
		error_set(&error,
			"it is at %s, and its mail would go to %s, the default "
			"of its domain",
			home, domain->default_system);
		code = session_fail(session, EXIT_REFUSED, account.address,
			error.text, "make its home the default, or --force");
	}
	account_clear(&account);
	return code;
}

static int entry_check_removals(
	struct session *session, const struct action_targets *targets)
{
	int code = 0;

	for (size_t i = 0; i < targets->count && code != EX_CONFIG; i++)
		code = session_worse(code,
			entry_check_removal(session, targets->addresses[i]));
	return code;
}

int entry_remove(struct session *session, const struct line *line)
{
	static const struct action action = { "account-remove", NULL,
		"removed" };
	struct action_targets targets = { 0 };
	struct attr_list *details = attr_list_new();
	int code = action_find(session, line, &action, &targets);

	/* with --socket the configuration is elsewhere */
	if (code == 0 && session->endpoint == NULL && !line_has(line, "force"))
		code = entry_check_removals(session, &targets);
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
	const char *status = control_status_name(CONTROL_ERROR), *reason;
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
		reason = session_bare_reason(error.text, alias);
		attr_list_add(result, "reason", reason);
		session_fail(session, code, alias, reason, NULL);
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
	int code = entry_check_addresses(session, line);

	if (code != 0)
		return code;
	return entry_alias(session, line, "alias-add", "added");
}

int entry_alias_remove(struct session *session, const struct line *line)
{
	return entry_alias(session, line, "alias-remove", "removed");
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What shall happen to an account: move, return, hold, freeze and the like. */
#include <config.h>

#include <string.h>

#include "ctl/action.h"
#include "ctl/commands.h"
#include "ctl/follow.h"
#include "lib/instant.h"

static bool move_may_go(const struct account *account)
{
	return account->phase == ACCOUNT_SETTLED &&
	       account->home == ACCOUNT_SOURCE;
}

static bool move_may_return(const struct account *account)
{
	return account->phase == ACCOUNT_SETTLED &&
	       account->home == ACCOUNT_DESTINATION;
}

static bool move_may_cancel(const struct account *account)
{
	return account->phase == ACCOUNT_REQUESTED ||
	       account->phase == ACCOUNT_COPYING ||
	       account->phase == ACCOUNT_READY;
}

static bool move_may_complete(const struct account *account)
{
	return move_may_cancel(account) && account->complete_after != 0;
}

static bool move_may_settle(const struct account *account)
{
	return account->phase == ACCOUNT_SWEEPING;
}

static bool move_is_free(const struct account *account)
{
	return !account->held && account->phase != ACCOUNT_RETIRED;
}

static bool move_is_held(const struct account *account)
{
	return account->held;
}

/* Says which option is wrong; EX_USAGE. */
static int move_bad_value(
	struct session *session, const char *option, const struct error *error)
{
	struct error whole = *error;

	error_prefix(&whole, "--%s", option);
	return session_misused(session, whole.text);
}

/* An option that is an instant, under its name in the protocol. */
static int move_add_instant(struct session *session, const struct line *line,
	const char *option, const char *name, struct attr_list *details)
{
	const char *text = line_option(line, option);
	struct error error;
	int64_t instant;

	if (text == NULL)
		return 0;
	if (instant_parse(text, instant_now(), &instant, &error) < 0)
		return move_bad_value(session, option, &error);
	if (instant == INSTANT_NEVER)
		attr_list_add(details, name, "never");
	else
		attr_list_add_number(details, name, instant);
	return 0;
}

static int move_add_budget(struct session *session, const struct line *line,
	struct attr_list *details)
{
	const char *text = line_option(line, "freeze-budget");
	struct error error;
	int64_t ms;

	if (text == NULL)
		return 0;
	if (duration_parse(text, &ms, &error) < 0)
		return move_bad_value(session, "freeze-budget", &error);
	if (ms <= 0)
		return session_misused(
			session, "--freeze-budget: nothing moves in no time");
	attr_list_add_number(details, "freeze_budget", ms);
	return 0;
}

static int move_add_strategy(struct session *session, const struct line *line,
	struct attr_list *details)
{
	const char *name = line_option(line, "strategy");
	const struct account_strategy *strategy;
	struct error error;

	if (name == NULL)
		return 0;
	if (account_strategy_find(name) == NULL) {
		struct buffer names = BUFFER_EMPTY;

		for (size_t i = 0; (strategy = account_strategy_at(i)) != NULL;
			i++)
			buffer_printf(&names, "%s%s", i > 0 ? ", " : "",
				strategy->name);
		error_set(&error, "no strategy %s; there are: %s", name,
			names.data);
		buffer_free(&names);
		return move_bad_value(session, "strategy", &error);
	}
	attr_list_add(details, "strategy", name);
	return 0;
}

/* The request's own attributes. Returns 0 or the exit code. */
static int move_read(struct session *session, const struct line *line,
	struct attr_list *details)
{
	int code;

	if (line_has(line, "manual") && line_has(line, "complete-after"))
		return session_misused(
			session, "--manual or --complete-after, not both");
	if (line_has(line, "park") && line_has(line, "defer"))
		return session_misused(session, "--park or --defer, not both");
	code = move_add_strategy(session, line, details);
	if (code == 0)
		code = move_add_instant(
			session, line, "not-before", "not_before", details);
	if (code == 0)
		code = move_add_instant(session, line, "complete-after",
			"complete_after", details);
	if (code == 0)
		code = move_add_budget(session, line, details);
	if (line_has(line, "manual"))
		attr_list_add(details, "complete_after", "never");
	if (line_has(line, "park"))
		attr_list_add(
			details, "mail", account_mail_name(ACCOUNT_MAIL_PARK));
	if (line_has(line, "defer"))
		attr_list_add(
			details, "mail", account_mail_name(ACCOUNT_MAIL_DEFER));
	return code;
}

/* Asks, and stays until each that was accepted is settled or has failed. */
static int move_and_wait(struct session *session, const struct action *action,
	const struct attr_list *details, const struct action_targets *targets,
	enum account_home to)
{
	struct action_targets done = { 0 };
	struct json_array array;
	struct follow *follow = NULL;
	/* watching begins before the first request: no event is missed */
	int code = follow_open(session, NULL, &follow);

	if (code != 0)
		return code;
	if (session->json)
		json_array_begin(&array, stdout);
	code = action_run(session, action, details, targets, &done, &array);
	if (done.count > 0)
		code = session_worse(
			code, follow_accounts(follow, done.addresses,
				      done.count, to, &array));
	if (session->json)
		json_array_end(&array);
	follow_close(&follow);
	action_targets_clear(&done);
	return code;
}

static int move_request(struct session *session, const struct line *line,
	const struct action *action, enum account_home to)
{
	struct attr_list *details = attr_list_new();
	struct action_targets targets = { 0 };
	int code = move_read(session, line, details);

	if (code == 0)
		code = action_find(session, line, action, &targets);
	if (code == 0 && line_has(line, "wait"))
		code = move_and_wait(session, action, details, &targets, to);
	else if (code == 0)
		code = action_run(
			session, action, details, &targets, NULL, NULL);
	action_targets_clear(&targets);
	attr_list_free(&details);
	return code;
}

int move_there(struct session *session, const struct line *line)
{
	static const struct action action = { "move", move_may_go, NULL };

	return move_request(session, line, &action, ACCOUNT_DESTINATION);
}

int move_back(struct session *session, const struct line *line)
{
	static const struct action action = { "return", move_may_return, NULL };

	return move_request(session, line, &action, ACCOUNT_SOURCE);
}

/* Those that take nothing but accounts and, some, a reason. */
static int move_simply(struct session *session, const struct line *line,
	const struct action *action)
{
	struct attr_list *details = attr_list_new();
	const char *reason = line_option(line, "reason");
	struct action_targets targets = { 0 };
	int code;

	if (reason != NULL)
		attr_list_add(details, "reason", reason);
	if (line_has(line, "force"))
		attr_list_add(details, "force", "yes");
	code = action_find(session, line, action, &targets);
	if (code == 0)
		code = action_run(
			session, action, details, &targets, NULL, NULL);
	action_targets_clear(&targets);
	attr_list_free(&details);
	return code;
}

static int move_with_reason(struct session *session, const struct line *line,
	const struct action *action)
{
	const char *reason = line_option(line, "reason");

	if (reason == NULL || *reason == '\0')
		return session_misused(session, "--reason TEXT is required");
	return move_simply(session, line, action);
}

int move_cancel(struct session *session, const struct line *line)
{
	static const struct action action = { "cancel", move_may_cancel, NULL };

	return move_simply(session, line, &action);
}

int move_complete(struct session *session, const struct line *line)
{
	static const struct action action = { "complete", move_may_complete,
		NULL };

	return move_simply(session, line, &action);
}

int move_settle(struct session *session, const struct line *line)
{
	static const struct action action = { "settle", move_may_settle, NULL };

	return move_simply(session, line, &action);
}

int move_retire(struct session *session, const struct line *line)
{
	static const struct action action = { "retire", move_may_return, NULL };

	return move_simply(session, line, &action);
}

int move_hold(struct session *session, const struct line *line)
{
	static const struct action action = { "hold", move_is_free, NULL };

	return move_with_reason(session, line, &action);
}

int move_resume(struct session *session, const struct line *line)
{
	static const struct action action = { "resume", move_is_held, NULL };

	return move_simply(session, line, &action);
}

int move_freeze(struct session *session, const struct line *line)
{
	static const struct action action = { "freeze", move_may_cancel, NULL };

	return move_simply(session, line, &action);
}

int move_thaw(struct session *session, const struct line *line)
{
	static const struct action action = { "thaw", account_is_frozen, NULL };

	return move_with_reason(session, line, &action);
}

int move_in_service(struct session *session, const struct line *line)
{
	static const struct action action = { "in-service", account_is_frozen,
		NULL };

	if (line_has(line, "force"))
		return move_with_reason(session, line, &action);
	return move_simply(session, line, &action);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests for several accounts, see action.h. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "ctl/action.h"
#include "ctl/describe.h"
#include "lib/figure.h"
#include "ctl/json.h"
#include "ctl/text.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

static void action_targets_add(
	struct action_targets *targets, const char *address)
{
	if (targets->count == targets->room) {
		targets->room = targets->room == 0 ? 16 : targets->room * 2;
		targets->addresses = xreallocarray(targets->addresses,
			targets->room, sizeof(*targets->addresses));
	}
	targets->addresses[targets->count++] = xstrdup(address);
}

void action_targets_clear(struct action_targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		free(targets->addresses[i]);
	free(targets->addresses);
	memset(targets, 0, sizeof(*targets));
}

struct action_batch {
	const struct action *action;
	struct action_targets *targets;
	struct error *error;
	bool bad;
};

static bool action_find_one(const struct attr_list *message, void *context)
{
	struct action_batch *batch = context;
	struct account account;

	if (account_scan(message, &account, batch->error) < 0) {
		batch->bad = true;
		return false;
	}
	if (batch->action->concerns(&account))
		action_targets_add(batch->targets, account.address);
	else
		batch->targets->passed++;
	account_clear(&account);
	return true;
}

static int action_find_batch(struct session *session, const char *name,
	const struct action *action, struct action_targets *targets)
{
	struct attr_list *filter = attr_list_new();
	struct error error;
	struct action_batch batch = { action, targets, &error, false };
	int code;

	attr_list_add(filter, "request", "account-list");
	attr_list_add(filter, "batch", name);
	code = session_list_accounts(
		session, filter, SIZE_MAX, action_find_one, &batch, &error);
	attr_list_free(&filter);
	if (code == 0 && batch.bad)
		code = EX_TEMPFAIL;
	if (code == 0 && targets->count + targets->passed == 0) {
		error_set(&error, "no account is in it");
		code = EXIT_REFUSED;
	}
	if (code != 0) {
		char *object = xasprintf("batch %s", name);

		session_fail(session, code, object, error.text, NULL);
		free(object);
	}
	return code;
}

int action_find(struct session *session, const struct line *line,
	const struct action *action, struct action_targets *targets_r)
{
	const char *batch =
		action->concerns != NULL ? line_option(line, "batch") : NULL;

	memset(targets_r, 0, sizeof(*targets_r));
	if (batch != NULL && line_count(line) > 0)
		return session_misused(
			session, "addresses or --batch, not both");
	if (batch != NULL)
		return action_find_batch(session, batch, action, targets_r);
	if (line_count(line) == 0)
		return session_misused(
			session, "which account? ADDRESS or --batch BATCH");
	for (size_t i = 0; i < line_count(line); i++)
		action_targets_add(targets_r, line_argument(line, i));
	return 0;
}

/* One accepted request, or one refused, in the form that was asked for. */
struct action_report {
	struct session *session;
	const struct action *action;
	struct json_array *array;
	struct action_targets *done;
	int code;
	size_t accepted;
	bool lost; /* policyd is gone: no use to ask for the rest */
};

static void action_tell(const struct account *account)
{
	struct buffer state = BUFFER_EMPTY;

	describe_state(account, instant_now(), &state);
	if (account->held)
		buffer_printf(&state, ", held: %s", account->hold_reason);
	text_print(stdout, "%s: %s", account->address, state.data);
	putchar('\n');
	buffer_free(&state);
}

/* message: the account as it is now, or NULL when that is not known. */
static void action_accepted(struct action_report *report, const char *address,
	const struct attr_list *message)
{
	const struct session *session = report->session;
	bool tells = !session->json && !session->quiet;
	struct attr_list *bare = attr_list_new();
	struct account account;

	report->accepted++;
	attr_list_add(bare, "address", address);
	attr_list_add(bare, "status", control_status_name(CONTROL_OK));
	if (session->json && report->done == NULL)
		json_array_add(report->array, message != NULL ? message : bare);
	attr_list_free(&bare);
	if (message != NULL && account_scan(message, &account, NULL) == 0) {
		if (report->done != NULL)
			action_targets_add(report->done, account.address);
		if (tells)
			action_tell(&account);
		account_clear(&account);
	} else if (tells) {
		const char *done = report->action->done;

		text_print(stdout, "%s: %s", address,
			done != NULL ? done : "done");
		putchar('\n');
	}
}

/*
 * What to do about a refusal. A reason in terms of the machine is replaced by
 * the phase that the account is in.
 */
static char *action_advice(struct action_report *report, int code,
	const char *status, const char *address, struct error *reason)
{
	struct account account;
	struct error error;
	char *advice;

	if (code == EX_TEMPFAIL && status == NULL)
		return xasprintf(
			"it is done or not: `rehome show %s` tells", address);
	if (code != EXIT_REFUSED || status == NULL ||
		strcmp(status, control_status_name(CONTROL_CONFLICT)) != 0)
		return NULL;
	if (session_get_account(report->session, address, &account, &error) !=
		0)
		return NULL;
	if (strstr(reason->text, "no such transition") != NULL)
		error_set(
			reason, "it is %s", account_phase_name(account.phase));
	advice = describe_way_out(report->session->command->name, &account);
	account_clear(&account);
	return advice;
}

static void action_refused(struct action_report *report, const char *address,
	int code, const struct attr_list *reply, const struct error *error)
{
	/* the advice needs the connection, which the reply lives in */
	char *status =
		reply != NULL ? xstrdup(attr_list_get(reply, "status")) : NULL;
	struct error whole = *error;
	char *advice = action_advice(report, code, status, address, &whole);
	const char *reason = session_bare_reason(whole.text, address);

	report->code = session_worse(report->code, code);
	if (report->session->json) {
		struct attr_list *message = attr_list_new();

		attr_list_add(message, "address", address);
		attr_list_add(message, "status",
			status != NULL ? status
				       : control_status_name(CONTROL_ERROR));
		attr_list_add(message, "reason", reason);
		json_array_add(report->array, message);
		attr_list_free(&message);
	}
	session_fail(report->session, code, address, reason, advice);
	report->lost = code == EX_UNAVAILABLE || code == EX_CONFIG ||
		       (code == EX_NOPERM && status == NULL);
	free(advice);
	free(status);
}

/* Makes the request; a reply without the account is completed by a look. */
static int action_ask(struct session *session, const struct action *action,
	const struct attr_list *details, const char *address,
	const struct attr_list **reply_r, struct error *error)
{
	struct attr_list *request = session_request(action->verb, address);
	int code;

	for (size_t i = 0; i < attr_list_count(details); i++)
		attr_list_add(request, attr_list_name(details, i),
			attr_list_value(details, i));
	session_add_by(request);
	code = session_call(session, request, reply_r, error);
	attr_list_free(&request);
	if (code != 0 || attr_list_get(*reply_r, "phase") != NULL)
		return code;
	if (action->done == NULL) {
		request = session_request("account-get", address);
		if (session_call(session, request, reply_r, NULL) != 0)
			*reply_r = NULL; /* done it is all the same */
		attr_list_free(&request);
	} else {
		*reply_r = NULL;
	}
	return 0;
}

static void action_summary(const struct action_report *report,
	const struct action_targets *targets, size_t asked)
{
	char one[FIGURE_SIZE], two[FIGURE_SIZE];
	const struct session *session = report->session;
	struct error rest;

	if (report->lost && asked < targets->count) {
		error_set(&rest, "%s not asked for",
			figure_plural((int64_t)(targets->count - asked),
				"more account", one));
		session_fail(session, 0, NULL, rest.text, NULL);
	}
	if (session->json || session->quiet ||
		(targets->passed == 0 && targets->count < 2))
		return;
	printf("%s: %s done", session->command->name,
		figure_plural((int64_t)report->accepted, "account", one));
	if (asked > report->accepted)
		printf(", %s not",
			figure_count((int64_t)(asked - report->accepted), two));
	if (targets->passed > 0)
		printf(", %s of the batch passed over (not in a phase for it)",
			figure_count((int64_t)targets->passed, two));
	putchar('\n');
}

int action_run(struct session *session, const struct action *action,
	const struct attr_list *details, const struct action_targets *targets,
	struct action_targets *done_r, struct json_array *array)
{
	struct json_array own;
	struct action_report report = { .session = session,
		.action = action,
		.done = done_r,
		.array = array != NULL ? array : &own };
	const struct attr_list *reply;
	struct error error;
	size_t asked = 0;

	if (session->json && array == NULL)
		json_array_begin(&own, stdout);
	while (asked < targets->count && !report.lost) {
		const char *address = targets->addresses[asked++];
		int code = action_ask(
			session, action, details, address, &reply, &error);

		if (code == 0)
			action_accepted(&report, address, reply);
		else
			action_refused(&report, address, code, reply, &error);
	}
	if (session->json && array == NULL)
		json_array_end(&own);
	action_summary(&report, targets, asked);
	return report.code;
}

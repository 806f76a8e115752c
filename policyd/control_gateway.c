/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs about gateways, their sessions, and what was seen of logins. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "policyd/gateway_link.h"
#include "policyd/server_control.h"

#define CONTROL_SESSIONS_MAX 10000
#define CONTROL_SILENT_MAX   1000
/* Accounts that one request looks at; the next one goes on behind them. */
#define CONTROL_SILENT_LOOKS 20000

/* ---- gateways ---- */

struct control_messages {
	struct buffer text;
	size_t count;
};

static void control_add_message(
	struct control_messages *messages, struct attr_list **message)
{
	attr_print(*message, ATTR_CONTROL, &messages->text);
	attr_list_free(message);
	messages->count++;
}

/* The list's head and its messages. */
static void control_send_messages(struct control_request *request,
	struct control_messages *messages, const char *name, const char *value)
{
	struct attr_list *reply = control_ok();

	attr_list_printf(reply, "records", "%zu", messages->count);
	if (value != NULL)
		attr_list_add(reply, name, value);
	control_send(request, &reply);
	buffer_add(request->out, messages->text.data, messages->text.size);
	buffer_free(&messages->text);
}

static void control_add_gateway(const struct sessions_identity *identity,
	const char *state, size_t count, int64_t left, void *context)
{
	struct attr_list *message = attr_list_new();

	attr_list_add(message, "gateway", identity->name);
	attr_list_add(message, "instance", identity->instance);
	attr_list_add_number(message, "pid", identity->pid);
	attr_list_add(message, "state", state);
	attr_list_printf(message, "sessions", "%zu", count);
	attr_list_add_number(message, "left", left);
	control_add_message(context, &message);
}

static void control_gateways(struct control_request *request)
{
	struct control_messages messages = { .count = 0 };

	sessions_each_gateway(gateways_sessions(request->service->gateways),
		instant_monotonic(), control_add_gateway, &messages);
	control_send_messages(request, &messages, NULL, NULL);
}

/* ---- sessions ---- */

struct control_sessions {
	struct control_messages messages;
	size_t limit;
	int64_t now;
	bool more;
};

static bool control_add_session(const struct sessions_view *view, void *context)
{
	struct control_sessions *sessions = context;
	struct attr_list *message;

	if (sessions->messages.count == sessions->limit) {
		sessions->more = true;
		return false;
	}
	message = attr_list_new();
	attr_list_add(message, "address", view->entry.address);
	attr_list_add(message, "protocol", view->entry.protocol);
	attr_list_add(message, "system", view->entry.system);
	attr_list_add(message, "client", view->entry.client);
	attr_list_add_number(message, "since", view->entry.since);
	attr_list_add_number(message, "idle",
		view->quiet_since != 0 && view->quiet_since < sessions->now
			? sessions->now - view->quiet_since
			: 0);
	attr_list_add(message, "gateway", view->gateway);
	attr_list_printf(message, "session", "%" PRIu64, view->number);
	attr_list_add(message, "lost", view->link == NULL ? "yes" : "no");
	control_add_message(&sessions->messages, &message);
	return true;
}

/* Of those who are in no directory there may be sessions, too. */
static enum control_status control_anybody(
	const struct control_request *request, char address_r[ADDRESS_SIZE],
	struct error *error)
{
	enum control_status status =
		control_account(request, address_r, NULL, error);

	return status == CONTROL_NOT_FOUND && address_r[0] != '\0' ? CONTROL_OK
								   : status;
}

static void control_sessions(struct control_request *request)
{
	struct control_sessions sessions = { .now = instant_now() };
	bool all = control_text(request, "address") == NULL;
	int64_t limit = CONTROL_SESSIONS_MAX;
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	if (control_number(request, "limit", 1, &limit, &error) == 0)
		status = all ? CONTROL_OK
			     : control_anybody(request, address, &error);
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	sessions.limit =
		(size_t)(limit < CONTROL_SESSIONS_MAX ? limit
						      : CONTROL_SESSIONS_MAX);
	sessions_scan(gateways_sessions(request->service->gateways),
		all ? NULL : address, control_add_session, &sessions);
	control_send_messages(request, &sessions.messages, "more",
		sessions.more ? "yes" : "no");
}

/* ---- kick ---- */

struct control_kick {
	const char *gateway; /* or NULL: of all */
	int64_t number;	     /* -1: all */
	size_t count;
};

static bool control_kick_session(
	const struct sessions_view *view, void *context)
{
	struct control_kick *kick = context;
	struct attr_list *message;

	if (view->link == NULL ||
		(kick->gateway != NULL &&
			strcmp(kick->gateway, view->gateway) != 0) ||
		(kick->number >= 0 && (uint64_t)kick->number != view->number))
		return true;
	message = attr_list_new();
	attr_list_add(message, "event", "kick");
	attr_list_printf(message, "session", "%" PRIu64, view->number);
	gateway_link_push(view->link, message);
	attr_list_free(&message);
	kick->count++;
	return true;
}

static void control_kick(struct control_request *request)
{
	struct control_kick kick = {
		.gateway = control_text(request, "gateway"),
		.number = -1,
	};
	char address[ADDRESS_SIZE];
	struct attr_list *reply;
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	if (control_number(request, "session", 0, &kick.number, &error) == 0)
		status = control_anybody(request, address, &error);
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	sessions_scan(gateways_sessions(request->service->gateways), address,
		control_kick_session, &kick);
	if (kick.count > 0)
		log_account(request->service->log, LOG_NOTICE, address,
			"%zu sessions kicked by %s", kick.count, request->by);
	reply = control_ok();
	attr_list_printf(reply, "kicked", "%zu", kick.count);
	control_send(request, &reply);
}

/* ---- seen, silent ---- */

/* What was seen of an account; 0 or -1. */
static int control_read_seen(struct service *service, const char *address,
	struct seen *seen_r, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	int found = store_get_document(
		service->store, address, SEEN_DOCUMENT, NULL, &text, error);

	seen_read(seen_r, found > 0 ? text.data : "");
	buffer_free(&text);
	return found < 0 ? -1 : 0;
}

static void control_seen(struct control_request *request)
{
	struct control_messages messages = { .count = 0 };
	char address[ADDRESS_SIZE];
	struct seen seen;
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK) {
		logins_flush(request->service->logins);
		if (control_read_seen(
			    request->service, address, &seen, &error) < 0)
			status = CONTROL_ERROR;
	}
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	for (size_t i = 0; i < seen.count; i++) {
		struct attr_list *message = attr_list_new();

		attr_list_add(message, "protocol", seen.ways[i].protocol);
		attr_list_add(message, "mechanism", seen.ways[i].mechanism);
		attr_list_add(message, "client", seen.ways[i].client);
		attr_list_add_number(message, "last", seen.ways[i].last);
		control_add_message(&messages, &message);
	}
	control_send_messages(request, &messages, NULL, NULL);
}

struct control_silent {
	struct service *service;
	struct control_messages messages;
	struct seen seen;
	int64_t since;
	int64_t limit;
	int64_t looks;
	char last[ADDRESS_SIZE]; /* that was looked at */
	bool more, failed;
	struct error *error;
};

static bool control_add_silent(const struct account *account, void *context)
{
	struct control_silent *silent = context;
	struct attr_list *message;
	int64_t last;

	if ((int64_t)silent->messages.count == silent->limit ||
		silent->looks == CONTROL_SILENT_LOOKS) {
		silent->more = true;
		return false;
	}
	if (control_read_seen(silent->service, account->address, &silent->seen,
		    silent->error) < 0) {
		silent->failed = true;
		return false;
	}
	silent->looks++;
	memcpy(silent->last, account->address, sizeof(silent->last));
	last = seen_last(&silent->seen);
	if (last > 0 && last >= silent->since)
		return true;
	message = attr_list_new();
	attr_list_add(message, "address", account->address);
	attr_list_add(message, "phase", account_phase_name(account->phase));
	attr_list_add(message, "home", account_home_name(account->home));
	attr_list_add(message, "batch", account->batch);
	attr_list_add_number(message, "last", last);
	control_add_message(&silent->messages, &message);
	return true;
}

static void control_silent(struct control_request *request)
{
	struct store_filter filter = {
		.batch = control_text(request, "batch"),
		.after = control_text(request, "after"),
	};
	struct error error = { "" };
	struct control_silent silent = {
		.service = request->service,
		.limit = CONTROL_SILENT_MAX,
		.error = &error,
	};

	logins_flush(request->service->logins);
	if (control_instant(request, "since", &silent.since, &error) < 0 ||
		control_number(request, "limit", 1, &silent.limit, &error) <
			0) {
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	if (silent.limit > CONTROL_SILENT_MAX)
		silent.limit = CONTROL_SILENT_MAX;
	if (store_scan_accounts(request->service->store, &filter,
		    control_add_silent, &silent, &error) < 0 ||
		silent.failed) {
		buffer_free(&silent.messages.text);
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	control_send_messages(request, &silent.messages, "next",
		silent.more ? silent.last : NULL);
}

/* ---- for workers ---- */

static void control_secret(struct control_request *request)
{
	struct buffer sealed = BUFFER_EMPTY;
	char address[ADDRESS_SIZE], system[ACCOUNT_NAME_SIZE];
	struct attr_list *reply;
	int64_t epoch = 0;
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	if (control_number(request, "epoch", 0, &epoch, &error) == 0)
		status = control_account(request, address, NULL, &error);
	if (status == CONTROL_OK)
		status = machine_secret(request->service->machine, address,
			(uint64_t)epoch, &sealed, system, &error);
	if (status == CONTROL_OK) {
		reply = control_ok();
		attr_list_add(reply, "system", system);
		attr_list_add(reply, "sealed", sealed.data);
		control_send(request, &reply);
	} else {
		control_fail(request, status, &error);
	}
	buffer_free(&sealed);
}

static void control_quiet(struct control_request *request)
{
	char address[ADDRESS_SIZE];
	struct attr_list *reply;
	int64_t epoch = 0;
	bool quiet = false;
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	if (control_number(request, "epoch", 0, &epoch, &error) == 0)
		status = control_account(request, address, NULL, &error);
	if (status == CONTROL_OK)
		status = machine_quiet(request->service->machine, address,
			(uint64_t)epoch, &quiet, &error);
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	reply = control_ok();
	attr_list_add(reply, "quiet", quiet ? "yes" : "no");
	control_send(request, &reply);
}

const struct control_verb control_gateway_verbs[] = {
	{ "gateways", control_gateways, "", "", CONTROL_EVERYBODY },
	{ "sessions", control_sessions, "", "address limit",
		CONTROL_EVERYBODY },
	{ "kick", control_kick, "address", "gateway session",
		CONTROL_EVERYBODY },
	{ "seen", control_seen, "address", "", CONTROL_EVERYBODY },
	{ "silent", control_silent, "", "since batch limit after",
		CONTROL_EVERYBODY },
	{ "quiet", control_quiet, "address epoch", "worker",
		CONTROL_EVERYBODY },
	{ "secret", control_secret, "address epoch", "worker", CONTROL_OWNER },
	{ .name = NULL },
};

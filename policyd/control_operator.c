/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs by which operators ask for moves and take a hand in them. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "policyd/server_control.h"

static int control_read_words(const struct control_request *request,
	struct account *wanted, struct error *error)
{
	const char *strategy = control_text(request, "strategy");
	const char *mail = control_text(request, "mail");
	const char *batch = control_text(request, "batch");

	if (strategy != NULL) {
		wanted->strategy = account_strategy_find(strategy);
		if (wanted->strategy == NULL) {
			error_set(error,
				"strategy %.100s: there is no such strategy",
				strategy);
			return -1;
		}
	}
	if (mail != NULL && account_mail_parse(mail, &wanted->mail) < 0) {
		error_set(error, "mail %.100s: neither defer nor park", mail);
		return -1;
	}
	if (batch != NULL && strlen(batch) >= sizeof(wanted->batch)) {
		error_set(error, "batch %.40s...: longer than %zu bytes", batch,
			sizeof(wanted->batch) - 1);
		return -1;
	}
	if (batch != NULL)
		memcpy(wanted->batch, batch, strlen(batch) + 1);
	return 0;
}

static int control_read_request(const struct control_request *request,
	struct account *wanted, struct error *error)
{
	account_init(wanted);
	wanted->freeze_budget =
		request->settings->config->policyd.freeze_budget;
	snprintf(wanted->requested_by, sizeof(wanted->requested_by), "%s",
		request->by);
	if (control_read_words(request, wanted, error) < 0 ||
		control_instant(request, "not_before", &wanted->not_before,
			error) < 0 ||
		control_instant(request, "complete_after",
			&wanted->complete_after, error) < 0 ||
		control_number(request, "freeze_budget", 1,
			&wanted->freeze_budget, error) < 0)
		return -1;
	return 0;
}

static void control_request_move(
	struct control_request *request, enum account_home to)
{
	struct account wanted, account;
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	if (control_read_request(request, &wanted, &error) == 0)
		status = control_account(request, address, NULL, &error);
	if (status == CONTROL_OK)
		status = machine_request(request->service->machine, address,
			&wanted, to, &account, &error);
	control_answer_account(request, status, &account, &error);
}

static void control_move(struct control_request *request)
{
	control_request_move(request, ACCOUNT_DESTINATION);
}

static void control_return(struct control_request *request)
{
	control_request_move(request, ACCOUNT_SOURCE);
}

static void control_operate(
	struct control_request *request, enum machine_deed deed)
{
	struct account account;
	char address[ADDRESS_SIZE];
	bool force = false;
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	if (control_switch(request, "force", &force, &error) == 0)
		status = control_account(request, address, NULL, &error);
	if (status == CONTROL_OK)
		status = machine_operate(request->service->machine, address,
			deed, force, control_text(request, "reason"),
			request->by, &account, &error);
	control_answer_account(request, status, &account, &error);
}

static void control_cancel(struct control_request *request)
{
	control_operate(request, MACHINE_CANCEL);
}

static void control_freeze(struct control_request *request)
{
	control_operate(request, MACHINE_FREEZE);
}

static void control_thaw(struct control_request *request)
{
	control_operate(request, MACHINE_THAW);
}

static void control_in_service(struct control_request *request)
{
	control_operate(request, MACHINE_IN_SERVICE);
}

static void control_settle(struct control_request *request)
{
	control_operate(request, MACHINE_SETTLE);
}

static void control_retire(struct control_request *request)
{
	control_operate(request, MACHINE_RETIRE);
}

static void control_hold(struct control_request *request)
{
	struct account account;
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK)
		status = machine_hold(request->service->machine, address,
			control_text(request, "reason"), request->by, &account,
			&error);
	control_answer_account(request, status, &account, &error);
}

static void control_resume(struct control_request *request)
{
	struct account account;
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK)
		status = machine_resume(request->service->machine, address,
			request->by, &account, &error);
	control_answer_account(request, status, &account, &error);
}

static void control_complete(struct control_request *request)
{
	struct account account;
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK)
		status = machine_complete(request->service->machine, address,
			request->by, &account, &error);
	control_answer_account(request, status, &account, &error);
}

#define CONTROL_MOVE_NAMES                                                     \
	"strategy not_before complete_after mail freeze_budget batch"

const struct control_verb control_operator_verbs[] = {
	{ "move", control_move, "address", CONTROL_MOVE_NAMES,
		CONTROL_EVERYBODY },
	{ "return", control_return, "address", CONTROL_MOVE_NAMES,
		CONTROL_EVERYBODY },
	{ "cancel", control_cancel, "address", "reason", CONTROL_EVERYBODY },
	{ "hold", control_hold, "address reason", "", CONTROL_EVERYBODY },
	{ "resume", control_resume, "address", "", CONTROL_EVERYBODY },
	{ "complete", control_complete, "address", "", CONTROL_EVERYBODY },
	{ "freeze", control_freeze, "address", "reason", CONTROL_EVERYBODY },
	{ "thaw", control_thaw, "address reason", "", CONTROL_EVERYBODY },
	{ "in-service", control_in_service, "address", "force reason",
		CONTROL_EVERYBODY },
	{ "settle", control_settle, "address", "reason", CONTROL_EVERYBODY },
	{ "retire", control_retire, "address", "reason", CONTROL_EVERYBODY },
	{ .name = NULL },
};

/* SPDX-License-Identifier: BSD-2-Clause */
/* What operators do to a move: ask for it, hold it, and their own hand in it.
 */
#include "config.h"

#include <string.h>

#include "policyd/machine_private.h"

struct machine_move_request {
	const struct account *request;
	enum account_home to;
};

static enum control_status machine_check_systems(
	const struct machine_change *change, struct error *error)
{
	const char *names[2] = { change->account.source,
		change->account.destination };

	for (size_t i = 0; i < 2; i++)
		if (config_system(change->config, names[i]) == NULL) {
			error_set(error,
				"account %s: system %s is not in the "
				"configuration",
				change->account.address, names[i]);
			return CONTROL_CONFLICT;
		}
	return CONTROL_OK;
}

/* Who waits for logins must hear of them. */
static enum control_status machine_check_gateway(
	const struct machine_change *change,
	const struct account_strategy *strategy, struct error *error)
{
	if ((strategy->rounds == ACCOUNT_AT_ONCE &&
		    strategy->freeze == ACCOUNT_AT_ONCE) ||
		change->config->policyd.gateway != NULL)
		return CONTROL_OK;
	error_set(error,
		"account %s: strategy %s takes a login gateway, and "
		"policyd.gateway is not configured",
		change->account.address, strategy->name);
	return CONTROL_CONFLICT;
}

/* Mail can be stored where there is IMAP; not where it is only read. */
static enum control_status machine_check_destination(
	const struct machine_change *change, enum account_home to,
	struct error *error)
{
	const char *name = to == ACCOUNT_SOURCE ? change->account.source
						: change->account.destination;

	if (config_system(change->config, name)->imap != NULL)
		return CONTROL_OK;
	error_set(error,
		"account %s: system %s has only a POP3 server: no mail can be "
		"moved %s it",
		change->account.address, name,
		to == ACCOUNT_SOURCE ? "back to" : "to");
	return CONTROL_CONFLICT;
}

static void machine_request_line(
	struct attr_list *line, const struct account *account)
{
	attr_list_add(line, "from", account_phase_name(ACCOUNT_SETTLED));
	attr_list_add(line, "to", account_phase_name(account->phase));
	attr_list_add(line, "home", account_home_name(account->home));
	attr_list_add(line, "by", account->requested_by);
	attr_list_add(line, "strategy", account->strategy->name);
	attr_list_add(line, "mail", account_mail_name(account->mail));
	attr_list_add_number(line, "freeze_budget", account->freeze_budget);
	if (account->not_before != 0)
		attr_list_add_number(line, "not_before", account->not_before);
	if (account->complete_after == INSTANT_NEVER)
		attr_list_add(line, "complete_after", "never");
	else if (account->complete_after != 0)
		attr_list_add_number(
			line, "complete_after", account->complete_after);
	if (account->batch[0] != '\0')
		attr_list_add(line, "batch", account->batch);
}

static enum control_status machine_request_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_move_request *request = context;
	struct account *account = &change->account;
	enum control_status status = machine_check_systems(change, error);

	if (status == CONTROL_OK)
		status = machine_check_destination(change, request->to, error);
	if (status == CONTROL_OK)
		status = machine_check_gateway(
			change, request->request->strategy, error);
	if (status != CONTROL_OK)
		return status;
	if (account_request(account, request->request, request->to, change->now,
		    error) < 0)
		return CONTROL_CONFLICT;
	if (machine_forget_refused(change, error) < 0)
		return machine_doom(change);
	machine_request_line(machine_line(change, "transition"), account);
	return CONTROL_OK;
}

enum control_status machine_request(struct machine *machine,
	const char *address, const struct account *request,
	enum account_home to, struct account *account_r, struct error *error)
{
	const struct machine_move_request context = {
		.request = request,
		.to = to,
	};

	return machine_change(machine, address, machine_request_step, &context,
		account_r, error);
}

struct machine_deed_request {
	enum machine_deed deed;
	bool force;
	const char *reason;
	const char *by;
};

/* What a deed is in the table of transitions. */
static const struct machine_deed_row {
	enum account_phase to;
	bool flip;
	bool fences; /* the worker must not go on with its round */
} machine_deeds[] = {
	[MACHINE_CANCEL] = { .to = ACCOUNT_SETTLED, .fences = true },
	[MACHINE_FREEZE] = { .to = ACCOUNT_FROZEN },
	[MACHINE_THAW] = { .to = ACCOUNT_COPYING },
	[MACHINE_IN_SERVICE] = { .to = ACCOUNT_SWEEPING,
		.flip = true,
		.fences = true },
	[MACHINE_SETTLE] = { .to = ACCOUNT_SETTLED, .fences = true },
	[MACHINE_RETIRE] = { .to = ACCOUNT_RETIRED },
};

/* To cancel what has flipped would leave its stragglers behind. */
static bool machine_deed_fits(
	const struct account *account, enum machine_deed deed)
{
	bool sweeping = account->phase == ACCOUNT_SWEEPING;

	if (deed == MACHINE_CANCEL)
		return !sweeping;
	return deed != MACHINE_SETTLE || sweeping;
}

static enum control_status machine_deed_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_deed_request *request = context;
	const struct machine_deed_row *row = &machine_deeds[request->deed];
	struct account *account = &change->account;
	const struct account_transition transition = {
		.to = row->to,
		.flip = row->flip,
		.actor = ACCOUNT_OPERATOR,
		.force = request->force,
		.now = change->now,
		.reason = request->reason,
	};
	enum control_status status;

	if (!machine_deed_fits(account, request->deed)) {
		error_set(error, "account %s: not from %s", account->address,
			account_phase_name(account->phase));
		return CONTROL_CONFLICT;
	}
	status = machine_transition(change, &transition, request->by, error);
	if (status == CONTROL_OK && row->fences)
		machine_fence(change);
	return status;
}

enum control_status machine_operate(struct machine *machine,
	const char *address, enum machine_deed deed, bool force,
	const char *reason, const char *by, struct account *account_r,
	struct error *error)
{
	const struct machine_deed_request request = {
		.deed = deed,
		.force = force,
		.reason = reason,
		.by = by,
	};

	return machine_change(machine, address, machine_deed_step, &request,
		account_r, error);
}

struct machine_hold_request {
	const char *reason;
	const char *by;
};

static enum control_status machine_hold_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_hold_request *request = context;
	struct account *account = &change->account;
	const struct account_transition thaw = {
		.to = ACCOUNT_COPYING,
		.actor = ACCOUNT_OPERATOR,
		.now = change->now,
		.reason = request->reason,
	};
	enum control_status status;
	struct attr_list *line;

	if (account_is_frozen(account)) {
		status = machine_transition(change, &thaw, request->by, error);
		if (status != CONTROL_OK)
			return status;
	}
	account->held = true;
	machine_copy_text(account->hold_reason, request->reason);
	line = machine_line(change, "hold");
	attr_list_add(line, "by", request->by);
	attr_list_add(line, "reason", account->hold_reason);
	return CONTROL_OK;
}

enum control_status machine_hold(struct machine *machine, const char *address,
	const char *reason, const char *by, struct account *account_r,
	struct error *error)
{
	const struct machine_hold_request request = {
		.reason = reason,
		.by = by,
	};

	return machine_change(machine, address, machine_hold_step, &request,
		account_r, error);
}

static enum control_status machine_resume_step(
	struct machine_change *change, const void *by, struct error *error)
{
	struct account *account = &change->account;

	if (!account->held) {
		error_set(error, "account %s: not held", account->address);
		return CONTROL_CONFLICT;
	}
	account->held = false;
	account->hold_reason[0] = '\0';
	account->due = machine_next_due(change);
	attr_list_add(machine_line(change, "resume"), "by", by);
	return CONTROL_OK;
}

enum control_status machine_resume(struct machine *machine, const char *address,
	const char *by, struct account *account_r, struct error *error)
{
	return machine_change(
		machine, address, machine_resume_step, by, account_r, error);
}

static enum control_status machine_complete_step(
	struct machine_change *change, const void *by, struct error *error)
{
	struct account *account = &change->account;

	if (!account_is_moving(account) || account->phase == ACCOUNT_SWEEPING) {
		error_set(error, "account %s: %s, there is nothing to complete",
			account->address, account_phase_name(account->phase));
		return CONTROL_CONFLICT;
	}
	account->complete_after = change->now;
	if (account_awaits_login(account)) {
		account->login_at = change->now;
		account->due = machine_next_due(change);
	}
	if (account->phase == ACCOUNT_READY && account->due > change->now)
		account->due = change->now;
	attr_list_add(machine_line(change, "complete"), "by", by);
	return CONTROL_OK;
}

enum control_status machine_complete(struct machine *machine,
	const char *address, const char *by, struct account *account_r,
	struct error *error)
{
	return machine_change(
		machine, address, machine_complete_step, by, account_r, error);
}

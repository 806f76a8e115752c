/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What logins do to a move: they begin it, keep its freeze waiting, and leave
 * the sealed password that its worker may need. The password is a document that
 * no verb shows but the worker's own.
 */
#include "config.h"

#include <string.h>

#include "policyd/machine_private.h"

#define MACHINE_SECRET	    "secret"
#define MACHINE_SECRET_WORD "system="

/* Before the flip, at a home that it is to leave. */
static bool machine_is_leaving(const struct account *account)
{
	return account->phase == ACCOUNT_REQUESTED ||
	       account->phase == ACCOUNT_COPYING ||
	       account->phase == ACCOUNT_READY;
}

/* Appends the document. 1; 0 when there is none, or only what a wiped one has
 * left; -1. */
static int machine_get_secret(
	struct machine_change *change, struct buffer *text, struct error *error)
{
	int found = store_txn_get_document(change->txn, change->account.address,
		MACHINE_SECRET, text, error);

	if (found > 0 && strncmp(text->data, MACHINE_SECRET_WORD,
				 strlen(MACHINE_SECRET_WORD)) != 0)
		return 0;
	return found;
}

static int machine_put_secret(
	struct machine_change *change, const char *text, struct error *error)
{
	const struct store_document document = {
		.name = MACHINE_SECRET,
		.at = change->now,
		.text = text,
	};

	return store_txn_put_document(
		change->txn, change->account.address, &document, error);
}

/* 1 when it is the first one, 0 when it replaces another or is not kept. */
static int machine_learn(struct machine_change *change,
	const struct machine_login *login, struct error *error)
{
	struct buffer former = BUFFER_EMPTY, text = BUFFER_EMPTY;
	int found, result = -1;

	if (login->sealed == NULL ||
		strcmp(account_home_system(&change->account), login->system) !=
			0)
		return 0;
	found = machine_get_secret(change, &former, error);
	buffer_printf(&text, MACHINE_SECRET_WORD "%s\n%s", login->system,
		login->sealed);
	if (found >= 0 && machine_put_secret(change, text.data, error) == 0)
		result = found == 0;
	change->effect = MACHINE_WRITES_LEASE;
	buffer_free(&former);
	buffer_free(&text);
	return result;
}

static enum control_status machine_login_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_login *login = context;
	struct account *account = &change->account;
	bool begins = account_awaits_login(account);
	struct attr_list *line;
	int learned;

	change->effect = MACHINE_READS;
	if (!machine_is_leaving(account))
		return CONTROL_OK;
	learned = machine_learn(change, login, error);
	if (learned < 0)
		return machine_doom(change);
	if (!begins && learned == 0)
		return CONTROL_OK;
	change->effect = MACHINE_WRITES;
	if (begins)
		account->login_at = change->now;
	/* what has failed may have failed for want of the password */
	if (begins || account->attempts > 0)
		account->due = machine_next_due(change);
	line = machine_line(change, "login");
	attr_list_add(line, "system", login->system);
	attr_list_add(line, "begins", begins ? "yes" : "no");
	attr_list_add(line, "learned", learned > 0 ? "yes" : "no");
	return CONTROL_OK;
}

enum control_status machine_logged_in(struct machine *machine,
	const char *address, const struct machine_login *login,
	struct error *error)
{
	return machine_change(
		machine, address, machine_login_step, login, NULL, error);
}

/* ---- logged out ---- */

enum control_status machine_check_quiet(
	const struct machine_change *change, struct error *error)
{
	const struct machine *machine = change->machine;
	const char *address = change->account.address;
	int quiet = -1;

	if (machine->front_calls != NULL)
		quiet = machine->front_calls->quiet(
			machine->front, address, error);
	else
		error_set(error, "there are no gateways");
	if (quiet > 0)
		return CONTROL_OK;
	if (quiet < 0)
		return CONTROL_ERROR;
	error_set(error, "account %s: somebody is logged in", address);
	return CONTROL_CONFLICT;
}

bool machine_freeze_is_awaited(const struct machine_change *change)
{
	const struct account *account = &change->account;

	return account->phase == ACCOUNT_READY && !account->held &&
	       account->strategy->freeze == ACCOUNT_AT_LOGOUT &&
	       account->attempts == 0 && account->complete_after <= change->now;
}

static enum control_status machine_logout_step(
	struct machine_change *change, const void *context, struct error *error)
{
	struct account *account = &change->account;

	(void)context;
	change->effect = MACHINE_READS;
	if (!machine_freeze_is_awaited(change) || account->due <= change->now ||
		machine_check_quiet(change, error) != CONTROL_OK)
		return CONTROL_OK;
	change->effect = MACHINE_WRITES;
	account->due = change->now;
	machine_line(change, "logout");
	return CONTROL_OK;
}

enum control_status machine_logged_out(
	struct machine *machine, const char *address, struct error *error)
{
	return machine_change(
		machine, address, machine_logout_step, NULL, NULL, error);
}

/* ---- for the worker ---- */

struct machine_secret_request {
	uint64_t epoch;
	struct buffer *sealed;
	char *system_r;
	bool *quiet_r;
};

/* "system=NAME\nSEALED" */
static enum control_status machine_read_secret(const char *text,
	const struct machine_secret_request *request, struct error *error)
{
	const char *name = text + strlen(MACHINE_SECRET_WORD);
	size_t size = strcspn(name, "\n");

	if (size >= ACCOUNT_NAME_SIZE || name[size] == '\0') {
		error_set(error, "the learned password's record is damaged");
		return CONTROL_ERROR;
	}
	memcpy(request->system_r, name, size);
	request->system_r[size] = '\0';
	buffer_clear(request->sealed);
	buffer_add_text(request->sealed, name + size + 1);
	return CONTROL_OK;
}

static enum control_status machine_secret_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_secret_request *request = context;
	struct buffer text = BUFFER_EMPTY;
	enum control_status status =
		machine_check_lease(change, request->epoch, error);
	int found;

	change->effect = MACHINE_READS;
	if (status != CONTROL_OK)
		return status;
	found = machine_get_secret(change, &text, error);
	if (found > 0) {
		status = machine_read_secret(text.data, request, error);
	} else if (found == 0) {
		error_set(error, "account %s: no password was learned",
			change->account.address);
		status = CONTROL_NOT_FOUND;
	} else {
		status = machine_doom(change);
	}
	buffer_free(&text);
	return status;
}

enum control_status machine_secret(struct machine *machine, const char *address,
	uint64_t epoch, struct buffer *sealed, char system_r[ACCOUNT_NAME_SIZE],
	struct error *error)
{
	const struct machine_secret_request request = {
		.epoch = epoch,
		.sealed = sealed,
		.system_r = system_r,
	};

	return machine_change(
		machine, address, machine_secret_step, &request, NULL, error);
}

static enum control_status machine_quiet_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_secret_request *request = context;
	enum control_status status =
		machine_check_lease(change, request->epoch, error);

	change->effect = MACHINE_READS;
	*request->quiet_r = true;
	if (status != CONTROL_OK ||
		change->account.strategy->freeze != ACCOUNT_AT_LOGOUT)
		return status;
	status = machine_check_quiet(change, error);
	*request->quiet_r = status == CONTROL_OK;
	return status == CONTROL_CONFLICT ? CONTROL_OK : status;
}

enum control_status machine_quiet(struct machine *machine, const char *address,
	uint64_t epoch, bool *quiet_r, struct error *error)
{
	const struct machine_secret_request request = {
		.epoch = epoch,
		.quiet_r = quiet_r,
	};

	return machine_change(
		machine, address, machine_quiet_step, &request, NULL, error);
}

/* ---- the end of a secret ---- */

/*
 * A record that is deleted stays in its page until something else is written
 * there; one that is overwritten by as many bytes does not.
 */
int machine_wipe_secret(struct machine_change *change, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	int found = store_txn_get_document(change->txn, change->account.address,
		MACHINE_SECRET, &text, error);
	int result = found;

	if (found > 0) {
		memset(text.data, '0', text.size);
		result = machine_put_secret(change, text.data, error);
		change->wiped = true;
	}
	buffer_free(&text);
	return result < 0 ? -1 : 0;
}

static enum control_status machine_drop_step(
	struct machine_change *change, const void *context, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	int found = machine_get_secret(change, &text, error);
	enum control_status status = CONTROL_OK;

	(void)context;
	change->effect = MACHINE_READS;
	/* a new one may have been learned since */
	if (found == 0 && text.size > 0) {
		change->effect = MACHINE_WRITES_LEASE;
		found = machine_put_secret(change, NULL, error);
	}
	if (found < 0)
		status = machine_doom(change);
	buffer_free(&text);
	return status;
}

void machine_drop_secret(struct machine *machine, const char *address)
{
	struct error error;
	enum control_status status = machine_change(
		machine, address, machine_drop_step, NULL, NULL, &error);

	/* what is left of it is overwritten already */
	if (status != CONTROL_OK && status != CONTROL_NOT_FOUND)
		log_account(machine->log, LOG_NOTICE, address,
			"drop its wiped password: %s", error.text);
}

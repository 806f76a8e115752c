/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The documents of an account: what workers tell of it, and what operators
 * have approved of what was refused.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "lib/document.h"
#include "lib/refusal.h"
#include "policyd/machine_private.h"

/* Of an approval this many items are named in history. */
#define MACHINE_ITEMS_NAMED 10

struct machine_put {
	uint64_t epoch;
	const char *name;
	const char *text;
};

static enum control_status machine_put_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_put *put = context;
	const struct store_document document = {
		.name = put->name,
		.at = change->now,
		.text = put->text,
	};
	enum control_status status =
		machine_check_lease(change, put->epoch, error);

	change->effect = MACHINE_WRITES_LEASE;
	if (status != CONTROL_OK)
		return status;
	if (store_txn_put_document(
		    change->txn, change->account.address, &document, error) < 0)
		return machine_doom(change);
	return strcmp(put->name, DOCUMENT_REFUSED) == 0
		       ? machine_approve_former(change, put->text, error)
		       : CONTROL_OK;
}

enum control_status machine_put_document(struct machine *machine,
	const char *address, uint64_t epoch, const char *name, const char *text,
	struct error *error)
{
	const struct machine_put put = {
		.epoch = epoch,
		.name = name,
		.text = text,
	};
	uint64_t open;

	if (!document_is_workers(name)) {
		error_set(error, "document %.40s: not one that workers put",
			name);
		return CONTROL_ERROR;
	}
	if (strlen(text) > DOCUMENT_SIZE_MAX) {
		error_set(error, "document %s: longer than %u bytes", name,
			DOCUMENT_SIZE_MAX);
		return CONTROL_ERROR;
	}
	if (strcmp(name, DOCUMENT_REFUSED) == 0 &&
		refusal_count_open(text, NULL, &open, error) < 0)
		return CONTROL_ERROR;
	return machine_change(
		machine, address, machine_put_step, &put, NULL, error);
}

enum control_status machine_check_refused(
	struct machine_change *change, struct error *error)
{
	const char *address = change->account.address;
	struct buffer refused = BUFFER_EMPTY, approved = BUFFER_EMPTY;
	enum control_status status = CONTROL_OK;
	uint64_t open = 0;

	if (store_txn_get_document(change->txn, address, DOCUMENT_REFUSED,
		    &refused, error) < 0 ||
		store_txn_get_document(change->txn, address, DOCUMENT_APPROVALS,
			&approved, error) < 0)
		status = machine_doom(change);
	else if (refusal_count_open(refused.data, approved.data, &open, error) <
		 0)
		status = CONTROL_ERROR;
	buffer_free(&refused);
	buffer_free(&approved);
	if (status != CONTROL_OK || open == 0)
		return status;
	error_set(error,
		"account %s: %" PRIu64
		" refused item%s not approved: rehome refused %s",
		address, open, open == 1 ? " is" : "s are", address);
	return CONTROL_CONFLICT;
}

int machine_forget_refused(struct machine_change *change, struct error *error)
{
	const struct store_document nothing[] = {
		{ .name = DOCUMENT_REFUSED },
		{ .name = DOCUMENT_APPROVALS },
		{ .name = DOCUMENT_AGAIN },
	};

	if (machine_keep_former(change, error) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		if (store_txn_put_document(change->txn, change->account.address,
			    &nothing[i], error) < 0)
			return -1;
	return 0;
}

/* ---- approving ---- */

static const char *machine_approval_document(
	const struct machine_approval *approval)
{
	return approval->again ? DOCUMENT_AGAIN : DOCUMENT_APPROVALS;
}

struct machine_approving {
	const struct machine_approval *approval;
	const struct approvals *former;
	int64_t now;
	bool *found; /* of each item that is asked for */
	struct buffer *text;
	struct buffer named;
	uint64_t approved;
	uint64_t open;
};

static bool machine_wants(struct machine_approving *approving, const char *item)
{
	const struct machine_approval *approval = approving->approval;
	bool wanted = approval->all;

	for (size_t i = 0; i < approval->items_count; i++)
		if (strcmp(approval->items[i], item) == 0) {
			approving->found[i] = true;
			wanted = true;
		}
	return wanted;
}

static bool machine_approve_item(const struct attr_list *item, void *context)
{
	struct machine_approving *approving = context;
	const struct machine_approval *approval = approving->approval;
	const char *name = attr_list_get(item, "item");
	const char *kind = attr_list_get(item, "kind");
	struct attr_list *line;
	bool wanted = machine_wants(approving, name);

	if (approval->again ? !refusal_is_altered(item)
			    : !refusal_blocks(item) ||
				      approvals_has(approving->former, name))
		return true;
	/* what is not listed can be known by nobody */
	if (!wanted || (kind != NULL && strcmp(kind, "more") == 0)) {
		approving->open++;
		return true;
	}
	line = attr_list_copy(item);
	attr_list_add(line, "by", approval->by);
	attr_list_add_number(line, "at", approving->now);
	attr_list_add(line, "reason", approval->reason);
	attr_print(line, ATTR_CONTROL, approving->text);
	attr_list_free(&line);
	if (approving->approved < MACHINE_ITEMS_NAMED)
		buffer_printf(&approving->named, "%s%s",
			approving->approved > 0 ? " " : "", name);
	approving->approved++;
	return true;
}

/* The documents are in refused and text; text grows. */
static enum control_status machine_approve_all(
	struct machine_approving *approving, const char *refused,
	const char *address, struct error *error)
{
	const struct machine_approval *approval = approving->approval;

	if (refusal_each(refused, machine_approve_item, approving, error) < 0)
		return CONTROL_ERROR;
	for (size_t i = 0; i < approval->items_count; i++)
		if (!approving->found[i]) {
			error_set(error, "account %s: no refused item is %.60s",
				address, approval->items[i]);
			return CONTROL_CONFLICT;
		}
	if (approving->text->size > DOCUMENT_SIZE_MAX) {
		error_set(error,
			"account %s: more approvals than are kept: see to the "
			"cause",
			address);
		return CONTROL_CONFLICT;
	}
	return CONTROL_OK;
}

static enum control_status machine_approve_write(struct machine_change *change,
	struct machine_approving *approving, struct error *error)
{
	const struct machine_approval *approval = approving->approval;
	const struct store_document document = {
		.name = machine_approval_document(approval),
		.at = change->now,
		.text = approving->text->data,
	};
	struct account *account = &change->account;
	struct attr_list *line;

	if (store_txn_put_document(
		    change->txn, account->address, &document, error) < 0)
		return machine_doom(change);
	line = machine_line(change, approval->again ? "retry" : "approve");
	attr_list_add(line, "by", approval->by);
	attr_list_add(line, "reason", approval->reason);
	attr_list_printf(line, "items", "%" PRIu64, approving->approved);
	attr_list_add(line, "named", approving->named.data);
	attr_list_printf(line, "left", "%" PRIu64, approving->open);
	/* the copier need not sit out the back-off of what is settled now */
	if ((approval->again || approving->open == 0) &&
		account_is_moving(account) && account->due > change->now)
		account->due = account->not_before > change->now
				       ? account->not_before
				       : change->now;
	return CONTROL_OK;
}

static enum control_status machine_approve_texts(struct machine_change *change,
	struct machine_approving *approving, struct error *error)
{
	const char *address = change->account.address;
	struct buffer refused = BUFFER_EMPTY;
	struct approvals *former = NULL;
	enum control_status status = CONTROL_ERROR;

	if (store_txn_get_document(change->txn, address, DOCUMENT_REFUSED,
		    &refused, error) < 0 ||
		store_txn_get_document(change->txn, address,
			machine_approval_document(approving->approval),
			approving->text, error) < 0)
		status = machine_doom(change);
	else
		former = approvals_new(approving->text->data, error);
	approving->former = former;
	if (former != NULL)
		status = machine_approve_all(approving,
			refused.data != NULL ? refused.data : "", address,
			error);
	if (status == CONTROL_OK && approving->approved > 0)
		status = machine_approve_write(change, approving, error);
	else if (status == CONTROL_OK)
		change->effect = MACHINE_READS;
	approvals_free(&former);
	buffer_free(&refused);
	return status;
}

static enum control_status machine_approve_step(
	struct machine_change *change, const void *context, struct error *error)
{
	const struct machine_approval *approval = context;
	struct buffer text = BUFFER_EMPTY;
	struct machine_approving approving = {
		.approval = approval,
		.now = change->now,
		.found = approval->found,
		.text = &text,
	};
	enum control_status status;

	memset(approval->found, 0,
		approval->items_count * sizeof(approval->found[0]));
	status = machine_approve_texts(change, &approving, error);
	*approval->approved_r = approving.approved;
	*approval->open_r = approving.open;
	buffer_free(&approving.named);
	buffer_free(&text);
	return status;
}

enum control_status machine_approve(struct machine *machine,
	const char *address, const struct machine_approval *approval,
	struct account *account_r, struct error *error)
{
	return machine_change(machine, address, machine_approve_step, approval,
		account_r, error);
}

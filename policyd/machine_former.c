/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was approved in earlier moves of the account: who goes there, back and
 * there again is not asked twice about the same message.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "lib/buffer.h"
#include "lib/document.h"
#include "lib/refusal.h"
#include "policyd/machine_private.h"

/* Two items with these the same are about the same. */
static const char *const machine_former_same[] = { "kind", "identity", "to",
	"words" };

static bool machine_former_is_same(
	const struct attr_list *one, const struct attr_list *other)
{
	for (size_t i = 0; i < sizeof(machine_former_same) /
				       sizeof(machine_former_same[0]);
		i++) {
		const char *a = attr_list_get(one, machine_former_same[i]);
		const char *b = attr_list_get(other, machine_former_same[i]);

		if (a == NULL || b == NULL || strcmp(a, b) != 0)
			return false;
	}
	return true;
}

/* An item that is looked for in a document, and a copy of what was found. */
struct machine_former_search {
	const struct attr_list *wanted;
	struct attr_list *found;
};

static bool machine_former_match(const struct attr_list *item, void *context)
{
	struct machine_former_search *search = context;

	if (!machine_former_is_same(item, search->wanted))
		return true;
	search->found = attr_list_copy(item);
	return false;
}

/* The approval of the same in that document, to be freed; or NULL. */
static struct attr_list *machine_former_find(
	const char *text, const struct attr_list *wanted)
{
	struct machine_former_search search = { wanted, NULL };

	refusal_each(text, machine_former_match, &search, NULL);
	return search.found;
}

/* ---- at the end of a move ---- */

static bool machine_former_add(const struct attr_list *item, void *context)
{
	struct buffer *text = context;
	struct attr_list *known;

	/* each is the same as itself, if it can be known again at all */
	if (!machine_former_is_same(item, item))
		return true;
	known = machine_former_find(text->data, item);
	if (known == NULL && text->size < DOCUMENT_SIZE_MAX - 8192)
		attr_print(item, ATTR_CONTROL, text);
	attr_list_free(&known);
	return true;
}

int machine_keep_former(struct machine_change *change, struct error *error)
{
	const char *address = change->account.address;
	struct buffer former = BUFFER_EMPTY, approved = BUFFER_EMPTY;
	struct store_document document = { .name = DOCUMENT_FORMER,
		.at = change->now };
	size_t before;
	int result = 0;

	buffer_add_text(&former, "");
	if (store_txn_get_document(change->txn, address, DOCUMENT_FORMER,
		    &former, error) < 0 ||
		store_txn_get_document(change->txn, address, DOCUMENT_APPROVALS,
			&approved, error) < 0)
		result = -1;
	before = former.size;
	/* Approvals that are damaged are lost, and asked for again. */
	if (result == 0 && approved.data != NULL)
		refusal_each(approved.data, machine_former_add, &former, NULL);
	document.text = former.data;
	if (result == 0 && former.size > before &&
		store_txn_put_document(change->txn, address, &document, error) <
			0)
		result = -1;
	buffer_free(&former);
	buffer_free(&approved);
	return result;
}

/* ---- in a later one ---- */

struct machine_former_work {
	struct machine_change *change;
	const char *former;
	const struct approvals *approvals;
	struct buffer text; /* of the approvals */
	uint64_t approved;
	struct attr_list *last;
};

static bool machine_former_approve(const struct attr_list *item, void *context)
{
	struct machine_former_work *work = context;
	struct attr_list *former, *line;

	if (!refusal_blocks(item) ||
		approvals_has(work->approvals, attr_list_get(item, "item")))
		return true;
	former = machine_former_find(work->former, item);
	if (former == NULL)
		return true;
	line = attr_list_copy(item);
	attr_list_add(line, "by", attr_list_get(former, "by"));
	attr_list_add(line, "at", attr_list_get(former, "at"));
	attr_list_add(line, "reason", attr_list_get(former, "reason"));
	attr_print(line, ATTR_CONTROL, &work->text);
	attr_list_free(&line);
	attr_list_free(&work->last);
	work->last = former;
	work->approved++;
	return true;
}

static enum control_status machine_former_write(
	struct machine_former_work *work, struct error *error)
{
	struct machine_change *change = work->change;
	const struct store_document document = { .name = DOCUMENT_APPROVALS,
		.at = change->now,
		.text = work->text.data };
	struct attr_list *line;

	if (work->text.size > DOCUMENT_SIZE_MAX)
		return CONTROL_OK; /* they are asked for again */
	if (store_txn_put_document(
		    change->txn, change->account.address, &document, error) < 0)
		return machine_doom(change);
	change->effect = MACHINE_WRITES;
	line = machine_line(change, "approve");
	attr_list_add(line, "by", attr_list_get(work->last, "by"));
	attr_list_add(line, "reason", attr_list_get(work->last, "reason"));
	attr_list_printf(line, "items", "%" PRIu64, work->approved);
	attr_list_add(line, "named", "as in an earlier move");
	return CONTROL_OK;
}

enum control_status machine_approve_former(
	struct machine_change *change, const char *refused, struct error *error)
{
	const char *address = change->account.address;
	struct buffer former = BUFFER_EMPTY;
	struct machine_former_work work = { .change = change };
	struct approvals *approvals = NULL;
	enum control_status status = CONTROL_OK;

	if (store_txn_get_document(change->txn, address, DOCUMENT_FORMER,
		    &former, error) < 0 ||
		(former.size > 0 &&
			store_txn_get_document(change->txn, address,
				DOCUMENT_APPROVALS, &work.text, error) < 0))
		status = machine_doom(change);
	if (status == CONTROL_OK && former.size > 0)
		approvals = approvals_new(work.text.data, NULL);
	if (approvals != NULL) {
		work.former = former.data;
		work.approvals = approvals;
		refusal_each(refused, machine_former_approve, &work, NULL);
		if (work.approved > 0)
			status = machine_former_write(&work, error);
	}
	approvals_free(&approvals);
	attr_list_free(&work.last);
	buffer_free(&work.text);
	buffer_free(&former);
	return status;
}

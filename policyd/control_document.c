/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs of the documents kept with accounts, and of approving. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/document.h"
#include "lib/xalloc.h"
#include "policyd/server_control.h"

static void control_document_put(struct control_request *request)
{
	struct buffer text = BUFFER_EMPTY;
	char address[ADDRESS_SIZE];
	int64_t epoch = 0;
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	document_get_text(request->attrs, &text);
	if (control_number(request, "epoch", 0, &epoch, &error) == 0)
		status = control_account(request, address, NULL, &error);
	if (status == CONTROL_OK)
		status = machine_put_document(request->service->machine,
			address, (uint64_t)epoch, control_text(request, "name"),
			text.data != NULL ? text.data : "", &error);
	buffer_free(&text);
	control_answer(request, status, &error);
}

static void control_document_get(struct control_request *request)
{
	const char *name = control_text(request, "name");
	struct buffer text = BUFFER_EMPTY;
	char address[ADDRESS_SIZE];
	struct attr_list *reply;
	int64_t at = 0;
	int found;
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	if (document_is_known(name))
		status = control_account(request, address, NULL, &error);
	else
		error_set(&error, "document %.40s: there is no such document",
			name);
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	found = store_get_document(
		request->service->store, address, name, &at, &text, &error);
	if (found == 0)
		error_set(&error, "account %s: it has no document %s", address,
			name);
	if (found > 0) {
		reply = control_ok();
		attr_list_add(reply, "name", name);
		attr_list_add_number(reply, "at", at);
		document_add_text(reply, text.data);
		control_send(request, &reply);
	} else {
		control_fail(request,
			found < 0 ? CONTROL_ERROR : CONTROL_NOT_FOUND, &error);
	}
	buffer_free(&text);
}

static bool control_add_document(
	const struct store_document *document, void *context)
{
	struct attr_list *attrs;

	/* policyd's own are told by verbs of their own, or not at all */
	if (!document_is_known(document->name))
		return true;
	attrs = attr_list_new();
	attr_list_add(attrs, "name", document->name);
	attr_list_add_number(attrs, "at", document->at);
	attr_list_printf(attrs, "bytes", "%zu", strlen(document->text));
	control_records_add(context, &attrs);
	return true;
}

static void control_document_list(struct control_request *request)
{
	struct control_records documents = { .count = 0 };
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK &&
		store_scan_documents(request->service->store, address,
			control_add_document, &documents, &error) < 0)
		status = CONTROL_ERROR;
	control_records_send(request, &documents, status, &error);
}

/* The items that are named; to be freed, the texts are the request's. */
static const char **control_items(
	const struct control_request *request, size_t *count_r)
{
	size_t total = attr_list_count(request->attrs);
	const char **items = xcalloc(total, sizeof(items[0]));

	*count_r = 0;
	for (size_t i = 0; i < total; i++)
		if (strcmp(attr_list_name(request->attrs, i), "item") == 0)
			items[(*count_r)++] =
				attr_list_value(request->attrs, i);
	return items;
}

static void control_approve(struct control_request *request)
{
	uint64_t approved = 0, open = 0;
	struct machine_approval approval = {
		.reason = control_text(request, "reason"),
		.by = request->by,
		.approved_r = &approved,
		.open_r = &open,
	};
	const char **items = control_items(request, &approval.items_count);
	char address[ADDRESS_SIZE];
	struct attr_list *reply;
	struct error error = { "" };
	enum control_status status = CONTROL_ERROR;

	approval.items = items;
	approval.found = xcalloc(approval.items_count + 1, sizeof(bool));
	if (control_switch(request, "all", &approval.all, &error) == 0 &&
		control_switch(request, "again", &approval.again, &error) == 0)
		status = control_account(request, address, NULL, &error);
	if (status == CONTROL_OK && !approval.all &&
		approval.items_count == 0) {
		error_set(&error, "approve: neither item nor all=yes is given");
		status = CONTROL_ERROR;
	}
	if (status == CONTROL_OK)
		status = machine_approve(request->service->machine, address,
			&approval, NULL, &error);
	free(items);
	free(approval.found);
	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	reply = control_ok();
	attr_list_printf(reply, "approved", "%" PRIu64, approved);
	attr_list_printf(reply, "left", "%" PRIu64, open);
	control_send(request, &reply);
}

const struct control_verb control_document_verbs[] = {
	{ "document-get", control_document_get, "address name", "",
		CONTROL_EVERYBODY },
	{ "document-list", control_document_list, "address", "",
		CONTROL_EVERYBODY },
	{ "document-put", control_document_put, "address epoch name",
		"worker text*", CONTROL_EVERYBODY },
	{ "approve", control_approve, "address reason", "all again item*",
		CONTROL_EVERYBODY },
	{ .name = NULL },
};

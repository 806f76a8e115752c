/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes of control requests read, replies written. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "policyd/directory.h"
#include "policyd/server_control.h"

struct attr_list *control_ok(void)
{
	struct attr_list *reply = attr_list_new();

	attr_list_add(reply, "status", control_status_name(CONTROL_OK));
	return reply;
}

void control_send(struct control_request *request, struct attr_list **reply)
{
	attr_print(*reply, ATTR_CONTROL, request->out);
	attr_list_free(reply);
}

void control_fail(struct control_request *request, enum control_status status,
	const struct error *error)
{
	struct attr_list *reply = attr_list_new();

	attr_list_add(reply, "status", control_status_name(status));
	attr_list_add(reply, "reason",
		error->text[0] != '\0' ? error->text : "no reason is known");
	control_send(request, &reply);
}

void control_answer(struct control_request *request, enum control_status status,
	const struct error *error)
{
	struct attr_list *reply;

	if (status != CONTROL_OK) {
		control_fail(request, status, error);
		return;
	}
	reply = control_ok();
	control_send(request, &reply);
}

void control_answer_account(struct control_request *request,
	enum control_status status, struct account *account,
	const struct error *error)
{
	struct attr_list *reply;

	if (status != CONTROL_OK) {
		control_fail(request, status, error);
		return;
	}
	reply = control_ok();
	account_print(account, true, reply);
	account_clear(account);
	control_send(request, &reply);
}

void control_add_instant(
	struct attr_list *list, const char *name, int64_t instant)
{
	if (instant == INSTANT_NEVER)
		attr_list_add(list, name, "never");
	else
		attr_list_add_number(list, name, instant);
}

const char *control_text(
	const struct control_request *request, const char *name)
{
	const char *value = attr_list_get(request->attrs, name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

int control_number(const struct control_request *request, const char *name,
	int64_t min, int64_t *value_r, struct error *error)
{
	int64_t value = *value_r;

	if (control_text(request, name) == NULL)
		return 0;
	if (attr_list_get_number(request->attrs, name, &value, error) < 0)
		return -1;
	if (value < min) {
		error_set(error, "attribute %s: less than %lld", name,
			(long long)min);
		return -1;
	}
	*value_r = value;
	return 0;
}

int control_instant(const struct control_request *request, const char *name,
	int64_t *value_r, struct error *error)
{
	const char *text = control_text(request, name);

	if (text != NULL && strcmp(text, "never") == 0) {
		*value_r = INSTANT_NEVER;
		return 0;
	}
	return control_number(request, name, 0, value_r, error);
}

int control_switch(const struct control_request *request, const char *name,
	bool *value_r, struct error *error)
{
	const char *text = control_text(request, name);

	if (text == NULL)
		return 0;
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
		error_set(error, "attribute %s: neither yes nor no", name);
		return -1;
	}
	*value_r = text[0] == 'y';
	return 0;
}

enum control_status control_account(const struct control_request *request,
	char address_r[ADDRESS_SIZE], struct account *account_r,
	struct error *error)
{
	const char *text = control_text(request, "address");
	struct directory_lookup lookup;

	directory_lookup_any(request->settings->config, request->service->store,
		text, &lookup, error);
	if (lookup.result == DIRECTORY_UNKNOWN)
		return CONTROL_ERROR;
	if (lookup.result == DIRECTORY_ABSENT) {
		/* what was meant, for verbs that can do without an account */
		memcpy(address_r, lookup.address.text, ADDRESS_SIZE);
		error_set(error, "address %.320s: not in the directory", text);
		return CONTROL_NOT_FOUND;
	}
	memcpy(address_r, lookup.account.address, ADDRESS_SIZE);
	if (account_r == NULL) {
		directory_lookup_clear(&lookup);
		return CONTROL_OK;
	}
	*account_r = lookup.account; /* with what it owns */
	return CONTROL_OK;
}

void control_records_add(
	struct control_records *records, struct attr_list **record)
{
	attr_print(*record, ATTR_CONTROL, &records->text);
	attr_list_free(record);
	records->count++;
}

void control_records_send(struct control_request *request,
	struct control_records *records, enum control_status status,
	const struct error *error)
{
	struct attr_list *reply;

	if (status == CONTROL_OK) {
		reply = control_ok();
		attr_list_printf(reply, "records", "%zu", records->count);
		control_send(request, &reply);
		buffer_add(
			request->out, records->text.data, records->text.size);
	} else {
		control_fail(request, status, error);
	}
	buffer_free(&records->text);
}

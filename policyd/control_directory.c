/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs that read: accounts, totals, history, and the directory's entries that
 * come and go. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/server_control.h"

#define CONTROL_LIST_MAX  1000
#define CONTROL_ALIAS_MAX 1024 /* of one account, in a reply */

/* ---- account-add, account-remove, alias-add, alias-remove ---- */

/* Calls of attr_list_get's kind for a name that may stand several times. */
static size_t control_collect(const struct control_request *request,
	const char *name, const char ***values_r)
{
	size_t total = attr_list_count(request->attrs);
	const char **values = xcalloc(total + 1, sizeof(values[0]));
	size_t count = 0;

	for (size_t i = 0; i < total; i++)
		if (strcmp(attr_list_name(request->attrs, i), name) == 0)
			values[count++] = attr_list_value(request->attrs, i);
	*values_r = values;
	return count;
}

static void control_account_add(struct control_request *request)
{
	struct machine_add add = {
		.address = control_text(request, "address"),
		.source = control_text(request, "source"),
		.destination = control_text(request, "destination"),
		.batch = control_text(request, "batch"),
	};
	const char *home = control_text(request, "home");
	struct account account;
	struct error error = { "" };
	enum control_status status;
	const char **aliases;

	if (home != NULL && account_home_parse(home, &add.home) < 0) {
		error_set(&error, "home %.100s: neither source nor destination",
			home);
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	add.aliases_count = control_collect(request, "alias", &aliases);
	add.aliases = aliases;
	status = machine_add(
		request->service->machine, &add, request->by, &account, &error);
	free(aliases);
	control_answer_account(request, status, &account, &error);
}

static void control_account_remove(struct control_request *request)
{
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK)
		status = machine_remove(request->service->machine, address,
			request->by, &error);
	control_answer(request, status, &error);
}

static void control_alias_add(struct control_request *request)
{
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK)
		status = machine_add_alias(request->service->machine, address,
			control_text(request, "alias"), request->by, &error);
	control_answer(request, status, &error);
}

static void control_alias_remove(struct control_request *request)
{
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &error);

	if (status == CONTROL_OK)
		status = machine_remove_alias(request->service->machine,
			address, control_text(request, "alias"), request->by,
			&error);
	control_answer(request, status, &error);
}

/* ---- account-get ---- */

struct control_aliases {
	struct attr_list *reply;
	size_t count;
};

static bool control_add_alias(
	const char *alias, const char *address, void *context)
{
	struct control_aliases *aliases = context;

	(void)address;
	attr_list_add(aliases->reply, "alias", alias);
	return ++aliases->count < CONTROL_ALIAS_MAX;
}

static void control_account_get(struct control_request *request)
{
	struct store *store = request->service->store;
	struct control_aliases aliases = { NULL, 0 };
	struct account account;
	struct store_lease lease;
	char address[ADDRESS_SIZE];
	struct error error = { "" };
	enum control_status status =
		control_account(request, address, &account, &error);
	int leased;

	if (status != CONTROL_OK) {
		control_fail(request, status, &error);
		return;
	}
	aliases.reply = control_ok();
	account_print(&account, true, aliases.reply);
	account_clear(&account);
	leased = store_get_lease(store, address, &lease, &error);
	if (leased < 0 || store_scan_aliases(store, address, control_add_alias,
				  &aliases, &error) < 0) {
		attr_list_free(&aliases.reply);
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	if (leased > 0) {
		attr_list_add(aliases.reply, "lease_worker", lease.worker);
		attr_list_add_number(
			aliases.reply, "lease_expires", lease.expires);
	}
	control_send(request, &aliases.reply);
}

/* ---- account-list ---- */

struct control_list {
	const struct control_request *request;
	bool by_home, held, failing;
	enum account_home home;
	int64_t limit;
	int64_t count;
	bool more;
	char last[ADDRESS_SIZE];
	struct buffer accounts;
};

static bool control_list_account(const struct account *account, void *context)
{
	struct control_list *list = context;
	struct attr_list *attrs;

	if ((list->by_home && account->home != list->home) ||
		(list->held && !account->held) ||
		(list->failing && account->attempts == 0))
		return true;
	if (list->count == list->limit) {
		list->more = true;
		return false;
	}
	attrs = attr_list_new();
	account_print(account, true, attrs);
	attr_print(attrs, ATTR_CONTROL, &list->accounts);
	attr_list_free(&attrs);
	memcpy(list->last, account->address, sizeof(list->last));
	list->count++;
	return true;
}

static int control_list_read(const struct control_request *request,
	struct control_list *list, struct store_filter *filter,
	struct error *error)
{
	const char *phase = control_text(request, "phase");
	const char *home = control_text(request, "home");

	filter->by_phase = phase != NULL;
	if (phase != NULL && account_phase_parse(phase, &filter->phase) < 0) {
		error_set(error, "phase %.100s: there is no such phase", phase);
		return -1;
	}
	list->by_home = home != NULL;
	if (home != NULL && account_home_parse(home, &list->home) < 0) {
		error_set(error, "home %.100s: neither source nor destination",
			home);
		return -1;
	}
	filter->batch = control_text(request, "batch");
	filter->after = control_text(request, "after");
	list->limit = CONTROL_LIST_MAX;
	if (control_switch(request, "held", &list->held, error) < 0 ||
		control_switch(request, "failing", &list->failing, error) < 0 ||
		control_number(request, "limit", 1, &list->limit, error) < 0)
		return -1;
	if (list->limit > CONTROL_LIST_MAX)
		list->limit = CONTROL_LIST_MAX;
	return 0;
}

static void control_account_list(struct control_request *request)
{
	struct control_list list = { .request = request };
	struct store_filter filter = { .by_phase = false };
	struct error error = { "" };
	struct attr_list *reply;

	if (control_list_read(request, &list, &filter, &error) < 0 ||
		store_scan_accounts(request->service->store, &filter,
			control_list_account, &list, &error) < 0) {
		buffer_free(&list.accounts);
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	reply = control_ok();
	attr_list_add_number(reply, "records", list.count);
	if (list.more)
		attr_list_add(reply, "next", list.last);
	control_send(request, &reply);
	buffer_add(request->out, list.accounts.data, list.accounts.size);
	buffer_free(&list.accounts);
}

/* ---- status ---- */

static void control_status_verb(struct control_request *request)
{
	struct service *service = request->service;
	struct store_counts counts;
	struct error error = { "" };
	struct attr_list *reply;

	if (store_count(service->store, &counts, &error) < 0) {
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	reply = control_ok();
	attr_list_add_number(reply, "accounts", (int64_t)counts.accounts);
	attr_list_add_number(reply, "aliases", (int64_t)counts.aliases);
	attr_list_add_number(reply, "held", (int64_t)counts.held);
	attr_list_add_number(reply, "failing", (int64_t)counts.failing);
	for (int phase = 0; phase < ACCOUNT_PHASES; phase++)
		for (int home = 0; home < 2; home++) {
			char name[ATTR_NAME_MAX + 1];

			snprintf(name, sizeof(name), "phase-%s-%s",
				account_phase_name((enum account_phase)phase),
				account_home_name((enum account_home)home));
			attr_list_add_number(reply, name,
				(int64_t)counts.by_phase[phase][home]);
		}
	attr_list_add(reply, "version", PACKAGE_VERSION);
	attr_list_add_number(reply, "uptime", instant_now() - service->started);
	attr_list_add(reply, "store", service->store_uri);
	control_send(request, &reply);
}

/* ---- why ---- */

/* The newest lines, in a ring. */
struct control_history {
	struct attr_list **lines;
	size_t limit;
	size_t count; /* seen so far */
};

static bool control_history_line(const struct store_audit *audit, void *context)
{
	struct control_history *history = context;
	struct attr_list **place =
		&history->lines[history->count++ % history->limit];
	struct attr_list *line = attr_list_new();

	attr_list_free(place);
	*place = line;
	attr_list_printf(
		line, "serial", "%llu", (unsigned long long)audit->serial);
	attr_list_add_number(line, "at", audit->at);
	attr_list_add(line, "address", audit->address);
	for (size_t i = 0; i < attr_list_count(audit->detail); i++)
		attr_list_add(line, attr_list_name(audit->detail, i),
			attr_list_value(audit->detail, i));
	return true;
}

static void control_history_send(
	struct control_request *request, const struct control_history *history)
{
	size_t kept = history->count < history->limit ? history->count
						      : history->limit;
	size_t first = history->count - kept;
	struct attr_list *reply = control_ok();

	attr_list_printf(reply, "records", "%zu", kept);
	control_send(request, &reply);
	for (size_t i = 0; i < kept; i++)
		attr_print(history->lines[(first + i) % history->limit],
			ATTR_CONTROL, request->out);
}

static void control_why(struct control_request *request)
{
	struct control_history history = { .count = 0 };
	char address[ADDRESS_SIZE];
	int64_t limit = CONTROL_LIST_MAX;
	struct error found = { "" }, error = { "" };
	enum control_status status =
		control_account(request, address, NULL, &found);

	if (control_number(request, "limit", 1, &limit, &error) < 0) {
		control_fail(request, CONTROL_ERROR, &error);
		return;
	}
	if (limit > CONTROL_LIST_MAX)
		limit = CONTROL_LIST_MAX;
	history.limit = (size_t)limit;
	history.lines = xcalloc(history.limit, sizeof(history.lines[0]));
	/* one that was removed has its history still */
	if ((status == CONTROL_OK ||
		    (status == CONTROL_NOT_FOUND && address[0] != '\0')) &&
		store_scan_audit(request->service->store, address,
			control_history_line, &history, &found) < 0)
		status = CONTROL_ERROR;
	if (status == CONTROL_OK ||
		(status == CONTROL_NOT_FOUND && history.count > 0))
		control_history_send(request, &history);
	else
		control_fail(request, status, &found);
	for (size_t i = 0; i < history.limit; i++)
		attr_list_free(&history.lines[i]);
	free(history.lines);
}

/* ---- watch ---- */

static void control_watch(struct control_request *request)
{
	struct error error = { "" };
	enum control_status status = CONTROL_OK;

	if (control_text(request, "address") != NULL)
		status = control_account(
			request, request->watch_address, NULL, &error);
	request->watch_batch = control_text(request, "batch");
	request->watches = status == CONTROL_OK;
	control_answer(request, status, &error);
}

const struct control_verb control_directory_verbs[] = {
	{ "account-add", control_account_add, "address source destination",
		"home batch alias*", CONTROL_EVERYBODY },
	{ "account-remove", control_account_remove, "address", "",
		CONTROL_EVERYBODY },
	{ "alias-add", control_alias_add, "address alias", "",
		CONTROL_EVERYBODY },
	{ "alias-remove", control_alias_remove, "address alias", "",
		CONTROL_EVERYBODY },
	{ "account-get", control_account_get, "address", "",
		CONTROL_EVERYBODY },
	{ "account-list", control_account_list, "",
		"phase home batch held failing limit after",
		CONTROL_EVERYBODY },
	{ "status", control_status_verb, "", "", CONTROL_EVERYBODY },
	{ "why", control_why, "address", "limit", CONTROL_EVERYBODY },
	{ "watch", control_watch, "", "address batch", CONTROL_EVERYBODY },
	{ .name = NULL },
};

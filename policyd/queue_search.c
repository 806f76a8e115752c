/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Matches a listing with accounts. A listing may have many thousand recipients
 * of which few are looked for: one that does not resemble an address of the
 * accounts is dismissed without a question to the store.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/directory.h"
#include "policyd/queue_search.h"

struct queue_list_found {
	struct queue_found *items;
	size_t count;
	size_t room;
};

struct queue_name {
	char address[ADDRESS_SIZE]; /* first: compared */
	size_t account;
};

struct queue_search {
	const struct config *config;
	struct store *store;
	struct queue_list_found *accounts;
	size_t accounts_count;
	struct queue_list_found unseen;
	struct queue_name *names; /* of all accounts; sorted once it is run */
	size_t names_count;
	size_t names_room;
};

struct queue_search *queue_search_new(
	const struct config *config, struct store *store)
{
	struct queue_search *search = xcalloc(1, sizeof(*search));

	search->config = config;
	search->store = store;
	return search;
}

void queue_search_free(struct queue_search **search_pointer)
{
	struct queue_search *search = *search_pointer;

	if (search == NULL)
		return;
	for (size_t i = 0; i < search->accounts_count; i++)
		free(search->accounts[i].items);
	free(search->accounts);
	free(search->unseen.items);
	free(search->names);
	free(search);
	*search_pointer = NULL;
}

static void queue_search_name(
	struct queue_search *search, const char *address, size_t account)
{
	struct queue_name *name;

	if (search->names_count == search->names_room) {
		search->names_room = search->names_room * 2 + 16;
		search->names = xreallocarray(search->names, search->names_room,
			sizeof(*search->names));
	}
	name = &search->names[search->names_count++];
	memcpy(name->address, address, strlen(address) + 1);
	name->account = account;
}

static bool queue_search_alias(
	const char *alias, const char *address, void *context)
{
	struct queue_search *search = context;

	(void)address;
	queue_search_name(search, alias, search->accounts_count - 1);
	return true;
}

int queue_search_add(
	struct queue_search *search, const char *address, struct error *error)
{
	size_t account = search->accounts_count;

	search->accounts = xreallocarray(
		search->accounts, account + 1, sizeof(*search->accounts));
	memset(&search->accounts[account], 0, sizeof(*search->accounts));
	search->accounts_count++;
	queue_search_name(search, address, account);
	return store_scan_aliases(search->store, address, queue_search_alias,
		       search, error) < 0
		       ? -1
		       : 0;
}

static int queue_name_compare(const void *one, const void *other)
{
	return strcmp(one, other);
}

static const struct queue_name *queue_search_find(
	const struct queue_search *search, const char *address)
{
	return search->names_count == 0
		       ? NULL
		       : bsearch(address, search->names, search->names_count,
				 sizeof(*search->names), queue_name_compare);
}

/* The directory's word on an address: 1 with the account when it is one of
 * those that are looked for, else 0; -1 when the store could not tell. */
static int queue_search_ask(const struct queue_search *search, const char *text,
	size_t *account_r, struct error *error)
{
	const struct queue_name *name = NULL;
	struct directory_lookup lookup;
	int result = 0;

	directory_lookup_any(
		search->config, search->store, text, &lookup, error);
	if (lookup.result == DIRECTORY_UNKNOWN)
		result = -1;
	else if (lookup.result == DIRECTORY_FOUND)
		name = queue_search_find(search, lookup.account.address);
	if (name != NULL) {
		*account_r = name->account;
		result = 1;
	}
	directory_lookup_clear(&lookup);
	return result;
}

/* Whose recipient it is: 1, 0 or -1 as queue_search_ask. */
static int queue_search_whose(const struct queue_search *search,
	const char *text, size_t *account_r, struct error *error)
{
	const struct queue_name *name;
	struct address address, base;

	if (address_parse(text, &address, NULL) < 0)
		return queue_search_ask(search, text, account_r, error);
	name = queue_search_find(search, address.text);
	if (name != NULL) {
		*account_r = name->account;
		return 1;
	}
	/* With an extension it can still be an address of its own. */
	if (address_base(&address, search->config->policyd.recipient_delimiter,
		    &base) &&
		queue_search_find(search, base.text) != NULL)
		return queue_search_ask(search, text, account_r, error);
	return 0;
}

static void queue_search_keep(struct queue_list_found *list,
	const struct queue_entry *entry, bool tried)
{
	struct queue_found *found;

	if (list->count > 0) {
		found = &list->items[list->count - 1];
		if (strcmp(found->id, entry->id) == 0 &&
			found->where == entry->where) {
			found->tried = found->tried && tried;
			return;
		}
	}
	if (list->count == list->room) {
		list->room = list->room * 2 + 8;
		list->items = xreallocarray(
			list->items, list->room, sizeof(*list->items));
	}
	found = &list->items[list->count++];
	memcpy(found->id, entry->id, strlen(entry->id) + 1);
	found->where = entry->where;
	found->arrival = entry->arrival;
	found->tried = tried;
}

static bool queue_search_is_unseen(const struct queue_entry *entry)
{
	struct address address;

	if (entry->where != QUEUE_MAILDROP)
		return false;
	for (size_t i = 0; i < entry->recipients_count; i++)
		if (address_parse(
			    entry->recipients[i].address, &address, NULL) < 0)
			return true;
	return entry->recipients_count == 0;
}

static int queue_search_entry(
	const struct queue_entry *entry, void *context, struct error *error)
{
	struct queue_search *search = context;

	for (size_t i = 0; i < entry->recipients_count; i++) {
		const struct queue_recipient *recipient = &entry->recipients[i];
		size_t account;
		int whose = queue_search_whose(
			search, recipient->address, &account, error);

		if (whose < 0)
			return -1;
		if (whose > 0)
			queue_search_keep(&search->accounts[account], entry,
				recipient->tried);
	}
	if (queue_search_is_unseen(entry))
		queue_search_keep(&search->unseen, entry, false);
	return 0;
}

static void queue_search_begin(struct queue_search *search)
{
	search->unseen.count = 0;
	for (size_t i = 0; i < search->accounts_count; i++)
		search->accounts[i].count = 0;
	if (search->names_count > 0)
		qsort(search->names, search->names_count,
			sizeof(*search->names), queue_name_compare);
}

int queue_search_run(
	struct queue_search *search, bool waiting, struct error *error)
{
	queue_search_begin(search);
	return queue_list(search->config->queue.list,
		(int)search->config->queue.timeout, waiting, queue_search_entry,
		search, error);
}

const struct queue_found *queue_search_found(
	const struct queue_search *search, size_t account, size_t *count_r)
{
	*count_r = search->accounts[account].count;
	return search->accounts[account].items;
}

const struct queue_found *queue_search_unseen(
	const struct queue_search *search, size_t *count_r)
{
	*count_r = search->unseen.count;
	return search->unseen.items;
}

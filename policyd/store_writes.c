/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The write set of one transaction. An entry is made when a key is first read
 * or written, and keeps the former value: the transaction reads it once, and
 * readers are answered from it until the commit is durable.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/store_writes.h"

enum writes_state {
	WRITES_READ,
	WRITES_PUT,
	WRITES_REMOVE,
};

/* Where an entry's former value comes from. */
enum writes_former {
	WRITES_FORMER_READ, /* from the engine */
	WRITES_FORMER_NONE, /* append only: there was none */
	WRITES_FORMER_UNASKED,
};

struct store_writes_entry {
	enum store_table table;
	enum writes_state state;
	bool existed;
	struct buffer key;
	struct buffer former;
	struct buffer value; /* WRITES_PUT */
};

static enum writes_former writes_former_of(enum store_table table)
{
	switch (table) {
	case STORE_ACCOUNTS:
	case STORE_ALIASES:
	case STORE_LEASES:
	case STORE_BOUNDS:
	case STORE_DOCUMENTS:
	case STORE_META:
		return WRITES_FORMER_READ;
	case STORE_AUDIT:
		return WRITES_FORMER_NONE;
	default:
		return WRITES_FORMER_UNASKED;
	}
}

void store_writes_init(struct store_writes *writes, struct store_engine *engine)
{
	*writes = (struct store_writes){ .engine = engine };
}

static void writes_entry_free(struct store_writes_entry *entry)
{
	buffer_free(&entry->key);
	buffer_free(&entry->former);
	buffer_free(&entry->value);
	free(entry);
}

void store_writes_free(struct store_writes *writes)
{
	for (size_t i = 0; i < writes->count; i++)
		writes_entry_free(writes->entries[i]);
	free(writes->entries);
	store_writes_init(writes, writes->engine);
}

/* The index of the first entry that is not below (table, key); *found_r tells
 * whether it is that one. */
static size_t writes_find(const struct store_writes *writes,
	enum store_table table, struct store_bytes key, bool *found_r)
{
	size_t low = 0, high = writes->count;

	*found_r = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct store_writes_entry *entry =
			writes->entries[middle];
		int order = entry->table != table
				    ? (entry->table > table) -
					      (entry->table < table)
				    : store_bytes_compare(
					      store_bytes_of(&entry->key), key);

		if (order == 0)
			*found_r = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void writes_insert(struct store_writes *writes, size_t index,
	struct store_writes_entry *entry)
{
	if (writes->count == writes->room) {
		writes->room = writes->room > 0 ? 2 * writes->room : 16;
		writes->entries = xreallocarray(writes->entries, writes->room,
			sizeof(writes->entries[0]));
	}
	memmove(&writes->entries[index + 1], &writes->entries[index],
		(writes->count - index) * sizeof(writes->entries[0]));
	writes->entries[index] = entry;
	writes->count++;
}

/* The entry of a key, made when there is none yet; NULL with an error when the
 * former value could not be read. */
static struct store_writes_entry *writes_entry(struct store_writes *writes,
	enum store_table table, struct store_bytes key, struct error *error)
{
	bool found;
	size_t index = writes_find(writes, table, key, &found);
	struct store_writes_entry *entry;
	int existed = 0;

	if (found)
		return writes->entries[index];
	entry = xcalloc(1, sizeof(*entry));
	entry->table = table;
	buffer_add(&entry->key, key.data, key.size);
	if (writes_former_of(table) == WRITES_FORMER_READ)
		existed = writes->engine->ops->get(
			writes->engine, table, key, &entry->former, error);
	if (existed < 0) {
		writes_entry_free(entry);
		return NULL;
	}
	entry->existed = existed > 0;
	writes_insert(writes, index, entry);
	return entry;
}

int store_writes_get(struct store_writes *writes, enum store_table table,
	struct store_bytes key, struct store_bytes *value_r,
	struct error *error)
{
	const struct store_writes_entry *entry =
		writes_entry(writes, table, key, error);

	if (entry == NULL)
		return -1;
	if (entry->state == WRITES_REMOVE)
		return 0;
	if (entry->state == WRITES_READ && !entry->existed)
		return 0;
	*value_r = store_bytes_of(
		entry->state == WRITES_PUT ? &entry->value : &entry->former);
	return 1;
}

int store_writes_put(struct store_writes *writes, enum store_table table,
	struct store_bytes key, struct store_bytes value, struct error *error)
{
	struct store_writes_entry *entry =
		writes_entry(writes, table, key, error);

	if (entry == NULL)
		return -1;
	entry->state = WRITES_PUT;
	buffer_clear(&entry->value);
	buffer_add(&entry->value, value.data, value.size);
	return 0;
}

int store_writes_remove(struct store_writes *writes, enum store_table table,
	struct store_bytes key, struct error *error)
{
	struct store_writes_entry *entry =
		writes_entry(writes, table, key, error);

	if (entry == NULL)
		return -1;
	entry->state = WRITES_REMOVE;
	return 0;
}

/* The keys that the engine has and the transaction has not removed. */
static void writes_keys_of_page(const struct store_writes *writes,
	enum store_table table, const struct store_page *page,
	struct store_page *keys)
{
	for (size_t i = 0; i < page->count; i++) {
		struct store_bytes key = store_page_key(page, i);
		bool found;
		size_t index = writes_find(writes, table, key, &found);

		if (!found || writes->entries[index]->state != WRITES_REMOVE)
			store_page_add(
				keys, key, (struct store_bytes){ NULL, 0 });
	}
}

/* The keys that the transaction has put. */
static void writes_keys_of_set(const struct store_writes *writes,
	enum store_table table, struct store_bytes prefix,
	struct store_page *keys)
{
	bool found;
	size_t index = writes_find(writes, table, prefix, &found);

	for (; index < writes->count; index++) {
		const struct store_writes_entry *entry = writes->entries[index];
		struct store_bytes key = store_bytes_of(&entry->key);

		if (entry->table != table || !store_bytes_begin(key, prefix))
			break;
		if (entry->state == WRITES_PUT && !entry->existed)
			store_page_add(
				keys, key, (struct store_bytes){ NULL, 0 });
	}
}

int store_writes_keys(const struct store_writes *writes, enum store_table table,
	struct store_bytes prefix, struct store_page *keys, struct error *error)
{
	struct store_page page = STORE_PAGE_EMPTY;
	struct buffer from = BUFFER_EMPTY;
	int result;

	buffer_add(&from, prefix.data, prefix.size);
	do {
		result = writes->engine->ops->read(writes->engine, table,
			store_bytes_of(&from), prefix, 64, &page, error);
		if (result < 0 || page.count == 0)
			break;
		writes_keys_of_page(writes, table, &page, keys);
		store_key_after(store_page_key(&page, page.count - 1), &from);
	} while (!page.last);
	if (result == 0)
		writes_keys_of_set(writes, table, prefix, keys);
	buffer_free(&from);
	store_page_free(&page);
	return result;
}

struct store_write *store_writes_list(
	const struct store_writes *writes, size_t *count_r)
{
	struct store_write *list = xcalloc(writes->count + 1, sizeof(list[0]));
	size_t count = 0;

	for (size_t i = 0; i < writes->count; i++) {
		const struct store_writes_entry *entry = writes->entries[i];
		bool remove = entry->state == WRITES_REMOVE;

		if (entry->state == WRITES_READ)
			continue;
		/* made and removed in this same transaction */
		if (remove && !entry->existed &&
			writes_former_of(entry->table) == WRITES_FORMER_READ)
			continue;
		list[count].table = entry->table;
		list[count].key = store_bytes_of(&entry->key);
		list[count].remove = remove;
		if (!remove)
			list[count].value = store_bytes_of(&entry->value);
		count++;
	}
	*count_r = count;
	return list;
}

bool store_writes_former(const struct store_writes *writes,
	enum store_table table, struct store_bytes key, bool *existed_r,
	struct buffer *value)
{
	bool found;
	size_t index;

	if (writes_former_of(table) == WRITES_FORMER_UNASKED)
		return false;
	index = writes_find(writes, table, key, &found);
	if (!found || writes->entries[index]->state == WRITES_READ)
		return false;
	*existed_r = writes->entries[index]->existed;
	buffer_add(value, writes->entries[index]->former.data,
		writes->entries[index]->former.size);
	return true;
}

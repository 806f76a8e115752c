/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small things that every engine needs: the names of the tables, the order
 * of keys, and pages of records.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/store_engine.h"

#define STORE_PAGE_FIRST_ROOM 16

static const char *const store_table_names[STORE_TABLES] = {
	[STORE_ACCOUNTS] = "accounts",
	[STORE_BY_PHASE] = "by-phase",
	[STORE_BY_DUE] = "by-due",
	[STORE_BY_BATCH] = "by-batch",
	[STORE_BY_FRONT] = "by-front",
	[STORE_ALIASES] = "aliases",
	[STORE_ALIASES_BY_ACCOUNT] = "aliases-by-account",
	[STORE_LEASES] = "leases",
	[STORE_BOUNDS] = "bounds",
	[STORE_DOCUMENTS] = "documents",
	[STORE_AUDIT] = "audit",
	[STORE_AUDIT_BY_ACCOUNT] = "audit-by-account",
	[STORE_META] = "meta",
};

const char *store_table_name(enum store_table table)
{
	return store_table_names[table];
}

struct store_bytes store_bytes_of(const struct buffer *buffer)
{
	return (struct store_bytes){ buffer->data, buffer->size };
}

int store_bytes_compare(struct store_bytes left, struct store_bytes right)
{
	size_t common = left.size < right.size ? left.size : right.size;
	int order = common > 0 ? memcmp(left.data, right.data, common) : 0;

	if (order != 0)
		return order;
	return (left.size > right.size) - (left.size < right.size);
}

bool store_bytes_begin(struct store_bytes bytes, struct store_bytes prefix)
{
	return bytes.size >= prefix.size &&
	       (prefix.size == 0 ||
		       memcmp(bytes.data, prefix.data, prefix.size) == 0);
}

void store_key_after(struct store_bytes key, struct buffer *after_r)
{
	buffer_clear(after_r);
	buffer_add(after_r, key.data, key.size);
	buffer_add(after_r, "", 1);
}

void store_page_add(struct store_page *page, struct store_bytes key,
	struct store_bytes value)
{
	struct store_page_record *record;

	if (page->count == page->room) {
		page->room =
			page->room > 0 ? 2 * page->room : STORE_PAGE_FIRST_ROOM;
		page->records = xreallocarray(
			page->records, page->room, sizeof(page->records[0]));
	}
	record = &page->records[page->count++];
	record->key = page->bytes.size;
	record->key_size = key.size;
	buffer_add(&page->bytes, key.data, key.size);
	record->value = page->bytes.size;
	record->value_size = value.size;
	buffer_add(&page->bytes, value.data, value.size);
}

struct store_bytes store_page_key(const struct store_page *page, size_t index)
{
	const struct store_page_record *record = &page->records[index];

	return (struct store_bytes){ page->bytes.data + record->key,
		record->key_size };
}

struct store_bytes store_page_value(const struct store_page *page, size_t index)
{
	const struct store_page_record *record = &page->records[index];

	return (struct store_bytes){ page->bytes.data + record->value,
		record->value_size };
}

void store_page_clear(struct store_page *page)
{
	buffer_clear(&page->bytes);
	page->count = 0;
	page->last = false;
}

void store_page_free(struct store_page *page)
{
	buffer_free(&page->bytes);
	free(page->records);
	*page = (struct store_page)STORE_PAGE_EMPTY;
}

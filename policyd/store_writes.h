/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The write set of one transaction: what it has read and what it will change,
 * sorted by table and key, over an engine that does not know of it yet. Used by
 * one thread; others may call store_writes_former while nobody changes it.
 */
#ifndef REHOME_STORE_WRITES_H
#define REHOME_STORE_WRITES_H

#include "policyd/store_engine.h"

struct store_writes_entry;

struct store_writes {
	struct store_engine *engine;
	struct store_writes_entry **entries;
	size_t count;
	size_t room;
};

void store_writes_init(
	struct store_writes *writes, struct store_engine *engine);
void store_writes_free(struct store_writes *writes);

/*
 * The value of a key as the transaction sees it. 1 found, 0 not there, -1 could
 * not tell. *value_r is valid until that key is changed.
 */
int store_writes_get(struct store_writes *writes, enum store_table table,
	struct store_bytes key, struct store_bytes *value_r,
	struct error *error);
/* Both 0, or -1 when the former value could not be read. Copies. */
int store_writes_put(struct store_writes *writes, enum store_table table,
	struct store_bytes key, struct store_bytes value, struct error *error);
int store_writes_remove(struct store_writes *writes, enum store_table table,
	struct store_bytes key, struct error *error);
/* Adds to the page all keys with that prefix that the transaction sees, in no
 * order, perhaps one twice. 0 or -1. */
int store_writes_keys(const struct store_writes *writes, enum store_table table,
	struct store_bytes prefix, struct store_page *keys,
	struct error *error);

/*
 * What the engine is to apply, sorted; free() it; the bytes stay in the write
 * set.
 */
struct store_write *store_writes_list(
	const struct store_writes *writes, size_t *count_r);

/*
 * Whether the set changes that key, and what stood there before: *existed_r
 * and, appended, the value. Always false for the indexes, whose former values
 * nobody asks for.
 */
bool store_writes_former(const struct store_writes *writes,
	enum store_table table, struct store_bytes key, bool *existed_r,
	struct buffer *value);

#endif

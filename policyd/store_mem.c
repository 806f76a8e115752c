/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store in memory, for tests: an engine of sorted arrays under one lock.
 * It forgets everything when it is closed.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/store_tables.h"

struct mem_record {
	struct buffer key;
	struct buffer value;
};

struct mem_table {
	struct mem_record **records;
	size_t count;
	size_t room;
};

struct mem {
	struct store_engine engine;
	pthread_rwlock_t lock;
	struct mem_table tables[STORE_TABLES];
};

/* The index of the first record not below the key; *found_r: it is that one. */
static size_t mem_find(
	const struct mem_table *table, struct store_bytes key, bool *found_r)
{
	size_t low = 0, high = table->count;

	*found_r = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = store_bytes_compare(
			store_bytes_of(&table->records[middle]->key), key);

		if (order == 0)
			*found_r = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int mem_get(struct store_engine *engine, enum store_table table,
	struct store_bytes key, struct buffer *value, struct error *error)
{
	struct mem *mem = (struct mem *)engine;
	const struct mem_table *records = &mem->tables[table];
	bool found;
	size_t index;

	(void)error;
	pthread_rwlock_rdlock(&mem->lock);
	index = mem_find(records, key, &found);
	if (found)
		buffer_add(value, records->records[index]->value.data,
			records->records[index]->value.size);
	pthread_rwlock_unlock(&mem->lock);
	return found;
}

static int mem_last(struct store_engine *engine, enum store_table table,
	struct buffer *key, struct error *error)
{
	struct mem *mem = (struct mem *)engine;
	const struct mem_table *records = &mem->tables[table];
	size_t count;

	(void)error;
	pthread_rwlock_rdlock(&mem->lock);
	count = records->count;
	if (count > 0)
		buffer_add(key, records->records[count - 1]->key.data,
			records->records[count - 1]->key.size);
	pthread_rwlock_unlock(&mem->lock);
	return count > 0;
}

static int mem_read(struct store_engine *engine, enum store_table table,
	struct store_bytes from, struct store_bytes prefix, size_t wanted,
	struct store_page *page, struct error *error)
{
	struct mem *mem = (struct mem *)engine;
	const struct mem_table *records = &mem->tables[table];
	bool found;
	size_t index;

	(void)error;
	store_page_clear(page);
	page->last = true;
	pthread_rwlock_rdlock(&mem->lock);
	for (index = mem_find(records, from, &found); index < records->count;
		index++) {
		const struct mem_record *record = records->records[index];

		if (!store_bytes_begin(store_bytes_of(&record->key), prefix))
			break;
		if (page->count == wanted) {
			page->last = false;
			break;
		}
		store_page_add(page, store_bytes_of(&record->key),
			store_bytes_of(&record->value));
	}
	pthread_rwlock_unlock(&mem->lock);
	return 0;
}

static void mem_record_free(struct mem_record *record)
{
	buffer_free(&record->key);
	buffer_free(&record->value);
	free(record);
}

static void mem_remove(struct mem_table *table, size_t index)
{
	mem_record_free(table->records[index]);
	table->count--;
	memmove(&table->records[index], &table->records[index + 1],
		(table->count - index) * sizeof(table->records[0]));
}

static struct mem_record *mem_insert(
	struct mem_table *table, size_t index, struct store_bytes key)
{
	struct mem_record *record = xcalloc(1, sizeof(*record));

	if (table->count == table->room) {
		table->room = table->room > 0 ? 2 * table->room : 64;
		table->records = xreallocarray(
			table->records, table->room, sizeof(table->records[0]));
	}
	memmove(&table->records[index + 1], &table->records[index],
		(table->count - index) * sizeof(table->records[0]));
	table->records[index] = record;
	table->count++;
	buffer_add(&record->key, key.data, key.size);
	return record;
}

static void mem_write(struct mem_table *table, const struct store_write *write)
{
	struct mem_record *record;
	bool found;
	size_t index = mem_find(table, write->key, &found);

	if (write->remove) {
		if (found)
			mem_remove(table, index);
		return;
	}
	record = found ? table->records[index]
		       : mem_insert(table, index, write->key);
	buffer_clear(&record->value);
	buffer_add(&record->value, write->value.data, write->value.size);
}

static enum store_commit mem_apply(struct store_engine *engine,
	const struct store_write *writes, size_t count, struct error *error)
{
	struct mem *mem = (struct mem *)engine;

	(void)error;
	pthread_rwlock_wrlock(&mem->lock);
	for (size_t i = 0; i < count; i++)
		mem_write(&mem->tables[writes[i].table], &writes[i]);
	pthread_rwlock_unlock(&mem->lock);
	return STORE_DONE;
}

static int mem_flush(struct store_engine *engine, struct error *error)
{
	(void)engine;
	(void)error;
	return 0;
}

static int mem_backup(
	struct store_engine *engine, const char *directory, struct error *error)
{
	error_set(error, "back up store %s to %s: it is in memory only",
		engine->name, directory);
	return -1;
}

static bool mem_is_broken(const struct store_engine *engine)
{
	(void)engine;
	return false;
}

static void mem_close(struct store_engine *engine)
{
	struct mem *mem = (struct mem *)engine;

	for (size_t i = 0; i < STORE_TABLES; i++) {
		struct mem_table *table = &mem->tables[i];

		for (size_t j = 0; j < table->count; j++)
			mem_record_free(table->records[j]);
		free(table->records);
	}
	pthread_rwlock_destroy(&mem->lock);
	free(mem);
}

static const struct store_engine_ops mem_ops = {
	.get = mem_get,
	.read = mem_read,
	.last = mem_last,
	.apply = mem_apply,
	.flush = mem_flush,
	.backup = mem_backup,
	.checkpoint = mem_flush,
	.is_broken = mem_is_broken,
	.close = mem_close,
};

struct store_engine *store_mem_engine(void)
{
	struct mem *mem = xcalloc(1, sizeof(*mem));

	mem->engine.ops = &mem_ops;
	mem->engine.name = "mem:";
	if (pthread_rwlock_init(&mem->lock, NULL) != 0)
		abort();
	return &mem->engine;
}

static struct store *mem_open(const char *where, struct error *error)
{
	if (where[0] == '\0')
		return tables_open(store_mem_engine(), error);
	error_set(error, "store mem:%s: nothing may follow mem:", where);
	return NULL;
}

static int mem_restore(const char *where, const char *directory, char **kept_r,
	struct error *error)
{
	(void)kept_r;
	error_set(error, "restore store mem:%s from %s: it is in memory only",
		where, directory);
	return -1;
}

static int mem_verify(const char *where, struct error *error)
{
	error_set(error, "verify store mem:%s: it is in memory only", where);
	return -1;
}

const struct store_backend store_mem_backend = {
	.scheme = "mem",
	.open = mem_open,
	.restore = mem_restore,
	.verify = mem_verify,
};

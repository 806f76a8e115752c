/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Berkeley DB engine's operations: reads outside of transactions, which
 * hold a page's lock for the moment of the read, and the application of a
 * write set in a transaction that is over before the disk is asked for.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/xalloc.h"
#include "policyd/store_bdb.h"

/* Most values fit; a larger one is read once more. */
#define BDB_VALUE_ROOM 1024
/* A page of more records than this is read in bulk, as many as a block holds.
 */
#define BDB_SINGLY  32
#define BDB_BULK    (64u << 10)
#define BDB_RETRIES 100

/* The library's word for "the other one goes first". */
static bool bdb_is_conflict(int code)
{
	return code == DB_LOCK_DEADLOCK || code == DB_LOCK_NOTGRANTED;
}

/* Whether to try once more, after a pause that lets the other one go. */
static bool bdb_again(int code, unsigned *tries)
{
	if (!bdb_is_conflict(code) || ++*tries > BDB_RETRIES)
		return false;
	sched_yield();
	return true;
}

static DBT bdb_dbt(struct store_bytes bytes)
{
	/* the library does not write to a key that is only looked up */
	return (DBT){ .data = (void *)(uintptr_t)bytes.data,
		.size = (u_int32_t)bytes.size,
		.ulen = (u_int32_t)bytes.size,
		.flags = DB_DBT_READONLY };
}

/* ---- one record ---- */

int bdb_get(struct store_engine *engine, enum store_table table,
	struct store_bytes key, struct buffer *value, struct error *error)
{
	struct bdb *bdb = (struct bdb *)engine;
	DB *db = bdb->tables[table];
	char first_room[BDB_VALUE_ROOM];
	DBT key_dbt = bdb_dbt(key);
	DBT value_dbt = { .data = first_room,
		.ulen = sizeof(first_room),
		.flags = DB_DBT_USERMEM };
	unsigned tries = 0;
	char *room = NULL;
	int code;

	do {
		code = db->get(db, NULL, &key_dbt, &value_dbt, 0);
		if (code == DB_BUFFER_SMALL) {
			room = xreallocarray(room, value_dbt.size, 1);
			value_dbt.data = room;
			value_dbt.ulen = value_dbt.size;
		}
	} while (code == DB_BUFFER_SMALL || bdb_again(code, &tries));
	if (code == 0)
		buffer_add(value, value_dbt.data, value_dbt.size);
	free(room);
	if (code != 0 && code != DB_NOTFOUND)
		return bdb_fail(bdb, code, error, "read table %s",
			store_table_name(table));
	return code == 0;
}

/* A read of one page of records. */
struct bdb_reading {
	DB *db;
	struct store_bytes from;
	struct store_bytes prefix;
	size_t wanted;
	struct store_page *page;
};

/* Adds a record; false when it is behind the last one with the prefix. */
static bool bdb_reading_add(
	struct bdb_reading *reading, struct store_bytes key, DBT value)
{
	struct store_bytes bytes = { value.data, value.size };

	if (!store_bytes_begin(key, reading->prefix)) {
		reading->page->last = true;
		return false;
	}
	store_page_add(reading->page, key, bytes);
	return true;
}

static int bdb_read_singly(struct bdb_reading *reading, DBC *cursor)
{
	DBT key = { .size = (u_int32_t)reading->from.size,
		.flags = DB_DBT_REALLOC };
	DBT value = { .flags = DB_DBT_REALLOC };
	u_int32_t where = DB_SET_RANGE;
	bool more = true;
	int code = 0;

	key.data = xmalloc(reading->from.size);
	if (reading->from.size > 0)
		memcpy(key.data, reading->from.data, reading->from.size);
	while (more && (code = cursor->get(cursor, &key, &value, where)) == 0) {
		more = bdb_reading_add(reading,
			       (struct store_bytes){ key.data, key.size },
			       value) &&
		       reading->page->count < reading->wanted;
		where = DB_NEXT;
	}
	free(key.data);
	free(value.data);
	return code;
}

/* Takes the records of a bulk read apart, all of them. */
static void bdb_read_block(struct bdb_reading *reading, DBT *block)
{
	DBT value = { .data = NULL };
	void *position;
	void *key;
	u_int32_t key_size;

	DB_MULTIPLE_INIT(position, block);
	for (;;) {
		DB_MULTIPLE_KEY_NEXT(
			position, block, key, key_size, value.data, value.size);
		if (position == NULL ||
			!bdb_reading_add(reading,
				(struct store_bytes){ key, key_size }, value))
			break;
	}
}

static int bdb_read_bulk(struct bdb_reading *reading, DBC *cursor)
{
	DBT key = { .flags = DB_DBT_REALLOC };
	DBT block = { .flags = DB_DBT_USERMEM, .ulen = BDB_BULK };
	int code;

	key.size = (u_int32_t)reading->from.size;
	key.data = xmalloc(reading->from.size);
	if (reading->from.size > 0)
		memcpy(key.data, reading->from.data, reading->from.size);
	block.data = xmalloc(block.ulen);
	for (;;) {
		code = cursor->get(
			cursor, &key, &block, DB_SET_RANGE | DB_MULTIPLE_KEY);
		if (code != DB_BUFFER_SMALL)
			break;
		block.ulen *= 2;
		block.data = xreallocarray(block.data, block.ulen, 1);
	}
	if (code == 0)
		bdb_read_block(reading, &block);
	free(key.data);
	free(block.data);
	return code;
}

static int bdb_read_once(struct bdb_reading *reading)
{
	DB *db = reading->db;
	DBC *cursor;
	int closing;
	int code = db->cursor(db, NULL, &cursor, 0);

	if (code != 0)
		return code;
	store_page_clear(reading->page);
	code = reading->wanted <= BDB_SINGLY ? bdb_read_singly(reading, cursor)
					     : bdb_read_bulk(reading, cursor);
	closing = cursor->close(cursor);
	if (code == DB_NOTFOUND) {
		reading->page->last = true;
		code = 0;
	}
	return code != 0 ? code : closing;
}

int bdb_read(struct store_engine *engine, enum store_table table,
	struct store_bytes from, struct store_bytes prefix, size_t wanted,
	struct store_page *page, struct error *error)
{
	struct bdb *bdb = (struct bdb *)engine;
	struct bdb_reading reading = { bdb->tables[table], from, prefix, wanted,
		page };
	unsigned tries = 0;
	int code;

	do
		code = bdb_read_once(&reading);
	while (bdb_again(code, &tries));
	if (code == 0)
		return 0;
	return bdb_fail(
		bdb, code, error, "read table %s", store_table_name(table));
}

int bdb_last(struct store_engine *engine, enum store_table table,
	struct buffer *key, struct error *error)
{
	struct bdb *bdb = (struct bdb *)engine;
	DB *db = bdb->tables[table];
	DBT key_dbt = { .flags = DB_DBT_REALLOC };
	DBT value_dbt = { .flags = DB_DBT_USERMEM | DB_DBT_PARTIAL };
	DBC *cursor;
	int code = db->cursor(db, NULL, &cursor, 0);

	if (code == 0) {
		int closing;

		code = cursor->get(cursor, &key_dbt, &value_dbt, DB_LAST);
		closing = cursor->close(cursor);
		if (code == 0)
			code = closing;
	}
	if (code == 0)
		buffer_add(key, key_dbt.data, key_dbt.size);
	free(key_dbt.data);
	if (code != 0 && code != DB_NOTFOUND)
		return bdb_fail(bdb, code, error, "read table %s",
			store_table_name(table));
	return code == 0;
}

/* ---- writing ---- */

/* 0, or -1 with an error when the file system is too full to write to. */
static int bdb_check_space(struct bdb *bdb, struct error *error)
{
	struct statvfs space;

	if (statvfs(bdb->directory, &space) < 0)
		return bdb_fail(bdb, errno, error, "look for free space");
	if ((unsigned long long)space.f_bavail * space.f_frsize >=
		BDB_SPACE_RESERVE)
		return 0;
	return bdb_fail(bdb, ENOSPC, error,
		"write: less than %u MB are free, the store's reserve",
		BDB_SPACE_RESERVE >> 20);
}

static int bdb_write(
	struct bdb *bdb, DB_TXN *txn, const struct store_write *write)
{
	DB *db = bdb->tables[write->table];
	DBT key = bdb_dbt(write->key);
	DBT value = bdb_dbt(write->value);
	int code;

	if (!write->remove)
		return db->put(db, txn, &key, &value, 0);
	code = db->del(db, txn, &key, 0);
	return code == DB_NOTFOUND ? 0 : code;
}

/*
 * One try. *ending_r: it was the commit that failed. The commit leaves the log
 * in memory: bdb_flush makes it durable, together with those of other threads.
 */
static int bdb_apply_once(struct bdb *bdb, const struct store_write *writes,
	size_t count, bool *ending_r)
{
	DB_TXN *txn;
	int code = bdb->env->txn_begin(bdb->env, NULL, &txn, 0);

	*ending_r = false;
	if (code != 0)
		return code;
	for (size_t i = 0; i < count && code == 0; i++)
		code = bdb_write(bdb, txn, &writes[i]);
	if (code != 0) {
		txn->abort(txn);
		return code;
	}
	*ending_r = true;
	return txn->commit(txn, DB_TXN_NOSYNC);
}

enum store_commit bdb_apply(struct store_engine *engine,
	const struct store_write *writes, size_t count, struct error *error)
{
	struct bdb *bdb = (struct bdb *)engine;
	unsigned tries = 0;
	bool ending;
	int code;

	if (bdb_check_space(bdb, error) < 0)
		return STORE_FAILED;
	do
		code = bdb_apply_once(bdb, writes, count, &ending);
	while (bdb_again(code, &tries));
	if (code == 0)
		return STORE_DONE;
	bdb_fail(bdb, code, error, "write");
	if (bdb_is_conflict(code))
		return STORE_CONFLICT;
	/* a commit that fails is taken back, unless that failed as well */
	return ending && code == DB_RUNRECOVERY ? STORE_UNKNOWN : STORE_FAILED;
}

int bdb_flush(struct store_engine *engine, struct error *error)
{
	struct bdb *bdb = (struct bdb *)engine;
	int code = bdb->env->log_flush(bdb->env, NULL);

	if (code == 0)
		return 0;
	return bdb_fail(bdb, code, error, "make durable");
}

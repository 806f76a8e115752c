/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store over an engine: opening, lookups, counts. Transactions, scans and
 * the cross-check have files of their own.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/store_record.h"
#include "policyd/store_tables.h"

/* A scan's first page is small, since many scans need no second one. */
#define TABLES_FIRST_PAGE 16
#define TABLES_PAGE	  256

static struct store_bytes tables_key(const char *text)
{
	return (struct store_bytes){ text, strlen(text) };
}

int tables_usable(const struct tables *tables, struct error *error)
{
	if (!store_pending_is_broken(&tables->pending))
		return 0;
	error_set(error,
		"store %s: could not be made durable: restart rehome-policyd, "
		"which recovers what is on disk",
		tables->engine->name);
	return -1;
}

int tables_read(struct tables *tables, enum store_table table,
	struct store_bytes key, struct buffer *value, struct error *error)
{
	bool existed;
	int result;

	if (tables_usable(tables, error) < 0)
		return -1;
	result = tables->engine->ops->get(
		tables->engine, table, key, value, error);
	if (result >= 0 && store_pending_former(&tables->pending, table, key,
				   &existed, value))
		return existed;
	return result;
}

/* ---- lookups ---- */

int tables_read_account(struct tables *tables, struct store_bytes key,
	struct account *account_r, struct error *error)
{
	struct buffer value = BUFFER_EMPTY;
	int result = tables_read(tables, STORE_ACCOUNTS, key, &value, error);

	if (result > 0 && store_record_get_account(key, store_bytes_of(&value),
				  account_r, error) < 0)
		result = -1;
	buffer_free(&value);
	if (result < 0)
		error_prefix(error, "read account %.*s", (int)key.size,
			(const char *)key.data);
	return result;
}

static int tables_get_account(struct store *store, const char *address,
	struct account *account_r, struct error *error)
{
	return tables_read_account(
		(struct tables *)store, tables_key(address), account_r, error);
}

static int tables_get_alias(struct store *store, const char *alias,
	char *address_r, struct error *error)
{
	struct buffer value = BUFFER_EMPTY;
	int result = tables_read((struct tables *)store, STORE_ALIASES,
		tables_key(alias), &value, error);

	if (result > 0 && store_record_get_alias(
				  store_bytes_of(&value), address_r, error) < 0)
		result = -1;
	buffer_free(&value);
	if (result < 0)
		error_prefix(error, "read alias %s", alias);
	return result;
}

static int tables_get_lease(struct store *store, const char *address,
	struct store_lease *lease_r, struct error *error)
{
	struct store_bytes key = tables_key(address);
	struct buffer value = BUFFER_EMPTY;
	int result = tables_read(
		(struct tables *)store, STORE_LEASES, key, &value, error);

	if (result > 0 && store_record_get_lease(key, store_bytes_of(&value),
				  lease_r, error) < 0)
		result = -1;
	buffer_free(&value);
	if (result < 0)
		error_prefix(error, "read lease of %s", address);
	return result;
}

void tables_document_key(
	const char *address, const char *name, struct buffer *key)
{
	store_record_text_prefix(address, key);
	buffer_add_text(key, name);
}

static int tables_get_document(struct store *store, const char *address,
	const char *name, int64_t *at_r, struct buffer *text,
	struct error *error)
{
	struct buffer key = BUFFER_EMPTY, value = BUFFER_EMPTY;
	int64_t at;
	int result;

	tables_document_key(address, name, &key);
	result = tables_read((struct tables *)store, STORE_DOCUMENTS,
		store_bytes_of(&key), &value, error);
	if (result > 0 && store_record_get_document(store_bytes_of(&value),
				  at_r != NULL ? at_r : &at, text, error) < 0)
		result = -1;
	buffer_free(&key);
	buffer_free(&value);
	if (result < 0)
		error_prefix(error, "read document %s of %s", name, address);
	return result;
}

/* ---- notes ---- */

void tables_note_key(const char *name, struct buffer *key)
{
	store_record_text_prefix("note", key);
	buffer_add_text(key, name);
}

static int tables_get_note(struct store *store, const char *name,
	struct buffer *text, struct error *error)
{
	struct buffer key = BUFFER_EMPTY;
	int result;

	tables_note_key(name, &key);
	result = tables_read((struct tables *)store, STORE_META,
		store_bytes_of(&key), text, error);
	buffer_free(&key);
	if (result < 0)
		error_prefix(error, "read note %s", name);
	return result;
}

static int tables_count(
	struct store *store, struct store_counts *counts_r, struct error *error)
{
	struct tables *tables = (struct tables *)store;

	if (tables_usable(tables, error) < 0)
		return -1;
	pthread_mutex_lock(&tables->counts_lock);
	*counts_r = tables->counts;
	pthread_mutex_unlock(&tables->counts_lock);
	return 0;
}

/* ---- walks ---- */

void tables_walk_init(struct tables_walk *walk, struct tables *tables,
	enum store_table table, struct store_bytes from,
	struct store_bytes prefix)
{
	*walk = (struct tables_walk){
		.tables = tables,
		.table = table,
		.prefix = prefix,
		.wanted = TABLES_FIRST_PAGE,
	};
	buffer_add(&walk->from, from.data, from.size);
}

/* 1: there is a record at the index; 0: there are no more. */
static int tables_walk_fill(struct tables_walk *walk, struct error *error)
{
	struct store_engine *engine = walk->tables->engine;

	if (walk->index < walk->page.count)
		return 1;
	if (walk->page.last)
		return 0;
	if (tables_usable(walk->tables, error) < 0)
		return -1;
	if (walk->page.count > 0)
		store_key_after(
			store_page_key(&walk->page, walk->page.count - 1),
			&walk->from);
	walk->index = 0;
	if (engine->ops->read(engine, walk->table, store_bytes_of(&walk->from),
		    walk->prefix, walk->wanted, &walk->page, error) < 0)
		return -1;
	walk->wanted = TABLES_PAGE;
	return walk->page.count > 0;
}

int tables_walk_next(struct tables_walk *walk, struct store_bytes *key_r,
	struct store_bytes *value_r, struct error *error)
{
	bool existed;
	int result;

	while ((result = tables_walk_fill(walk, error)) > 0) {
		*key_r = store_page_key(&walk->page, walk->index);
		*value_r = store_page_value(&walk->page, walk->index++);
		if (!store_pending_former(&walk->tables->pending, walk->table,
			    *key_r, &existed, &walk->former))
			return 1;
		*value_r = store_bytes_of(&walk->former);
		if (existed)
			return 1;
	}
	return result;
}

void tables_walk_free(struct tables_walk *walk)
{
	buffer_free(&walk->from);
	buffer_free(&walk->former);
	store_page_free(&walk->page);
}

/* ---- opening and closing ---- */

static int tables_load_counts(struct tables *tables, struct error *error)
{
	struct store_bytes none = { NULL, 0 };
	struct store_bytes key, value;
	struct tables_walk walk;
	int result;

	tables_walk_init(&walk, tables, STORE_BY_PHASE, none, none);
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0)
		if (!store_record_count_entry(key, value, &tables->counts)) {
			error_set(error, "store %s: index %s: damaged entry",
				tables->engine->name,
				store_table_name(STORE_BY_PHASE));
			result = -1;
			break;
		}
	tables_walk_free(&walk);
	if (result < 0)
		return -1;
	tables_walk_init(&walk, tables, STORE_ALIASES, none, none);
	while ((result = tables_walk_next(&walk, &key, &value, error)) > 0)
		tables->counts.aliases++;
	tables_walk_free(&walk);
	return result;
}

static int tables_load_serial(struct tables *tables, struct error *error)
{
	struct buffer key = BUFFER_EMPTY;
	int result = tables->engine->ops->last(
		tables->engine, STORE_AUDIT, &key, error);

	if (result > 0 && !store_record_get_serial(
				  store_bytes_of(&key), &tables->serial)) {
		error_set(error, "store %s: audit: damaged serial",
			tables->engine->name);
		result = -1;
	}
	buffer_free(&key);
	return result < 0 ? -1 : 0;
}

static void tables_close(struct store *store)
{
	struct tables *tables = (struct tables *)store;
	struct store_pending_node *node;

	while ((node = store_pending_take(&tables->pending)) != NULL)
		tables_txn_discard(node);
	tables->engine->ops->close(tables->engine);
	store_pending_free(&tables->pending);
	pthread_mutex_destroy(&tables->counts_lock);
	pthread_mutex_destroy(&tables->writer);
	free(tables);
}

static int tables_backup(
	struct store *store, const char *directory, struct error *error)
{
	struct tables *tables = (struct tables *)store;

	if (tables_usable(tables, error) < 0)
		return -1;
	return tables->engine->ops->backup(tables->engine, directory, error);
}

static int tables_checkpoint(struct store *store, struct error *error)
{
	struct tables *tables = (struct tables *)store;

	if (tables_usable(tables, error) < 0)
		return -1;
	return tables->engine->ops->checkpoint(tables->engine, error);
}

static bool tables_is_broken(struct store *store)
{
	const struct tables *tables = (const struct tables *)store;

	return store_pending_is_broken(&tables->pending) ||
	       tables->engine->ops->is_broken(tables->engine);
}

static const struct store_ops tables_ops = {
	.close = tables_close,
	.get_account = tables_get_account,
	.get_alias = tables_get_alias,
	.get_lease = tables_get_lease,
	.get_document = tables_get_document,
	.get_note = tables_get_note,
	.scan_accounts = tables_scan_accounts,
	.scan_aliases = tables_scan_aliases,
	.scan_leases = tables_scan_leases,
	.scan_bounds = tables_scan_bounds,
	.scan_documents = tables_scan_documents,
	.scan_audit = tables_scan_audit,
	.count = tables_count,
	.begin = tables_begin,
	.txn_get_account = tables_txn_get_account,
	.txn_get_alias = tables_txn_get_alias,
	.txn_get_lease = tables_txn_get_lease,
	.txn_get_document = tables_txn_get_document,
	.txn_put_account = tables_txn_put_account,
	.txn_delete_account = tables_txn_delete_account,
	.txn_put_alias = tables_txn_put_alias,
	.txn_delete_alias = tables_txn_delete_alias,
	.txn_put_lease = tables_txn_put_lease,
	.txn_delete_lease = tables_txn_delete_lease,
	.txn_put_bounds = tables_txn_put_bounds,
	.txn_put_document = tables_txn_put_document,
	.txn_put_note = tables_txn_put_note,
	.txn_add_audit = tables_txn_add_audit,
	.commit = tables_commit,
	.abort = tables_abort,
	.backup = tables_backup,
	.checkpoint = tables_checkpoint,
	.is_broken = tables_is_broken,
};

/* An error-checking lock: a thread that begins a second transaction inside its
 * first is told so, instead of waiting for itself. */
static void tables_init_writer(pthread_mutex_t *writer)
{
	pthread_mutexattr_t kind;

	if (pthread_mutexattr_init(&kind) != 0 ||
		pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK) !=
			0 ||
		pthread_mutex_init(writer, &kind) != 0)
		abort();
	pthread_mutexattr_destroy(&kind);
}

struct store *tables_open(struct store_engine *engine, struct error *error)
{
	struct tables *tables = xcalloc(1, sizeof(*tables));
	struct store *store = &tables->store;

	store->ops = &tables_ops;
	tables->engine = engine;
	tables_init_writer(&tables->writer);
	if (pthread_mutex_init(&tables->counts_lock, NULL) != 0)
		abort();
	store_pending_init(&tables->pending);
	if (tables_load_counts(tables, error) < 0 ||
		tables_load_serial(tables, error) < 0)
		store_close(&store);
	return store;
}

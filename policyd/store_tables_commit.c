/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning and the end of transactions over an engine: who may write, what
 * may be stored, when it is visible, and when it is durable.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/store_record.h"
#include "policyd/store_tables.h"

int tables_begin(
	struct store *store, struct store_txn **txn_r, struct error *error)
{
	struct tables *tables = (struct tables *)store;
	struct tables_txn *txn;
	int refused = pthread_mutex_lock(&tables->writer);

	if (refused != 0) {
		error_set(error, "begin a transaction of store %s: %s",
			tables->engine->name,
			refused == EDEADLK ? "this thread is in one already"
					   : strerror(refused));
		return -1;
	}
	if (tables_usable(tables, error) < 0) {
		pthread_mutex_unlock(&tables->writer);
		return -1;
	}
	txn = xcalloc(1, sizeof(*txn));
	txn->txn.store = store;
	txn->tables = tables;
	txn->serial = tables->serial;
	store_writes_init(&txn->writes, tables->engine);
	txn->pending.writes = &txn->writes;
	*txn_r = &txn->txn;
	return 0;
}

static void tables_txn_free(struct tables_txn *txn)
{
	store_writes_free(&txn->writes);
	free(txn);
}

void tables_txn_discard(struct store_pending_node *node)
{
	size_t offset = offsetof(struct tables_txn, pending);

	tables_txn_free((struct tables_txn *)((char *)node - offset));
}

/* The address of the account that a record belongs to; 0, or -1. */
static int tables_txn_owner(
	const struct store_write *write, char *address_r, struct error *error)
{
	struct store_bytes address = write->key;
	struct store_bytes rest;

	if (write->table == STORE_ALIASES)
		return store_record_get_alias(write->value, address_r, error);
	if (write->table == STORE_BOUNDS || write->table == STORE_DOCUMENTS)
		store_record_split(write->key, &address, &rest);
	return store_record_address(address, address_r, error);
}

/* No alias, lease, bound or document without its account. */
static int tables_txn_check(struct tables_txn *txn,
	const struct store_write *list, size_t count, struct error *error)
{
	char address[ADDRESS_SIZE];
	struct store_bytes value;
	int result = 1;

	for (size_t i = 0; i < count && result > 0; i++) {
		if (list[i].remove || (list[i].table != STORE_ALIASES &&
					      list[i].table != STORE_LEASES &&
					      list[i].table != STORE_BOUNDS &&
					      list[i].table != STORE_DOCUMENTS))
			continue;
		if (tables_txn_owner(&list[i], address, error) < 0)
			return -1;
		result = store_writes_get(&txn->writes, STORE_ACCOUNTS,
			(struct store_bytes){ address, strlen(address) },
			&value, error);
		if (result == 0)
			error_set(error, "put %s: there is no account %s",
				store_table_name(list[i].table), address);
	}
	return result > 0 ? 0 : -1;
}

/*
 * What was only read may be another's that is not durable yet: DONE means that
 * it is.
 */
static enum store_commit tables_txn_read_only(
	struct tables *tables, struct error *error)
{
	if (store_pending_is_empty(&tables->pending) ||
		tables->engine->ops->flush(tables->engine, error) == 0)
		return STORE_DONE;
	store_pending_break(&tables->pending);
	return STORE_FAILED;
}

/* Under the writer's lock: everything but the wait for the disk. On DONE and
 * UNKNOWN the transaction stands in the list of the pending. */
static enum store_commit tables_txn_apply(struct tables_txn *txn,
	const struct store_write *list, size_t count, struct error *error)
{
	struct tables *tables = txn->tables;
	enum store_commit result;

	if (tables_txn_check(txn, list, count, error) < 0)
		return STORE_FAILED;
	store_pending_add(&tables->pending, &txn->pending);
	result = tables->engine->ops->apply(tables->engine, list, count, error);
	if (result == STORE_UNKNOWN)
		store_pending_break(&tables->pending);
	else if (result != STORE_DONE)
		store_pending_withdraw(&tables->pending, &txn->pending);
	else
		tables->serial = txn->serial;
	return result;
}

/* After it was applied, without the lock. UNKNOWN: the list of the pending has
 * it. */
static enum store_commit tables_txn_settle(
	struct tables_txn *txn, struct error *error)
{
	struct tables *tables = txn->tables;

	if (tables->engine->ops->flush(tables->engine, error) < 0)
		store_pending_break(&tables->pending);
	else
		tables_usable(tables, error); /* another one's flush may have */
	if (!store_pending_settle(&tables->pending, &txn->pending))
		return STORE_UNKNOWN;
	pthread_mutex_lock(&tables->counts_lock);
	store_record_add_counts(&tables->counts, &txn->counts);
	pthread_mutex_unlock(&tables->counts_lock);
	return STORE_DONE;
}

enum store_commit tables_commit(struct store_txn *base, struct error *error)
{
	struct tables_txn *txn = (struct tables_txn *)base;
	struct tables *tables = txn->tables;
	enum store_commit result = STORE_FAILED;
	size_t count;
	struct store_write *list = store_writes_list(&txn->writes, &count);

	if (txn->doomed)
		error_set(error, "%s", txn->doom.text);
	else if (count > 0)
		result = tables_txn_apply(txn, list, count, error);
	pthread_mutex_unlock(&tables->writer);
	if (!txn->doomed && count == 0)
		result = tables_txn_read_only(tables, error);
	else if (result == STORE_DONE)
		result = tables_txn_settle(txn, error);
	free(list);
	if (result != STORE_UNKNOWN)
		tables_txn_free(txn);
	return result;
}

void tables_abort(struct store_txn *base)
{
	struct tables_txn *txn = (struct tables_txn *)base;

	pthread_mutex_unlock(&txn->tables->writer);
	tables_txn_free(txn);
}

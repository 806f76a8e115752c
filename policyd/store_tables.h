/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store over an engine of ordered tables: records, indexes, counts and
 * transactions, the same for every embedded backend.
 *
 * One transaction writes at a time: begin takes the writer's lock, commit gives
 * it back as soon as the engine has applied the writes, and only then waits for
 * the disk, so that several commits share one flush. Before its commit the
 * writes of a transaction are in its own memory alone, and between commit and
 * disk store_pending.h hides them: readers wait for nobody, and are never told
 * what a crash could take back.
 */
#ifndef REHOME_STORE_TABLES_H
#define REHOME_STORE_TABLES_H

#include <pthread.h>

#include "policyd/store_engine.h"
#include "policyd/store_pending.h"
#include "policyd/store_private.h"

struct tables {
	struct store store;
	struct store_engine *engine;
	pthread_mutex_t writer;	      /* held from begin until applied */
	uint64_t serial;	      /* the last audit line's; the writer's */
	struct store_pending pending; /* broken: the whole store is */
	pthread_mutex_t counts_lock;
	struct store_counts counts;
};

/*
 * Makes a store of an engine, which it owns from now on, also when it fails.
 * NULL with an error when the tables cannot be read.
 */
struct store *tables_open(struct store_engine *engine, struct error *error);

/*
 * Cross-checks all tables: every record reads back, each index, alias, lease,
 * bound and document belongs to an account, and the counts are right. Nobody
 * may write meanwhile. 0 clean, 1 damaged (the error tells the first damage),
 * -1 could not tell.
 */
int tables_check(struct store *store, struct error *error);

/* ---- between the files of tables ---- */

/* -1 with an error when the store is broken. */
int tables_usable(const struct tables *tables, struct error *error);

/* The durable value of a key, appended to an empty buffer. 1, 0 or -1. */
int tables_read(struct tables *tables, enum store_table table,
	struct store_bytes key, struct buffer *value, struct error *error);
int tables_read_account(struct tables *tables, struct store_bytes key,
	struct account *account_r, struct error *error);

/* The key of an account's document, appended. */
void tables_document_key(
	const char *address, const char *name, struct buffer *key);

/* The key of a note in the table of what is no account's, appended. */
void tables_note_key(const char *name, struct buffer *key);

/*
 * Walks the records of a table that begin with prefix, the first one not below
 * from, a page at a time, and shows what is durable. next gives 1 and the
 * record, valid until the next call, 0 at the end, -1 when it could not tell.
 */
struct tables_walk {
	struct tables *tables;
	enum store_table table;
	struct store_bytes prefix; /* the caller's, must outlive the walk */
	struct buffer from;
	struct buffer former;
	struct store_page page;
	size_t index;
	size_t wanted;
};

void tables_walk_init(struct tables_walk *walk, struct tables *tables,
	enum store_table table, struct store_bytes from,
	struct store_bytes prefix);
int tables_walk_next(struct tables_walk *walk, struct store_bytes *key_r,
	struct store_bytes *value_r, struct error *error);
void tables_walk_free(struct tables_walk *walk);

/* One transaction. Its writes are in memory until the commit. */
struct tables_txn {
	struct store_txn txn;
	struct tables *tables;
	struct store_writes writes;
	struct store_pending_node pending;
	struct store_counts counts; /* differences */
	uint64_t serial;	    /* of the last audit line */
	bool doomed;
	struct error doom; /* the first failure */
};

/* Members of store_ops. */
int tables_scan_accounts(struct store *store, const struct store_filter *filter,
	store_account_fn *callback, void *context, struct error *error);
int tables_scan_aliases(struct store *store, const char *address,
	store_alias_fn *callback, void *context, struct error *error);
int tables_scan_leases(struct store *store, store_lease_fn *callback,
	void *context, struct error *error);
int tables_scan_bounds(struct store *store, const char *address,
	store_bound_fn *callback, void *context, struct error *error);
int tables_scan_documents(struct store *store, const char *address,
	store_document_fn *callback, void *context, struct error *error);
int tables_scan_audit(struct store *store, const char *address,
	store_audit_fn *callback, void *context, struct error *error);

int tables_begin(
	struct store *store, struct store_txn **txn_r, struct error *error);
int tables_txn_get_account(struct store_txn *txn, const char *address,
	struct account *account_r, struct error *error);
int tables_txn_get_alias(struct store_txn *txn, const char *alias,
	char *address_r, struct error *error);
int tables_txn_get_lease(struct store_txn *txn, const char *address,
	struct store_lease *lease_r, struct error *error);
int tables_txn_get_document(struct store_txn *txn, const char *address,
	const char *name, struct buffer *text, struct error *error);
int tables_txn_put_account(struct store_txn *txn, const struct account *account,
	struct error *error);
int tables_txn_delete_account(
	struct store_txn *txn, const char *address, struct error *error);
int tables_txn_put_alias(struct store_txn *txn, const char *alias,
	const char *address, struct error *error);
int tables_txn_delete_alias(
	struct store_txn *txn, const char *alias, struct error *error);
int tables_txn_put_lease(struct store_txn *txn, const struct store_lease *lease,
	struct error *error);
int tables_txn_delete_lease(
	struct store_txn *txn, const char *address, struct error *error);
int tables_txn_put_bounds(struct store_txn *txn, const char *address,
	const struct store_bound *bounds, size_t count, struct error *error);
int tables_txn_put_document(struct store_txn *txn, const char *address,
	const struct store_document *document, struct error *error);
int tables_txn_put_note(struct store_txn *txn, const char *name,
	const char *text, struct error *error);
int tables_txn_add_audit(struct store_txn *txn, int64_t at, const char *address,
	const struct attr_list *detail, struct error *error);
enum store_commit tables_commit(struct store_txn *txn, struct error *error);
void tables_abort(struct store_txn *txn);
/* Frees a transaction that a failed flush left pending. */
void tables_txn_discard(struct store_pending_node *node);

#endif

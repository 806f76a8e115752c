/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a backend of the store is. store.c calls through these tables; nobody
 * else includes this but the backends. The contracts of the functions are
 * those of the calls in store.h that have the same names.
 */
#ifndef REHOME_STORE_PRIVATE_H
#define REHOME_STORE_PRIVATE_H

#include "policyd/store.h"

/* An open store. A backend's own struct begins with this one. */
struct store {
	const struct store_ops *ops;
};

/* A transaction. A backend's own struct begins with this one. */
struct store_txn {
	struct store *store;
};

struct store_ops {
	void (*close)(struct store *store);

	int (*get_account)(struct store *store, const char *address,
		struct account *account_r, struct error *error);
	int (*get_alias)(struct store *store, const char *alias,
		char *address_r, struct error *error);
	int (*get_lease)(struct store *store, const char *address,
		struct store_lease *lease_r, struct error *error);
	int (*get_document)(struct store *store, const char *address,
		const char *name, int64_t *at_r, struct buffer *text,
		struct error *error);
	int (*get_note)(struct store *store, const char *name,
		struct buffer *text, struct error *error);
	int (*scan_accounts)(struct store *store,
		const struct store_filter *filter, store_account_fn *callback,
		void *context, struct error *error);
	int (*scan_aliases)(struct store *store, const char *address,
		store_alias_fn *callback, void *context, struct error *error);
	int (*scan_leases)(struct store *store, store_lease_fn *callback,
		void *context, struct error *error);
	int (*scan_bounds)(struct store *store, const char *address,
		store_bound_fn *callback, void *context, struct error *error);
	int (*scan_documents)(struct store *store, const char *address,
		store_document_fn *callback, void *context,
		struct error *error);
	int (*scan_audit)(struct store *store, const char *address,
		store_audit_fn *callback, void *context, struct error *error);
	int (*count)(struct store *store, struct store_counts *counts_r,
		struct error *error);

	int (*begin)(struct store *store, struct store_txn **txn_r,
		struct error *error);
	int (*txn_get_account)(struct store_txn *txn, const char *address,
		struct account *account_r, struct error *error);
	int (*txn_get_alias)(struct store_txn *txn, const char *alias,
		char *address_r, struct error *error);
	int (*txn_get_lease)(struct store_txn *txn, const char *address,
		struct store_lease *lease_r, struct error *error);
	int (*txn_get_document)(struct store_txn *txn, const char *address,
		const char *name, struct buffer *text, struct error *error);
	int (*txn_put_account)(struct store_txn *txn,
		const struct account *account, struct error *error);
	int (*txn_delete_account)(struct store_txn *txn, const char *address,
		struct error *error);
	int (*txn_put_alias)(struct store_txn *txn, const char *alias,
		const char *address, struct error *error);
	int (*txn_delete_alias)(
		struct store_txn *txn, const char *alias, struct error *error);
	int (*txn_put_lease)(struct store_txn *txn,
		const struct store_lease *lease, struct error *error);
	int (*txn_delete_lease)(struct store_txn *txn, const char *address,
		struct error *error);
	int (*txn_put_bounds)(struct store_txn *txn, const char *address,
		const struct store_bound *bounds, size_t count,
		struct error *error);
	int (*txn_put_document)(struct store_txn *txn, const char *address,
		const struct store_document *document, struct error *error);
	int (*txn_put_note)(struct store_txn *txn, const char *name,
		const char *text, struct error *error);
	int (*txn_add_audit)(struct store_txn *txn, int64_t at,
		const char *address, const struct attr_list *detail,
		struct error *error);
	/* Both free the transaction. */
	enum store_commit (*commit)(struct store_txn *txn, struct error *error);
	void (*abort)(struct store_txn *txn);

	int (*backup)(struct store *store, const char *directory,
		struct error *error);
	int (*checkpoint)(struct store *store, struct error *error);
	bool (*is_broken)(struct store *store);
};

/*
 * One kind of store, by the scheme of its URI. What follows the colon is
 * `where`. restore and verify act on a store that is not open.
 */
struct store_backend {
	const char *scheme;
	struct store *(*open)(const char *where, struct error *error);
	int (*restore)(const char *where, const char *directory, char **kept_r,
		struct error *error);
	int (*verify)(const char *where, struct error *error);
};

extern const struct store_backend store_bdb_backend;
extern const struct store_backend store_mem_backend;
extern const struct store_backend store_fail_backend;

#endif

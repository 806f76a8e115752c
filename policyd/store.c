/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store's front door: finds the backend that a URI names and hands each
 * call to it. Nothing is decided here.
 */
#include "config.h"

#include <string.h>

#include "policyd/store.h"
#include "policyd/store_private.h"

static const struct store_backend *const store_backends[] = {
	&store_bdb_backend,
	&store_mem_backend,
	&store_fail_backend,
};

/* The backend of a URI, and what follows the colon; NULL with an error. */
static const struct store_backend *store_backend_find(
	const char *uri, const char **where_r, struct error *error)
{
	size_t count = sizeof(store_backends) / sizeof(store_backends[0]);
	size_t scheme_size = strcspn(uri, ":");

	for (size_t i = 0; uri[scheme_size] == ':' && i < count; i++) {
		const char *scheme = store_backends[i]->scheme;

		if (strlen(scheme) == scheme_size &&
			memcmp(scheme, uri, scheme_size) == 0) {
			*where_r = uri + scheme_size + 1;
			return store_backends[i];
		}
	}
	error_set(error, "store %s: not of the form bdb:DIRECTORY", uri);
	return NULL;
}

struct store *store_open(const char *uri, struct error *error)
{
	const char *where;
	const struct store_backend *backend =
		store_backend_find(uri, &where, error);

	return backend != NULL ? backend->open(where, error) : NULL;
}

void store_close(struct store **store)
{
	if (*store == NULL)
		return;
	(*store)->ops->close(*store);
	*store = NULL;
}

int store_get_account(struct store *store, const char *address,
	struct account *account_r, struct error *error)
{
	return store->ops->get_account(store, address, account_r, error);
}

int store_get_alias(struct store *store, const char *alias,
	char address_r[ADDRESS_SIZE], struct error *error)
{
	return store->ops->get_alias(store, alias, address_r, error);
}

int store_get_lease(struct store *store, const char *address,
	struct store_lease *lease_r, struct error *error)
{
	return store->ops->get_lease(store, address, lease_r, error);
}

int store_get_document(struct store *store, const char *address,
	const char *name, int64_t *at_r, struct buffer *text,
	struct error *error)
{
	return store->ops->get_document(
		store, address, name, at_r, text, error);
}

int store_get_note(struct store *store, const char *name, struct buffer *text,
	struct error *error)
{
	return store->ops->get_note(store, name, text, error);
}

int store_scan_accounts(struct store *store, const struct store_filter *filter,
	store_account_fn *callback, void *context, struct error *error)
{
	return store->ops->scan_accounts(
		store, filter, callback, context, error);
}

int store_scan_aliases(struct store *store, const char *address,
	store_alias_fn *callback, void *context, struct error *error)
{
	return store->ops->scan_aliases(
		store, address, callback, context, error);
}

int store_scan_leases(struct store *store, store_lease_fn *callback,
	void *context, struct error *error)
{
	return store->ops->scan_leases(store, callback, context, error);
}

int store_scan_bounds(struct store *store, const char *address,
	store_bound_fn *callback, void *context, struct error *error)
{
	return store->ops->scan_bounds(
		store, address, callback, context, error);
}

int store_scan_documents(struct store *store, const char *address,
	store_document_fn *callback, void *context, struct error *error)
{
	return store->ops->scan_documents(
		store, address, callback, context, error);
}

int store_scan_audit(struct store *store, const char *address,
	store_audit_fn *callback, void *context, struct error *error)
{
	return store->ops->scan_audit(store, address, callback, context, error);
}

int store_count(
	struct store *store, struct store_counts *counts_r, struct error *error)
{
	return store->ops->count(store, counts_r, error);
}

int store_begin(
	struct store *store, struct store_txn **txn_r, struct error *error)
{
	return store->ops->begin(store, txn_r, error);
}

int store_txn_get_account(struct store_txn *txn, const char *address,
	struct account *account_r, struct error *error)
{
	return txn->store->ops->txn_get_account(txn, address, account_r, error);
}

int store_txn_get_alias(struct store_txn *txn, const char *alias,
	char address_r[ADDRESS_SIZE], struct error *error)
{
	return txn->store->ops->txn_get_alias(txn, alias, address_r, error);
}

int store_txn_get_lease(struct store_txn *txn, const char *address,
	struct store_lease *lease_r, struct error *error)
{
	return txn->store->ops->txn_get_lease(txn, address, lease_r, error);
}

int store_txn_get_document(struct store_txn *txn, const char *address,
	const char *name, struct buffer *text, struct error *error)
{
	return txn->store->ops->txn_get_document(
		txn, address, name, text, error);
}

int store_txn_put_account(struct store_txn *txn, const struct account *account,
	struct error *error)
{
	return txn->store->ops->txn_put_account(txn, account, error);
}

int store_txn_delete_account(
	struct store_txn *txn, const char *address, struct error *error)
{
	return txn->store->ops->txn_delete_account(txn, address, error);
}

int store_txn_put_alias(struct store_txn *txn, const char *alias,
	const char *address, struct error *error)
{
	return txn->store->ops->txn_put_alias(txn, alias, address, error);
}

int store_txn_delete_alias(
	struct store_txn *txn, const char *alias, struct error *error)
{
	return txn->store->ops->txn_delete_alias(txn, alias, error);
}

int store_txn_put_lease(struct store_txn *txn, const struct store_lease *lease,
	struct error *error)
{
	return txn->store->ops->txn_put_lease(txn, lease, error);
}

int store_txn_delete_lease(
	struct store_txn *txn, const char *address, struct error *error)
{
	return txn->store->ops->txn_delete_lease(txn, address, error);
}

int store_txn_put_bounds(struct store_txn *txn, const char *address,
	const struct store_bound *bounds, size_t count, struct error *error)
{
	return txn->store->ops->txn_put_bounds(
		txn, address, bounds, count, error);
}

int store_txn_put_document(struct store_txn *txn, const char *address,
	const struct store_document *document, struct error *error)
{
	return txn->store->ops->txn_put_document(txn, address, document, error);
}

int store_txn_put_note(struct store_txn *txn, const char *name,
	const char *text, struct error *error)
{
	return txn->store->ops->txn_put_note(txn, name, text, error);
}

int store_txn_add_audit(struct store_txn *txn, int64_t at, const char *address,
	const struct attr_list *detail, struct error *error)
{
	return txn->store->ops->txn_add_audit(txn, at, address, detail, error);
}

enum store_commit store_commit(struct store_txn **txn, struct error *error)
{
	struct store_txn *ending = *txn;

	*txn = NULL;
	return ending->store->ops->commit(ending, error);
}

void store_abort(struct store_txn **txn)
{
	struct store_txn *ending = *txn;

	if (ending == NULL)
		return;
	*txn = NULL;
	ending->store->ops->abort(ending);
}

int store_backup(
	struct store *store, const char *directory, struct error *error)
{
	return store->ops->backup(store, directory, error);
}

int store_checkpoint(struct store *store, struct error *error)
{
	return store->ops->checkpoint(store, error);
}

bool store_is_broken(struct store *store)
{
	return store->ops->is_broken(store);
}

int store_restore(const char *uri, const char *directory, char **kept_r,
	struct error *error)
{
	const char *where;
	const struct store_backend *backend =
		store_backend_find(uri, &where, error);

	*kept_r = NULL;
	if (backend == NULL)
		return -1;
	return backend->restore(where, directory, kept_r, error);
}

int store_verify(const char *uri, struct error *error)
{
	const char *where;
	const struct store_backend *backend =
		store_backend_find(uri, &where, error);

	return backend != NULL ? backend->verify(where, error) : -1;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store that fails, for tests: "fail:MODE[:SWITCH[:URI]]". MODE tells what
 * fails: lookups, commits (nothing is stored), unknown (the outcome of each
 * commit is unknown; the first is stored, the second is not, and so on in
 * turn), all. With a SWITCH it fails only while that file exists; else always.
 * What does not fail goes to the store at URI, else to one in memory.
 */
#include "config.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "policyd/store_private.h"

enum fail_mode {
	FAIL_LOOKUPS = 1 << 0,
	FAIL_COMMITS = 1 << 1,
	FAIL_UNKNOWN = 1 << 2,
	FAIL_REST = 1 << 3, /* begin, writes, care */
	FAIL_ALL = FAIL_LOOKUPS | FAIL_COMMITS | FAIL_REST,
};

static const struct {
	const char *name;
	enum fail_mode mode;
} fail_modes[] = {
	{ "lookups", FAIL_LOOKUPS },
	{ "commits", FAIL_COMMITS },
	{ "unknown", FAIL_UNKNOWN },
	{ "all", FAIL_ALL },
};

struct fail {
	struct store store;
	struct store *inner;
	enum fail_mode mode;
	char *toggle; /* the file, or NULL: always */
	atomic_uint unknowns;
};

struct fail_txn {
	struct store_txn txn;
	struct store_txn *inner;
	bool doomed;
};

/* ---- the URI ---- */

struct fail_uri {
	enum fail_mode mode;
	char *toggle; /* malloc'd, or NULL */
	const char *inner;
};

static int fail_uri_parse(
	const char *where, struct fail_uri *uri_r, struct error *error)
{
	size_t count = sizeof(fail_modes) / sizeof(fail_modes[0]);
	size_t size = strcspn(where, ":");
	const char *rest = where + size;

	*uri_r = (struct fail_uri){ .inner = "mem:" };
	for (size_t i = 0; i < count; i++)
		if (strlen(fail_modes[i].name) == size &&
			memcmp(fail_modes[i].name, where, size) == 0)
			uri_r->mode = fail_modes[i].mode;
	if (uri_r->mode == 0) {
		error_set(error,
			"store fail:%s: the mode is none of lookups, commits, "
			"unknown, all",
			where);
		return -1;
	}
	if (*rest == '\0')
		return 0;
	rest++;
	size = strcspn(rest, ":");
	if (size > 0)
		uri_r->toggle = xstrndup(rest, size);
	if (rest[size] == ':')
		uri_r->inner = rest + size + 1;
	return 0;
}

static bool fail_uri_fails(const struct fail_uri *uri, enum fail_mode mode)
{
	return (uri->mode & mode) != 0 &&
	       (uri->toggle == NULL || access(uri->toggle, F_OK) == 0);
}

/* ---- failing ---- */

static bool fail_fails(
	const struct fail *fail, enum fail_mode mode, struct error *error)
{
	const struct fail_uri uri = { fail->mode, fail->toggle, NULL };

	if (!fail_uri_fails(&uri, mode))
		return false;
	error_set(error, "store fail: it was told to fail");
	return true;
}

static bool fail_txn_fails(
	struct fail_txn *txn, enum fail_mode mode, struct error *error)
{
	const struct fail *fail = (const struct fail *)txn->txn.store;

	if (!fail_fails(fail, mode, error))
		return false;
	txn->doomed = true;
	return true;
}

/* ---- lookups ---- */

static int fail_get_account(struct store *store, const char *address,
	struct account *account_r, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_get_account(fail->inner, address, account_r, error);
}

static int fail_get_alias(struct store *store, const char *alias,
	char *address_r, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_get_alias(fail->inner, alias, address_r, error);
}

static int fail_get_lease(struct store *store, const char *address,
	struct store_lease *lease_r, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_get_lease(fail->inner, address, lease_r, error);
}

static int fail_get_document(struct store *store, const char *address,
	const char *name, int64_t *at_r, struct buffer *text,
	struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_get_document(
		fail->inner, address, name, at_r, text, error);
}

static int fail_get_note(struct store *store, const char *name,
	struct buffer *text, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_get_note(fail->inner, name, text, error);
}

static int fail_scan_accounts(struct store *store,
	const struct store_filter *filter, store_account_fn *callback,
	void *context, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_scan_accounts(
		fail->inner, filter, callback, context, error);
}

static int fail_scan_aliases(struct store *store, const char *address,
	store_alias_fn *callback, void *context, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_scan_aliases(
		fail->inner, address, callback, context, error);
}

static int fail_scan_leases(struct store *store, store_lease_fn *callback,
	void *context, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_scan_leases(fail->inner, callback, context, error);
}

static int fail_scan_bounds(struct store *store, const char *address,
	store_bound_fn *callback, void *context, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_scan_bounds(
		fail->inner, address, callback, context, error);
}

static int fail_scan_documents(struct store *store, const char *address,
	store_document_fn *callback, void *context, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_scan_documents(
		fail->inner, address, callback, context, error);
}

static int fail_scan_audit(struct store *store, const char *address,
	store_audit_fn *callback, void *context, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_scan_audit(fail->inner, address, callback, context, error);
}

static int fail_count(
	struct store *store, struct store_counts *counts_r, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_LOOKUPS, error))
		return -1;
	return store_count(fail->inner, counts_r, error);
}

/* ---- transactions ---- */

static int fail_begin(
	struct store *store, struct store_txn **txn_r, struct error *error)
{
	struct fail *fail = (struct fail *)store;
	struct store_txn *inner;
	struct fail_txn *txn;

	if (fail_fails(fail, FAIL_REST, error) ||
		store_begin(fail->inner, &inner, error) < 0)
		return -1;
	txn = xcalloc(1, sizeof(*txn));
	txn->txn.store = store;
	txn->inner = inner;
	*txn_r = &txn->txn;
	return 0;
}

static int fail_txn_get_account(struct store_txn *base, const char *address,
	struct account *account_r, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_LOOKUPS, error))
		return -1;
	return store_txn_get_account(txn->inner, address, account_r, error);
}

static int fail_txn_get_alias(struct store_txn *base, const char *alias,
	char *address_r, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_LOOKUPS, error))
		return -1;
	return store_txn_get_alias(txn->inner, alias, address_r, error);
}

static int fail_txn_get_lease(struct store_txn *base, const char *address,
	struct store_lease *lease_r, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_LOOKUPS, error))
		return -1;
	return store_txn_get_lease(txn->inner, address, lease_r, error);
}

static int fail_txn_get_document(struct store_txn *base, const char *address,
	const char *name, struct buffer *text, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_LOOKUPS, error))
		return -1;
	return store_txn_get_document(txn->inner, address, name, text, error);
}

static int fail_txn_put_account(struct store_txn *base,
	const struct account *account, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_put_account(txn->inner, account, error);
}

static int fail_txn_delete_account(
	struct store_txn *base, const char *address, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_delete_account(txn->inner, address, error);
}

static int fail_txn_put_alias(struct store_txn *base, const char *alias,
	const char *address, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_put_alias(txn->inner, alias, address, error);
}

static int fail_txn_delete_alias(
	struct store_txn *base, const char *alias, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_delete_alias(txn->inner, alias, error);
}

static int fail_txn_put_lease(struct store_txn *base,
	const struct store_lease *lease, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_put_lease(txn->inner, lease, error);
}

static int fail_txn_delete_lease(
	struct store_txn *base, const char *address, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_delete_lease(txn->inner, address, error);
}

static int fail_txn_put_bounds(struct store_txn *base, const char *address,
	const struct store_bound *bounds, size_t count, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_put_bounds(txn->inner, address, bounds, count, error);
}

static int fail_txn_put_document(struct store_txn *base, const char *address,
	const struct store_document *document, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_put_document(txn->inner, address, document, error);
}

static int fail_txn_put_note(struct store_txn *base, const char *name,
	const char *text, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_put_note(txn->inner, name, text, error);
}

static int fail_txn_add_audit(struct store_txn *base, int64_t at,
	const char *address, const struct attr_list *detail,
	struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	if (fail_txn_fails(txn, FAIL_REST, error))
		return -1;
	return store_txn_add_audit(txn->inner, at, address, detail, error);
}

static void fail_abort(struct store_txn *base)
{
	struct fail_txn *txn = (struct fail_txn *)base;

	store_abort(&txn->inner);
	free(txn);
}

static enum store_commit fail_commit(
	struct store_txn *base, struct error *error)
{
	struct fail_txn *txn = (struct fail_txn *)base;
	struct fail *fail = (struct fail *)base->store;
	enum store_commit result;

	if (txn->doomed || fail_fails(fail, FAIL_COMMITS, error)) {
		error_set(error, "store fail: it was told to fail");
		fail_abort(base);
		return STORE_FAILED;
	}
	if (fail_fails(fail, FAIL_UNKNOWN, error)) {
		if (atomic_fetch_add(&fail->unknowns, 1) % 2 == 0)
			store_commit(&txn->inner, NULL);
		fail_abort(base);
		return STORE_UNKNOWN;
	}
	result = store_commit(&txn->inner, error);
	free(txn);
	return result;
}

/* ---- care ---- */

static int fail_backup(
	struct store *store, const char *directory, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_REST, error))
		return -1;
	return store_backup(fail->inner, directory, error);
}

static int fail_checkpoint(struct store *store, struct error *error)
{
	struct fail *fail = (struct fail *)store;

	if (fail_fails(fail, FAIL_REST, error))
		return -1;
	return store_checkpoint(fail->inner, error);
}

static bool fail_is_broken(struct store *store)
{
	return store_is_broken(((struct fail *)store)->inner);
}

static void fail_close(struct store *store)
{
	struct fail *fail = (struct fail *)store;

	store_close(&fail->inner);
	free(fail->toggle);
	free(fail);
}

static const struct store_ops fail_ops = {
	.close = fail_close,
	.get_account = fail_get_account,
	.get_alias = fail_get_alias,
	.get_lease = fail_get_lease,
	.get_document = fail_get_document,
	.get_note = fail_get_note,
	.scan_accounts = fail_scan_accounts,
	.scan_aliases = fail_scan_aliases,
	.scan_leases = fail_scan_leases,
	.scan_bounds = fail_scan_bounds,
	.scan_documents = fail_scan_documents,
	.scan_audit = fail_scan_audit,
	.count = fail_count,
	.begin = fail_begin,
	.txn_get_account = fail_txn_get_account,
	.txn_get_alias = fail_txn_get_alias,
	.txn_get_lease = fail_txn_get_lease,
	.txn_get_document = fail_txn_get_document,
	.txn_put_account = fail_txn_put_account,
	.txn_delete_account = fail_txn_delete_account,
	.txn_put_alias = fail_txn_put_alias,
	.txn_delete_alias = fail_txn_delete_alias,
	.txn_put_lease = fail_txn_put_lease,
	.txn_delete_lease = fail_txn_delete_lease,
	.txn_put_bounds = fail_txn_put_bounds,
	.txn_put_document = fail_txn_put_document,
	.txn_put_note = fail_txn_put_note,
	.txn_add_audit = fail_txn_add_audit,
	.commit = fail_commit,
	.abort = fail_abort,
	.backup = fail_backup,
	.checkpoint = fail_checkpoint,
	.is_broken = fail_is_broken,
};

static struct store *fail_open(const char *where, struct error *error)
{
	struct fail_uri uri;
	struct store *inner;
	struct fail *fail;

	if (fail_uri_parse(where, &uri, error) < 0)
		return NULL;
	inner = store_open(uri.inner, error);
	if (inner == NULL) {
		free(uri.toggle);
		return NULL;
	}
	fail = xcalloc(1, sizeof(*fail));
	fail->store.ops = &fail_ops;
	fail->inner = inner;
	fail->mode = uri.mode;
	fail->toggle = uri.toggle;
	return &fail->store;
}

static int fail_restore(const char *where, const char *directory, char **kept_r,
	struct error *error)
{
	struct fail_uri uri;
	int result = -1;

	if (fail_uri_parse(where, &uri, error) < 0)
		return -1;
	if (fail_uri_fails(&uri, FAIL_REST))
		error_set(error, "store fail: it was told to fail");
	else
		result = store_restore(uri.inner, directory, kept_r, error);
	free(uri.toggle);
	return result;
}

static int fail_verify(const char *where, struct error *error)
{
	struct fail_uri uri;
	int result = -1;

	if (fail_uri_parse(where, &uri, error) < 0)
		return -1;
	if (fail_uri_fails(&uri, FAIL_LOOKUPS))
		error_set(error, "store fail: it was told to fail");
	else
		result = store_verify(uri.inner, error);
	free(uri.toggle);
	return result;
}

const struct store_backend store_fail_backend = {
	.scheme = "fail",
	.open = fail_open,
	.restore = fail_restore,
	.verify = fail_verify,
};

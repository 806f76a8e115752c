/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store: the durable truth about every account. policyd alone opens it.
 * Backends: bdb (Berkeley DB, the default), mem (tests; forgets), fail (tests;
 * cannot tell). A lookup has three results: 1 found, 0 not there, -1 could not
 * tell; a commit has four. Everything here may be called from any thread,
 * except that one transaction belongs to one thread.
 */
#ifndef REHOME_STORE_H
#define REHOME_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/buffer.h"
#include "lib/error.h"

struct store;
struct store_txn;

enum store_commit {
	STORE_DONE,	/* durable */
	STORE_CONFLICT, /* nothing stored; begin again */
	STORE_FAILED,	/* nothing stored */
	STORE_UNKNOWN,	/* stored or not: read it again */
};

struct store_lease {
	char address[ADDRESS_SIZE];
	char worker[ACCOUNT_NAME_SIZE];
	uint64_t epoch;
	int64_t expires; /* instant */
};

/* A folder of the old home at the flip; the sweep looks only above it. */
struct store_bound {
	const char *folder; /* as named at the old home, modified UTF-7 */
	uint32_t uidvalidity;
	uint32_t uidnext;
};

/* A text that is kept with an account under a name (lib/document.h). */
struct store_document {
	const char *name;
	int64_t at; /* when it was put */
	const char *text;
};

/* One line of an account's history. The text is attributes in control form:
 * event=..., from=..., to=..., and what belongs to the event. */
struct store_audit {
	uint64_t serial; /* given by the store, ascending */
	int64_t at;
	char address[ADDRESS_SIZE];
	const struct attr_list *detail;
};

struct store_counts {
	uint64_t accounts;
	uint64_t by_phase[ACCOUNT_PHASES][2]; /* [phase][home] */
	uint64_t held;
	uint64_t failing; /* attempts > 0 */
	uint64_t aliases;
};

/* Accounts that are looked for; zero and NULL mean "any". */
struct store_filter {
	bool by_phase;
	enum account_phase phase;
	int64_t due_before; /* with by_phase: due <= this, earliest due first */
	const char *batch;
	bool front_busy;   /* front is not OPEN, or the phase is frozen */
	const char *after; /* addresses above this; not with due_before */
};

/*
 * Opens "bdb:DIRECTORY" (made when missing), "mem:" or
 * "fail:MODE[:SWITCH[:URI]]" (MODE is lookups, commits, unknown or all; with a
 * SWITCH it fails only while that file exists; URI is the store behind it).
 * Recovers what a crash left. Refuses a store of a newer schema and a directory
 * that is open already.
 */
struct store *store_open(const char *uri, struct error *error);
void store_close(struct store **store);

/*
 * ---- lookups: 1 found, 0 not there, -1 could not tell ----
 * They and the scans answer what is durable, never what a crash could still
 * take back (a scan may leave out what is just being removed), and they wait
 * for no transaction.
 */

/* account_r is set up by the store when found; account_clear it. */
int store_get_account(struct store *store, const char *address,
	struct account *account_r, struct error *error);
/* The account's address that an alias leads to. */
int store_get_alias(struct store *store, const char *alias,
	char address_r[ADDRESS_SIZE], struct error *error);
int store_get_lease(struct store *store, const char *address,
	struct store_lease *lease_r, struct error *error);
/* Appends the text; at_r may be NULL. */
int store_get_document(struct store *store, const char *address,
	const char *name, int64_t *at_r, struct buffer *text,
	struct error *error);

/* Appends a note of the store: a text under a name that is no account's. */
int store_get_note(struct store *store, const char *name, struct buffer *text,
	struct error *error);

/*
 * Scans call back for each record found; the callback returns true to go on.
 * They return 0 at the end, 1 when the callback stopped them, -1 when they
 * could not tell. No lock is held while the callback runs, so it may call the
 * store; a scan sees each record as it was at some moment during the scan.
 * Accounts come in the order of their addresses (by due with due_before; one
 * whose due changes meanwhile may come twice or not).
 */
typedef bool store_account_fn(const struct account *account, void *context);
typedef bool store_alias_fn(
	const char *alias, const char *address, void *context);
typedef bool store_lease_fn(const struct store_lease *lease, void *context);
typedef bool store_bound_fn(const struct store_bound *bound, void *context);
typedef bool store_document_fn(
	const struct store_document *document, void *context);
typedef bool store_audit_fn(const struct store_audit *audit, void *context);

int store_scan_accounts(struct store *store, const struct store_filter *filter,
	store_account_fn *callback, void *context, struct error *error);
/* All aliases, or those of one account. */
int store_scan_aliases(struct store *store, const char *address,
	store_alias_fn *callback, void *context, struct error *error);
int store_scan_leases(struct store *store, store_lease_fn *callback,
	void *context, struct error *error);
int store_scan_bounds(struct store *store, const char *address,
	store_bound_fn *callback, void *context, struct error *error);
/* Of one account, in the order of their names. */
int store_scan_documents(struct store *store, const char *address,
	store_document_fn *callback, void *context, struct error *error);
/* Of one account, or all with NULL; oldest first. */
int store_scan_audit(struct store *store, const char *address,
	store_audit_fn *callback, void *context, struct error *error);
/* Constant time. */
int store_count(struct store *store, struct store_counts *counts_r,
	struct error *error);

/* ---- transactions ---- */

/*
 * May wait until another thread's transaction is over: keep them short. -1 also
 * in a thread that is in a transaction already.
 */
int store_begin(
	struct store *store, struct store_txn **txn_r, struct error *error);
/*
 * Inside a transaction a get locks the record until the end. After any -1 the
 * transaction is doomed: commit then answers STORE_CONFLICT when trying again
 * may help, else STORE_FAILED; so it does when it has put an alias, a lease, a
 * bound or a document whose account is not there at its end.
 */
int store_txn_get_account(struct store_txn *txn, const char *address,
	struct account *account_r, struct error *error);
int store_txn_get_alias(struct store_txn *txn, const char *alias,
	char address_r[ADDRESS_SIZE], struct error *error);
int store_txn_get_lease(struct store_txn *txn, const char *address,
	struct store_lease *lease_r, struct error *error);
/* Appends the text. */
int store_txn_get_document(struct store_txn *txn, const char *address,
	const char *name, struct buffer *text, struct error *error);
/* Each returns 0 or -1. put_account adds one to the stored revision. */
int store_txn_put_account(struct store_txn *txn, const struct account *account,
	struct error *error);
int store_txn_delete_account(struct store_txn *txn, const char *address,
	struct error *error); /* with all that belongs to it */
int store_txn_put_alias(struct store_txn *txn, const char *alias,
	const char *address, struct error *error);
int store_txn_delete_alias(
	struct store_txn *txn, const char *alias, struct error *error);
int store_txn_put_lease(struct store_txn *txn, const struct store_lease *lease,
	struct error *error);
int store_txn_delete_lease(
	struct store_txn *txn, const char *address, struct error *error);
/* Replaces all bounds of the account; count 0 deletes them. */
int store_txn_put_bounds(struct store_txn *txn, const char *address,
	const struct store_bound *bounds, size_t count, struct error *error);
/* An empty text, or NULL, deletes it. */
int store_txn_put_document(struct store_txn *txn, const char *address,
	const struct store_document *document, struct error *error);
/* An empty text deletes the note. */
int store_txn_put_note(struct store_txn *txn, const char *name,
	const char *text, struct error *error);
int store_txn_add_audit(struct store_txn *txn, int64_t at, const char *address,
	const struct attr_list *detail, struct error *error);
/* Frees the transaction in every case. DONE means durable. */
enum store_commit store_commit(struct store_txn **txn, struct error *error);
void store_abort(struct store_txn **txn);

/* ---- care ---- */

/* A hot copy into a new directory, complete and restorable by itself. */
int store_backup(
	struct store *store, const char *directory, struct error *error);
/*
 * Offline: puts a backup in the place of the store at uri; what was there is
 * kept beside it under a name that the caller is told in the error text's
 * place (kept_r, malloc'd or NULL when there was nothing).
 */
int store_restore(const char *uri, const char *directory, char **kept_r,
	struct error *error);
/*
 * Checks every page and that each index, alias, lease, bound and document
 * belongs to an account. 0 clean, 1 damaged (the error tells the first damage),
 * -1 could not tell. Offline.
 */
int store_verify(const char *uri, struct error *error);
/*
 * Checkpoint and removal of logs that recovery no longer needs, when it is due:
 * after 32 MB of log or 4 minutes. Call it every few seconds.
 */
int store_checkpoint(struct store *store, struct error *error);
/*
 * Whether the store is broken: every call fails from now on, until it is opened
 * anew, which recovers it. Never waits.
 */
bool store_is_broken(struct store *store);

#endif

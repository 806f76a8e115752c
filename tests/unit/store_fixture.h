/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the store share: scratch directories, and short ways to do
 * one thing with a store and to fail the test when it is not done.
 */
#ifndef REHOME_TEST_STORE_FIXTURE_H
#define REHOME_TEST_STORE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/buffer.h"
#include "policyd/store.h"

/* A new scratch directory, malloc'd. remove takes it away with all below. */
char *fixture_directory(void);
void fixture_remove(char *directory);

struct store *fixture_open(const char *uri);
struct store_txn *fixture_begin(struct store *store);
/* The commit must answer DONE. */
void fixture_commit(struct store_txn *txn);

/* An account of old and new, settled. */
void fixture_account(struct account *account_r, const char *address);
void fixture_put(struct store *store, const struct account *account);
/* Puts a settled account. */
void fixture_add(struct store *store, const char *address);
void fixture_put_alias(
	struct store *store, const char *alias, const char *address);
void fixture_audit(
	struct store_txn *txn, const char *address, const char *event);
/*
 * One transaction of an account that is there: the next phase, a lease whose
 * epoch is the new revision, an audit line. It asserts nothing, so that any
 * thread may call it.
 */
enum store_commit fixture_transition(
	struct store *store, const char *address, uint64_t *revision_r);

/* The revision of an account that must be there. */
uint64_t fixture_revision(struct store *store, const char *address);
bool fixture_has(struct store *store, const char *address);

/*
 * What a scan finds, in words: "ann@a bob@b ". For aliases "alias>address ",
 * for bounds "folder:uidvalidity:uidnext ", for leases "address:worker:epoch ",
 * for audit lines the events.
 */
void fixture_accounts(struct store *store, const struct store_filter *filter,
	struct buffer *text_r);
void fixture_aliases(
	struct store *store, const char *address, struct buffer *text_r);
void fixture_bounds(
	struct store *store, const char *address, struct buffer *text_r);
void fixture_leases(struct store *store, struct buffer *text_r);
void fixture_events(
	struct store *store, const char *address, struct buffer *text_r);
/* Audit lines, of one account or all. */
size_t fixture_audit_count(struct store *store, const char *address);

/* The store, over tables, checks itself and must be clean. */
void fixture_check(struct store *store);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the store share. */
#include "config.h"

#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/xalloc.h"
#include "policyd/store_tables.h"
#include "tests/unit/store_fixture.h"

char *fixture_directory(void)
{
	const char *parent = getenv("TMPDIR");
	char *directory = xasprintf("%s/rehome-store-test.XXXXXX",
		parent != NULL ? parent : "/tmp");

	assert_non_null(mkdtemp(directory));
	return directory;
}

static int fixture_remove_one(
	const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

void fixture_remove(char *directory)
{
	nftw(directory, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(directory);
}

struct store *fixture_open(const char *uri)
{
	struct error error = { "" };
	struct store *store = store_open(uri, &error);

	if (store == NULL)
		fail_msg("%s", error.text);
	return store;
}

struct store_txn *fixture_begin(struct store *store)
{
	struct store_txn *txn;
	struct error error = { "" };

	if (store_begin(store, &txn, &error) < 0)
		fail_msg("%s", error.text);
	return txn;
}

void fixture_commit(struct store_txn *txn)
{
	struct error error = { "" };

	if (store_commit(&txn, &error) != STORE_DONE)
		fail_msg("%s", error.text);
	assert_null(txn);
}

void fixture_account(struct account *account_r, const char *address)
{
	account_init(account_r);
	snprintf(account_r->address, sizeof(account_r->address), "%s", address);
	snprintf(account_r->source, sizeof(account_r->source), "old");
	snprintf(account_r->destination, sizeof(account_r->destination), "new");
}

void fixture_put(struct store *store, const struct account *account)
{
	struct store_txn *txn = fixture_begin(store);
	struct error error = { "" };

	if (store_txn_put_account(txn, account, &error) < 0)
		fail_msg("%s", error.text);
	fixture_commit(txn);
}

void fixture_add(struct store *store, const char *address)
{
	struct account account;

	fixture_account(&account, address);
	fixture_put(store, &account);
}

void fixture_put_alias(
	struct store *store, const char *alias, const char *address)
{
	struct store_txn *txn = fixture_begin(store);

	assert_int_equal(store_txn_put_alias(txn, alias, address, NULL), 0);
	fixture_commit(txn);
}

static int fixture_add_event(
	struct store_txn *txn, const char *address, const char *event)
{
	struct attr_list *detail = attr_list_new();
	int result;

	attr_list_add(detail, "event", event);
	result = store_txn_add_audit(txn, 1763742000000, address, detail, NULL);
	attr_list_free(&detail);
	return result;
}

void fixture_audit(
	struct store_txn *txn, const char *address, const char *event)
{
	assert_int_equal(fixture_add_event(txn, address, event), 0);
}

/* Writes the next state of the account; 0 or -1. */
static int fixture_advance(struct store_txn *txn, struct account *account)
{
	struct store_lease lease = { .worker = "worker" };
	char event[32];

	account->phase = (account->phase + 1) % ACCOUNT_PHASES;
	account->due = (int64_t)account->revision * 1000;
	account->attempts = account->revision % 3 == 0;
	lease.epoch = account->revision + 1;
	memcpy(lease.address, account->address, sizeof(lease.address));
	snprintf(event, sizeof(event), "%" PRIu64, lease.epoch);
	if (store_txn_put_account(txn, account, NULL) < 0 ||
		store_txn_put_lease(txn, &lease, NULL) < 0)
		return -1;
	return fixture_add_event(txn, account->address, event);
}

enum store_commit fixture_transition(
	struct store *store, const char *address, uint64_t *revision_r)
{
	struct store_txn *txn;
	struct account account;
	int result;

	if (store_begin(store, &txn, NULL) < 0)
		return STORE_FAILED;
	if (store_txn_get_account(txn, address, &account, NULL) != 1) {
		store_abort(&txn);
		return STORE_FAILED;
	}
	*revision_r = account.revision + 1;
	result = fixture_advance(txn, &account);
	account_clear(&account);
	if (result < 0) {
		store_abort(&txn);
		return STORE_FAILED;
	}
	return store_commit(&txn, NULL);
}

uint64_t fixture_revision(struct store *store, const char *address)
{
	struct account account;
	uint64_t revision;

	assert_int_equal(store_get_account(store, address, &account, NULL), 1);
	revision = account.revision;
	account_clear(&account);
	return revision;
}

bool fixture_has(struct store *store, const char *address)
{
	struct account account;
	int result = store_get_account(store, address, &account, NULL);

	assert_true(result >= 0);
	if (result > 0)
		account_clear(&account);
	return result > 0;
}

/* ---- scans in words ---- */

static bool fixture_see_account(const struct account *account, void *context)
{
	buffer_printf(context, "%s ", account->address);
	return true;
}

void fixture_accounts(struct store *store, const struct store_filter *filter,
	struct buffer *text_r)
{
	buffer_clear(text_r);
	buffer_add_text(text_r, "");
	assert_int_equal(store_scan_accounts(store, filter, fixture_see_account,
				 text_r, NULL),
		0);
}

static bool fixture_see_alias(
	const char *alias, const char *address, void *context)
{
	buffer_printf(context, "%s>%s ", alias, address);
	return true;
}

void fixture_aliases(
	struct store *store, const char *address, struct buffer *text_r)
{
	buffer_clear(text_r);
	buffer_add_text(text_r, "");
	assert_int_equal(store_scan_aliases(store, address, fixture_see_alias,
				 text_r, NULL),
		0);
}

static bool fixture_see_bound(const struct store_bound *bound, void *context)
{
	buffer_printf(context, "%s:%" PRIu32 ":%" PRIu32 " ", bound->folder,
		bound->uidvalidity, bound->uidnext);
	return true;
}

void fixture_bounds(
	struct store *store, const char *address, struct buffer *text_r)
{
	buffer_clear(text_r);
	buffer_add_text(text_r, "");
	assert_int_equal(store_scan_bounds(store, address, fixture_see_bound,
				 text_r, NULL),
		0);
}

static bool fixture_see_lease(const struct store_lease *lease, void *context)
{
	buffer_printf(context, "%s:%s:%" PRIu64 " ", lease->address,
		lease->worker, lease->epoch);
	return true;
}

void fixture_leases(struct store *store, struct buffer *text_r)
{
	buffer_clear(text_r);
	buffer_add_text(text_r, "");
	assert_int_equal(
		store_scan_leases(store, fixture_see_lease, text_r, NULL), 0);
}

static bool fixture_see_event(const struct store_audit *audit, void *context)
{
	buffer_printf(context, "%s ", attr_list_get(audit->detail, "event"));
	return true;
}

void fixture_events(
	struct store *store, const char *address, struct buffer *text_r)
{
	buffer_clear(text_r);
	buffer_add_text(text_r, "");
	assert_int_equal(store_scan_audit(store, address, fixture_see_event,
				 text_r, NULL),
		0);
}

static bool fixture_count_line(const struct store_audit *audit, void *context)
{
	(void)audit;
	++*(size_t *)context;
	return true;
}

size_t fixture_audit_count(struct store *store, const char *address)
{
	size_t count = 0;

	assert_int_equal(store_scan_audit(store, address, fixture_count_line,
				 &count, NULL),
		0);
	return count;
}

void fixture_check(struct store *store)
{
	struct error error = { "" };

	if (tables_check(store, &error) != 0)
		fail_msg("%s", error.text);
}

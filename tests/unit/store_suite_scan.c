/* SPDX-License-Identifier: BSD-2-Clause */
/* policyd/store: scans, filters, and more than fits a page. */
#include "config.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/store.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/store_suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *address;
	enum account_phase phase;
	int64_t due;
	const char *batch;
	enum account_front front;
} filter_accounts[] = {
	{ "a@x", ACCOUNT_SETTLED, 0, "", ACCOUNT_FRONT_OPEN },
	{ "b@x", ACCOUNT_COPYING, 50, "m", ACCOUNT_FRONT_OPEN },
	{ "c@x", ACCOUNT_COPYING, -7, "", ACCOUNT_FRONT_OPENING },
	{ "d@x", ACCOUNT_FROZEN, 10, "m", ACCOUNT_FRONT_OPEN },
	{ "e@x", ACCOUNT_COPYING, 20, "m1", ACCOUNT_FRONT_OPEN },
	{ "f@x", ACCOUNT_SWEEPING, 30, "m", ACCOUNT_FRONT_CLOSING },
	{ "g@x", ACCOUNT_COPYING, INSTANT_NEVER, "m", ACCOUNT_FRONT_OPEN },
};

static const struct {
	struct store_filter filter;
	const char *found;
} filters[] = {
	{ { 0 }, "a@x b@x c@x d@x e@x f@x g@x " },
	{ { .after = "c@x" }, "d@x e@x f@x g@x " },
	{ { .after = "c@w" }, "c@x d@x e@x f@x g@x " },
	{ { .after = "z" }, "" },
	{ { .by_phase = true, .phase = ACCOUNT_COPYING }, "b@x c@x e@x g@x " },
	{ { .by_phase = true, .phase = ACCOUNT_COPYING, .after = "c@x" },
		"e@x g@x " },
	{ { .by_phase = true, .phase = ACCOUNT_SETTLED }, "a@x " },
	{ { .by_phase = true, .phase = ACCOUNT_RETIRED }, "" },
	{ { .by_phase = true, .phase = ACCOUNT_COPYING, .due_before = 50 },
		"c@x e@x b@x " },
	{ { .by_phase = true, .phase = ACCOUNT_COPYING, .due_before = 49 },
		"c@x e@x " },
	{ { .by_phase = true, .phase = ACCOUNT_COPYING, .due_before = -8 },
		"" },
	{ { .by_phase = true,
		  .phase = ACCOUNT_COPYING,
		  .due_before = INSTANT_NEVER,
		  .batch = "m" },
		"b@x g@x " },
	{ { .due_before = 10 }, "a@x c@x d@x " },
	{ { .batch = "m" }, "b@x d@x f@x g@x " },
	{ { .batch = "m", .after = "b@x" }, "d@x f@x g@x " },
	{ { .batch = "m1" }, "e@x " },
	{ { .batch = "" }, "a@x c@x " },
	{ { .batch = "none" }, "" },
	{ { .batch = "m", .by_phase = true, .phase = ACCOUNT_FROZEN }, "d@x " },
	{ { .front_busy = true }, "c@x d@x f@x " },
	{ { .front_busy = true, .after = "c@x" }, "d@x f@x " },
	{ { .front_busy = true, .batch = "m" }, "d@x f@x " },
	{ { .front_busy = true, .by_phase = true, .phase = ACCOUNT_COPYING },
		"c@x " },
};

void test_filters(void **state)
{
	struct store *store = subject_store(state);
	struct buffer text = BUFFER_EMPTY;
	struct account account;

	/* each first as another, so that the indexes have to follow */
	for (size_t i = COUNT(filter_accounts); i-- > 0;) {
		fixture_account(&account, filter_accounts[i].address);
		account.phase = ACCOUNT_RETIRED;
		account.front = ACCOUNT_FRONT_CLOSED;
		strcpy(account.batch, "none");
		fixture_put(store, &account);
	}
	for (size_t i = 0; i < COUNT(filter_accounts); i++) {
		fixture_account(&account, filter_accounts[i].address);
		account.phase = filter_accounts[i].phase;
		account.due = filter_accounts[i].due;
		account.front = filter_accounts[i].front;
		strcpy(account.batch, filter_accounts[i].batch);
		fixture_put(store, &account);
	}
	for (size_t i = 0; i < COUNT(filters); i++) {
		fixture_accounts(store, &filters[i].filter, &text);
		if (strcmp(text.data, filters[i].found) != 0)
			fail_msg("filter %zu: found %s, expected %s", i,
				text.data, filters[i].found);
	}
	buffer_free(&text);
}

#define MANY 1000 /* more than one page of any scan */

static void add_many(struct store *store)
{
	struct store_txn *txn = fixture_begin(store);
	struct account account;
	char alias[ADDRESS_SIZE];

	for (int i = 0; i < MANY; i++) {
		char address[ADDRESS_SIZE];

		snprintf(address, sizeof(address), "user%04d@example.org", i);
		fixture_account(&account, address);
		account.due = MANY - i;
		account.phase = ACCOUNT_COPYING;
		assert_int_equal(store_txn_put_account(txn, &account, NULL), 0);
		snprintf(alias, sizeof(alias), "alias%04d@example.org", i);
		assert_int_equal(store_txn_put_alias(txn, alias,
					 "user0000@example.org", NULL),
			0);
		fixture_audit(txn, address, "added");
	}
	fixture_commit(txn);
}

struct seen {
	struct store *store;
	int count;
	int stop; /* after so many */
	char last[ADDRESS_SIZE];
};

/* The callback may use the store: each account is put behind the scan's end in
 * the due order, or is deleted. */
static bool see_and_change(const struct account *account, void *context)
{
	struct seen *seen = context;
	struct account changed = *account;

	seen->count++;
	memcpy(seen->last, account->address, sizeof(seen->last));
	if (seen->store != NULL) {
		changed.due = 1000000;
		fixture_put(seen->store, &changed);
	}
	return seen->count != seen->stop;
}

void test_long_scans(void **state)
{
	struct store *store = subject_store(state);
	const struct store_filter all = { 0 };
	const struct store_filter due = {
		.by_phase = true, .phase = ACCOUNT_COPYING, .due_before = MANY
	};
	struct seen seen = { .store = NULL };
	struct buffer text = BUFFER_EMPTY;
	size_t aliases = 0;

	add_many(store);
	assert_int_equal(
		store_scan_accounts(store, &all, see_and_change, &seen, NULL),
		0);
	assert_int_equal(seen.count, MANY);
	assert_string_equal(seen.last, "user0999@example.org");
	seen = (struct seen){ .stop = 500 };
	assert_int_equal(
		store_scan_accounts(store, &all, see_and_change, &seen, NULL),
		1);
	assert_int_equal(seen.count, 500);
	assert_string_equal(seen.last, "user0499@example.org");
	seen = (struct seen){ .store = store };
	assert_int_equal(
		store_scan_accounts(store, &due, see_and_change, &seen, NULL),
		0);
	assert_int_equal(seen.count, MANY);
	assert_string_equal(seen.last, "user0000@example.org");
	fixture_accounts(store, &due, &text);
	assert_string_equal(text.data, "");
	fixture_aliases(store, "user0000@example.org", &text);
	for (size_t i = 0; i < text.size; i++)
		aliases += text.data[i] == '>';
	assert_int_equal(aliases, MANY);
	assert_int_equal(fixture_audit_count(store, NULL), MANY);
	buffer_free(&text);
}

/* Far more than a page of the file: the largest transaction there is. */
void test_large_transaction(void **state)
{
	struct store *store = subject_store(state);
	struct store_bound *bounds = xcalloc(4096, sizeof(bounds[0]));
	struct buffer text = BUFFER_EMPTY;
	struct store_counts counts;
	struct store_txn *txn;

	add_many(store);
	txn = fixture_begin(store);
	for (size_t i = 0; i < 4096; i++) {
		bounds[i].folder = xasprintf("%0200zu", i);
		bounds[i].uidnext = (uint32_t)i;
	}
	assert_int_equal(store_txn_put_bounds(txn, "user0000@example.org",
				 bounds, 4096, NULL),
		0);
	fixture_commit(txn);
	fixture_bounds(store, "user0000@example.org", &text);
	assert_int_equal(strtol(text.data, NULL, 10), 0);
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_delete_account(txn, "user0000@example.org", NULL), 0);
	fixture_commit(txn);
	fixture_bounds(store, "user0000@example.org", &text);
	assert_string_equal(text.data, "");
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, MANY - 1);
	assert_int_equal(counts.aliases, 0);
	for (size_t i = 0; i < 4096; i++)
		free((void *)(uintptr_t)bounds[i].folder);
	free(bounds);
	buffer_free(&text);
}

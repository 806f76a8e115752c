/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd/store: one suite that every backend passes, the embedded ones and the
 * failing one while it does not fail.
 */
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

static int subject_open(void **state)
{
	struct subject *subject = *state;

	subject->directory = fixture_directory();
	free(subject->uri);
	subject->uri = strstr(subject->form, "%s") == NULL
			       ? xstrdup(subject->form)
			       : xasprintf("%.*s%s/store",
					 (int)(strstr(subject->form, "%s") -
						 subject->form),
					 subject->form, subject->directory);
	subject->store = fixture_open(subject->uri);
	return 0;
}

static int subject_close(void **state)
{
	struct subject *subject = *state;

	if (subject->checks)
		fixture_check(subject->store);
	store_close(&subject->store);
	assert_null(subject->store);
	free(subject->uri);
	subject->uri = NULL;
	fixture_remove(subject->directory);
	return 0;
}

struct store *subject_store(void **state)
{
	return ((struct subject *)*state)->store;
}

/* ---- accounts ---- */

static void test_account(void **state)
{
	struct store *store = subject_store(state);
	struct account put, got;

	fixture_account(&put, "ann@example.org");
	put.phase = ACCOUNT_SWEEPING;
	put.home = ACCOUNT_DESTINATION;
	put.held = true;
	strcpy(put.hold_reason, "line one\nline two \\ back");
	put.complete_after = INSTANT_NEVER;
	put.due = 1763742000123;
	put.epoch = 7;
	strcpy(put.batch, "monday");
	put.unknown = attr_list_new();
	attr_list_add(put.unknown, "of_later", "kept");
	assert_int_equal(store_get_account(store, put.address, &got, NULL), 0);
	fixture_put(store, &put);
	assert_int_equal(store_get_account(store, put.address, &got, NULL), 1);
	assert_string_equal(got.address, put.address);
	assert_string_equal(got.source, "old");
	assert_int_equal(got.phase, ACCOUNT_SWEEPING);
	assert_int_equal(got.home, ACCOUNT_DESTINATION);
	assert_string_equal(got.hold_reason, put.hold_reason);
	assert_true(got.complete_after == INSTANT_NEVER);
	assert_true(got.due == put.due);
	assert_int_equal(got.epoch, 7);
	assert_int_equal(got.revision, 1);
	/* what it did not know survives a rewrite */
	got.phase = ACCOUNT_SETTLED;
	fixture_put(store, &got);
	account_clear(&got);
	assert_int_equal(store_get_account(store, put.address, &got, NULL), 1);
	assert_string_equal(attr_list_get(got.unknown, "of_later"), "kept");
	assert_int_equal(got.revision, 2);
	account_clear(&got);
	account_clear(&put);
}

static void test_delete_account(void **state)
{
	struct store *store = subject_store(state);
	const struct store_lease lease = { "ann@example.org", "w", 3, 4 };
	const struct store_bound bound = { "INBOX", 1, 2 };
	struct buffer text = BUFFER_EMPTY;
	struct store_counts counts;
	struct store_txn *txn;

	fixture_add(store, "ann@example.org");
	fixture_add(store, "ann@example.org.uk"); /* longer, another one */
	fixture_put_alias(store, "a@example.org", "ann@example.org");
	fixture_put_alias(store, "b@example.org", "ann@example.org.uk");
	txn = fixture_begin(store);
	assert_int_equal(store_txn_put_lease(txn, &lease, NULL), 0);
	assert_int_equal(store_txn_put_bounds(
				 txn, "ann@example.org.uk", &bound, 1, NULL),
		0);
	fixture_commit(txn);
	txn = fixture_begin(store);
	/* what this same transaction has added goes as well */
	assert_int_equal(store_txn_put_alias(
				 txn, "c@example.org", "ann@example.org", NULL),
		0);
	assert_int_equal(
		store_txn_put_bounds(txn, "ann@example.org", &bound, 1, NULL),
		0);
	assert_int_equal(
		store_txn_delete_account(txn, "ann@example.org", NULL), 0);
	assert_int_equal(
		store_txn_delete_account(txn, "nobody@example.org", NULL), 0);
	fixture_audit(txn, "ann@example.org", "removed");
	fixture_commit(txn);
	assert_false(fixture_has(store, "ann@example.org"));
	assert_true(fixture_has(store, "ann@example.org.uk"));
	fixture_aliases(store, NULL, &text);
	assert_string_equal(text.data, "b@example.org>ann@example.org.uk ");
	fixture_leases(store, &text);
	assert_string_equal(text.data, "");
	fixture_bounds(store, "ann@example.org", &text);
	assert_string_equal(text.data, "");
	fixture_bounds(store, "ann@example.org.uk", &text);
	assert_string_equal(text.data, "INBOX:1:2 ");
	fixture_events(store, "ann@example.org", &text);
	assert_string_equal(text.data, "removed ");
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, 1);
	assert_int_equal(counts.aliases, 1);
	buffer_free(&text);
}

/* ---- transactions ---- */

static void test_own_writes(void **state)
{
	struct store *store = subject_store(state);
	struct store_txn *txn = fixture_begin(store);
	struct account account, got;
	char address[ADDRESS_SIZE];

	fixture_account(&account, "ann@example.org");
	assert_int_equal(
		store_txn_get_account(txn, account.address, &got, NULL), 0);
	assert_int_equal(store_txn_put_account(txn, &account, NULL), 0);
	assert_int_equal(store_txn_put_alias(
				 txn, "a@example.org", account.address, NULL),
		0);
	/* the transaction sees them, and nobody else, this thread included */
	assert_int_equal(
		store_txn_get_account(txn, account.address, &got, NULL), 1);
	account_clear(&got);
	assert_int_equal(
		store_txn_get_alias(txn, "a@example.org", address, NULL), 1);
	assert_string_equal(address, account.address);
	assert_false(fixture_has(store, account.address));
	assert_int_equal(
		store_get_alias(store, "a@example.org", address, NULL), 0);
	assert_int_equal(store_txn_delete_alias(txn, "a@example.org", NULL), 0);
	assert_int_equal(
		store_txn_get_alias(txn, "a@example.org", address, NULL), 0);
	fixture_commit(txn);
	assert_true(fixture_has(store, account.address));
	assert_int_equal(
		store_get_alias(store, "a@example.org", address, NULL), 0);
}

static void test_abort(void **state)
{
	struct store *store = subject_store(state);
	struct store_counts counts;
	struct account account;
	struct store_txn *txn;

	fixture_add(store, "ann@example.org");
	txn = fixture_begin(store);
	fixture_account(&account, "bob@example.org");
	assert_int_equal(store_txn_put_account(txn, &account, NULL), 0);
	assert_int_equal(
		store_txn_delete_account(txn, "ann@example.org", NULL), 0);
	fixture_audit(txn, "bob@example.org", "never");
	store_abort(&txn);
	assert_null(txn);
	store_abort(&txn);
	assert_true(fixture_has(store, "ann@example.org"));
	assert_false(fixture_has(store, "bob@example.org"));
	assert_int_equal(fixture_audit_count(store, NULL), 0);
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, 1);
}

static void test_second_begin(void **state)
{
	struct store *store = subject_store(state);
	struct store_txn *txn = fixture_begin(store);
	struct store_txn *second = NULL;
	struct error error = { "" };

	assert_int_equal(store_begin(store, &second, &error), -1);
	assert_non_null(strstr(error.text, "this thread"));
	store_abort(&txn);
	txn = fixture_begin(store);
	fixture_commit(txn);
}

/* What belongs to no account is not stored, and nothing of its transaction. */
static void test_orphans(void **state)
{
	struct store *store = subject_store(state);
	const struct store_lease lease = { "nobody@example.org", "w", 1, 1 };
	const struct store_bound bound = { "INBOX", 1, 1 };

	for (int kind = 0; kind < 4; kind++) {
		struct store_txn *txn = fixture_begin(store);
		struct error error = { "" };
		struct account account;

		fixture_account(&account, kind < 3 ? "ann@example.org" : "");
		assert_int_equal(store_txn_put_account(txn, &account, &error),
			kind < 3 ? 0 : -1);
		if (kind == 0)
			store_txn_put_alias(txn, "a@example.org",
				"nobody@example.org", NULL);
		if (kind == 1)
			store_txn_put_lease(txn, &lease, NULL);
		if (kind == 2)
			store_txn_put_bounds(
				txn, "nobody@example.org", &bound, 1, NULL);
		error.text[0] = '\0';
		assert_int_equal(store_commit(&txn, &error), STORE_FAILED);
		assert_non_null(strstr(
			error.text, kind < 3 ? "no account nobody@example.org"
					     : "no address"));
		assert_false(fixture_has(store, "ann@example.org"));
	}
}

/* ---- aliases, leases, bounds, audit ---- */

static void test_aliases(void **state)
{
	struct store *store = subject_store(state);
	struct buffer text = BUFFER_EMPTY;
	char address[ADDRESS_SIZE];
	struct store_counts counts;
	struct store_txn *txn;

	fixture_add(store, "ann@example.org");
	fixture_add(store, "bob@example.org");
	fixture_put_alias(store, "x@example.org", "ann@example.org");
	fixture_put_alias(store, "a@example.org", "ann@example.org");
	fixture_put_alias(store, "y@example.org", "ann@example.org");
	assert_int_equal(
		store_get_alias(store, "x@example.org", address, NULL), 1);
	assert_string_equal(address, "ann@example.org");
	assert_int_equal(
		store_get_alias(store, "ann@example.org", address, NULL), 0);
	/* it moves */
	fixture_put_alias(store, "x@example.org", "bob@example.org");
	fixture_put_alias(store, "x@example.org", "bob@example.org");
	fixture_aliases(store, "ann@example.org", &text);
	assert_string_equal(text.data, "a@example.org>ann@example.org "
				       "y@example.org>ann@example.org ");
	fixture_aliases(store, NULL, &text);
	assert_string_equal(text.data, "a@example.org>ann@example.org "
				       "x@example.org>bob@example.org "
				       "y@example.org>ann@example.org ");
	txn = fixture_begin(store);
	assert_int_equal(store_txn_delete_alias(txn, "a@example.org", NULL), 0);
	assert_int_equal(
		store_txn_delete_alias(txn, "none@example.org", NULL), 0);
	fixture_commit(txn);
	fixture_aliases(store, "ann@example.org", &text);
	assert_string_equal(text.data, "y@example.org>ann@example.org ");
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.aliases, 2);
	buffer_free(&text);
}

static void test_leases(void **state)
{
	struct store *store = subject_store(state);
	struct store_lease lease = { "bob@example.org", "host/1", UINT64_MAX,
		INSTANT_NEVER };
	struct buffer text = BUFFER_EMPTY;
	struct store_lease got;
	struct store_txn *txn;

	fixture_add(store, "bob@example.org");
	fixture_add(store, "ann@example.org");
	assert_int_equal(
		store_get_lease(store, "bob@example.org", &got, NULL), 0);
	txn = fixture_begin(store);
	assert_int_equal(store_txn_put_lease(txn, &lease, NULL), 0);
	strcpy(lease.address, "ann@example.org");
	lease.epoch = 2;
	lease.expires = -5;
	assert_int_equal(store_txn_put_lease(txn, &lease, NULL), 0);
	fixture_commit(txn);
	assert_int_equal(
		store_get_lease(store, "bob@example.org", &got, NULL), 1);
	assert_string_equal(got.address, "bob@example.org");
	assert_string_equal(got.worker, "host/1");
	assert_true(got.epoch == UINT64_MAX);
	assert_true(got.expires == INSTANT_NEVER);
	assert_int_equal(
		store_get_lease(store, "ann@example.org", &got, NULL), 1);
	assert_true(got.expires == -5);
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_delete_lease(txn, "bob@example.org", NULL), 0);
	assert_int_equal(
		store_txn_get_lease(txn, "bob@example.org", &got, NULL), 0);
	assert_int_equal(
		store_txn_get_lease(txn, "ann@example.org", &got, NULL), 1);
	fixture_commit(txn);
	fixture_leases(store, &text);
	assert_string_equal(text.data, "ann@example.org:host/1:2 ");
	buffer_free(&text);
}

static void test_bounds(void **state)
{
	struct store *store = subject_store(state);
	static const struct store_bound first[] = {
		{ "Sent &- More", 4294967295u, 1 },
		{ "INBOX", 7, 4294967295u },
	};
	static const struct store_bound second[] = { { "Trash", 1, 2 } };
	struct buffer text = BUFFER_EMPTY;
	struct store_txn *txn;

	fixture_add(store, "ann@example.org");
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_put_bounds(txn, "ann@example.org", first, 2, NULL),
		0);
	fixture_commit(txn);
	fixture_bounds(store, "ann@example.org", &text);
	assert_string_equal(text.data, "INBOX:7:4294967295 "
				       "Sent &- More:4294967295:1 ");
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_put_bounds(txn, "ann@example.org", first, 2, NULL),
		0);
	assert_int_equal(
		store_txn_put_bounds(txn, "ann@example.org", second, 1, NULL),
		0);
	fixture_commit(txn);
	fixture_bounds(store, "ann@example.org", &text);
	assert_string_equal(text.data, "Trash:1:2 ");
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_put_bounds(txn, "ann@example.org", NULL, 0, NULL), 0);
	fixture_commit(txn);
	fixture_bounds(store, "ann@example.org", &text);
	assert_string_equal(text.data, "");
	buffer_free(&text);
}

static bool see_audit(const struct store_audit *audit, void *context)
{
	uint64_t *last = context;

	assert_true(audit->serial > *last);
	*last = audit->serial;
	assert_true(audit->at == 1763742000000);
	assert_true(strncmp(audit->address, "ann@", 4) == 0 ||
		    strncmp(audit->address, "bob@", 4) == 0);
	return true;
}

static void test_audit(void **state)
{
	struct store *store = subject_store(state);
	struct buffer text = BUFFER_EMPTY;
	struct store_txn *txn = fixture_begin(store);
	uint64_t last = 0;

	fixture_audit(txn, "ann@example.org", "one");
	fixture_audit(txn, "bob@example.org", "two\n\\");
	fixture_audit(txn, "ann@example.org", "three");
	fixture_commit(txn);
	txn = fixture_begin(store);
	fixture_audit(txn, "ann@example.org", "four");
	fixture_commit(txn);
	fixture_events(store, "ann@example.org", &text);
	assert_string_equal(text.data, "one three four ");
	fixture_events(store, NULL, &text);
	assert_string_equal(text.data, "one two\n\\ three four ");
	fixture_events(store, "ann@example.or", &text);
	assert_string_equal(text.data, "");
	assert_int_equal(
		store_scan_audit(store, NULL, see_audit, &last, NULL), 0);
	buffer_free(&text);
}

/* ---- counts ---- */

static void test_counts(void **state)
{
	struct store *store = subject_store(state);
	struct store_counts counts;
	struct account account;
	struct store_txn *txn;

	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, 0);
	fixture_add(store, "ann@example.org");
	fixture_add(store, "bob@example.org");
	fixture_account(&account, "bob@example.org");
	account.phase = ACCOUNT_READY;
	account.home = ACCOUNT_DESTINATION;
	account.held = true;
	account.attempts = 4;
	fixture_put(store, &account);
	fixture_put(store, &account);
	txn = fixture_begin(store); /* does not count before its commit */
	assert_int_equal(
		store_txn_delete_account(txn, "ann@example.org", NULL), 0);
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, 2);
	assert_int_equal(counts.by_phase[ACCOUNT_SETTLED][ACCOUNT_SOURCE], 1);
	assert_int_equal(
		counts.by_phase[ACCOUNT_READY][ACCOUNT_DESTINATION], 1);
	assert_int_equal(counts.by_phase[ACCOUNT_READY][ACCOUNT_SOURCE], 0);
	assert_int_equal(counts.held, 1);
	assert_int_equal(counts.failing, 1);
	fixture_commit(txn);
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, 1);
	assert_int_equal(counts.by_phase[ACCOUNT_SETTLED][ACCOUNT_SOURCE], 0);
}

/* ---- the run ---- */

static struct subject subjects[] = {
	{ .name = "mem", .form = "mem:", .checks = true },
	{ .name = "bdb", .form = "bdb:%s", .checks = true },
	{ .name = "fail, in memory", .form = "fail:all:/nonexistent" },
	{ .name = "fail, bdb behind it",
		.form = "fail:unknown:/nonexistent:bdb:%s" },
};

#define SUITE_TEST(function)                                                   \
	{                                                                      \
#function, function, subject_open, subject_close, NULL         \
	}

static const struct CMUnitTest suite[] = {
	SUITE_TEST(test_account),
	SUITE_TEST(test_delete_account),
	SUITE_TEST(test_own_writes),
	SUITE_TEST(test_abort),
	SUITE_TEST(test_second_begin),
	SUITE_TEST(test_orphans),
	SUITE_TEST(test_aliases),
	SUITE_TEST(test_leases),
	SUITE_TEST(test_bounds),
	SUITE_TEST(test_documents),
	SUITE_TEST(test_notes),
	SUITE_TEST(test_large_document),
	SUITE_TEST(test_audit),
	SUITE_TEST(test_filters),
	SUITE_TEST(test_long_scans),
	SUITE_TEST(test_large_transaction),
	SUITE_TEST(test_counts),
	SUITE_TEST(test_threads),
};

int main(void)
{
	struct CMUnitTest tests[COUNT(subjects) * COUNT(suite)];
	char *names[COUNT(tests)];
	int failed;

	for (size_t i = 0; i < COUNT(tests); i++) {
		struct subject *subject = &subjects[i / COUNT(suite)];

		tests[i] = suite[i % COUNT(suite)];
		tests[i].initial_state = subject;
		names[i] = xasprintf("%s %s", subject->name, tests[i].name);
		tests[i].name = names[i];
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (size_t i = 0; i < COUNT(tests); i++)
		free(names[i]);
	return failed;
}

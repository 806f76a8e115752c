/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd/store_bdb and its verification: damage of every kind is found, and
 * neither a full disk nor a broken environment makes it answer what is not so.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/xalloc.h"
#include "policyd/store_bdb.h"
#include "policyd/store_tables.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/store_place.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- verification ---- */

static int verify_table(const struct place *place, int table)
{
	struct error error = { "" };

	if (store_verify(place->uri, &error) != 1)
		return 1;
	return strstr(error.text, store_table_name(table)) == NULL;
}

static void test_verify_pages(void **state)
{
	const struct place *place = *state;
	struct error error = { "" };

	assert_int_equal(store_verify(place->uri, &error), -1);
	assert_int_equal(access(place->store, F_OK), -1);
	place_fill(place);
	assert_int_equal(store_verify(place->uri, &error), 0);
	bdb_discard(place->store);
	for (int table = 0; table < STORE_TABLES; table++) {
		place_fill(place);
		place_damage(place->store, table);
		assert_int_equal(place_child(verify_table, place, table), 0);
		bdb_discard(place->store);
	}
}

#define BYTES(text)                                                            \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

/* One wrong record, and what the check says of it. */
static const struct {
	struct store_write write;
	const char *says;
} wrongs[] = {
	{ { STORE_ACCOUNTS, BYTES("ann@example.org"), true, { 0 } },
		"no account ann@example.org" },
	{ { STORE_ACCOUNTS, BYTES("eve@example.org"), false, BYTES("x=1\n\n") },
		"eve@example.org" },
	{ { STORE_BY_PHASE, BYTES("\0bob@example.org"), true, { 0 } },
		"no entry in index by-phase" },
	{ { STORE_BY_PHASE, BYTES("\0bob@example.org"), false,
		  BYTES("\1\0\0") },
		"wrong entry in index by-phase" },
	{ { STORE_BY_PHASE, BYTES("\1eve@example.org"), false,
		  BYTES("\0\0\0") },
		"3 entries where 2 belong" },
	{ { STORE_BY_PHASE, BYTES("\1eve@example.org"), false, BYTES("") },
		"damaged entry" },
	{ { STORE_BY_DUE, BYTES("\0\x80\0\0\0\0\0\0\0bob@example.org"), true,
		  { 0 } },
		"no entry in index by-due" },
	{ { STORE_BY_BATCH, BYTES("monday\0ann@example.org"), true, { 0 } },
		"no entry in index by-batch" },
	{ { STORE_BY_BATCH, BYTES("monday\0bob@example.org"), false, { 0 } },
		"2 entries where 1 belong" },
	{ { STORE_BY_FRONT, BYTES("ann@example.org"), true, { 0 } },
		"no entry in index by-front" },
	{ { STORE_ALIASES, BYTES("b@example.org"), false,
		  BYTES("\1eve@example.org") },
		"no entry in index aliases-by-account" },
	{ { STORE_ALIASES_BY_ACCOUNT, BYTES("ann@example.org\0a@example.org"),
		  true, { 0 } },
		"no entry in index aliases-by-account" },
	{ { STORE_LEASES, BYTES("eve@example.org"), false,
		  BYTES("\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0w") },
		"no account eve@example.org" },
	{ { STORE_LEASES, BYTES("ann@example.org"), false, BYTES("\2") },
		"not a lease" },
	{ { STORE_BOUNDS, BYTES("eve@example.org\0INBOX"), false,
		  BYTES("\1\0\0\0\0\0\0\0\0") },
		"no account eve@example.org" },
	{ { STORE_BOUNDS, BYTES("ann@example.org\0INBOX"), false, BYTES("\1") },
		"not a bound" },
	{ { STORE_AUDIT, BYTES("\0\0\0\0\0\0\0\1"), true, { 0 } },
		"index audit-by-account: 1 entries where 0 belong" },
	{ { STORE_AUDIT, BYTES("\0\0\0\0\0\0\0\7"), false, BYTES("\1") },
		"not an audit line" },
};

static void test_verify_records(void **state)
{
	const struct place *place = *state;

	for (size_t i = 0; i < COUNT(wrongs); i++) {
		struct error error = { "" };

		place_fill(place);
		place_write(place, &wrongs[i].write);
		if (store_verify(place->uri, &error) != 1 ||
			strstr(error.text, wrongs[i].says) == NULL)
			fail_msg("wrong record %zu: %s", i, error.text);
		bdb_discard(place->store);
	}
}

/* ---- a disk that takes no more ---- */

/* Transactions so small that the log's buffer takes them, and so large that it
 * has to be written before the commit. */
static const struct fullness {
	rlim_t limit;	 /* of a file, bytes */
	unsigned lines;	 /* of audit in each transaction */
	uint64_t fewest; /* transactions before the limit is met */
} fullnesses[] = {
	{ 1 << 20, 1, 100 },
	{ 10 << 20, 4000, 1 },
};

/* The next revision of the account, with so many lines. */
static enum store_commit grow(
	struct store *store, unsigned lines, uint64_t *revision_r)
{
	struct attr_list *detail = attr_list_new();
	struct account account;
	struct store_txn *txn;
	int result;

	if (store_begin(store, &txn, NULL) < 0 ||
		store_txn_get_account(txn, "bob@example.org", &account, NULL) !=
			1)
		_exit(5);
	*revision_r = account.revision + 1;
	attr_list_printf(detail, "event", "%01000d", 7);
	result = store_txn_put_account(txn, &account, NULL);
	for (unsigned i = 0; i < lines && result == 0; i++)
		result = store_txn_add_audit(
			txn, 1, account.address, detail, NULL);
	account_clear(&account);
	attr_list_free(&detail);
	return store_commit(&txn, NULL);
}

/* In a child: the log can be written up to a limit only. What was answered DONE
 * goes up the pipe. A lookup may fail then, but never says "not there". */
static void write_until_full(
	const struct place *place, const struct fullness *fullness, int answers)
{
	const struct rlimit limit = { fullness->limit, fullness->limit };
	struct store *store = store_open(place->uri, NULL);
	enum store_commit result;
	struct account account;
	uint64_t revision;

	signal(SIGXFSZ, SIG_IGN);
	if (store == NULL || setrlimit(RLIMIT_FSIZE, &limit) < 0)
		_exit(1);
	while ((result = grow(store, fullness->lines, &revision)) == STORE_DONE)
		if (write(answers, &revision, sizeof(revision)) !=
			sizeof(revision))
			_exit(2);
	if (result == STORE_CONFLICT)
		_exit(3);
	if (store_get_account(store, "bob@example.org", &account, NULL) == 0)
		_exit(4);
	_exit(0);
}

static void check_full(
	const struct place *place, const struct fullness *fullness)
{
	uint64_t revision = 0, last = 1, count = 0;
	struct store *store;
	int answers[2];
	int status;
	pid_t child;

	assert_int_equal(pipe(answers), 0);
	child = fork();
	if (child == 0)
		write_until_full(place, fullness, answers[1]);
	close(answers[1]);
	while (read(answers[0], &revision, sizeof(revision)) ==
		sizeof(revision)) {
		assert_int_equal(revision, last + 1);
		last = revision;
		count++;
	}
	close(answers[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(count >= fullness->fewest);
	store = fixture_open(place->uri);
	revision = fixture_revision(store, "bob@example.org");
	/* the one whose outcome was unknown may be there */
	assert_true(revision == last || revision == last + 1);
	assert_int_equal(fixture_audit_count(store, "bob@example.org"),
		fullness->lines * (revision - 1));
	fixture_check(store);
	store_close(&store);
}

static void test_full_disk(void **state)
{
	const struct place *place = *state;

	for (size_t i = 0; i < COUNT(fullnesses); i++) {
		place_fill(place);
		check_full(place, &fullnesses[i]);
		bdb_discard(place->store);
	}
}

/*
 * The library gives up: nothing is certain until it starts anew. In a child,
 * since the library then does not give its memory back. Exits with 0 or the
 * number of the call that answered otherwise.
 */
static int call_broken(const struct place *place, int number)
{
	const struct store_filter all = { 0 };
	struct store *store = store_open(place->uri, NULL);
	struct bdb *bdb = (struct bdb *)((struct tables *)store)->engine;
	struct error error = { "" };
	struct account account;
	uint64_t revision;

	(void)number;
	if (store_is_broken(store) ||
		bdb->env->set_flags(bdb->env, DB_PANIC_ENVIRONMENT, 1) != 0)
		return 1;
	if (store_get_account(store, "ann@example.org", &account, &error) != -1)
		return 2;
	if (strstr(error.text, "restart rehome-policyd") == NULL)
		return 3;
	if (store_scan_accounts(store, &all, NULL, NULL, NULL) != -1)
		return 4;
	if (fixture_transition(store, "ann@example.org", &revision) ==
		STORE_DONE)
		return 5;
	if (store_checkpoint(store, NULL) != -1)
		return 6;
	if (store_backup(store, place->backup, NULL) != -1)
		return 7;
	if (!store_is_broken(store))
		return 8;
	store_close(&store);
	return 0;
}

static void test_broken(void **state)
{
	const struct place *place = *state;
	struct store *store;

	place_fill(place);
	assert_int_equal(place_child(call_broken, place, 0), 0);
	store = fixture_open(place->uri);
	assert_int_equal(fixture_revision(store, "ann@example.org"), 2);
	store_close(&store);
}

#define DAMAGE_TEST(function)                                                  \
	cmocka_unit_test_setup_teardown(function, place_make, place_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		DAMAGE_TEST(test_verify_pages),
		DAMAGE_TEST(test_verify_records),
		DAMAGE_TEST(test_full_disk),
		DAMAGE_TEST(test_broken),
	};

	return cmocka_run_group_tests(
		tests, place_group_make, place_group_remove);
}

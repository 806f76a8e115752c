/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd/store_tables: what readers see between the moment that a commit is
 * applied and the moment that it is durable, and what happens when an engine
 * fails at either. The engine here is the one in memory, with a gate before its
 * flush.
 */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/xalloc.h"
#include "policyd/store_tables.h"
#include "tests/unit/store_fixture.h"

struct gate {
	struct store_engine engine;
	struct store_engine *inner;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed; /* flushes wait, but for the one of that number */
	int pass;
	int flushes;
	int waiting;	/* flushes that do */
	int fail_flush; /* so many flushes from now on fail */
	enum store_commit apply;
	bool fail_get;
};

static int gate_get(struct store_engine *engine, enum store_table table,
	struct store_bytes key, struct buffer *value, struct error *error)
{
	struct gate *gate = (struct gate *)engine;

	if (gate->fail_get) {
		error_set(error, "gate: no get");
		return -1;
	}
	return gate->inner->ops->get(gate->inner, table, key, value, error);
}

static int gate_read(struct store_engine *engine, enum store_table table,
	struct store_bytes from, struct store_bytes prefix, size_t wanted,
	struct store_page *page, struct error *error)
{
	struct gate *gate = (struct gate *)engine;

	return gate->inner->ops->read(
		gate->inner, table, from, prefix, wanted, page, error);
}

static int gate_last(struct store_engine *engine, enum store_table table,
	struct buffer *key, struct error *error)
{
	struct gate *gate = (struct gate *)engine;

	return gate->inner->ops->last(gate->inner, table, key, error);
}

static enum store_commit gate_apply(struct store_engine *engine,
	const struct store_write *writes, size_t count, struct error *error)
{
	struct gate *gate = (struct gate *)engine;

	if (gate->apply == STORE_DONE)
		return gate->inner->ops->apply(
			gate->inner, writes, count, error);
	error_set(error, "gate: no apply");
	return gate->apply;
}

static int gate_flush(struct store_engine *engine, struct error *error)
{
	struct gate *gate = (struct gate *)engine;
	int result = 0;
	int number;

	pthread_mutex_lock(&gate->lock);
	number = ++gate->flushes;
	gate->waiting++;
	pthread_cond_broadcast(&gate->changed);
	while (gate->closed && gate->pass != number)
		pthread_cond_wait(&gate->changed, &gate->lock);
	gate->waiting--;
	if (gate->fail_flush > 0) {
		gate->fail_flush--;
		error_set(error, "gate: no flush");
		result = -1;
	}
	pthread_mutex_unlock(&gate->lock);
	return result;
}

static int gate_backup(
	struct store_engine *engine, const char *directory, struct error *error)
{
	struct gate *gate = (struct gate *)engine;

	return gate->inner->ops->backup(gate->inner, directory, error);
}

static int gate_checkpoint(struct store_engine *engine, struct error *error)
{
	struct gate *gate = (struct gate *)engine;

	return gate->inner->ops->checkpoint(gate->inner, error);
}

static bool gate_is_broken(const struct store_engine *engine)
{
	const struct gate *gate = (const struct gate *)engine;

	return gate->inner->ops->is_broken(gate->inner);
}

static void gate_engine_close(struct store_engine *engine)
{
	struct gate *gate = (struct gate *)engine;

	gate->inner->ops->close(gate->inner);
	pthread_mutex_destroy(&gate->lock);
	pthread_cond_destroy(&gate->changed);
	free(gate);
}

static const struct store_engine_ops gate_ops = {
	.get = gate_get,
	.read = gate_read,
	.last = gate_last,
	.apply = gate_apply,
	.flush = gate_flush,
	.backup = gate_backup,
	.checkpoint = gate_checkpoint,
	.is_broken = gate_is_broken,
	.close = gate_engine_close,
};

static struct store *gate_new(struct gate **gate_r)
{
	struct gate *gate = xcalloc(1, sizeof(*gate));
	struct error error = { "" };
	struct store *store;

	gate->engine.ops = &gate_ops;
	gate->engine.name = "gate";
	gate->inner = store_mem_engine();
	gate->apply = STORE_DONE;
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
	store = tables_open(&gate->engine, &error);
	assert_non_null(store);
	*gate_r = gate;
	return store;
}

static void gate_set(struct gate *gate, bool closed)
{
	pthread_mutex_lock(&gate->lock);
	gate->closed = closed;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

/* Until so many commits wait before the gate. */
static void gate_await(struct gate *gate, int waiting)
{
	pthread_mutex_lock(&gate->lock);
	while (gate->waiting != waiting)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

/* A thread that makes one commit. */
struct committer {
	pthread_t thread;
	struct store *store;
	const char *address;
	int kind;
	enum store_commit result;
	struct error error;
};

enum {
	CHANGE,
	REMOVE,
	ADD,
	READ_ONLY,
};

static void *committer_run(void *context)
{
	struct committer *committer = context;
	struct account account;
	struct store_txn *txn;
	uint64_t revision;

	if (committer->kind == CHANGE) {
		committer->result = fixture_transition(
			committer->store, committer->address, &revision);
		return NULL;
	}
	if (store_begin(committer->store, &txn, NULL) < 0)
		return NULL;
	fixture_account(&account, committer->address);
	if (committer->kind == REMOVE)
		store_txn_delete_account(txn, account.address, NULL);
	if (committer->kind == ADD) {
		store_txn_put_account(txn, &account, NULL);
		store_txn_put_alias(
			txn, "new@example.org", account.address, NULL);
	}
	if (committer->kind == READ_ONLY &&
		store_txn_get_account(txn, account.address, &account, NULL) ==
			1)
		account_clear(&account);
	committer->result = store_commit(&txn, &committer->error);
	return NULL;
}

static void committer_start(struct committer *committer, struct store *store,
	int kind, const char *address)
{
	*committer = (struct committer){
		.store = store,
		.address = address,
		.kind = kind,
		.result = STORE_FAILED,
	};
	assert_int_equal(pthread_create(&committer->thread, NULL, committer_run,
				 committer),
		0);
}

static enum store_commit committer_join(struct committer *committer)
{
	pthread_join(committer->thread, NULL);
	return committer->result;
}

/* ---- hidden until durable ---- */

static void test_hidden(void **state)
{
	const struct store_filter copying = { .by_phase = true,
		.phase = ACCOUNT_REQUESTED };
	const struct store_filter all = { 0 };
	struct buffer text = BUFFER_EMPTY;
	char address[ADDRESS_SIZE];
	struct committer change, add, removal;
	struct store_lease lease;
	struct store_counts counts;
	struct gate *gate;
	struct store *store = gate_new(&gate);

	(void)state;
	fixture_add(store, "ann@example.org");
	fixture_add(store, "bob@example.org");
	gate_set(gate, true);
	committer_start(&change, store, CHANGE, "ann@example.org");
	gate_await(gate, 1);
	committer_start(&add, store, ADD, "eve@example.org");
	gate_await(gate, 2);
	committer_start(&removal, store, REMOVE, "bob@example.org");
	gate_await(gate, 3);
	/* all three are applied, none is durable */
	assert_int_equal(fixture_revision(store, "ann@example.org"), 1);
	assert_true(fixture_has(store, "bob@example.org"));
	assert_false(fixture_has(store, "eve@example.org"));
	assert_int_equal(
		store_get_alias(store, "new@example.org", address, NULL), 0);
	assert_int_equal(
		store_get_lease(store, "ann@example.org", &lease, NULL), 0);
	fixture_accounts(store, &copying, &text);
	assert_string_equal(text.data, "");
	fixture_accounts(store, &all, &text);
	assert_null(strstr(text.data, "eve@"));
	fixture_aliases(store, "eve@example.org", &text);
	assert_string_equal(text.data, "");
	fixture_leases(store, &text);
	assert_string_equal(text.data, "");
	assert_int_equal(fixture_audit_count(store, NULL), 0);
	assert_int_equal(fixture_audit_count(store, "ann@example.org"), 0);
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, 2);
	assert_int_equal(counts.aliases, 0);

	gate_set(gate, false);
	assert_int_equal(committer_join(&change), STORE_DONE);
	assert_int_equal(committer_join(&add), STORE_DONE);
	assert_int_equal(committer_join(&removal), STORE_DONE);
	assert_int_equal(fixture_revision(store, "ann@example.org"), 2);
	fixture_accounts(store, &all, &text);
	assert_string_equal(text.data, "ann@example.org eve@example.org ");
	fixture_aliases(store, "eve@example.org", &text);
	assert_string_equal(text.data, "new@example.org>eve@example.org ");
	assert_int_equal(fixture_audit_count(store, "ann@example.org"), 1);
	fixture_check(store);
	buffer_free(&text);
	store_close(&store);
}

/* One after the other, the same account: readers see the durable one, the next
 * writer the newest. */
static void test_chain(void **state)
{
	struct committer first, second;
	struct store_txn *txn;
	struct account account;
	struct gate *gate;
	struct store *store = gate_new(&gate);

	(void)state;
	fixture_add(store, "ann@example.org");
	gate_set(gate, true);
	committer_start(&first, store, CHANGE, "ann@example.org");
	gate_await(gate, 1);
	committer_start(&second, store, CHANGE, "ann@example.org");
	gate_await(gate, 2);
	assert_int_equal(fixture_revision(store, "ann@example.org"), 1);
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_get_account(txn, "ann@example.org", &account, NULL),
		1);
	assert_int_equal(account.revision, 3);
	account_clear(&account);
	store_abort(&txn);
	gate_set(gate, false);
	assert_int_equal(committer_join(&first), STORE_DONE);
	assert_int_equal(committer_join(&second), STORE_DONE);
	assert_int_equal(fixture_revision(store, "ann@example.org"), 3);
	fixture_check(store);
	store_close(&store);
}

/* The later flush ends first: it has made the earlier commit durable as well,
 * although its thread does not know it yet. */
static void test_overtaken(void **state)
{
	struct committer first, second;
	struct gate *gate;
	struct store *store = gate_new(&gate);

	(void)state;
	fixture_add(store, "ann@example.org");
	fixture_add(store, "bob@example.org");
	gate_set(gate, true);
	committer_start(&first, store, CHANGE, "ann@example.org");
	gate_await(gate, 1);
	committer_start(&second, store, CHANGE, "ann@example.org");
	gate_await(gate, 2);
	pthread_mutex_lock(&gate->lock);
	gate->pass = gate->flushes;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
	assert_int_equal(committer_join(&second), STORE_DONE);
	assert_int_equal(fixture_revision(store, "ann@example.org"), 3);
	gate_set(gate, false);
	assert_int_equal(committer_join(&first), STORE_DONE);
	assert_int_equal(fixture_revision(store, "ann@example.org"), 3);
	fixture_check(store);
	store_close(&store);
}

/* A transaction that only read what is not durable yet waits for it. */
static void test_read_only(void **state)
{
	struct committer change, reader;
	struct gate *gate;
	struct store *store = gate_new(&gate);

	(void)state;
	fixture_add(store, "ann@example.org");
	committer_start(&reader, store, READ_ONLY, "ann@example.org");
	assert_int_equal(committer_join(&reader), STORE_DONE);
	gate_set(gate, true);
	committer_start(&change, store, CHANGE, "ann@example.org");
	gate_await(gate, 1);
	committer_start(&reader, store, READ_ONLY, "ann@example.org");
	gate_await(gate, 2);
	gate_set(gate, false);
	assert_int_equal(committer_join(&change), STORE_DONE);
	assert_int_equal(committer_join(&reader), STORE_DONE);
	store_close(&store);
}

/* ---- failures ---- */

static void check_unusable(struct store *store)
{
	const struct store_filter all = { 0 };
	struct store_counts counts;
	struct error error = { "" };
	struct account account;
	struct store_txn *txn;

	assert_int_equal(
		store_get_account(store, "ann@example.org", &account, &error),
		-1);
	assert_non_null(strstr(error.text, "restart rehome-policyd"));
	assert_int_equal(
		store_scan_accounts(store, &all, NULL, NULL, &error), -1);
	assert_int_equal(store_count(store, &counts, &error), -1);
	assert_int_equal(store_begin(store, &txn, &error), -1);
	assert_int_equal(store_checkpoint(store, &error), -1);
	assert_int_equal(store_backup(store, "/nonexistent", &error), -1);
}

/*
 * Applied and not flushed: unknown, and from then on nothing is certain. When
 * one of two flushes fails, the other may have made both durable.
 */
static void test_flush_fails(void **state)
{
	(void)state;
	for (int failing = 1; failing <= 2; failing++) {
		struct committer change, other;
		struct gate *gate;
		struct store *store = gate_new(&gate);

		fixture_add(store, "ann@example.org");
		fixture_add(store, "bob@example.org");
		gate_set(gate, true);
		gate->fail_flush = failing;
		committer_start(&change, store, CHANGE, "ann@example.org");
		gate_await(gate, 1);
		committer_start(&other, store, REMOVE, "bob@example.org");
		gate_await(gate, 2);
		gate_set(gate, false);
		committer_join(&change);
		committer_join(&other);
		if (failing == 2) {
			assert_int_equal(change.result, STORE_UNKNOWN);
			assert_int_equal(other.result, STORE_UNKNOWN);
			assert_string_equal(other.error.text, "gate: no flush");
		}
		assert_true(change.result == STORE_UNKNOWN ||
			    change.result == STORE_DONE);
		assert_true(other.result == STORE_UNKNOWN ||
			    other.result == STORE_DONE);
		check_unusable(store);
		store_close(&store);
	}
}

static void test_read_only_flush_fails(void **state)
{
	struct committer change, reader;
	struct account account;
	struct gate *gate;
	struct store *store = gate_new(&gate);

	(void)state;
	fixture_add(store, "ann@example.org");
	gate_set(gate, true);
	gate->fail_flush = 2;
	committer_start(&change, store, CHANGE, "ann@example.org");
	gate_await(gate, 1);
	committer_start(&reader, store, READ_ONLY, "ann@example.org");
	gate_await(gate, 2);
	gate_set(gate, false);
	assert_int_equal(committer_join(&change), STORE_UNKNOWN);
	assert_true(store_is_broken(store));
	assert_int_equal(committer_join(&reader), STORE_FAILED);
	assert_int_equal(
		store_get_account(store, "ann@example.org", &account, NULL),
		-1);
	store_close(&store);
}

/* Not applied: nothing is stored, and all goes on. */
static void test_apply_fails(void **state)
{
	static const enum store_commit results[] = { STORE_CONFLICT,
		STORE_FAILED };
	struct committer waiting;
	struct gate *gate;
	struct store *store = gate_new(&gate);
	uint64_t revision;

	(void)state;
	fixture_add(store, "ann@example.org");
	fixture_add(store, "bob@example.org");
	for (size_t i = 0; i < 2; i++) {
		/* once alone in the list of the pending, once behind another */
		gate->apply = results[i];
		assert_int_equal(
			fixture_transition(store, "ann@example.org", &revision),
			results[i]);
		gate->apply = STORE_DONE;
		gate_set(gate, true);
		committer_start(&waiting, store, CHANGE, "bob@example.org");
		gate_await(gate, 1);
		gate->apply = results[i];
		assert_int_equal(
			fixture_transition(store, "ann@example.org", &revision),
			results[i]);
		gate->apply = STORE_DONE;
		assert_int_equal(
			fixture_revision(store, "bob@example.org"), 1 + i);
		gate_set(gate, false);
		assert_int_equal(committer_join(&waiting), STORE_DONE);
		assert_int_equal(
			fixture_revision(store, "bob@example.org"), 2 + i);
	}
	assert_int_equal(fixture_revision(store, "ann@example.org"), 1);
	assert_int_equal(fixture_audit_count(store, "ann@example.org"), 0);
	fixture_check(store);
	store_close(&store);
}

static void test_apply_unknown(void **state)
{
	struct account account;
	struct gate *gate;
	struct store *store = gate_new(&gate);
	uint64_t revision;

	(void)state;
	fixture_add(store, "ann@example.org");
	gate->apply = STORE_UNKNOWN;
	assert_int_equal(
		fixture_transition(store, "ann@example.org", &revision),
		STORE_UNKNOWN);
	gate->apply = STORE_DONE;
	assert_int_equal(
		store_get_account(store, "ann@example.org", &account, NULL),
		-1);
	store_close(&store);
}

/* After a get that failed nothing of the transaction may be stored. */
static void test_doomed(void **state)
{
	struct error error = { "" };
	struct account account;
	struct store_txn *txn;
	struct gate *gate;
	struct store *store = gate_new(&gate);

	(void)state;
	fixture_add(store, "ann@example.org");
	txn = fixture_begin(store);
	fixture_account(&account, "bob@example.org");
	assert_int_equal(store_txn_put_account(txn, &account, NULL), 0);
	gate->fail_get = true;
	assert_int_equal(
		store_txn_get_account(txn, "ann@example.org", &account, &error),
		-1);
	assert_string_equal(
		error.text, "read account ann@example.org: gate: no get");
	assert_int_equal(
		store_get_account(store, "ann@example.org", &account, NULL),
		-1);
	gate->fail_get = false;
	error.text[0] = '\0';
	assert_int_equal(store_commit(&txn, &error), STORE_FAILED);
	assert_string_equal(
		error.text, "read account ann@example.org: gate: no get");
	assert_false(fixture_has(store, "bob@example.org"));
	store_close(&store);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_overtaken),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_flush_fails),
		cmocka_unit_test(test_read_only_flush_fails),
		cmocka_unit_test(test_apply_fails),
		cmocka_unit_test(test_apply_unknown),
		cmocka_unit_test(test_doomed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

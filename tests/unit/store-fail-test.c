/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd/store_fail: in each mode every call answers as the mode says, the
 * switch turns it on and off, and what is behind it stays whole.
 */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/xalloc.h"
#include "policyd/store.h"
#include "tests/unit/store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- lookups: what each answers for what is there ---- */

static bool go_on_account(const struct account *account, void *context)
{
	(void)account;
	(void)context;
	return true;
}

static bool go_on_alias(const char *alias, const char *address, void *context)
{
	(void)alias;
	(void)address;
	(void)context;
	return true;
}

static bool go_on_lease(const struct store_lease *lease, void *context)
{
	(void)lease;
	(void)context;
	return true;
}

static bool go_on_bound(const struct store_bound *bound, void *context)
{
	(void)bound;
	(void)context;
	return true;
}

static bool go_on_audit(const struct store_audit *audit, void *context)
{
	(void)audit;
	(void)context;
	return true;
}

static int look_account(struct store *store, struct error *error)
{
	struct account account;
	int result =
		store_get_account(store, "ann@example.org", &account, error);

	if (result > 0)
		account_clear(&account);
	return result;
}

static int look_alias(struct store *store, struct error *error)
{
	char address[ADDRESS_SIZE];

	return store_get_alias(store, "a@example.org", address, error);
}

static int look_lease(struct store *store, struct error *error)
{
	struct store_lease lease;

	return store_get_lease(store, "ann@example.org", &lease, error);
}

static int look_scan_accounts(struct store *store, struct error *error)
{
	const struct store_filter all = { 0 };

	return store_scan_accounts(store, &all, go_on_account, NULL, error);
}

static int look_scan_aliases(struct store *store, struct error *error)
{
	return store_scan_aliases(store, NULL, go_on_alias, NULL, error);
}

static int look_scan_leases(struct store *store, struct error *error)
{
	return store_scan_leases(store, go_on_lease, NULL, error);
}

static int look_scan_bounds(struct store *store, struct error *error)
{
	return store_scan_bounds(
		store, "ann@example.org", go_on_bound, NULL, error);
}

static int look_document(struct store *store, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	int result = store_get_document(
		store, "ann@example.org", "refused", NULL, &text, error);

	buffer_free(&text);
	return result;
}

static bool go_on_document(const struct store_document *document, void *context)
{
	(void)document;
	(void)context;
	return true;
}

static int look_scan_documents(struct store *store, struct error *error)
{
	return store_scan_documents(
		store, "ann@example.org", go_on_document, NULL, error);
}

static int look_scan_audit(struct store *store, struct error *error)
{
	return store_scan_audit(store, NULL, go_on_audit, NULL, error);
}

static int look_count(struct store *store, struct error *error)
{
	struct store_counts counts;

	return store_count(store, &counts, error);
}

static const struct {
	int (*look)(struct store *store, struct error *error);
	int well;
} looks[] = {
	{ look_account, 1 },
	{ look_alias, 1 },
	{ look_lease, 1 },
	{ look_scan_accounts, 0 },
	{ look_scan_aliases, 0 },
	{ look_scan_leases, 0 },
	{ look_scan_bounds, 0 },
	{ look_document, 0 },
	{ look_scan_documents, 0 },
	{ look_scan_audit, 0 },
	{ look_count, 0 },
};

static void check_looks(struct store *store, bool fails)
{
	for (size_t i = 0; i < COUNT(looks); i++) {
		struct error error = { "" };
		int result = looks[i].look(store, &error);

		if (result != (fails ? -1 : looks[i].well))
			fail_msg("lookup %zu: %d", i, result);
		if (fails)
			assert_string_equal(
				error.text, "store fail: it was told to fail");
	}
}

/* ---- calls in a transaction ---- */

static int step_get_account(struct store_txn *txn)
{
	struct account account;
	int result =
		store_txn_get_account(txn, "ann@example.org", &account, NULL);

	if (result > 0)
		account_clear(&account);
	return result;
}

static int step_get_alias(struct store_txn *txn)
{
	char address[ADDRESS_SIZE];

	return store_txn_get_alias(txn, "a@example.org", address, NULL);
}

static int step_get_lease(struct store_txn *txn)
{
	struct store_lease lease;

	return store_txn_get_lease(txn, "ann@example.org", &lease, NULL);
}

static int step_put_account(struct store_txn *txn)
{
	struct account account;

	fixture_account(&account, "ann@example.org");
	return store_txn_put_account(txn, &account, NULL);
}

static int step_put_alias(struct store_txn *txn)
{
	return store_txn_put_alias(
		txn, "a@example.org", "ann@example.org", NULL);
}

static int step_delete_alias(struct store_txn *txn)
{
	return store_txn_delete_alias(txn, "none@example.org", NULL);
}

static int step_put_lease(struct store_txn *txn)
{
	const struct store_lease lease = { "ann@example.org", "w", 1, 1 };

	return store_txn_put_lease(txn, &lease, NULL);
}

static int step_delete_lease(struct store_txn *txn)
{
	return store_txn_delete_lease(txn, "none@example.org", NULL);
}

static int step_put_bounds(struct store_txn *txn)
{
	return store_txn_put_bounds(txn, "ann@example.org", NULL, 0, NULL);
}

static int step_get_document(struct store_txn *txn)
{
	struct buffer text = BUFFER_EMPTY;
	int result = store_txn_get_document(
		txn, "ann@example.org", "shared", &text, NULL);

	buffer_free(&text);
	return result;
}

static int step_put_document(struct store_txn *txn)
{
	const struct store_document document = { "refused", 1, "" };

	return store_txn_put_document(txn, "ann@example.org", &document, NULL);
}

static int step_add_audit(struct store_txn *txn)
{
	struct attr_list *detail = attr_list_new();
	int result =
		store_txn_add_audit(txn, 1, "ann@example.org", detail, NULL);

	attr_list_free(&detail);
	return result;
}

static int step_delete_account(struct store_txn *txn)
{
	return store_txn_delete_account(txn, "none@example.org", NULL);
}

static const struct {
	int (*take)(struct store_txn *txn);
	int well;
} steps[] = {
	{ step_get_account, 1 },
	{ step_get_alias, 1 },
	{ step_get_lease, 1 },
	{ step_get_document, 0 },
	/* the others write */
	{ step_put_account, 0 },
	{ step_put_alias, 0 },
	{ step_delete_alias, 0 },
	{ step_put_lease, 0 },
	{ step_delete_lease, 0 },
	{ step_put_bounds, 0 },
	{ step_put_document, 0 },
	{ step_add_audit, 0 },
	{ step_delete_account, 0 },
};

#define STEPS_GET 4

/* ---- modes ---- */

static const struct mode {
	const char *name;
	bool lookups; /* fail */
	bool rest;    /* begin, writes, care */
	enum store_commit commits[2];
	bool stored[2];
} modes[] = {
	{ "lookups", true, false, { STORE_DONE, STORE_DONE }, { true, true } },
	{ "commits", false, false, { STORE_FAILED, STORE_FAILED },
		{ false, false } },
	{ "unknown", false, false, { STORE_UNKNOWN, STORE_UNKNOWN },
		{ true, false } },
	{ "all", true, true, { STORE_FAILED, STORE_FAILED }, { false, false } },
};

struct scene {
	char *directory;
	char *toggle;
	struct store *store;
};

static void turn(const struct scene *scene, bool on)
{
	int file;

	if (!on) {
		assert_int_equal(unlink(scene->toggle), 0);
		return;
	}
	file = open(scene->toggle, O_WRONLY | O_CREAT, 0600);
	assert_true(file >= 0);
	close(file);
}

/* Opens a store of that mode with something in it, and turns failure on. */
static void scene_set(struct scene *scene, const struct mode *mode)
{
	uint64_t revision;
	char *uri;

	scene->directory = fixture_directory();
	scene->toggle = xasprintf("%s/fail", scene->directory);
	uri = xasprintf("fail:%s:%s:bdb:%s/store", mode->name, scene->toggle,
		scene->directory);
	scene->store = fixture_open(uri);
	free(uri);
	fixture_add(scene->store, "ann@example.org");
	fixture_put_alias(scene->store, "a@example.org", "ann@example.org");
	assert_int_equal(
		fixture_transition(scene->store, "ann@example.org", &revision),
		STORE_DONE);
	check_looks(scene->store, false);
	turn(scene, true);
}

static void scene_end(struct scene *scene)
{
	store_close(&scene->store);
	fixture_remove(scene->directory);
	free(scene->toggle);
}

static void check_steps(const struct scene *scene, const struct mode *mode)
{
	for (size_t i = 0; i < COUNT(steps); i++) {
		bool fails = i < STEPS_GET ? mode->lookups : mode->rest;
		struct store_txn *txn;
		int result;

		/* a transaction from before the failing began */
		turn(scene, false);
		txn = fixture_begin(scene->store);
		turn(scene, true);
		result = steps[i].take(txn);
		if (result != (fails ? -1 : steps[i].well))
			fail_msg("%s, step %zu: %d", mode->name, i, result);
		turn(scene, false);
		assert_int_equal(store_commit(&txn, NULL),
			fails ? STORE_FAILED : STORE_DONE);
		turn(scene, true);
	}
}

static void check_commits(const struct scene *scene, const struct mode *mode)
{
	for (size_t i = 0; i < COUNT(mode->commits); i++) {
		struct error error = { "" };
		struct store_txn *txn;
		uint64_t before;

		turn(scene, false);
		before = fixture_revision(scene->store, "ann@example.org");
		txn = fixture_begin(scene->store);
		assert_int_equal(step_put_account(txn), 0);
		turn(scene, true);
		assert_int_equal(store_commit(&txn, &error), mode->commits[i]);
		turn(scene, false);
		assert_int_equal(
			fixture_revision(scene->store, "ann@example.org"),
			before + mode->stored[i]);
		turn(scene, true);
	}
}

static void test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct store_txn *txn;
		struct scene scene;
		char *backup;

		scene_set(&scene, &modes[i]);
		check_looks(scene.store, modes[i].lookups);
		check_steps(&scene, &modes[i]);
		check_commits(&scene, &modes[i]);
		assert_int_equal(store_begin(scene.store, &txn, NULL),
			modes[i].rest ? -1 : 0);
		if (!modes[i].rest)
			store_abort(&txn);
		backup = xasprintf("%s/backup", scene.directory);
		assert_int_equal(store_backup(scene.store, backup, NULL),
			modes[i].rest ? -1 : 0);
		assert_int_equal(store_checkpoint(scene.store, NULL),
			modes[i].rest ? -1 : 0);
		free(backup);
		turn(&scene, false);
		check_looks(scene.store, false);
		scene_end(&scene);
	}
}

/* Without a switch it always fails, but it can be opened. */
static void test_always(void **state)
{
	struct store *store = fixture_open("fail:all");
	struct store_txn *txn;

	(void)state;
	check_looks(store, true);
	assert_int_equal(store_begin(store, &txn, NULL), -1);
	store_close(&store);
	store = fixture_open("fail:commits::mem:");
	txn = fixture_begin(store);
	assert_int_equal(step_put_account(txn), 0);
	assert_int_equal(store_commit(&txn, NULL), STORE_FAILED);
	assert_false(fixture_has(store, "ann@example.org"));
	store_close(&store);
}

static void test_offline(void **state)
{
	struct error error = { "" };
	struct scene scene;
	char *uri, *kept;

	(void)state;
	scene_set(&scene, &modes[3]);
	store_close(&scene.store);
	uri = xasprintf(
		"fail:all:%s:bdb:%s/store", scene.toggle, scene.directory);
	assert_int_equal(store_verify(uri, &error), -1);
	assert_int_equal(store_restore(uri, "/nonexistent", &kept, &error), -1);
	assert_string_equal(error.text, "store fail: it was told to fail");
	turn(&scene, false);
	assert_int_equal(store_verify(uri, &error), 0);
	assert_int_equal(store_verify("fail:all", &error), -1);
	assert_int_equal(store_verify("mem:", &error), -1);
	free(uri);
	scene_end(&scene);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_always),
		cmocka_unit_test(test_offline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

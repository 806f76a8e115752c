/* SPDX-License-Identifier: BSD-2-Clause */
/* A place for one Berkeley DB store and its backup. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/xalloc.h"
#include "policyd/store_bdb.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/store_place.h"

/* A closed store with some accounts; copied where a test needs one. */
static char *template_directory;
static char *template_uri;

int place_make(void **state)
{
	struct place *place = xcalloc(1, sizeof(*place));

	place->directory = fixture_directory();
	place->store = xasprintf("%s/store", place->directory);
	place->uri = xasprintf("bdb:%s", place->store);
	place->backup = xasprintf("%s/backup", place->directory);
	*state = place;
	return 0;
}

int place_remove(void **state)
{
	struct place *place = *state;

	fixture_remove(place->directory);
	free(place->store);
	free(place->uri);
	free(place->backup);
	free(place);
	return 0;
}

/* Two accounts and what belongs to them. */
int place_group_make(void **state)
{
	const struct store_bound bound = { "INBOX", 1, 2 };
	struct store *store;
	struct store_txn *txn;
	struct account account;
	uint64_t revision;

	(void)state;
	template_directory = fixture_directory();
	template_uri = xasprintf("bdb:%s/store", template_directory);
	store = fixture_open(template_uri);
	fixture_account(&account, "ann@example.org");
	strcpy(account.batch, "monday");
	account.front = ACCOUNT_FRONT_CLOSING;
	fixture_put(store, &account);
	fixture_add(store, "bob@example.org");
	fixture_put_alias(store, "a@example.org", "ann@example.org");
	assert_int_equal(
		fixture_transition(store, "ann@example.org", &revision),
		STORE_DONE);
	txn = fixture_begin(store);
	assert_int_equal(
		store_txn_put_bounds(txn, "ann@example.org", &bound, 1, NULL),
		0);
	fixture_commit(txn);
	store_close(&store);
	return 0;
}

int place_group_remove(void **state)
{
	(void)state;
	fixture_remove(template_directory);
	free(template_uri);
	return 0;
}

void place_fill(const struct place *place)
{
	char *command = xasprintf("cp -R --sparse=always '%s/store' '%s'",
		template_directory, place->store);

	assert_int_equal(system(command), 0);
	free(command);
}

int place_child(int (*run)(const struct place *, int),
	const struct place *place, int number)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(run(place, number));
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

void place_write(const struct place *place, const struct store_write *write)
{
	struct error error = { "" };
	int code;
	struct bdb *bdb = bdb_new(place->store, DB_RECOVER, &code, &error);

	assert_non_null(bdb);
	assert_int_equal(bdb_open_tables(bdb, &error), 0);
	assert_int_equal(bdb_apply(&bdb->engine, write, 1, &error), STORE_DONE);
	assert_int_equal(bdb_flush(&bdb->engine, &error), 0);
	bdb_free(bdb);
}

void place_damage(const char *directory, enum store_table table)
{
	char *path = xasprintf("%s/%s.db", directory, store_table_name(table));
	int file = open(path, O_WRONLY);

	assert_true(file >= 0);
	assert_int_equal(pwrite(file, "damage", 6, 4096 + 4000), 6);
	close(file);
	free(path);
}

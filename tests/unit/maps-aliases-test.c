/* SPDX-License-Identifier: BSD-2-Clause */
/* Every alias is handed out with its account, and with no other. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "policyd/maps_aliases.h"
#include "accounts.h"

static struct store *store;
static struct error error;

static int setup(void **state)
{
	(void)state;
	store = store_open("mem:", &error);
	return store != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	store_close(&store);
	return 0;
}

static void add_alias(const char *alias, const char *address)
{
	struct store_txn *txn;

	assert_int_equal(store_begin(store, &txn, &error), 0);
	assert_int_equal(store_txn_put_alias(txn, alias, address, &error), 0);
	assert_int_equal(store_commit(&txn, &error), STORE_DONE);
}

/* "alias alias ..." of the account. */
static const char *taken(struct maps_aliases *aliases, const char *address)
{
	static char text[1024];
	const char *alias;

	text[0] = '\0';
	while ((alias = maps_aliases_next(aliases, address)) != NULL)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"%s ", alias);
	return text;
}

/* Aliases come from the store in an order that has nothing to do with that of
 * their accounts. */
static void test_merge(void **state)
{
	struct maps_aliases *aliases;

	(void)state;
	accounts_add(store, "ann@example.org", "zoe@example.org");
	accounts_add(store, "bob@example.org", NULL);
	accounts_add(store, "bob@example.org.uk", "a@example.org");
	accounts_add(store, "cleo@example.org", "b@example.org");
	add_alias("m@example.org", "ann@example.org");
	add_alias("c@example.org", "ann@example.org");
	aliases = maps_aliases_read(store, &error);
	assert_non_null(aliases);
	assert_string_equal(taken(aliases, "ann@example.org"),
		"c@example.org m@example.org zoe@example.org ");
	assert_string_equal(taken(aliases, "ann@example.org"), "");
	assert_string_equal(taken(aliases, "bob@example.org"), "");
	assert_string_equal(
		taken(aliases, "bob@example.org.uk"), "a@example.org ");
	assert_string_equal(
		taken(aliases, "cleo@example.org"), "b@example.org ");
	assert_string_equal(taken(aliases, "dora@example.org"), "");
	maps_aliases_free(&aliases);
	assert_null(aliases);
}

/* An account that was removed after the aliases were read is passed over, as
 * is one that was added. */
static void test_changed_meanwhile(void **state)
{
	struct maps_aliases *aliases;

	(void)state;
	accounts_add(store, "bob@example.org", "b@example.org");
	accounts_add(store, "dora@example.org", "d@example.org");
	aliases = maps_aliases_read(store, &error);
	assert_non_null(aliases);
	assert_string_equal(taken(aliases, "ann@example.org"), "");
	assert_string_equal(taken(aliases, "cleo@example.org"), "");
	assert_string_equal(
		taken(aliases, "dora@example.org"), "d@example.org ");
	maps_aliases_free(&aliases);
}

static void test_none(void **state)
{
	struct maps_aliases *aliases;

	(void)state;
	aliases = maps_aliases_read(store, &error);
	assert_non_null(aliases);
	assert_null(maps_aliases_next(aliases, "ann@example.org"));
	maps_aliases_free(&aliases);
}

static void test_store_cannot_tell(void **state)
{
	struct store *failing = store_open("fail:lookups", &error);

	(void)state;
	assert_non_null(failing);
	assert_null(maps_aliases_read(failing, &error));
	assert_true(strlen(error.text) > 0);
	store_close(&failing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_merge),
		TEST(test_changed_meanwhile),
		TEST(test_none),
		TEST(test_store_cannot_tell),
	};

	return cmocka_run_group_tests_name("maps-aliases", tests, NULL, NULL);
}

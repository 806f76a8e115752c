/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names in the directory: accounts and aliases that come and go, and those
 * that are refused with nothing left behind.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "machine_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANN	     "ann@example.org"

static void test_names(void **state)
{
	static const char *const aliases[] = { "Annie@Example.org",
		"a@complete.example" };
	const struct machine_add add = {
		.address = "Ann@EXAMPLE.org",
		.source = "old",
		.destination = "new",
		.home = ACCOUNT_DESTINATION,
		.batch = "first",
		.aliases = aliases,
		.aliases_count = 2,
	};
	struct bench *bench = bench_new("mem:");
	struct account account;

	(void)state;
	assert_int_equal(machine_add(bench->machine, &add, "ops", &account,
				 &bench->error),
		CONTROL_OK);
	assert_string_equal(account.address, ANN);
	assert_int_equal(account.revision, 1);
	account_clear(&account);
	account = bench_get(bench, ANN);
	assert_int_equal(account.home, ACCOUNT_DESTINATION);
	assert_string_equal(account.batch, "first");
	assert_int_equal(bench->wakes, 1);
	assert_string_equal(bench_history(bench, ANN), "add ");
	assert_int_equal(machine_remove_alias(bench->machine, ANN,
				 "annie@example.org", "ops", &bench->error),
		CONTROL_OK);
	assert_int_equal(
		machine_remove(bench->machine, ANN, "ops", &bench->error),
		CONTROL_OK);
	/* all names are free again, the history stays */
	bench_add(bench, "annie@example.org");
	bench_add(bench, "a@complete.example");
	assert_string_equal(
		bench_history(bench, ANN), "add alias-remove remove ");
	bench_free(&bench);
}

static void test_names_refused(void **state)
{
	static const char *const twice[] = { "x@example.org",
		"bob@example.org" };
	static const char *const self[] = { "new@example.org" };
	static const struct {
		struct machine_add add;
		enum control_status status;
		const char *reason;
	} rows[] = {
		{ { .address = ANN, .source = "old", .destination = "new" },
			CONTROL_CONFLICT, "exists already" },
		{ { .address = "annie@example.org",
			  .source = "old",
			  .destination = "new" },
			CONTROL_CONFLICT, "alias of ann@" },
		{ { .address = "new@example.org",
			  .source = "old",
			  .destination = "new",
			  .aliases = twice,
			  .aliases_count = 2 },
			CONTROL_CONFLICT, "is an account" },
		{ { .address = "new@example.org",
			  .source = "old",
			  .destination = "new",
			  .aliases = self,
			  .aliases_count = 1 },
			CONTROL_CONFLICT, "is the account" },
		{ { .address = "ann@other.example",
			  .source = "old",
			  .destination = "new" },
			CONTROL_ERROR, "no domain of the configuration" },
		{ { .address = "new@example.org",
			  .source = "elsewhere",
			  .destination = "new" },
			CONTROL_ERROR, "system elsewhere" },
		{ { .address = "new@example.org",
			  .source = "new",
			  .destination = "new" },
			CONTROL_ERROR, "both source and destination" },
		{ { .address = "no address",
			  .source = "old",
			  .destination = "new" },
			CONTROL_ERROR, "no address" },
	};
	struct bench *bench = bench_new("mem:");
	struct account account;

	(void)state;
	bench_add(bench, ANN);
	bench_add(bench, "bob@example.org");
	assert_int_equal(machine_add_alias(bench->machine, ANN,
				 "annie@example.org", "ops", &bench->error),
		CONTROL_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(machine_add(bench->machine, &rows[i].add,
					 "ops", NULL, &bench->error),
			rows[i].status);
		if (strstr(bench->error.text, rows[i].reason) == NULL)
			fail_msg("row %zu: %s", i, bench->error.text);
	}
	/* nothing of a refused one is left, not even its first alias */
	assert_int_equal(store_get_account(bench->store, "new@example.org",
				 &account, &bench->error),
		0);
	bench_add(bench, "x@example.org");
	assert_int_equal(machine_add_alias(bench->machine, ANN,
				 "bob@example.org", "ops", &bench->error),
		CONTROL_CONFLICT);
	assert_int_equal(machine_remove_alias(bench->machine, "bob@example.org",
				 "annie@example.org", "ops", &bench->error),
		CONTROL_NOT_FOUND);
	assert_int_equal(machine_remove(bench->machine, "nobody@example.org",
				 "ops", &bench->error),
		CONTROL_NOT_FOUND);
	bench_move(bench, ANN);
	assert_int_equal(
		machine_remove(bench->machine, ANN, "ops", &bench->error),
		CONTROL_CONFLICT);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

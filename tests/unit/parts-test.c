/* SPDX-License-Identifier: BSD-2-Clause */
/* policyd/parts: bounds that come in several requests. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "policyd/parts.h"

#define ANN "ann@example.org"
#define BOB "bob@example.org"

static int add(struct parts *parts, const char *address, int64_t frozen_at,
	size_t at, size_t count)
{
	struct store_bound bounds[3000];
	char names[3000][32];
	struct error error;
	size_t i;

	for (i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "folder%zu", at + i);
		bounds[i] = (struct store_bound){ .folder = names[i],
			.uidvalidity = 1,
			.uidnext = (uint32_t)(at + i) };
	}
	return parts_add(parts, address, frozen_at, at, bounds, count, &error);
}

/* How many come back, each as it was; -1 when they are not that many. */
static int take(struct parts *parts, const char *address, int64_t frozen_at,
	size_t count)
{
	struct store_bound *bounds;
	struct error error;
	char name[32];
	size_t i;

	if (parts_take(parts, address, frozen_at, count, &bounds, &error) < 0)
		return -1;
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "folder%zu", i);
		assert_string_equal(bounds[i].folder, name);
		assert_int_equal(bounds[i].uidnext, i);
	}
	parts_clear(bounds, count);
	return (int)count;
}

static void test_parts(void **state)
{
	struct parts *parts = parts_new();

	(void)state;
	assert_int_equal(take(parts, ANN, 1, 0), 0);
	assert_int_equal(add(parts, ANN, 1, 0, 2000), 0);
	assert_int_equal(add(parts, BOB, 1, 0, 10), 0);
	assert_int_equal(add(parts, ANN, 1, 2000, 2000), 0);
	/* sent again, since its answer was lost */
	assert_int_equal(add(parts, ANN, 1, 2000, 2000), 0);
	assert_int_equal(add(parts, ANN, 1, 4000, 1000), 0);
	assert_int_equal(take(parts, ANN, 1, 5000), 5000);
	/* nothing is kept */
	assert_int_equal(take(parts, ANN, 1, 5000), -1);
	assert_int_equal(take(parts, BOB, 1, 10), 10);
	parts_free(&parts);
}

/* What was lost or is of another freeze is not made up. */
static void test_missing(void **state)
{
	struct parts *parts = parts_new();

	(void)state;
	assert_int_equal(add(parts, ANN, 1, 2000, 10), -1);
	assert_int_equal(add(parts, ANN, 1, 0, 10), 0);
	assert_int_equal(take(parts, ANN, 1, 11), -1);
	assert_int_equal(add(parts, ANN, 1, 0, 10), 0);
	assert_int_equal(add(parts, ANN, 2, 10, 10), -1);
	assert_int_equal(take(parts, ANN, 1, 10), -1);
	/* begun anew, with fewer */
	assert_int_equal(add(parts, ANN, 3, 0, 10), 0);
	assert_int_equal(add(parts, ANN, 3, 0, 4), 0);
	assert_int_equal(take(parts, ANN, 3, 4), 4);
	parts_free(&parts);
}

/* Workers that died leave something behind, but not for ever. */
static void test_bounded(void **state)
{
	struct parts *parts = parts_new();
	char address[32];
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "user%d@example.org", i);
		assert_int_equal(add(parts, address, 1, 0, 2), 0);
	}
	assert_int_equal(take(parts, "user0@example.org", 1, 2), -1);
	assert_int_equal(take(parts, "user999@example.org", 1, 2), 2);
	for (i = 0; i < 1000000; i += 2500)
		assert_int_equal(add(parts, ANN, 1, (size_t)i, 2500), 0);
	assert_int_equal(add(parts, ANN, 1, 1000000, 1), -1);
	assert_int_equal(add(parts, ANN, 1, 999999, 2), -1);
	assert_int_equal(add(parts, ANN, 1, 999999, 1), 0);
	parts_free(&parts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

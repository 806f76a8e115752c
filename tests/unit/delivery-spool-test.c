/* SPDX-License-Identifier: BSD-2-Clause */
/* The content of a message: in memory, moved to a file, read by slow and fast
 * homes. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/delivery_spool.h"
#include "lib/xalloc.h"

#define WINDOW 8

static void add(struct delivery_spool *spool, const char *text)
{
	struct error error;

	assert_int_equal(
		delivery_spool_add(spool, text, strlen(text), &error), 0);
}

static void expect(struct delivery_spool *spool, uint64_t at, const char *text)
{
	struct error error;
	const char *data;
	ssize_t size = delivery_spool_peek(spool, at, &data, &error);

	assert_int_equal(size, strlen(text));
	if (size > 0)
		assert_memory_equal(data, text, strlen(text));
}

/* All homes keep up: what they have had is forgotten, and there is no file. */
static void test_memory(void **state)
{
	struct delivery_spool *spool =
		delivery_spool_new(WINDOW, "/nonexistent");

	(void)state;
	expect(spool, 0, "");
	for (uint64_t at = 0; at < 40; at += 4) {
		add(spool, "abcd");
		assert_true(delivery_spool_is_full(spool, at));
		assert_false(delivery_spool_is_full(spool, at + 1));
		expect(spool, at, "abcd");
		delivery_spool_forget(spool, at + 4);
	}
	assert_int_equal(delivery_spool_size(spool), 40);
	delivery_spool_free(&spool);
	assert_null(spool);
	delivery_spool_free(&spool);
}

/* A slow one has it from the file. The name of its directory may be gone by
 * then, with the configuration that it was in. */
static void test_file(void **state)
{
	char *directory = xstrdup("/tmp");
	struct delivery_spool *spool = delivery_spool_new(WINDOW, directory);

	(void)state;
	memset(directory, 'x', strlen(directory));
	free(directory);
	add(spool, "abcd");
	delivery_spool_forget(spool, 2);
	add(spool, "efghij");
	expect(spool, 2, "cdefghij");
	add(spool, "kl");
	expect(spool, 2, "cdefghijkl");
	expect(spool, 11, "l");
	expect(spool, 12, "");
	assert_int_equal(delivery_spool_size(spool), 12);
	delivery_spool_free(&spool);
}

/* Nowhere to put it: nobody gets it. */
static void test_no_room(void **state)
{
	struct delivery_spool *spool =
		delivery_spool_new(WINDOW, "/nonexistent");
	struct error error;

	(void)state;
	add(spool, "abcdefgh");
	assert_int_equal(delivery_spool_add(spool, "i", 1, &error), -1);
	assert_non_null(strstr(error.text, "/nonexistent"));
	delivery_spool_free(&spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

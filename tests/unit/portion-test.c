/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/portion: batches halved around a culprit, and grown again. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "copier/portion.h"

/* A server that refuses each batch with a message of the list (0 ends it), or
 * one of more than most messages (0: any number). */
struct server {
	const char *what;
	uint32_t messages;
	uint32_t culprits[4];
	size_t most;
	size_t refused;	 /* expected, of single messages */
	size_t commands; /* expected, at most */
};

static const struct server server_table[] = {
	{ "takes all", 1000, { 0 }, 0, 0, 10 },
	{ "one culprit", 256, { 77 }, 0, 1, 30 },
	{ "the first", 256, { 1 }, 0, 1, 30 },
	{ "the last", 256, { 256 }, 0, 1, 30 },
	{ "two beside each other", 256, { 100, 101 }, 0, 2, 40 },
	{ "far apart", 1000, { 1, 500, 999 }, 0, 3, 90 },
	{ "only small batches", 1000, { 0 }, 30, 0, 80 },
	{ "only single messages", 100, { 0 }, 1, 0, 110 },
	{ "small ones and a culprit", 300, { 150 }, 40, 1, 60 },
};

static int is_refused(const struct server *server, uint32_t first, size_t count)
{
	size_t i;

	if (server->most > 0 && count > server->most)
		return 1;
	for (i = 0; i < 4 && server->culprits[i] != 0; i++)
		if (server->culprits[i] >= first &&
			server->culprits[i] < first + count)
			return 1;
	return 0;
}

static void serve(const struct server *server)
{
	struct portion portion;
	uint32_t next = 1;
	size_t refused = 0, commands = 0;

	portion_begin(&portion, 256);
	while (next <= server->messages) {
		size_t left = server->messages - next + 1;
		size_t count = portion.limit < left ? portion.limit : left;
		uint32_t last = next + (uint32_t)count - 1;

		assert_true(count > 0);
		assert_true(++commands <= server->commands);
		if (!is_refused(server, next, count)) {
			portion_stored(&portion, last);
			next = last + 1;
		} else if (!portion_refused(&portion, count, last)) {
			refused++;
			next++;
		}
	}
	assert_int_equal(refused, server->refused);
}

static void test_servers(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(server_table) / sizeof(server_table[0]); i++) {
		print_message("# %s\n", server_table[i].what);
		serve(&server_table[i]);
	}
}

static void test_no_batches(void **state)
{
	struct portion portion;

	(void)state;
	portion_begin(&portion, 0);
	assert_int_equal(portion.limit, 1);
	assert_false(portion_refused(&portion, 1, 7));
	portion_stored(&portion, 8);
	assert_int_equal(portion.limit, 1);
}

static void test_grows_again(void **state)
{
	struct portion portion;

	(void)state;
	portion_begin(&portion, 8);
	assert_true(portion_refused(&portion, 8, 8));
	assert_true(portion_refused(&portion, 4, 4));
	assert_true(portion_refused(&portion, 2, 2));
	assert_false(portion_refused(&portion, 1, 1));
	portion_stored(&portion, 2);
	assert_int_equal(portion.limit, 2);
	portion_stored(&portion, 4);
	portion_stored(&portion, 8);
	assert_int_equal(portion.limit, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_no_batches),
		cmocka_unit_test(test_grows_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/buffer, and the two that everything stands on: lib/error, lib/xalloc. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "lib/error.h"
#include "lib/xalloc.h"

static void test_add(void **state)
{
	struct buffer buffer = BUFFER_EMPTY;
	size_t i;

	(void)state;
	buffer_clear(&buffer);
	buffer_drop(&buffer, 0);
	assert_null(buffer.data);
	buffer_add(&buffer, NULL, 0);
	assert_string_equal(buffer.data, "");
	buffer_add(&buffer, "a\0b", 3);
	assert_int_equal(buffer.size, 3);
	assert_memory_equal(buffer.data, "a\0b", 4);
	for (i = 0; i < 100000; i++) {
		buffer_add(&buffer, "xyz", 1 + i % 3);
		assert_true(buffer.size < buffer.room);
		assert_int_equal(buffer.data[buffer.size], '\0');
	}
	assert_int_equal(buffer.size, 3 + 1 + 33333 * 6);
	assert_memory_equal(buffer.data, "a\0bxxyxyzx", 10);
	buffer_clear(&buffer);
	assert_int_equal(buffer.size, 0);
	assert_string_equal(buffer.data, "");
	buffer_add_text(&buffer, "again");
	assert_string_equal(buffer.data, "again");
	buffer_free(&buffer);
	assert_null(buffer.data);
	assert_int_equal(buffer.size, 0);
	buffer_add_text(&buffer, "usable");
	assert_string_equal(buffer.data, "usable");
	buffer_free(&buffer);
	buffer_free(&buffer);
}

/* Each size around the steps in which the memory grows. */
static void test_printf(void **state)
{
	size_t size;

	(void)state;
	for (size = 0; size < 600; size++) {
		struct buffer buffer = BUFFER_EMPTY;
		char *text = xcalloc(1, size + 1);

		memset(text, 't', size);
		buffer_printf(&buffer, "%s", text);
		assert_int_equal(buffer.size, size);
		assert_string_equal(buffer.data, text);
		buffer_printf(&buffer, "<%d%s>", 5, text);
		assert_int_equal(buffer.size, 2 * size + 3);
		assert_memory_equal(buffer.data + size, "<5", 2);
		assert_int_equal(buffer.data[buffer.size - 1], '>');
		assert_int_equal(buffer.data[buffer.size], '\0');
		buffer_free(&buffer);
		free(text);
	}
}

static void test_drop(void **state)
{
	struct buffer buffer = BUFFER_EMPTY;

	(void)state;
	buffer_add_text(&buffer, "0123456789");
	buffer_drop(&buffer, 0);
	assert_string_equal(buffer.data, "0123456789");
	buffer_drop(&buffer, 4);
	assert_string_equal(buffer.data, "456789");
	assert_int_equal(buffer.size, 6);
	buffer_add_text(&buffer, "x");
	assert_string_equal(buffer.data, "456789x");
	buffer_drop(&buffer, 7);
	assert_string_equal(buffer.data, "");
	assert_int_equal(buffer.size, 0);
	buffer_free(&buffer);
}

static void test_error(void **state)
{
	struct error error;
	char longer[2000];

	(void)state;
	error_set(NULL, "nobody wants to know");
	error_prefix(NULL, "nobody");
	error_set(&error, "open %s: %d", "/x", 13);
	assert_string_equal(error.text, "open /x: 13");
	error_prefix(&error, "store %s", "a");
	assert_string_equal(error.text, "store a: open /x: 13");
	/* the text itself may be an argument */
	error_set(&error, "again: %s", error.text);
	assert_string_equal(error.text, "again: store a: open /x: 13");
	error_set(&error, "a\nb\tc\x01\x7f\x1b[0m\xc3\xa4");
	assert_string_equal(error.text, "a?b?c???[0m\xc3\xa4");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	error_set(&error, "%s", longer);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	error_prefix(&error, "front");
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	assert_memory_equal(error.text, "front: xxx", 10);
	error_prefix(&error, "%s", longer);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

/* Whatever was put in, what comes out can stand in a log and in JSON. */
static void test_error_bytes(void **state)
{
	static const struct {
		const char *text, *result;
	} table[] = {
		{ "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa2z",
			"a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa2z" },
		{ "\xc2\xa0\xed\x9f\xbf\xf4\x8f\xbf\xbf",
			"\xc2\xa0\xed\x9f\xbf\xf4\x8f\xbf\xbf" },
		{ "\xff\xfe", "??" },
		{ "\x80", "?" },
		{ "\xc3", "?" },
		{ "\xe2\x82", "??" },
		{ "\xf0\x9f\x90", "???" },
		{ "\xe2\x82x", "??x" },
		{ "\xc0\xaf", "??" },		/* overlong */
		{ "\xe0\x80\xaf", "???" },	/* overlong */
		{ "\xf0\x80\x80\xaf", "????" }, /* overlong */
		{ "\xed\xa0\x80", "???" },	/* surrogate */
		{ "\xf4\x90\x80\x80", "????" }, /* above U+10FFFF */
		{ "\xf5\x80\x80\x80", "????" },
		{ "\xc2\x85", "??" },			  /* C1 control */
		{ "\xe2\x80\xa8\xe2\x80\xae", "??????" }, /* separator, RLO */
		{ "\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\xa7\xe2\x80\xaf" },
		{ "\xe2\x81\xa6\xe2\x81\xa9", "??????" }, /* LRI, PDI */
		{ "\xe2\x81\xa5\xe2\x81\xaa", "\xe2\x81\xa5\xe2\x81\xaa" },
	};
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		error_set(&error, "%s", table[i].text);
		assert_string_equal(error.text, table[i].result);
	}
}

/* No half character is left at the end of a text that was cut. */
static void test_error_cut(void **state)
{
	char text[700];
	struct error error;
	size_t shift;

	(void)state;
	for (shift = 0; shift < 3; shift++) {
		size_t at = shift;

		memset(text, 'x', shift);
		for (; at + 3 < sizeof(text); at += 3)
			memcpy(text + at, "\xe2\x82\xac", 3);
		text[at] = '\0';
		error_set(&error, "%s", text);
		assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
		at = strcspn(error.text, "?");
		assert_int_equal((at - shift) % 3, 0);
		assert_true(at >= sizeof(error.text) - 3);
		assert_int_equal(strspn(error.text + at, "?"),
			sizeof(error.text) - 1 - at);
	}
}

static void test_xalloc(void **state)
{
	char *text = xstrdup("abc");
	char *part = xstrndup("abcdef", 4);
	char *whole = xstrndup("ab", 4);
	char *print = xasprintf("%s-%d", "x", 5);
	char *zero = xcalloc(3, 5);
	int *grown = xreallocarray(NULL, 2, sizeof(*grown));

	(void)state;
	assert_string_equal(text, "abc");
	assert_string_equal(part, "abcd");
	assert_string_equal(whole, "ab");
	assert_string_equal(print, "x-5");
	assert_memory_equal(zero, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
	grown[1] = 7;
	grown = xreallocarray(grown, 1000, sizeof(*grown));
	assert_int_equal(grown[1], 7);
	free(text);
	free(part);
	free(whole);
	free(print);
	free(zero);
	free(grown);
	free(xmalloc(0));
	free(xcalloc(0, 5));
	free(xcalloc(SIZE_MAX, 0));
	free(xreallocarray(NULL, 0, 0));
}

/* Whether a process that asks for count items of that size lives on. */
static bool allocation_survives(bool zeroed, size_t count, size_t size)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		close(STDERR_FILENO);
		if (zeroed)
			free(xcalloc(count, size));
		else
			free(xreallocarray(NULL, count, size));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_xalloc_overflow(void **state)
{
	(void)state;
	assert_true(allocation_survives(true, 10, 10));
	assert_true(allocation_survives(false, 10, 10));
	assert_false(allocation_survives(true, SIZE_MAX / 2, 3));
	assert_false(allocation_survives(false, SIZE_MAX / 2, 3));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_error_bytes),
		cmocka_unit_test(test_error_cut),
		cmocka_unit_test(test_xalloc),
		cmocka_unit_test(test_xalloc_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Refused items and approvals, and documents in messages. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/document.h"
#include "lib/refusal.h"
#include "lib/xalloc.h"

#define ONE "item=one\nkind=message\nwords=too large\n\n"
#define TWO "item=two\nkind=folder\n\n"
#define KEY "item=key\nkind=keywords\n\n"

static void test_items(void **state)
{
	char one[REFUSAL_ITEM_SIZE], other[REFUSAL_ITEM_SIZE];
	static const struct {
		const char *folder;
		uint32_t uidvalidity, uid;
	} others[] = { { "INBOX", 7, 2 }, { "INBOX", 8, 1 }, { "Inbox", 7, 1 },
		{ "INBOX", 71, 1 }, { "1INBOX", 7, 1 } };

	(void)state;
	refusal_item("INBOX", 7, 1, one);
	assert_int_equal(strlen(one), 12);
	refusal_item("INBOX", 7, 1, other);
	assert_string_equal(one, other);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		refusal_item(others[i].folder, others[i].uidvalidity,
			others[i].uid, other);
		assert_string_not_equal(one, other);
	}
}

static void test_open(void **state)
{
	static const struct {
		const char *refused, *approved;
		int result;
		uint64_t open;
	} cases[] = {
		{ NULL, NULL, 0, 0 },
		{ "", "", 0, 0 },
		{ ONE, NULL, 0, 1 },
		{ ONE TWO, "", 0, 2 },
		{ ONE TWO, ONE, 0, 1 },
		{ ONE TWO, TWO ONE, 0, 0 },
		{ TWO, ONE, 0, 1 },
		{ KEY, NULL, 0, 0 }, /* told, but it blocks nothing */
		{ "item=x\n\n", NULL, 0, 1 },
		/* damage is never taken for nothing */
		{ ONE "item=two\n", NULL, -1, 0 },
		{ "kind=message\n\n", NULL, -1, 0 },
		{ "nonsense", NULL, -1, 0 },
		{ "\n", NULL, -1, 0 },
		{ ONE, "item=one", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = { "" };
		uint64_t open = 0;
		int result = refusal_count_open(
			cases[i].refused, cases[i].approved, &open, &error);

		if (result != cases[i].result)
			fail_msg("case %zu: %d: %s", i, result, error.text);
		if (result == 0 && open != cases[i].open)
			fail_msg("case %zu: %d open", i, (int)open);
		if (result < 0)
			assert_string_not_equal(error.text, "");
	}
}

static bool stop_at_second(const struct attr_list *item, void *context)
{
	size_t *seen = context;

	assert_non_null(item);
	return ++*seen < 2;
}

static void test_each(void **state)
{
	size_t seen = 0;

	(void)state;
	assert_int_equal(
		refusal_each(ONE TWO KEY, stop_at_second, &seen, NULL), 1);
	assert_int_equal(seen, 2);
}

static void test_texts(void **state)
{
	static const size_t sizes[] = { 0, 1, 32767, 32768, 32769, 65536,
		DOCUMENT_SIZE_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = xmalloc(sizes[i] + 1);
		struct attr_list *list = attr_list_new();
		struct attr_parser *parser = attr_parser_new(ATTR_CONTROL);
		struct buffer wire = BUFFER_EMPTY, got = BUFFER_EMPTY;
		size_t used;

		memset(text, '\n', sizes[i]); /* each is two on the wire */
		text[sizes[i]] = '\0';
		attr_list_add(list, "status", "ok");
		document_add_text(list, text);
		attr_print(list, ATTR_CONTROL, &wire);
		assert_int_equal(attr_parser_feed(parser, wire.data, wire.size,
					 &used, NULL),
			1);
		document_get_text(attr_parser_message(parser), &got);
		assert_int_equal(got.size, sizes[i]);
		if (sizes[i] > 0)
			assert_string_equal(got.data, text);
		attr_parser_free(&parser);
		attr_list_free(&list);
		buffer_free(&wire);
		buffer_free(&got);
		free(text);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_true(document_is_known("approvals"));
	assert_false(document_is_workers("approvals"));
	assert_true(document_is_workers("refused"));
	assert_false(document_is_known(""));
	assert_false(document_is_known("notes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

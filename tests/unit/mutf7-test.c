/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/mutf7: RFC 3501's own examples, the edges, and there and back. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "copier/mutf7.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	const char *utf8;  /* NULL: no modified UTF-7 */
	const char *again; /* what utf8 encodes to, NULL: the name */
} table[] = {
	{ "INBOX", "INBOX", NULL },
	{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/"
		"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
		NULL },
	{ "&-", "&", NULL },
	{ "a&-b&-c", "a&b&c", NULL },
	{ "Entw&APw-rfe", "Entw\xc3\xbcrfe", NULL },
	{ "&2Dzfiw-", "\xf0\x9f\x8e\x8b", NULL },
	{ "&AAk-", "\t", NULL },
	{ "&AH8-", "\x7f", NULL },
	{ "-", "-", NULL },
	/* superfluous, and read all the same */
	{ "&AEE-", "A", "A" },
	{ "&AOk-&AOk-", "\xc3\xa9\xc3\xa9", "&AOkA6Q-" },
	/* not of this world */
	{ "&", NULL, NULL },
	{ "&A", NULL, NULL },
	{ "&AOk", NULL, NULL },
	{ "R&D", NULL, NULL },
	{ "R&D-", NULL, NULL },
	{ "&AOl-", NULL, NULL }, /* bits left over */
	{ "&AOkA-", NULL, NULL },
	{ "&AO/-", NULL, NULL }, /* not that Base64 */
	{ "&2Dw-", NULL, NULL }, /* half a pair */
	{ "&34s-", NULL, NULL },
	{ "&2DzYPA-", NULL, NULL },
	{ "&AAA-", NULL, NULL }, /* NUL */
	{ "caf\xc3\xa9", NULL, NULL },
	{ "a\tb", NULL, NULL },
};

static void test_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		struct buffer text = BUFFER_EMPTY, name = BUFFER_EMPTY;
		int result;

		buffer_add(&text, "x", 1);
		result = mutf7_decode(
			table[i].name, strlen(table[i].name), &text);
		assert_int_equal(result, table[i].utf8 != NULL ? 0 : -1);
		if (table[i].utf8 == NULL) {
			assert_string_equal(text.data, "x");
		} else {
			assert_string_equal(text.data + 1, table[i].utf8);
			mutf7_encode(text.data + 1, text.size - 1, &name);
			assert_string_equal(name.data, table[i].again != NULL
							       ? table[i].again
							       : table[i].name);
		}
		buffer_free(&text);
		buffer_free(&name);
	}
}

/* Every character, alone and beside its neighbours, comes back. */
static void test_there_and_back(void **state)
{
	uint32_t c;

	(void)state;
	for (c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 37) {
		char utf8[16];
		struct buffer name = BUFFER_EMPTY, text = BUFFER_EMPTY;
		size_t size = 0;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		utf8[size++] = 'x';
		if (c < 0x80) {
			utf8[size++] = (char)c;
		} else if (c < 0x800) {
			utf8[size++] = (char)(0xc0 | c >> 6);
			utf8[size++] = (char)(0x80 | (c & 63));
		} else if (c < 0x10000) {
			utf8[size++] = (char)(0xe0 | c >> 12);
			utf8[size++] = (char)(0x80 | (c >> 6 & 63));
			utf8[size++] = (char)(0x80 | (c & 63));
		} else {
			utf8[size++] = (char)(0xf0 | c >> 18);
			utf8[size++] = (char)(0x80 | (c >> 12 & 63));
			utf8[size++] = (char)(0x80 | (c >> 6 & 63));
			utf8[size++] = (char)(0x80 | (c & 63));
		}
		memcpy(utf8 + size, "\xc3\xa9&", 3);
		size += 3;
		mutf7_encode(utf8, size, &name);
		assert_int_equal(mutf7_decode(name.data, name.size, &text), 0);
		assert_int_equal(text.size, size);
		assert_memory_equal(text.data, utf8, size);
		buffer_free(&name);
		buffer_free(&text);
	}
}

static void test_show(void **state)
{
	static const struct {
		const char *name, *shown;
	} names[] = {
		{ "", "" },
		{ "INBOX", "INBOX" },
		{ "Gr&APw-n/&-", "Gr\xc3\xbcn/&" },
		{ "R&D", "R&D" },
		{ "Gr\xc3\xbcn", "Gr\xc3\xbcn" },
		{ "&ABs-[2J", "?[2J" },
		{ "\033\xff", "??" },
	};
	struct error shown;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		mutf7_show(names[i].name, &shown);
		assert_string_equal(shown.text, names[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

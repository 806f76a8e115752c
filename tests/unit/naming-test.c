/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/naming: names from server to server, and those a server refuses. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/xalloc.h"

#include "copier/naming.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const shared[] = { "shared/", "Other Users." };

static const struct mailbox_features slash = {
	.separator = '/', .prefix = "", .others = shared, .others_count = 2
};
static const struct mailbox_features dot = { .separator = '.',
	.prefix = "INBOX." };
static const struct mailbox_features plain_dot = {
	.separator = '.', .prefix = "", .others = shared, .others_count = 2
};
static const struct mailbox_features flat = { .prefix = "" };
static const struct mailbox_features utf8 = {
	.separator = '/', .prefix = "", .utf8 = true
};

static const struct {
	const struct mailbox_features *from, *to;
	const char *name;
	const char *mapped;
	unsigned changes;
} table[] = {
	{ &slash, &slash, "INBOX", "INBOX", 0 },
	{ &slash, &dot, "inbox", "INBOX", 0 },
	{ &slash, &dot, "a/b/c", "INBOX.a.b.c", 0 },
	{ &dot, &slash, "INBOX.a.b", "a/b", 0 },
	{ &dot, &slash, "inbox.a.b", "a/b", 0 },
	{ &dot, &dot, "INBOX.a", "INBOX.a", 0 },
	{ &dot, &slash, "elsewhere.a", "elsewhere/a", 0 },
	{ &slash, &dot, "v1.2/x", "INBOX.v1_2.x", NAMING_SEPARATOR },
	{ &dot, &slash, "INBOX.a/b", "a_b", NAMING_SEPARATOR },
	{ &slash, &flat, "a/b", "a_b", NAMING_SEPARATOR },
	{ &flat, &slash, "a/b", "a_b", NAMING_SEPARATOR },
	{ &slash, &slash, "a//b/", "a/b", NAMING_LEVELS },
	{ &slash, &slash, "/a", "a", NAMING_LEVELS },
	{ &slash, &slash, "/", "_", NAMING_LEVELS },
	/* INBOX is one only */
	{ &dot, &slash, "INBOX.INBOX", "INBOX_", NAMING_INBOX },
	{ &dot, &dot, "INBOX.inbox", "INBOX.INBOX_", NAMING_INBOX },
	{ &slash, &slash, "INBOX/a", "INBOX/a", 0 },
	{ &slash, &dot, "INBOX/a", "INBOX.INBOX.a", 0 },
	{ &dot, &slash, "INBOX.INBOX.a", "INBOX/a", 0 },
	{ &dot, &slash, "INBOX.", "INBOX_", NAMING_LEVELS | NAMING_INBOX },
	/* what is another's there */
	{ &dot, &slash, "INBOX.shared.x", "shared_/x", NAMING_OTHERS },
	{ &dot, &slash, "INBOX.shared", "shared_", NAMING_OTHERS },
	{ &dot, &slash, "INBOX.sharedx", "sharedx", 0 },
	{ &slash, &plain_dot, "Other Users/x", "Other Users_.x",
		NAMING_OTHERS },
	/* encodings */
	{ &slash, &dot, "Entw&APw-rfe", "INBOX.Entw&APw-rfe", 0 },
	{ &slash, &utf8, "Entw&APw-rfe", "Entw\xc3\xbcrfe", 0 },
	{ &utf8, &slash, "Entw\xc3\xbcrfe/R&D", "Entw&APw-rfe/R&-D", 0 },
	{ &utf8, &utf8, "a&b", "a&b", 0 },
	{ &utf8, &slash, "caf\xe9", "caf&AOk-", NAMING_ENCODING },
	{ &slash, &slash, "Entw\xc3\xbcrfe", "Entw&APw-rfe", 0 },
	{ &slash, &slash, "caf\xe9", "caf&AOk-", NAMING_ENCODING },
	{ &slash, &slash, "R&D", "R&-D", NAMING_ENCODING },
	{ &slash, &slash, "x&AEE-", "xA", NAMING_ENCODING },
	/* kept as they are */
	{ &slash, &dot, "star*pct%", "INBOX.star*pct%", 0 },
	{ &slash, &dot, "quo\"te\\", "INBOX.quo\"te\\", 0 },
	{ &slash, &dot, "tab&AAk-", "INBOX.tab&AAk-", 0 },
	{ &slash, &dot, " blank ", "INBOX. blank ", 0 },
};

static void test_map(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		struct naming_path path;
		unsigned changes = 0;
		char *mapped;

		naming_split(table[i].name, table[i].from->separator,
			table[i].from, &path, &changes);
		mapped = naming_join(&path, table[i].to, &changes);
		assert_string_equal(mapped, table[i].mapped);
		assert_int_equal(changes, table[i].changes);
		free(mapped);
		mapped = naming_map(table[i].name, table[i].from->separator,
			table[i].from, table[i].to);
		assert_string_equal(mapped, table[i].mapped);
		free(mapped);
		naming_path_free(&path);
	}
}

static void test_text(void **state)
{
	static const struct {
		const char *name;
		const char *text;
	} texts[] = { { "INBOX.a.b", "a/b" }, { "INBOX.a/b.c", "a\\/b/c" },
		{ "INBOX.&AOk-", "\xc3\xa9" } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		char *text = naming_show(texts[i].name, '.', &dot);

		assert_string_equal(text, texts[i].text);
		free(text);
	}
}

static void test_fold(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} pairs[] = { { "CASE", "case", true },
		{ "a/&AOk-", "A/e&AwE-", true }, /* one letter or two */
		{ "a/b", "a_b", false }, { "&AN8-", "SS", true } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(pairs); i++) {
		struct naming_path path;
		char *one, *other;

		naming_split(pairs[i].one, '/', &slash, &path, NULL);
		one = naming_fold(&path);
		naming_path_free(&path);
		naming_split(pairs[i].other, '/', &slash, &path, NULL);
		other = naming_fold(&path);
		naming_path_free(&path);
		assert_int_equal(strcmp(one, other) == 0, pairs[i].same);
		free(one);
		free(other);
	}
}

static void test_tame(void **state)
{
	static const struct {
		const char *name;
		/* after each step that changes it */
		const char *controls, *marks;
	} names[] = { { "plain name", NULL, NULL },
		{ "tab&AAk-x", "tab_x", NULL },
		{ "a*b%/c.d", NULL, "a_b_/c_d" }, { "&AAE-~x", "_~x", "__x" },
		{ " blank ", NULL, "_blank_" }, { "e&AwE-", NULL, "&AOk-" },
		{ "&2Dzfiw-&AOk-", NULL, "_&AOk-" } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(names); i++) {
		struct naming_path path;
		unsigned done = 0;
		char *name;

		naming_split(names[i].name, '/', &slash, &path, NULL);
		if (names[i].controls != NULL) {
			done = naming_tame(&path, done);
			assert_int_equal(done, NAMING_CONTROLS);
			name = naming_join(&path, &slash, NULL);
			assert_string_equal(name, names[i].controls);
			free(name);
		}
		if (names[i].marks != NULL) {
			done = naming_tame(&path, done);
			assert_int_equal(done, NAMING_MARKS);
			name = naming_join(&path, &slash, NULL);
			assert_string_equal(name, names[i].marks);
			free(name);
		}
		assert_int_equal(naming_tame(&path, done), 0);
		naming_path_free(&path);
	}
}

/* Long levels are cut at a character and stay different. */
static void test_length(void **state)
{
	struct naming_path one = { NULL, 0 }, other = { NULL, 0 };
	char text[300];
	size_t i;

	(void)state;
	for (i = 0; i < 150; i++)
		memcpy(text + 2 * i, "\xc3\xa9", 2);
	naming_path_add(&one, text, 298);
	naming_path_add(&other, text, 300);
	assert_int_equal(naming_tame(&one, 0), NAMING_LENGTH);
	assert_int_equal(naming_tame(&other, 0), NAMING_LENGTH);
	assert_string_not_equal(one.levels[0], other.levels[0]);
	assert_true(strlen(one.levels[0]) <= 60);
	assert_int_equal(naming_tame(&one, NAMING_LENGTH), 0);
	naming_path_free(&one);
	naming_path_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_tame),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/foldermap: what a map says, and the maps that say nothing clear. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/xalloc.h"

#include "copier/foldermap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char map_text[] = "# what goes where\n"
			       "\n"
			       "\"Sent Items\" -> \\Sent\r\n"
			       "  Old/%  ->\tArchive/%/x\n"
			       "Lists/* -> \"My Lists/*\"\n"
			       "\\Junk -> \"Spam (old)\"\n"
			       "keep Trash/Important\n"
			       "exclude Trash\n"
			       "exclude Trash/%\n"
			       "exclude *tmp*\n"
			       "a\\/b -> \"c\\/d\"\n"
			       "star\\* -> star\n"
			       "\"exclude\" -> e\n"
			       "keep -> k\n"
			       "\xc3\x9c* -> U*\n"
			       "exclude \\All\n"
			       "INBOX -> Old-Inbox\n";

/* The answer: "none", "keep", "exclude", "\Use" or the path; "@" line. */
static const struct {
	const char *name;
	enum special_use use;
	const char *answer;
} answers[] = {
	{ "Sent Items", SPECIAL_USE_NONE, "\\Sent@3" },
	{ "Sent", SPECIAL_USE_NONE, "none@0" },
	{ "Old/2019", SPECIAL_USE_NONE, "Archive/2019/x@4" },
	{ "Old", SPECIAL_USE_NONE, "none@0" },
	{ "Old/2019/Q1", SPECIAL_USE_NONE, "none@0" },
	{ "Lists/a/b", SPECIAL_USE_NONE, "My Lists/a/b@5" },
	{ "Bulk", SPECIAL_USE_JUNK, "Spam (old)@6" },
	{ "Trash/Important", SPECIAL_USE_NONE, "keep@7" },
	{ "Trash", SPECIAL_USE_TRASH, "exclude@8" },
	{ "Trash/x", SPECIAL_USE_NONE, "exclude@9" },
	{ "Trash/x/y", SPECIAL_USE_NONE, "none@0" },
	{ "x/atmpb", SPECIAL_USE_NONE, "exclude@10" },
	{ "a\\/b", SPECIAL_USE_NONE, "c\\/d@11" },
	{ "a/b", SPECIAL_USE_NONE, "none@0" },
	{ "star*", SPECIAL_USE_NONE, "star@12" },
	{ "starx", SPECIAL_USE_NONE, "none@0" },
	{ "exclude", SPECIAL_USE_NONE, "e@13" },
	{ "keep", SPECIAL_USE_NONE, "k@14" },
	{ "\xc3\x9c"
	  "ber",
		SPECIAL_USE_NONE, "Uber@15" },
	{ "All Mail", SPECIAL_USE_ALL, "exclude@16" },
	{ "INBOX", SPECIAL_USE_NONE, "Old-Inbox@17" },
	/* case counts */
	{ "sent items", SPECIAL_USE_NONE, "none@0" },
};

/* Levels with '/' between them; "\/" is inside one. */
static void read_path(const char *text, struct naming_path *path_r)
{
	char level[100];
	size_t size = 0;

	memset(path_r, 0, sizeof(*path_r));
	for (;; text++) {
		if (*text == '\\') {
			level[size++] = *++text;
		} else if (*text == '/' || *text == '\0') {
			naming_path_add(path_r, level, size);
			size = 0;
			if (*text == '\0')
				return;
		} else {
			level[size++] = *text;
		}
	}
}

static char *answer_text(
	const struct foldermap *map, const char *name, enum special_use use)
{
	struct foldermap_answer answer;
	struct naming_path path;
	char *text, *named;

	read_path(name, &path);
	foldermap_find(map, &path, use, &answer);
	naming_path_free(&path);
	switch (answer.verdict) {
	case FOLDERMAP_KEEP:
		text = xasprintf("keep@%u", answer.line);
		break;
	case FOLDERMAP_EXCLUDE:
		text = xasprintf("exclude@%u", answer.line);
		break;
	case FOLDERMAP_USE:
		text = xasprintf(
			"%s@%u", special_use_name(answer.use), answer.line);
		break;
	case FOLDERMAP_NAME:
		named = naming_text(&answer.path);
		text = xasprintf("%s@%u", named, answer.line);
		free(named);
		naming_path_free(&answer.path);
		break;
	default:
		text = xasprintf("none@%u", answer.line);
	}
	return text;
}

static void test_answers(void **state)
{
	struct error error;
	struct foldermap *map =
		foldermap_parse(map_text, strlen(map_text), "map", &error);
	size_t i;

	(void)state;
	assert_non_null(map);
	for (i = 0; i < COUNT(answers); i++) {
		char *text = answer_text(map, answers[i].name, answers[i].use);

		assert_string_equal(text, answers[i].answer);
		free(text);
	}
	foldermap_free(&map);
	assert_null(map);
	{
		char *text = answer_text(NULL, "a", SPECIAL_USE_NONE);

		assert_string_equal(text, "none@0");
		free(text);
	}
}

/* A wildcard that stood for nothing leaves no empty level. */
static void test_nothing(void **state)
{
	static const char text[] = "Old* -> New/*\nx* -> *\n";
	struct error error;
	struct foldermap *map =
		foldermap_parse(text, strlen(text), "map", &error);
	char *answer;

	(void)state;
	assert_non_null(map);
	answer = answer_text(map, "Old", SPECIAL_USE_NONE);
	assert_string_equal(answer, "New@1");
	free(answer);
	answer = answer_text(map, "x", SPECIAL_USE_NONE);
	assert_string_equal(answer, "_@2");
	free(answer);
	foldermap_free(&map);
}

static void test_reverse(void **state)
{
	struct error error;
	struct foldermap *map =
		foldermap_parse(map_text, strlen(map_text), "map", &error);
	struct naming_path path = { NULL, 0 }, back;
	char *text;

	(void)state;
	naming_path_add(&path, "c/d", 3);
	assert_true(foldermap_reverse(map, &path, &back));
	text = naming_text(&back);
	assert_string_equal(text, "a\\/b");
	free(text);
	naming_path_free(&back);
	naming_path_free(&path);
	naming_path_add(&path, "U", 1);
	assert_false(foldermap_reverse(map, &path, &back));
	naming_path_free(&path);
	foldermap_free(&map);
}

static const struct {
	const char *text;
	const char *error;
} wrong[] = {
	{ "a\n", "m:1: \"->\" is missing" },
	{ "# x\n\na ->\n", "m:3: a name is missing" },
	{ "a -> b c\n", "m:1: something behind the name" },
	{ "\"a -> b\n", "m:1: a quote is not closed" },
	{ "a\"b -> c\n", "m:1: a quote inside a name" },
	{ "a -> b\\\n", "m:1: a backslash at the end" },
	{ "a//b -> c\n", "m:1: a level without a name" },
	{ "a -> /c\n", "m:1: a level without a name" },
	{ "a -> c/\n", "m:1: a level without a name" },
	{ "\"\" -> c\n", "m:1: a name is missing" },
	{ "a*b* -> c*\n",
		"m:1: more than one wildcard in a name that becomes another" },
	{ "a* -> c\n", "m:1: many folders would become one" },
	{ "a* -> \\Sent\n", "m:1: many folders would become one" },
	{ "a -> c*\n", "m:1: nothing to put in the place of the wildcard" },
	{ "a -> c\nb -> c\n", "m:2: two folders would become one, see line 1" },
	{ "a -> \\Sent\n\\Sent -> b\nb -> \\sent\n",
		"m:3: two folders would become one, see line 1" },
	{ "exclude\n", "m:1: a name is missing" },
	{ "\"exclude\" x\n", "m:1: \"->\" is missing" },
	{ "exclude a b\n", "m:1: something behind the name" },
	{ "\\Sent\n", "m:1: \"->\" is missing" },
	{ "caf\xe9 -> c\n", "m:1: it is not UTF-8" },
	{ "a => b\n", "m:1: \"->\" is missing" },
};

static void test_wrong(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(wrong); i++) {
		struct error error = { "" };
		struct foldermap *map = foldermap_parse(
			wrong[i].text, strlen(wrong[i].text), "m", &error);

		assert_null(map);
		assert_string_equal(error.text, wrong[i].error);
	}
	assert_null(foldermap_load("/nonexistent", &(struct error){ "" }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_reverse),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

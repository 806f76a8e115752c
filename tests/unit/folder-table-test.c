/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/folder_table: the names of all folders, each rule and its rank. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "copier/folder_table.h"

/*
 * One folder a line. Home: NAME[|USE]; the other side: NAME[|USE[|MESSAGES]].
 * The table: NAME=OTHER RULE [apart=NAME] [note: a part of the words].
 */
struct scenario {
	const char *about;
	const char *home;
	const char *other;
	const char *map;
	char home_separator, other_separator;
	const char *other_prefix;
	const char *table;
};

static const struct scenario scenarios[] = {
	{ "the same names", "INBOX\na/b\n", "INBOX\n", NULL, '/', '/', "",
		"INBOX=INBOX inbox\na/b=a/b same\n" },
	{ "another separator and prefix", "a/b\n", "INBOX\n", NULL, '/', '.',
		"INBOX.", "a/b=INBOX.a.b same\n" },
	{ "who must change gives way", "v1.2\nv1_2\n", "", NULL, '/', '.', "",
		"v1.2=v1_2_ same\nv1_2=v1_2 same\n" },
	{ "three that would be one", "v1.2\nv1_2\nv1_2_\n", "", NULL, '/', '.',
		"", "v1.2=v1_2__ same\nv1_2=v1_2 same\nv1_2_=v1_2_ same\n" },
	{ "a line of the map, and who has the name already", "x\ny\n", "",
		"x -> y\n", '/', '/', "", "x=y map\ny=y_ same\n" },
	{ "a line that names INBOX", "INBOX\nold\n", "", "INBOX -> in\n", '/',
		'/', "", "INBOX=in map\nold=old same\n" },
	{ "somebody wants to be INBOX", "INBOX\nx\n", "", "x -> INBOX\n", '/',
		'/', "", "INBOX=INBOX inbox\nx=INBOX_ map\n" },
	{ "the other side's own folder for it", "Sent|\\Sent\n",
		"Sent Items|\\Sent\n", NULL, '/', '/', "",
		"Sent=Sent Items special-use\n" },
	{ "it is not empty", "Sent|\\Sent\n", "Sent Items|\\Sent|3\n", NULL,
		'/', '/', "", "Sent=Sent same\n" },
	{ "another folder of home goes there", "Sent|\\Sent\nSent Items\n",
		"Sent Items|\\Sent\n", NULL, '/', '/', "",
		"Sent=Sent same\nSent Items=Sent Items same\n" },
	{ "its own name is there and holds mail", "Sent|\\Sent\n",
		"Sent Items|\\Sent\nSent||2\n", NULL, '/', '/', "",
		"Sent=Sent same\n" },
	{ "the map keeps it", "Sent|\\Sent\n", "Sent Items|\\Sent\n",
		"keep Sent\n", '/', '/', "", "Sent=Sent same\n" },
	{ "the map names a use", "Gesendet\n", "Sent Items|\\Sent|5\n",
		"Gesendet -> \\Sent\n", '/', '/', "",
		"Gesendet=Sent Items map\n" },
	{ "a use that the other side has not", "Gesendet\n", "",
		"Gesendet -> \\Sent\n", '/', '/', "",
		"Gesendet=Gesendet same use=\\Sent\n" },
	{ "twins by case", "CASE\ncase\ncase/sub\n", "", NULL, '/', '/', "",
		"CASE=CASE same\ncase=case same apart=case_\n"
		"case/sub=case/sub same apart=case_/sub\n" },
	{ "twins by normalisation", "e&AwE-\n&AOk-\n", "", NULL, '/', '/', "",
		"e&AwE-=e&AwE- same\n&AOk-=&AOk- same apart=&AOk-_\n" },
	{ "what an earlier run had to change", "tab&AAk-x\na.b\n", "tab_x\n",
		NULL, '/', '/', "", "tab&AAk-x=tab_x same\na.b=a.b same\n" },
	{ "it is another's", "tab&AAk-x\ntab_x\n", "tab_x\n", NULL, '/', '/',
		"", "tab&AAk-x=tab&AAk-x same\ntab_x=tab_x same\n" },
	{ "what an earlier run had to keep apart", "CASE\ncase\n",
		"CASE\ncase_\n", NULL, '/', '/', "",
		"CASE=CASE same\ncase=case_ same\n" },
	{ "spelled otherwise over there", "sent\n", "Sent\n", NULL, '/', '/',
		"", "sent=sent same apart=Sent\n" },
};

static void fill(struct view *view, const char *lines, char separator,
	const char *prefix)
{
	view->features.separator = separator;
	view->features.prefix = prefix;
	while (*lines != '\0') {
		size_t size = strcspn(lines, "\n");
		char line[200], *use, *messages = NULL;
		struct view_folder *folder;

		memcpy(line, lines, size);
		line[size] = '\0';
		lines += size + 1;
		use = strchr(line, '|');
		if (use != NULL) {
			*use++ = '\0';
			messages = strchr(use, '|');
		}
		if (messages != NULL)
			*messages++ = '\0';
		folder = view_add(view, line);
		folder->separator = separator;
		folder->selectable = folder->has_status = true;
		if (use != NULL)
			folder->use = special_use_parse(use, strlen(use));
		if (messages != NULL)
			folder->status.messages = (uint32_t)atoi(messages);
	}
}

static void print(const struct folder_table *table, struct buffer *text)
{
	size_t i;

	buffer_add(text, "", 0);
	for (i = 0; i < table->count; i++) {
		const struct folder_entry *entry = &table->entries[i];

		buffer_printf(text, "%s=%s %s", entry->home->name, entry->name,
			folder_rule_name(entry->rule));
		if (entry->use != entry->home->use &&
			entry->use != SPECIAL_USE_NONE)
			buffer_printf(
				text, " use=%s", special_use_name(entry->use));
		if (entry->apart != NULL)
			buffer_printf(text, " apart=%s", entry->apart);
		buffer_add_text(text, "\n");
	}
}

static void test_scenarios(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		const struct scenario *one = &scenarios[i];
		struct view home = { .count = 0 }, other = { .count = 0 };
		struct foldermap *map = NULL;
		struct folder_table_input input = {
			.home = &home, .other = &other, .side = JOURNAL_SOURCE
		};
		struct folder_table table;
		struct buffer text = BUFFER_EMPTY;
		struct error error;

		fill(&home, one->home, one->home_separator, "");
		fill(&other, one->other, one->other_separator,
			one->other_prefix);
		if (one->map != NULL) {
			map = foldermap_parse(
				one->map, strlen(one->map), "m", &error);
			assert_non_null(map);
			input.map = map;
		}
		folder_table_make(&input, &table);
		print(&table, &text);
		if (strcmp(text.data, one->table) != 0)
			print_message("%s\n", one->about);
		assert_string_equal(text.data, one->table);
		buffer_free(&text);
		folder_table_clear(&table);
		foldermap_free(&map);
		view_clear(&home);
		view_clear(&other);
	}
}

/* The way back: rules without wildcards are read the other way round. */
static void test_back(void **state)
{
	static const char rules[] = "Old -> New\nexclude Trash\n";
	struct view home = { .count = 0 }, other = { .count = 0 };
	struct error error;
	struct foldermap *map =
		foldermap_parse(rules, strlen(rules), "m", &error);
	struct folder_table_input input = { .home = &home,
		.other = &other,
		.side = JOURNAL_DESTINATION,
		.map = map };
	struct folder_table table;
	struct buffer text = BUFFER_EMPTY;

	(void)state;
	fill(&home, "New\nTrash\n", '/', "");
	fill(&other, "", '/', "");
	folder_table_make(&input, &table);
	print(&table, &text);
	assert_string_equal(text.data, "New=Old map\nTrash=Trash same\n");
	buffer_free(&text);
	folder_table_clear(&table);
	foldermap_free(&map);
	view_clear(&home);
	view_clear(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

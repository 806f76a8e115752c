/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/config: files, what they point at, and the man page against the table of
 * options in both directions. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "lib/config.h"
#include "lib/config_private.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char directory[] = "/tmp/rehome-config-test.XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static void remove_file(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
}

static void test_load(void **state)
{
	struct config *config;
	struct error error;
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/c", directory);
	write_file("c", "log { level = debug }", 0600);
	config = config_load(path, &error);
	assert_non_null(config);
	assert_int_equal(config->log.level, LOG_DEBUG);
	config_free(&config);
	write_file("c", "\nlog { level = x }", 0600);
	assert_null(config_load(path, &error));
	assert_memory_equal(error.text, path, strlen(path));
	assert_memory_equal(error.text + strlen(path), ":2: log: ", 9);
	write_file("c", "", 0600);
	config = config_load(path, &error);
	assert_non_null(config);
	config_free(&config);
	remove_file("c");
	assert_null(config_load(path, &error));
	assert_non_null(strstr(error.text, strerror(ENOENT)));
	assert_null(config_load(directory, &error));
	assert_non_null(strstr(error.text, strerror(EISDIR)));
	assert_null(config_load("/dev/zero", &error));
	assert_non_null(strstr(error.text, strerror(EFBIG)));
}

static const struct {
	const char *options; /* with @ for the directory */
	const char *system;
	const char *error; /* NULL: good */
} pointers[] = {
	{ "", "", NULL },
	{ "maps { reload = \"@/run\" directory = @ }", "", NULL },
	{ "maps { reload = \"@/run\" directory = @/plain }", "",
		"maps: directory: @/plain: is no directory" },
	{ "maps { reload = \"@/run\" directory = @/none }", "",
		"maps: directory: @/none: No such file or directory" },
	{ "maps { reload = \"@/run now\" }", "", NULL },
	{ "maps { reload = \"unix:@/none\" }", "", NULL },
	{ "maps { reload = \"@/none\" }", "",
		"maps: reload: @/none: No such file or directory" },
	{ "maps { reload = \"@/plain now\" }", "",
		"maps: reload: @/plain: is not executable" },
	{ "copier { state = @/plain }", "",
		"copier: state: @/plain: is no directory" },
	{ "", "provision = @/run lock = @/run unlock = @/run", NULL },
	{ "", "provision = @/plain",
		"system \"s\": provision: @/plain: is not executable" },
	{ "", "lock = @/none",
		"system \"s\": lock: @/none: No such file or directory" },
	{ "", "unlock = @", "system \"s\": unlock: @: is no regular file" },
	{ "", "unlock = @/open",
		"system \"s\": unlock: @/open: everybody may write it" },
	{ "", "ca_file = @/plain", NULL },
	{ "", "ca_file = @/none",
		"system \"s\": ca_file: @/none: No such file or directory" },
	{ "", "passwords = @/secret", NULL },
	{ "", "passwords = @/group", NULL },
	{ "", "passwords = @/plain",
		"system \"s\": passwords: @/plain: holds secrets and is "
		"open to others (mode 0644); chmod o= it" },
	{ "", "passwords = @/empty",
		"system \"s\": passwords: @/empty: is "
		"empty" },
	{ "", "master = m master_password_file = @/secret", NULL },
	{ "", "master = m master_password_file = @/open",
		"system \"s\": master_password_file: @/open: holds secrets "
		"and is open to others (mode 0777); chmod o= it" },
};

/* Puts the directory in the place of each '@'. */
static void expand(struct buffer *buffer, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '@')
			buffer_add_text(buffer, directory);
		else
			buffer_add(buffer, text, 1);
	}
}

static void keep_first(void *context, const struct error *error)
{
	struct error *first = context;

	if (first->text[0] == '\0')
		*first = *error;
}

static void check_pointer(size_t i)
{
	struct buffer text = BUFFER_EMPTY, expected = BUFFER_EMPTY;
	struct error error = { "" };
	struct config *config;
	size_t amiss;

	expand(&text, "queue { list = \"\" flush = \"\" }\n");
	expand(&text, pointers[i].options);
	if (strstr(pointers[i].options, "copier") == NULL)
		expand(&text, "copier { state = @/none }");
	expand(&text, "\nsystem s { imap = imaps://h deliver = smtp:h ");
	expand(&text, pointers[i].system);
	expand(&text, " }");
	config = config_parse(text.data, text.size, "t.conf", &error);
	if (config == NULL)
		fail_msg("%s", error.text);
	amiss = config_check_all_files(config, keep_first, &error);
	if (pointers[i].error == NULL && amiss != 0)
		fail_msg("%s: %s", text.data, error.text);
	if (pointers[i].error != NULL) {
		expand(&expected, pointers[i].error);
		assert_true(amiss > 0);
		assert_string_equal(error.text, expected.data);
	}
	config_free(&config);
	buffer_free(&text);
	buffer_free(&expected);
}

static void test_check_files(void **state)
{
	size_t i;

	(void)state;
	write_file("plain", "x", 0644);
	write_file("run", "#!/bin/true\n", 0755);
	write_file("open", "x", 0777);
	write_file("secret", "x", 0600);
	write_file("group", "x", 0640);
	write_file("empty", "", 0600);
	for (i = 0; i < COUNT(pointers); i++)
		check_pointer(i);
	remove_file("plain");
	remove_file("run");
	remove_file("open");
	remove_file("secret");
	remove_file("group");
	remove_file("empty");
}

static void test_describe(void **state)
{
	const struct config_option *option;
	char *text = NULL, line[128];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	config_describe(out);
	fclose(out);
	for (option = config_options; option->name != NULL; option++) {
		snprintf(line, sizeof(line), "\n    %s\n        %s\n",
			option->name, option->help);
		if (strstr(text, line) == NULL)
			fail_msg("%s %s", option->section, option->name);
	}
	free(text);
}

/* The word of an mdoc line behind that macro, or NULL. */
static char *mdoc_word(char *line, const char *macro)
{
	if (strncmp(line, macro, strlen(macro)) != 0)
		return NULL;
	line += strlen(macro);
	line[strcspn(line, " \n")] = '\0';
	return line;
}

/* The line that tells the default, behind the .It line of an option. */
static void manual_default(
	const struct config_option *option, struct buffer *buffer)
{
	bool quoted = strpbrk(option->fallback, " {") != NULL;
	bool text = quoted && option->fallback[0] != '{';
	const char *from;

	buffer_clear(buffer);
	if (option->need == CONFIG_REQUIRED) {
		buffer_add_text(buffer, ".Pq required\n");
		return;
	}
	if (option->fallback[0] == '\0') {
		buffer_add_text(buffer, ".Pq off by default\n");
		return;
	}
	buffer_printf(buffer, ".Pq default Li %s%s", quoted ? "\"" : "",
		text ? "\\(dq" : "");
	for (from = option->fallback; *from != '\0'; from++) {
		if (*from == '"')
			buffer_add_text(buffer, "\\(dq");
		else
			buffer_add(buffer, from, 1);
	}
	buffer_printf(
		buffer, "%s%s\n", text ? "\\(dq" : "", quoted ? "\"" : "");
}

/* An .It line for the option, with the line behind it. */
static void manual_item(
	const char *section, const char *name, const char *next, bool *found)
{
	struct buffer expected = BUFFER_EMPTY;
	size_t i;

	for (i = 0; config_options[i].name != NULL; i++) {
		if (strcmp(config_options[i].section, section) != 0 ||
			strcmp(config_options[i].name, name) != 0)
			continue;
		if (found[i])
			fail_msg("%s %s: twice", section, name);
		found[i] = true;
		manual_default(&config_options[i], &expected);
		assert_string_equal(next, expected.data);
		buffer_free(&expected);
		return;
	}
	fail_msg("the manual has %s %s, which is no option", section, name);
}

static void manual_read(FILE *manual, bool *found)
{
	char line[1024], next[1024], section[1024] = "";
	char *word;

	while (fgets(line, sizeof(line), manual) != NULL) {
		if (strncmp(line, ".S", 2) == 0)
			section[0] = '\0';
		word = mdoc_word(line, ".Ss Section ");
		if (word != NULL)
			snprintf(section, sizeof(section), "%s", word);
		word = mdoc_word(line, ".It Ic ");
		if (word == NULL || section[0] == '\0')
			continue;
		assert_non_null(fgets(next, sizeof(next), manual));
		manual_item(section, word, next, found);
	}
}

/*
 * Sections begin with ".Ss Section NAME", options with ".It Ic NAME" and a
 * line that tells the default. Each option has its entry, each entry its
 * option.
 */
static void test_manual(void **state)
{
	const char *source = getenv("REHOME_SOURCE");
	bool found[CONFIG_OPTIONS_MAX] = { false };
	char path[1024];
	FILE *manual;
	size_t i;

	(void)state;
	snprintf(path, sizeof(path), "%s/lib/rehome.conf.5",
		source != NULL ? source : ".");
	manual = fopen(path, "r");
	if (manual == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	manual_read(manual, found);
	fclose(manual);
	for (i = 0; config_options[i].name != NULL; i++) {
		if (!found[i])
			fail_msg("not in the manual: %s %s",
				config_options[i].section,
				config_options[i].name);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_check_files),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

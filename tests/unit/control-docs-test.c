/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of verbs against rehome-control(7): each verb stands there with
 * its required and optional attributes, in the same order, and no other does.
 * REHOME_SOURCE is the top of the source tree.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policyd/server_control.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct control_verb *const tables[] = {
	control_directory_verbs,
	control_operator_verbs,
	control_document_verbs,
	control_worker_verbs,
	control_gateway_verbs,
	control_care_verbs,
};

/* How the page writes "alias*" and "...". */
static void add_names(struct buffer *line, const char *names)
{
	while (*names != '\0') {
		size_t size = strcspn(names, " ");
		bool many = names[size - 1] == '*';

		buffer_printf(line, " %.*s%s", (int)(size - many), names,
			many ? " ..." : "");
		names += size;
		names += strspn(names, " ");
	}
}

/* The line of the manual page that heads the verb. */
static void heading(const struct control_verb *verb, struct buffer *line)
{
	buffer_clear(line);
	buffer_printf(line, ".It Cm %s", verb->name);
	if (verb->required[0] != '\0') {
		buffer_add_text(line, " Va");
		add_names(line, verb->required);
	}
	if (verb->optional[0] != '\0') {
		buffer_add_text(line, " Op Va");
		add_names(line, verb->optional);
	}
	buffer_add_text(line, "\n");
}

static bool is_a_verb(const char *line)
{
	struct buffer expected = BUFFER_EMPTY;
	bool found = false;

	for (size_t i = 0; i < COUNT(tables); i++)
		for (const struct control_verb *verb = tables[i];
			verb->name != NULL; verb++) {
			heading(verb, &expected);
			found = found || strcmp(expected.data, line) == 0;
		}
	buffer_free(&expected);
	return found;
}

static void test_page(void **state)
{
	const char *source = getenv("REHOME_SOURCE");
	char path[4096], line[4096];
	size_t verbs = 0, headings = 0;
	FILE *page;

	(void)state;
	snprintf(path, sizeof(path), "%s/policyd/rehome-control.7",
		source != NULL ? source : ".");
	page = fopen(path, "r");
	if (page == NULL)
		fail_msg("%s cannot be read", path);
	for (size_t i = 0; i < COUNT(tables); i++)
		for (const struct control_verb *verb = tables[i];
			verb->name != NULL; verb++)
			verbs++;
	while (fgets(line, sizeof(line), page) != NULL) {
		if (strncmp(line, ".It Cm ", 7) != 0)
			continue;
		headings++;
		if (!is_a_verb(line))
			fail_msg("no verb is like this: %s", line);
	}
	fclose(page);
	/* every heading is a verb, so none is missing when they are as many */
	assert_int_equal(headings, verbs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

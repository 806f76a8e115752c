/* SPDX-License-Identifier: BSD-2-Clause */
/* The copier's list of refused items, from round to round. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "copier/refused.h"
#include "copier/refused_describe.h"
#include "lib/refusal.h"

static void meet(
	struct pass *pass, const char *folder, uint32_t uid, const char *words)
{
	struct error error;

	error_set(&error, "%s", words);
	pass_refuse(pass, folder, uid, &error);
}

/* What the document says of its items. */
struct said {
	const char *name;
	size_t index, count;
	char value[64]; /* of that name in the item of that index */
};

static bool said_item(const struct attr_list *item, void *context)
{
	struct said *said = context;

	if (said->count++ == said->index)
		snprintf(said->value, sizeof(said->value), "%s",
			attr_list_get(item, said->name));
	return true;
}

static struct said said_of(
	const struct pass *pass, size_t index, const char *name)
{
	struct said said = { .name = name, .index = index };

	assert_int_equal(refusal_each(refused_text(pass->refused), said_item,
				 &said, NULL),
		0);
	return said;
}

static struct pass begin(const char *listed, const char *approved)
{
	struct pass pass = { .side = JOURNAL_SOURCE };
	struct error error;

	pass.refused = refused_new(listed, approved, &error);
	assert_non_null(pass.refused);
	return pass;
}

static void end(struct pass *pass)
{
	pass_clear(pass);
	refused_free(&pass->refused);
}

static void test_rounds(void **state)
{
	struct pass pass = begin(NULL, NULL);
	struct error words;
	struct said since;

	(void)state;
	assert_int_equal(refused_gather(&pass, true, false), 0);
	assert_false(refused_changed(pass.refused));
	meet(&pass, "INBOX", 7, "NO too large");
	meet(&pass, "INBOX", 7, "NO too large"); /* once is enough */
	meet(&pass, "Old", 0, "create folder: NO");
	meet(&pass, "Old", 0, "subscribe: NO");
	assert_int_equal(refused_gather(&pass, true, false), 3);
	assert_true(refused_changed(pass.refused));
	refused_summary(pass.refused, &words);
	assert_string_equal(
		words.text, "3 refused; first: INBOX uid 7: NO too large");
	since = said_of(&pass, 0, "since");
	/* the same again: nothing new, and known for as long */
	assert_int_equal(refused_gather(&pass, true, false), 3);
	assert_false(refused_changed(pass.refused));
	assert_string_equal(said_of(&pass, 0, "since").value, since.value);
	/* a round that came to no end keeps what it did not meet */
	pass_clear(&pass);
	meet(&pass, "INBOX", 8, "NO");
	assert_int_equal(refused_gather(&pass, false, false), 4);
	/* one that did drops it */
	assert_int_equal(refused_gather(&pass, true, false), 1);
	pass_clear(&pass);
	assert_int_equal(refused_gather(&pass, true, false), 0);
	assert_string_equal(refused_text(pass.refused), "");
	refused_summary(pass.refused, &words);
	assert_string_equal(words.text, "");
	end(&pass);
}

static void test_left(void **state)
{
	struct pass pass = begin(NULL, NULL);
	struct uidset uids = UIDSET_EMPTY;

	(void)state;
	meet(&pass, "INBOX", 7, "NO too large");
	meet(&pass, "Old", 0, "create folder: NO");
	meet(&pass, "Sub", 0, "subscribe: NO");
	refused_gather(&pass, true, false);
	assert_int_equal(
		refused_approve(pass.refused, refused_text(pass.refused), NULL),
		0);
	assert_int_equal(refused_gather(&pass, true, false), 0);
	assert_int_equal(refused_left_count(pass.refused), 3);
	assert_true(refused_is_left(&pass, "INBOX", 0, 7));
	assert_false(refused_is_left(&pass, "INBOX", 0, 8));
	assert_false(refused_is_left(&pass, "INBOX", 9, 7)); /* made anew */
	assert_false(refused_is_left(&pass, "INBOX", 0, 0));
	/* a whole folder, but not for want of a subscription */
	assert_true(refused_is_left(&pass, "Old", 3, 1));
	assert_true(refused_is_left(&pass, "Old", 0, 0));
	assert_false(refused_is_left(&pass, "Sub", 3, 1));
	assert_true(refused_leaves(&pass, "Old"));
	assert_false(refused_leaves(&pass, "Older"));
	for (uint32_t uid = 6; uid <= 8; uid++)
		uidset_add(&uids, uid);
	refused_leave(&pass, "INBOX", 0, &uids);
	assert_int_equal(uids.count, 2);
	assert_false(uidset_has(&uids, 7));
	uidset_free(&uids);
	end(&pass);
}

static void test_notes(void **state)
{
	struct pass pass = begin(NULL, "item=uidl\nkind=uidl\n\n");

	(void)state;
	refused_note(pass.refused, "uidl", NULL, "they change");
	refused_note(pass.refused, "identity", NULL, "gone");
	refused_note(pass.refused, "keywords", "INBOX", "a b");
	/* uidl is approved, keywords only told */
	assert_int_equal(refused_gather(&pass, true, false), 1);
	assert_int_equal(said_of(&pass, 0, "item").count, 3);
	assert_int_equal(refused_gather(&pass, true, false), 1);
	refused_note(pass.refused, "identity", NULL, NULL);
	assert_int_equal(refused_gather(&pass, true, false), 0);
	assert_int_equal(said_of(&pass, 0, "item").count, 2);
	end(&pass);
}

/* More than a pass writes down: that block cannot be approved away. */
static void test_more(void **state)
{
	struct pass pass = begin(NULL, NULL);

	(void)state;
	for (uint32_t uid = 1; uid <= PASS_REFUSALS_MAX + 5; uid++)
		meet(&pass, "INBOX", uid, "NO");
	assert_true(refused_gather(&pass, true, false) > 0);
	assert_non_null(strstr(refused_text(pass.refused), "item=more\n"));
	assert_int_equal(
		refused_approve(pass.refused, refused_text(pass.refused), NULL),
		0);
	assert_int_equal(refused_gather(&pass, true, false), 1);
	end(&pass);
}

/* What was kept is read again, whatever stands in it. */
static void test_kept(void **state)
{
	struct pass pass = begin(NULL, NULL), later;
	struct error error;

	(void)state;
	meet(&pass, "a\\b\nc", 7, "NO \"odd\"\\");
	refused_gather(&pass, true, false);
	later = begin(refused_text(pass.refused), NULL);
	assert_int_equal(said_of(&later, 0, "item").count, 1);
	assert_string_equal(said_of(&later, 0, "item").value,
		said_of(&pass, 0, "item").value);
	end(&later);
	end(&pass);
	assert_null(refused_new("damaged", NULL, &error));
	assert_null(refused_new(NULL, "item=x", &error));
}

static void test_header(void **state)
{
	static const struct {
		const char *header, *value;
	} cases[] = {
		{ "Subject: plain\r\n\r\n", "plain" },
		{ "To: a\r\nsubject:no blank\n\n", "no blank" },
		{ "Subject: folded\r\n\t to   here \r\nTo: a\r\n\r\n",
			"folded to here" },
		{ "Subject:\r\n\r\n", NULL },
		{ "To: a\r\n\r\nSubject: body\r\n", NULL },
		{ "\r\nSubject: body\r\n", NULL },
		{ "Subject: cut", "cut" },
		{ "X-Subject: other\r\n\r\n", NULL },
		{ "Subject: \x01\xff!\r\n\r\n", "?"
						"?!" },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct attr_list *item = attr_list_new();
		const char *value;

		refused_header_field(
			item, "subject", cases[i].header, "Subject:");
		value = attr_list_get(item, "subject");
		if (cases[i].value == NULL
				? value != NULL
				: value == NULL ||
					  strcmp(value, cases[i].value) != 0)
			fail_msg("case %zu: %s", i, value);
		attr_list_free(&item);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

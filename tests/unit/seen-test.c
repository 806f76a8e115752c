/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept of logins: ways, and when each was last seen. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "policyd/seen.h"

static bool add(struct seen *seen, const char *protocol, const char *client,
	int64_t last)
{
	struct seen_way way;

	seen_way_set(&way, protocol, "plain", client, last);
	return seen_add(seen, &way, 1000);
}

static void test_news(void **state)
{
	struct seen seen = { .count = 0 };

	(void)state;
	assert_int_equal(seen_last(&seen), 0);
	assert_true(add(&seen, "imap", "a", 5000));
	assert_false(add(&seen, "imap", "a", 6000));
	assert_int_equal(seen_last(&seen), 6000);
	assert_true(add(&seen, "imap", "a", 7001));
	assert_true(add(&seen, "imap", "b", 7001));
	assert_true(add(&seen, "pop3", "a", 7002));
	/* a clock that was set back */
	assert_false(add(&seen, "pop3", "a", 10));
	assert_int_equal(seen_last(&seen), 7002);
	assert_int_equal(seen.count, 3);
}

static void test_the_oldest_gives_way(void **state)
{
	struct seen seen = { .count = 0 };
	char client[16];

	(void)state;
	for (int i = 0; i < SEEN_WAYS_MAX + 5; i++) {
		snprintf(client, sizeof(client), "%d", i);
		assert_true(add(&seen, "imap", client, 1000 + i));
	}
	assert_int_equal(seen.count, SEEN_WAYS_MAX);
	assert_int_equal(seen_last(&seen), 1000 + SEEN_WAYS_MAX + 4);
	for (size_t i = 0; i < seen.count; i++)
		assert_true(seen.ways[i].last >= 1005);
}

static void test_text(void **state)
{
	struct seen seen = { .count = 0 }, again;
	struct buffer text = BUFFER_EMPTY;
	struct seen_way way;
	char longest[400];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest + SEEN_TEXT_SIZE - 2, "\xe2\x82\xac", 3);
	add(&seen, "imap", "one\\ \ntwo\x01\x7f", 1);
	add(&seen, longest, longest, 2);
	seen_way_set(&way, "sieve", NULL, NULL, 3);
	seen_add(&seen, &way, 0);
	assert_string_equal(seen.ways[0].client, "one\\ ?two??");
	/* no half of a character */
	assert_int_equal(strlen(seen.ways[1].client), SEEN_TEXT_SIZE - 2);
	seen_print(&seen, &text);
	seen_read(&again, text.data);
	assert_int_equal(again.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(
			again.ways[i].protocol, seen.ways[i].protocol);
		assert_string_equal(
			again.ways[i].mechanism, seen.ways[i].mechanism);
		assert_string_equal(again.ways[i].client, seen.ways[i].client);
		assert_int_equal(again.ways[i].last, seen.ways[i].last);
	}
	buffer_free(&text);
}

/* What is damaged of it is left out. */
static void test_damage(void **state)
{
	struct seen seen;

	(void)state;
	seen_read(&seen, "");
	assert_int_equal(seen.count, 0);
	seen_read(&seen, "nonsense");
	assert_int_equal(seen.count, 0);
	seen_read(&seen, "protocol=imap\nlast=x\n\nmechanism=a\nlast=1\n\n"
			 "protocol=pop3\nlast=7\n\nprotocol=im");
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.ways[0].protocol, "pop3");
	assert_string_equal(seen.ways[0].client, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_the_oldest_gives_way),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

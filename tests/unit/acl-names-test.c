/* SPDX-License-Identifier: BSD-2-Clause */
/* copier/acl_names and copier/imap_extension: who may do what, and who tells.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "copier/acl_names.h"
#include "copier/imap_extension.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *from_pattern, *from_login;
	const char *to_pattern, *to_login;
	const char *identifier;
	const char *mapped; /* NULL: cannot be told */
} people[] = {
	{ NULL, "ann", NULL, "ann", "bob", "bob" },
	{ NULL, "ann", NULL, "ann@example.org", "bob", "bob@example.org" },
	{ NULL, "ann@example.org", NULL, "ann", "bob@example.org", "bob" },
	{ NULL, "ann@example.org", NULL, "ann@example.org", "bob@example.net",
		"bob@example.net" },
	{ NULL, "ann@example.org", NULL, "ann@example.org", "bob", NULL },
	{ "%n", "ann", "%u", "ann@example.org", "bob", "bob@example.org" },
	{ "%u", "ann@example.org", "EX\\%n", "EX\\ann", "bob@example.org",
		"EX\\bob" },
	{ "%d/%n", "example.org/ann", "%u", "ann@example.org",
		"example.net/bob", "bob@example.net" },
	{ "%n+%d", "ann+example.org", "%n", "ann", "b+b+example.org", "b+b" },
	{ "EX\\%n", "EX\\ann", "%n", "ann", "bob", NULL },
	/* the two logins follow no rule that we know */
	{ NULL, "ann", NULL, "smith", "bob", NULL },
	{ "%n", "ann", "%n", "smith", "bob", NULL },
	{ NULL, "ann", NULL, "smith", "anyone", "anyone" },
	{ NULL, "ann", NULL, "ann", "-bob", "-bob" },
	{ NULL, "ann", NULL, "ann", "-anyone", "-anyone" },
	{ NULL, "ann", NULL, "ann", "group=staff", NULL },
	{ NULL, "ann", NULL, "ann", "$staff", NULL },
};

static void test_people(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(people); i++) {
		struct mailbox from = { .login = (char *)people[i].from_login,
			.user_pattern = (char *)people[i].from_pattern };
		struct mailbox to = { .login = (char *)people[i].to_login,
			.user_pattern = (char *)people[i].to_pattern };
		char *mapped = acl_names_map(&from, &to, people[i].identifier);

		if (people[i].mapped == NULL)
			assert_null(mapped);
		else
			assert_string_equal(mapped, people[i].mapped);
		free(mapped);
	}
}

static const struct {
	const char *rights, *known;
	const char *kept, *unknown;
} letters[] = {
	{ "lrs", "lrswipkxtea", "lrs", "" },
	{ "lrswipkxtea", "lrswipkxtea", "lrswipkxtea", "" },
	{ "lrswipcda", "lrswipkxtea", "lrswipkxtea", "" },
	{ "lrc", "lrswipkxtea", "lrkx", "" },
	{ "lrd", "lrswipkxtea", "lrte", "" },
	/* the old letters beside the new ones say nothing */
	{ "lrkcd", "lrswipkxtea", "lrk", "" },
	{ "lrskxte", "lrswipcda", "lrscd", "" },
	{ "lrst", "lrswipcda", "lrsd", "" },
	{ "lrsn7", "lrswipkxtea", "lrs", "n7" },
	{ "", "lrswipkxtea", "", "" },
};

static void test_letters(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(letters); i++) {
		char *kept, *unknown;

		acl_names_rights(
			letters[i].rights, letters[i].known, &kept, &unknown);
		assert_string_equal(kept, letters[i].kept);
		assert_string_equal(unknown, letters[i].unknown);
		free(kept);
		free(unknown);
	}
}

static void told_acl(void *context, const char *who, const char *rights)
{
	buffer_printf(context, "%s=%s;", who, rights);
}

static void told_quota(
	void *context, const char *resource, uint64_t used, uint64_t limit)
{
	buffer_printf(context, "%s %llu/%llu;", resource,
		(unsigned long long)used, (unsigned long long)limit);
}

static void told_metadata(void *context, const char *entry, const char *value,
	size_t size, bool nil)
{
	buffer_printf(context, "%s=%s", entry, nil ? "NIL" : "");
	buffer_add(context, value, size);
	buffer_add_text(context, ";");
}

static void told_root(void *context, const char *root)
{
	buffer_printf(context, "%s;", root);
}

/* Which parser, what the server says, what it means; NULL: it is bad. */
static const struct {
	char parser;
	const char *rest;
	const char *means;
} answers[] = {
	{ 'A', "INBOX", "INBOX:" },
	{ 'A', "\"a b\" bob lrs \"carol x\" {3}\r\nlrw",
		"a b:bob=lrs;"
		"carol x=lrw;" },
	{ 'A', "INBOX bob", NULL },
	{ 'A', "", NULL },
	{ 'R', "INBOX \"\" \"User quota\"", "INBOX:;User quota;" },
	{ 'R', "INBOX", "INBOX:" },
	{ 'Q', "\"\" (STORAGE 10 512 MESSAGE 1 2)",
		":STORAGE 10/512;MESSAGE 1/2;" },
	{ 'Q', "x ()", "x:" },
	{ 'Q', "x (STORAGE 10)", NULL },
	{ 'Q', "x STORAGE 1 2", NULL },
	{ 'M',
		"INBOX (/shared/comment \"a\\\"b\" /private/x {2}\r\nab "
		"/private/y NIL)",
		"INBOX:/shared/comment=a\"b;/private/x=ab;/private/y=NIL;" },
	{ 'M', "INBOX /shared/comment", "INBOX:" },
	{ 'M', "INBOX (/shared/comment)", NULL },
	{ 'S', "a (MESSAGES 3 SIZE 200 UIDNEXT 9)", "a:3 200" },
	{ 'S', "a (MESSAGES 3)", NULL },
	{ 'S', "a (SIZE 3", NULL },
};

static int answer_parse(char parser, struct imap_span rest, struct buffer *name,
	struct buffer *told)
{
	uint64_t messages, octets;
	int result;

	switch (parser) {
	case 'A':
		return imap_acl_parse(rest, name, told_acl, told);
	case 'R':
		return imap_quotaroot_parse(rest, name, told_root, told);
	case 'Q':
		return imap_quota_parse(rest, name, told_quota, told);
	case 'M':
		return imap_metadata_parse(rest, name, told_metadata, told);
	default:
		result = imap_size_parse(rest, name, &messages, &octets);
		if (result == 0)
			buffer_printf(told, "%llu %llu",
				(unsigned long long)messages,
				(unsigned long long)octets);
		return result;
	}
}

static void test_answers(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(answers); i++) {
		struct imap_span rest = { answers[i].rest,
			strlen(answers[i].rest) };
		struct buffer name = BUFFER_EMPTY, told = BUFFER_EMPTY;
		int result;

		buffer_add(&told, "", 0);
		result = answer_parse(answers[i].parser, rest, &name, &told);
		assert_int_equal(result, answers[i].means != NULL ? 0 : -1);
		if (result == 0) {
			buffer_add_text(&name, ":");
			buffer_add_text(&name, told.data);
			assert_string_equal(name.data, answers[i].means);
		}
		buffer_free(&name);
		buffer_free(&told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_people),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copier/imap_parse: what servers send in their responses, and what no server
 * may send.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "copier/imap_parse.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
static struct imap_span span(const char *text)
{
	struct imap_span result = { text, strlen(text) };

	return result;
}

static void assert_span(struct imap_span actual, const char *expected)
{
	assert_int_equal(actual.size, strlen(expected));
	assert_memory_equal(actual.at, expected, actual.size);
}

static const struct {
	const char *text;
	int result;
	enum imap_kind kind;
	const char *tag, *word, *code, *rest;
	uint64_t number;
} response_table[] = {
	{ "A1 OK done", 0, IMAP_TAGGED, "A1", "OK", "", "done", 0 },
	{ "A1 ok", 0, IMAP_TAGGED, "A1", "ok", "", "", 0 },
	{ "A1 NO [ALREADYEXISTS] there", 0, IMAP_TAGGED, "A1", "NO",
		"ALREADYEXISTS", "there", 0 },
	{ "A12 OK [APPENDUID 1 2] x [y]", 0, IMAP_TAGGED, "A12", "OK",
		"APPENDUID 1 2", "x [y]", 0 },
	{ "* OK [PERMANENTFLAGS (\\Seen \\*)] ok", 0, IMAP_STATUS, "", "OK",
		"PERMANENTFLAGS (\\Seen \\*)", "ok", 0 },
	{ "* OK [half", 0, IMAP_STATUS, "", "OK", "", "[half", 0 },
	{ "* BYE", 0, IMAP_STATUS, "", "BYE", "", "", 0 },
	{ "+", 0, IMAP_CONTINUE, "", "", "", "", 0 },
	{ "+ send", 0, IMAP_CONTINUE, "", "", "", "send", 0 },
	{ "* 23 EXISTS", 0, IMAP_DATA, "", "EXISTS", "", "", 23 },
	{ "* 1 FETCH (UID 2)", 0, IMAP_DATA, "", "FETCH", "", "(UID 2)", 1 },
	{ "* LIST () NIL x", 0, IMAP_DATA, "", "LIST", "", "() NIL x", 0 },
	{ "", -1, 0, "", "", "", "", 0 },
	{ "*", -1, 0, "", "", "", "", 0 },
	{ "A1", -1, 0, "", "", "", "", 0 },
	{ "A1 MAYBE x", -1, 0, "", "", "", "", 0 },
	{ "* (", -1, 0, "", "", "", "", 0 },
	{ "* 9999999999999999999 EXISTS", -1, 0, "", "", "", "", 0 },
};

static void test_response(void **state)
{
	struct imap_response response;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(response_table); i++) {
		const char *text = response_table[i].text;

		assert_int_equal(
			imap_response_parse(text, strlen(text), &response),
			response_table[i].result);
		if (response_table[i].result < 0)
			continue;
		assert_int_equal(response.kind, response_table[i].kind);
		if (response.kind == IMAP_TAGGED)
			assert_span(response.tag, response_table[i].tag);
		if (response.kind != IMAP_CONTINUE)
			assert_span(response.word, response_table[i].word);
		assert_span(response.code, response_table[i].code);
		assert_span(response.rest, response_table[i].rest);
		assert_int_equal(response.number, response_table[i].number);
	}
}

static const struct {
	const char *text;
	bool partial;
	int result;
	uint32_t uid;
	const char *flags; /* NULL: not told */
	const char *date;
	int64_t size; /* -1: not told */
	uint64_t modseq;
	const char *body; /* NULL: none, or NIL */
} fetch_table[] = {
	{ "(UID 7 FLAGS (\\Seen kw) MODSEQ (12))", false, 0, 7, "\\Seen kw", "",
		-1, 12, NULL },
	{ "(FLAGS () RFC822.SIZE 42 UID 4294967295)", false, 0, 4294967295, "",
		"", 42, 0, NULL },
	{ "(INTERNALDATE \" 1-Jan-1990 00:00:00 +0000\" UID 1)", false, 0, 1,
		NULL, " 1-Jan-1990 00:00:00 +0000", -1, 0, NULL },
	{ "(INTERNALDATE \"1-Jan-1990 00:00:00 +0000\")", false, 0, 0, NULL,
		" 1-Jan-1990 00:00:00 +0000", -1, 0, NULL },
	{ "(UID 3 BODY[] \"a\\\"b\")", false, 0, 3, NULL, "", -1, 0, "a\"b" },
	{ "(UID 3 BODY[] \"\")", false, 0, 3, NULL, "", -1, 0, "" },
	{ "(UID 3 BODY[] {3}\r\na)b)", false, 0, 3, NULL, "", -1, 0, "a)b" },
	{ "(UID 3 BODY[] NIL FLAGS (x))", false, 0, 3, "x", "", -1, 0, NULL },
	{ "(UID 3 BODY[] {12", true, 0, 3, NULL, "", -1, 0, NULL },
	{ "(BODY[] {12", true, 0, 0, NULL, "", -1, 0, NULL },
	/* what was not asked for is passed over, however it looks */
	{ "(ENVELOPE ((\"a\" NIL) (b {2}\r\n)( c)) BODY[HEADER.FIELDS (X Y)]"
	  " {1}\r\n) X-Y \"q)\" UID 5)",
		false, 0, 5, NULL, "", -1, 0, NULL },
	{ "()", false, 0, 0, NULL, "", -1, 0, NULL },
	{ "(UID 0)", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(UID 4294967296)", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(UID -1)", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(UID 7", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "UID 7)", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(FLAGS (\\Seen)", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(FLAGS \\Seen)", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(INTERNALDATE \"yesterday\")", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(INTERNALDATE \" 1-Foo-1990 00:00:00 +0000\")", false, -1, 0, NULL,
		"", -1, 0, NULL },
	{ "(MODSEQ 12)", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(BODY[] {9}\r\nshort)", false, -1, 0, NULL, "", -1, 0, NULL },
	{ "(BODY[] \"open)", false, -1, 0, NULL, "", -1, 0, NULL },
};

static void check_fetch(size_t i)
{
	struct imap_fetch fetch;
	int result = imap_fetch_parse(
		span(fetch_table[i].text), fetch_table[i].partial, &fetch);

	assert_int_equal(result, fetch_table[i].result);
	if (result == 0) {
		assert_int_equal(fetch.uid, fetch_table[i].uid);
		assert_int_equal(fetch.has_flags, fetch_table[i].flags != NULL);
		if (fetch.has_flags)
			assert_span(fetch.flags, fetch_table[i].flags);
		assert_string_equal(fetch.date, fetch_table[i].date);
		assert_int_equal(fetch.has_size, fetch_table[i].size >= 0);
		if (fetch.has_size)
			assert_int_equal(fetch.size, fetch_table[i].size);
		assert_int_equal(fetch.modseq, fetch_table[i].modseq);
		if (fetch_table[i].body != NULL) {
			assert_true(fetch.has_body && !fetch.body_nil);
			assert_string_equal(
				fetch.body.data, fetch_table[i].body);
		}
	}
	buffer_free(&fetch.body);
}

static void test_fetch(void **state)
{
	struct buffer deep = BUFFER_EMPTY;
	struct imap_fetch fetch;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(fetch_table); i++)
		check_fetch(i);
	/* 300,000 nested lists brought a known library down */
	buffer_add_text(&deep, "(BODYSTRUCTURE ");
	for (i = 0; i < 300000; i++)
		buffer_add(&deep, "(", 1);
	assert_int_equal(imap_fetch_parse(span(deep.data), false, &fetch), -1);
	buffer_free(&fetch.body);
	buffer_free(&deep);
}

static const struct {
	const char *text;
	int result;
	bool selectable;
	char separator;
	const char *name;
} list_table[] = {
	{ "(\\HasNoChildren) \"/\" INBOX", 0, true, '/', "INBOX" },
	{ "() NIL \"a b\"", 0, true, '\0', "a b" },
	{ "(\\Marked \\NoSelect) \".\" a.b", 0, false, '.', "a.b" },
	{ "(\\nonexistent) \"/\" x", 0, false, '/', "x" },
	{ "() \"\\\\\" \"back\\\\slash\"", 0, true, '\\', "back\\slash" },
	{ "() \"/\" {5}\r\nq\"u\\o", 0, true, '/', "q\"u\\o" },
	{ "() \"/\" NIL", 0, true, '/', "NIL" },
	{ "() \"/\" ~tilde", 0, true, '/', "~tilde" },
	{ "() \"/\" ~{2}\r\nab", 0, true, '/', "ab" },
	{ "() \"/\" ~", 0, true, '/', "~" },
	{ "() \"/\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))", 0, true, '/', "x" },
	{ "() \"/\"", -1, false, 0, NULL },
	{ "() \"/\" \"\"", -1, false, 0, NULL },
	{ "() \"//\" x", -1, false, 0, NULL },
	{ "(\\Noselect \"/\" x", -1, false, 0, NULL },
	{ "() \"/\" \"open", -1, false, 0, NULL },
};

static void test_list(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(list_table); i++) {
		struct buffer name = BUFFER_EMPTY;
		struct imap_list list;

		assert_int_equal(
			imap_list_parse(span(list_table[i].text), &list, &name),
			list_table[i].result);
		if (list_table[i].result == 0) {
			assert_int_equal(
				list.selectable, list_table[i].selectable);
			assert_int_equal(
				list.separator, list_table[i].separator);
			assert_string_equal(name.data, list_table[i].name);
		}
		buffer_free(&name);
	}
}

static const struct {
	const char *text;
	int result;
	const char *name;
	struct mailbox_status status;
} status_table[] = {
	{ "INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 5 HIGHESTMODSEQ 6)", 0,
		"INBOX", { 5, 4, 3, 6 } },
	{ "\"a b\" (UIDVALIDITY 1 SIZE 99999999999 X (y 2))", 0, "a b",
		{ 0, 0, 0, 0 } },
	{ "x (UIDVALIDITY 1 MESSAGES 0)", 0, "x", { 1, 0, 0, 0 } },
	{ "{1}\r\nx ()", 0, "x", { 0, 0, 0, 0 } },
	{ "x (MESSAGES 4294967296)", -1, NULL, { 0, 0, 0, 0 } },
	{ "x (MESSAGES)", -1, NULL, { 0, 0, 0, 0 } },
	{ "x (MESSAGES 1", -1, NULL, { 0, 0, 0, 0 } },
	{ "x", -1, NULL, { 0, 0, 0, 0 } },
};

static void test_status(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(status_table); i++) {
		struct buffer name = BUFFER_EMPTY;
		struct mailbox_status status;

		assert_int_equal(imap_status_parse(span(status_table[i].text),
					 &status, &name),
			status_table[i].result);
		if (status_table[i].result == 0) {
			assert_string_equal(name.data, status_table[i].name);
			assert_true(mailbox_status_same(
				&status, &status_table[i].status));
		}
		buffer_free(&name);
	}
}

static void take_namespace(
	void *context, int kind, struct imap_span prefix, char separator)
{
	buffer_printf(context, "%d<%.*s>%c ", kind, (int)prefix.size, prefix.at,
		separator != '\0' ? separator : '-');
}

static const struct {
	const char *text;
	int result;
	const char *found;
} namespace_table[] = {
	{ "((\"\" \"/\")) NIL NIL", 0, "0<>/ " },
	{ "((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"a\" NIL)(\"b\" \"/\" "
	  "\"X\" (\"y\")))",
		0, "0<INBOX.>. 1<user.>. 2<a>- 2<b>/ " },
	{ "NIL NIL NIL", 0, "" },
	{ "((\"\" \"/\"", -1, NULL },
	{ "NIL", -1, NULL },
	{ "((\"\"))", -1, NULL },
};

static void test_namespace(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(namespace_table); i++) {
		struct buffer found = BUFFER_EMPTY;

		buffer_add(&found, "", 0);
		assert_int_equal(
			imap_namespace_parse(span(namespace_table[i].text),
				take_namespace, &found),
			namespace_table[i].result);
		if (namespace_table[i].result == 0)
			assert_string_equal(
				found.data, namespace_table[i].found);
		buffer_free(&found);
	}
}

static void test_codes(void **state)
{
	struct imap_span rest, inside;
	uint32_t uidvalidity, uid;
	uint64_t number;

	(void)state;
	assert_true(
		imap_code_is(span("APPENDUID 38505 3955"), "appenduid", &rest));
	assert_int_equal(imap_appenduid_parse(rest, &uidvalidity, &uid, 1), 0);
	assert_int_equal(uidvalidity, 38505);
	assert_int_equal(uid, 3955);
	assert_false(imap_code_is(span("APPENDUIDS 1 2"), "APPENDUID", &rest));
	assert_int_equal(
		imap_number_parse(span("999999999999999999"), &number), 0);
	assert_int_equal(number, 999999999999999999);
	assert_int_equal(
		imap_number_parse(span("1000000000000000000"), &number), -1);
	assert_int_equal(imap_number_parse(span("12x"), &number), -1);
	assert_int_equal(imap_number_parse(span(""), &number), -1);
	assert_int_equal(imap_list_inside(span("(a b)"), &inside), 0);
	assert_span(inside, "a b");
	assert_int_equal(imap_list_inside(span("(a b) c"), &inside), -1);
}

static const struct {
	const char *code;
	size_t count;
	int result;
	uint32_t uids[5];
} appenduid_table[] = {
	{ "1 5", 1, 0, { 5 } },
	{ "1 5:5", 1, 0, { 5 } },
	{ "1 5:8", 4, 0, { 5, 6, 7, 8 } },
	{ "1 8:5", 4, 0, { 5, 6, 7, 8 } },
	{ "1 2,4:5,9,11", 5, 0, { 2, 4, 5, 9, 11 } },
	{ "1 4294967294:4294967295", 2, 0, { 4294967294u, 4294967295u } },
	/* not as many as were sent */
	{ "1 2:3", 1, -1, { 0 } },
	{ "1 2:3", 3, -1, { 0 } },
	{ "1 2,3", 1, -1, { 0 } },
	{ "1 1:4294967295", 5, -1, { 0 } },
	/* in no order in which they can have been given */
	{ "1 3,2", 2, -1, { 0 } },
	{ "1 3,3", 2, -1, { 0 } },
	{ "1 1:3,2:3", 5, -1, { 0 } },
	/* broken */
	{ "1", 1, -1, { 0 } },
	{ "1 0", 1, -1, { 0 } },
	{ "0 1", 1, -1, { 0 } },
	{ "1 5:", 1, -1, { 0 } },
	{ "1 5,", 1, -1, { 0 } },
	{ "1 *", 1, -1, { 0 } },
	{ "1 5:*", 2, -1, { 0 } },
	{ "1 5 6", 2, -1, { 0 } },
	{ "1 4294967296", 1, -1, { 0 } },
};

static void test_appenduid(void **state)
{
	uint32_t uids[5], uidvalidity;
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(appenduid_table); i++) {
		assert_int_equal(
			imap_appenduid_parse(span(appenduid_table[i].code),
				&uidvalidity, uids, appenduid_table[i].count),
			appenduid_table[i].result);
		for (j = 0; appenduid_table[i].result == 0 &&
			    j < appenduid_table[i].count;
			j++)
			assert_int_equal(uids[j], appenduid_table[i].uids[j]);
	}
}

static void test_flags(void **state)
{
	struct flagpool *pool = flagpool_new();
	const struct flagset *one, *other, *filtered;

	(void)state;
	one = flagpool_get(pool, "\\seen $Label1 \\Recent \\SEEN \\Answered",
		strlen("\\seen $Label1 \\Recent \\SEEN \\Answered"));
	assert_string_equal(one->text, "$Label1 \\Answered \\Seen");
	other = flagpool_get(pool, "\\Answered \\Seen\0$label1", 23);
	assert_true(flagset_same(one, other));
	assert_string_equal(other->text, "$label1 \\Answered \\Seen");
	other = flagpool_get(pool, "\\Seen", 5);
	assert_false(flagset_same(one, other));
	filtered = flagpool_filter(pool, one, other, false);
	assert_string_equal(filtered->text, "\\Seen");
	filtered = flagpool_filter(pool, one, other, true);
	assert_string_equal(filtered->text, "$Label1 \\Seen");
	assert_ptr_equal(flagpool_filter(pool, one, NULL, false), one);
	assert_string_equal(flagpool_get(pool, "", 0)->text, "");
	flagpool_free(&pool);
	assert_null(pool);
}

static const struct {
	const char *text;
	int64_t seconds; /* -1: refused */
} date_table[] = {
	{ " 1-Jan-1970 00:00:01 +0000", 1 },
	{ "1-Jan-1970 01:00:01 +0100", 1 },
	{ "31-Dec-1969 20:30:01 -0330", 1 },
	{ "29-Feb-2000 12:00:00 +1400", 951775200 },
	{ "19-Jan-2038 03:14:08 +0000", 2147483648 },
	{ "01-JAN-1990 00:00:00 +0000", 631152000 },
	{ "32-Jan-1990 00:00:00 +0000", -1 },
	{ " 0-Jan-1990 00:00:00 +0000", -1 },
	{ " 1-Jan-1990 24:00:00 +0000", -1 },
	{ " 1-Jan-1990 00:00:00 0000", -1 },
	{ " 1-Jan-90 00:00:00 +0000", -1 },
	{ "", -1 },
};

static void test_dates(void **state)
{
	char date[MAILDATE_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(date_table); i++) {
		const char *text = date_table[i].text;
		bool good = date_table[i].seconds >= 0;

		assert_int_equal(maildate_parse(text, strlen(text), date),
			good ? 0 : -1);
		if (good)
			assert_int_equal(
				maildate_seconds(date), date_table[i].seconds);
	}
}

static void test_uidset(void **state)
{
	static const uint32_t uids[] = { 9, 1, 2, 3, 7, 3, 4294967295 };
	struct uidset set = UIDSET_EMPTY;
	struct buffer text = BUFFER_EMPTY;
	size_t i, next;

	(void)state;
	for (i = 0; i < COUNT(uids); i++)
		uidset_add(&set, uids[i]);
	assert_int_equal(uidset_print(&set, 0, SIZE_MAX, SIZE_MAX, &text), 6);
	assert_string_equal(text.data, "1:3,7,9,4294967295");
	buffer_clear(&text);
	next = uidset_print(&set, 0, 2, SIZE_MAX, &text);
	assert_int_equal(next, 2);
	assert_string_equal(text.data, "1:2");
	buffer_clear(&text);
	uidset_print(&set, next, 4, 3, &text);
	assert_string_equal(text.data, "3,7");
	assert_true(uidset_drop(&set, 2));
	assert_false(uidset_drop(&set, 2));
	assert_false(uidset_has(&set, 2));
	assert_true(uidset_has(&set, 4294967295));
	uidset_free(&set);
	buffer_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_appenduid),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_uidset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

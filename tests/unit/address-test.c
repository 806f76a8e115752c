/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/address: the canonical form, what has none, and extensions. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/address.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define L63 A60 "aaa"
/* domains of 253 and 255 bytes */
#define D253 L63 "." L63 "." L63 "." A60 "a"
#define D255 L63 "." L63 "." L63 "." L63

struct pair {
	const char *text;
	const char *canonical; /* or what the error says */
};

static const struct pair good[] = {
	{ "ann@example.org", "ann@example.org" },
	{ "Ann@Example.ORG", "ann@example.org" },
	{ "<ann@example.org>", "ann@example.org" },
	{ "ann@example.org.", "ann@example.org" },
	{ "ab--cd@ab--cd.example.", "ab--cd@ab--cd.example" },
	{ "a@b", "a@b" },
	{ "ann+x@example.org", "ann+x@example.org" },
	{ "!#$%&'*+-/=?^_`{|}~@example.org",
		"!#$%&'*+-/=?^_`{|}~@example.org" },
	{ "a.b.c@x-1.example.org", "a.b.c@x-1.example.org" },
	{ "ann@under_score.example", "ann@under_score.example" },
	/* quoting */
	{ "\"ann\"@example.org", "ann@example.org" },
	{ "\"Ann.B\"@Example.org", "ann.b@example.org" },
	{ "\"a\\nn\"@example.org", "ann@example.org" },
	{ "\"a b\"@example.org", "\"a b\"@example.org" },
	{ "\"A\\ B\"@example.org", "\"a b\"@example.org" },
	{ "\"a\\\"b\\\\\"@example.org", "\"a\\\"b\\\\\"@example.org" },
	{ "\"a@b\"@example.org", "\"a@b\"@example.org" },
	{ "\"a>b\"@example.org", "\"a>b\"@example.org" },
	{ "a..b@example.org", "\"a..b\"@example.org" },
	{ ".a@example.org", "\".a\"@example.org" },
	{ "a.@example.org", "\"a.\"@example.org" },
	/* routes */
	{ "<@a.example,@b.example:ann@example.org>", "ann@example.org" },
	{ "@a.example:ann@example.org", "ann@example.org" },
	{ "<@[IPv6:::1]:ann@example.org>", "ann@example.org" },
	/* address literals */
	{ "ann@[192.0.2.1]", "ann@[192.0.2.1]" },
	{ "ann@[IPv6:2001:DB8:0::1]", "ann@[ipv6:2001:db8::1]" },
	{ "ann@[ipv6:::ffff:192.0.2.1]", "ann@[ipv6:::ffff:192.0.2.1]" },
	/* Unicode: composed, decomposed, other case, all the same */
	{ "J\xc3\x84GER@example.org", "j\xc3\xa4ger@example.org" },
	{ "ja\xcc\x88ger@example.org", "j\xc3\xa4ger@example.org" },
	{ "stra\xc3\x9f"
	  "e@example.org",
		"strasse@example.org" },
	{ "\xe2\x84\xaa@example.org", "k@example.org" },   /* KELVIN SIGN */
	{ "a\xcd\xbe@example.org", "\"a;\"@example.org" }, /* Greek ; */
	{ "\"\xce\xa3\xce\xa3 x\"@example.org",
		"\"\xcf\x83\xcf\x83 x\"@example.org" },
	/* alpha with ypogegrammeni and tonos, marks in either order */
	{ "\xce\xb1\xcd\x85\xcc\x81@x", "\xce\xac\xce\xb9@x" },
	{ "\xce\xb1\xcc\x81\xcd\x85@x", "\xce\xac\xce\xb9@x" },
	{ "ann@b\xc3\xbc"
	  "cher.example",
		"ann@xn--bcher-kva.example" },
	{ "ann@B\xc3\x9c"
	  "CHER.example",
		"ann@xn--bcher-kva.example" },
	{ "ann@XN--bcher-KVA.example", "ann@xn--bcher-kva.example" },
	{ "ann@xn--bcher-kva.example.", "ann@xn--bcher-kva.example" },
	{ "ann@stra\xc3\x9f"
	  "e.example",
		"ann@xn--strae-oqa.example" },
	{ "ann@\xe4\xbe\x8b\xe3\x80\x82jp", "ann@xn--fsq.jp" },
	{ "ann@_dmarc.b\xc3\xbc"
	  "cher.example",
		"ann@_dmarc.xn--bcher-kva.example" },
	/* limits */
	{ A60 "aaaa@example.org", A60 "aaaa@example.org" },
	{ "\"" A60 "aaaa\"@example.org", A60 "aaaa@example.org" },
	{ "\"" A60 " a\"@example.org", "\"" A60 " a\"@example.org" },
	{ "a@" D253, "a@" D253 },
	{ "a@" D255, "a@" D255 },
	{ "a@" D255 ".", "a@" D255 },
	{ A60 "aaaa@" D255, A60 "aaaa@" D255 },
};

static const struct pair bad[] = {
	{ "", "no domain" },
	{ "ann", "no domain" },
	{ "<>", "no domain" },
	{ "<ann@example.org", "no '>'" },
	{ "ann@example.org>", "not allowed" },
	{ "<<ann@example.org>>", "unexpected '<'" },
	{ "@example.org", "no local part" },
	{ "@a:@example.org", "empty local part" },
	{ "\"\"@example.org", "empty local part" },
	{ "ann@", "domain: empty" },
	{ "ann@.", "empty label" },
	{ "ann@a..b", "empty label" },
	{ "ann@.a", "empty label" },
	{ "ann@a..", "empty label" },
	{ "ann@b@c", "'@' is not allowed" },
	{ "ann b@example.org", "unexpected ' '" },
	{ "ann@exa mple.org", "' ' is not allowed" },
	{ "ann@-a.example", "at the end of a label" },
	{ "ann@a-.example", "at the end of a label" },
	{ "ann@example-", "at the end of a label" },
	{ "ann@b\xc3\xbc"
	  "cher.exa mple",
		"' ' is not allowed" },
	{ "\"ann@example.org", "quotes not closed" },
	{ "\"ann\\", "quotes not closed" },
	{ "\"ann\\\"@example.org", "quotes not closed" },
	{ "\"ann\"b@example.org", "unexpected 'b'" },
	{ "an\"n@example.org", "unexpected '\"'" },
	{ "an\\n@example.org", "unexpected '\\'" },
	{ "(x)ann@example.org", "unexpected '('" },
	{ "\"a\tb\"@example.org", "control character" },
	{ "\"a\x7f\"@example.org", "control character" },
	{ "\xc2\x85@example.org", "control character" },
	{ "a\x01@example.org", "unexpected" },
	{ "a\n@example.org", "unexpected '?'" },
	{ "\xff@example.org", "not UTF-8" },
	{ "\xed\xa0\x80@example.org", "not UTF-8" }, /* a surrogate */
	{ "a@\xff.example", "domain" },
	{ "a@xn--zzzzzz99999.example", "domain" },
	{ "a@xn--.example", "domain" },
	{ "ann@[192.0.2.256]", "no IPv4 address" },
	{ "ann@[]", "no IPv4 address" },
	{ "ann@[", "no address literal" },
	{ "ann@[192.0.2.1]x", "no address literal" },
	{ "ann@[::1]", "no IPv4 address" },
	{ "ann@[IPv6:]", "no IPv6 address" },
	{ "ann@[IPv6:2001::db8::1]", "no IPv6 address" },
	{ "ann@[IPv6:" A60 "]", "no address literal" },
	{ A60 "aaaaa@example.org", "longer than 64" },
	{ "\"" A60 "a a\"@example.org", "longer than 64" },
	{ "a@" L63 "a.example", "overlong label" },
	{ "a@" D255 ".a", "longer than 255" },
	{ "a@" D255 "a", "longer than 255" },
};

static void test_parse_good(void **state)
{
	struct address address;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		memset(&address, 'x', sizeof(address));
		if (address_parse(good[i].text, &address, &error) < 0)
			fail_msg("%s: %s", good[i].text, error.text);
		assert_string_equal(address.text, good[i].canonical);
		assert_int_equal(address.text[address.local_size], '@');
		assert_string_equal(address_domain(&address),
			strrchr(good[i].canonical, '@') + 1);
		/* the canonical form is its own canonical form */
		assert_int_equal(
			address_parse(good[i].canonical, &address, &error), 0);
		assert_string_equal(address.text, good[i].canonical);
	}
}

static void test_parse_bad(void **state)
{
	struct address address, before;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		memset(&address, 'x', sizeof(address));
		before = address;
		error.text[0] = '\0';
		if (address_parse(bad[i].text, &address, &error) == 0)
			fail_msg("%s: accepted as %s", bad[i].text,
				address.text);
		if (strstr(error.text, bad[i].canonical) == NULL)
			fail_msg(
				"%s: error is \"%s\"", bad[i].text, error.text);
		assert_memory_equal(&address, &before, sizeof(address));
		assert_int_equal(
			address_parse(bad[i].text, &address, NULL), -1);
	}
}

/* Far too long texts of every kind are refused, not overrun. */
static void test_parse_endless(void **state)
{
	static const char *const fronts[] = { "", "<", "\"", "a@", "a@[",
		"a@[ipv6:", "@", "\xc3\xa4", "\xc3\xa4@", "a@\xc3\xa4" };
	static char text[100001];
	struct address address;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(fronts); i++) {
		memset(text, 'a', sizeof(text) - 1);
		memcpy(text, fronts[i], strlen(fronts[i]));
		assert_int_equal(address_parse(text, &address, NULL), -1);
		assert_int_equal(
			address_parse_unquoted(text, &address, NULL), -1);
	}
}

static void test_parse_unquoted(void **state)
{
	static const struct pair table[] = {
		{ "Ann@Example.org", "ann@example.org" },
		{ "a b@example.org", "\"a b\"@example.org" },
		{ "a@b@example.org", "\"a@b\"@example.org" },
		{ "\"a\"@example.org", "\"\\\"a\\\"\"@example.org" },
		{ "a\\b@example.org", "\"a\\\\b\"@example.org" },
		{ "<a>@example.org", "\"<a>\"@example.org" },
		{ "J\xc3\x84GER x@example.org",
			"\"j\xc3\xa4ger x\"@example.org" },
		{ "ann", NULL },
		{ "", NULL },
		{ "@example.org", NULL },
		{ "a\nb@example.org", NULL },
		{ "a b@", NULL },
	};
	struct address address;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		int status =
			address_parse_unquoted(table[i].text, &address, &error);

		assert_int_equal(status, table[i].canonical == NULL ? -1 : 0);
		if (status == 0)
			assert_string_equal(address.text, table[i].canonical);
	}
}

static void test_domain(void **state)
{
	static const struct pair table[] = {
		{ "Example.ORG", "example.org" },
		{ "example.org.", "example.org" },
		{ "B\xc3\x9c"
		  "CHER.example",
			"xn--bcher-kva.example" },
		{ "[192.0.2.1]", "[192.0.2.1]" },
		{ "", NULL },
		{ ".", NULL },
		{ "a/b", NULL },
		{ "a@b", NULL },
		{ " example.org", NULL },
	};
	char domain[ADDRESS_DOMAIN_MAX + 1];
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		int status =
			address_domain_parse(table[i].text, domain, &error);

		assert_int_equal(status, table[i].canonical == NULL ? -1 : 0);
		if (status == 0)
			assert_string_equal(domain, table[i].canonical);
	}
}

static void test_base(void **state)
{
	static const struct {
		const char *text, *delimiters, *base;
	} table[] = {
		{ "ann+x@example.org", "+", "ann@example.org" },
		{ "ann+x+y@example.org", "+", "ann@example.org" },
		{ "ann-x+y@example.org", "+-", "ann@example.org" },
		{ "ann+@example.org", "+", "ann@example.org" },
		{ "ann.+x@example.org", "+", "\"ann.\"@example.org" },
		{ "ann=x@example.org", "=", "ann@example.org" },
		{ "\xc3\xa4+x@example.org", "+", "\xc3\xa4@example.org" },
		{ "ann@example.org", "+", NULL },
		{ "ann@exa-mple.org", "-", NULL },
		{ "ann+x@example.org", "-", NULL },
		{ "ann+x@example.org", "", NULL },
		{ "ann+x@example.org", NULL, NULL },
		{ "+x@example.org", "+", NULL },
		{ "+x+y@example.org", "+", NULL },
		{ "\"a b+x\"@example.org", "+", NULL },
		{ "owner-list@example.org", "-", NULL },
		{ "owner-list+x@example.org", "+-", NULL },
		{ "owner-list+x@example.org", "+", "owner-list@example.org" },
		{ "list-request@example.org", "-", NULL },
		{ "list-requests@example.org", "-", "list@example.org" },
		{ "mailer-daemon@example.org", "-", NULL },
		{ "Mailer-Daemon@example.org", "-", NULL },
		{ "double-bounce@example.org", "-", NULL },
		{ "postmaster@example.org", "m", NULL },
	};
	struct address address, base, before;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		assert_int_equal(
			address_parse(table[i].text, &address, NULL), 0);
		memset(&base, 'x', sizeof(base));
		before = base;
		if (address_base(&address, table[i].delimiters, &base)) {
			if (table[i].base == NULL)
				fail_msg("%s: cut", table[i].text);
			assert_string_equal(base.text, table[i].base);
			assert_int_equal(base.text[base.local_size], '@');
		} else {
			if (table[i].base != NULL)
				fail_msg("%s: not cut", table[i].text);
			assert_memory_equal(&base, &before, sizeof(base));
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_parse_endless),
		cmocka_unit_test(test_parse_unquoted),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

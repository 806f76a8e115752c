/* SPDX-License-Identifier: BSD-2-Clause */
/* Networks: what is read, what is refused, what lies inside. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <cmocka.h>

#include "lib/network.h"

static void parses(void **state)
{
	static const struct {
		const char *text;
		int family;
		unsigned int bits;
	} cases[] = {
		{ "127.0.0.0/8", AF_INET, 8 },
		{ "0.0.0.0/0", AF_INET, 0 },
		{ "192.0.2.1", AF_INET, 32 },
		{ "192.0.2.128/25", AF_INET, 25 },
		{ "[192.0.2.1]", AF_INET, 32 },
		{ "[::1]/128", AF_INET6, 128 },
		{ "::1", AF_INET6, 128 },
		{ "::/0", AF_INET6, 0 },
		{ "2001:db8::/32", AF_INET6, 32 },
		{ "[2001:db8:0:8000::]/49", AF_INET6, 49 },
		{ "[IPv6:2001:db8::1]", AF_INET6, 128 },
		{ "::ffff:192.0.2.0/120", AF_INET, 24 },
		{ "::ffff:0.0.0.0/96", AF_INET, 0 },
	};
	struct network network;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (network_parse(cases[i].text, &network, &error) < 0)
			fail_msg("%s: %s", cases[i].text, error.text);
		if (network.family != cases[i].family)
			fail_msg("%s: another family", cases[i].text);
		assert_int_equal(network.bits, cases[i].bits);
	}
}

static void refuses(void **state)
{
	static const char *const texts[] = { "", "/8", "127.0.0.0/",
		"127.0.0.0/33", "127.0.0.0/-1", "127.0.0.0/8x",
		"127.0.0.0/0008", "127.0.0.1/8", "127.0.0", "localhost",
		"127.0.0.0/8/8", "[::1/128", "::1]/128", "::1/129",
		"2001:db8::1/32", "[]", "127.0.0.0 /8", "192.0.2.1%eth0",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc" };
	struct network network;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		error.text[0] = '\0';
		if (network_parse(texts[i], &network, &error) == 0)
			fail_msg("\"%s\" was read", texts[i]);
		assert_non_null(strstr(error.text, texts[i]));
	}
	assert_int_equal(network_parse("x", &network, NULL), -1);
}

static void finds_text(void **state)
{
	static char *const own[] = { "127.0.0.0/8", "192.0.2.128/25",
		"[::1]/128", "2001:db8::/33" };
	static const struct {
		const char *address;
		bool inside;
	} cases[] = {
		{ "127.0.0.1", true },
		{ "127.255.255.255", true },
		{ "128.0.0.0", false },
		{ "192.0.2.127", false },
		{ "192.0.2.128", true },
		{ "192.0.2.255", true },
		{ "192.0.3.0", false },
		{ "::1", true },
		{ "[::1]", true },
		{ "::2", false },
		{ "::ffff:127.0.0.1", true },
		{ "::ffff:128.0.0.1", false },
		{ "2001:db8:7fff::9", true },
		{ "2001:db8:8000::", false },
		{ "IPv6:2001:db8::9", true },
		{ "2001:db8::9%eth0", true },
		{ "unknown", false },
		{ "", false },
		{ NULL, false },
	};
	struct network_list *list;
	struct error error;
	size_t i;

	(void)state;
	list = network_list_new(own, 4, &error);
	assert_non_null(list);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (network_list_has_text(list, cases[i].address) !=
			cases[i].inside)
			fail_msg("%s: wrong side", cases[i].address);
	}
	network_list_free(&list);
	assert_null(list);
	network_list_free(&list);
}

static void finds_sockaddr(void **state)
{
	static char *const own[] = { "127.0.0.0/8", "[::1]/128" };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr other = { .sa_family = AF_UNIX };
	struct network_list *list;

	(void)state;
	list = network_list_new(own, 2, NULL);
	assert_non_null(list);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(network_list_has(list, (struct sockaddr *)&in));
	in.sin_addr.s_addr = htonl(0xc0000201);
	assert_false(network_list_has(list, (struct sockaddr *)&in));
	in6.sin6_addr = in6addr_loopback;
	assert_true(network_list_has(list, (struct sockaddr *)&in6));
	assert_int_equal(
		inet_pton(AF_INET6, "::ffff:127.0.0.9", &in6.sin6_addr), 1);
	assert_true(network_list_has(list, (struct sockaddr *)&in6));
	in6.sin6_addr = in6addr_any;
	assert_false(network_list_has(list, (struct sockaddr *)&in6));
	assert_false(network_list_has(list, &other));
	assert_false(network_list_has(list, NULL));
	network_list_free(&list);
}

static void names_the_bad_one(void **state)
{
	static char *const own[] = { "127.0.0.0/8", "10.0.0.1/8" };
	struct network_list *list;
	struct error error;

	(void)state;
	assert_null(network_list_new(own, 2, &error));
	assert_non_null(strstr(error.text, "10.0.0.1/8"));
	list = network_list_new(NULL, 0, &error);
	assert_non_null(list);
	assert_false(network_list_has_text(list, "127.0.0.1"));
	network_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(refuses),
		cmocka_unit_test(finds_text),
		cmocka_unit_test(finds_sockaddr),
		cmocka_unit_test(names_the_bad_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

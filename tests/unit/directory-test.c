/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory: every address an account has leads to it, none else does, and
 * the table of answers, row by row.
 */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "machine_fixture.h"
#include "policyd/directory.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LONG_ONE                                                               \
	"ann+0123456789012345678901234567890123456789012345678901234567890123" \
	"456789@example.org"

static void test_addresses(void **state)
{
	static const struct {
		const char *text;
		const char *account; /* NULL: absent */
		bool managed, by_alias;
		const char *extension;
	} rows[] = {
		{ "ann@example.org", "ann@example.org", true, false, "" },
		{ "<Ann@Example.ORG>", "ann@example.org", true, false, "" },
		{ "\"ann\"@example.org", "ann@example.org", true, false, "" },
		{ "ann+x@example.org", "ann@example.org", true, false, "+x" },
		{ "annie@example.org", "ann@example.org", true, true, "" },
		{ "annie+X+y@example.org", "ann@example.org", true, true,
			"+x+y" },
		/* an alias that looks like an extension goes before it */
		{ "ann+bob@example.org", "bob@example.org", true, true, "" },
		/* quoted where it has to be, and as Postfix has it inside */
		{ "\"ann lee\"@example.org", "\"ann lee\"@example.org", true,
			false, "" },
		{ "ann lee@example.org", "\"ann lee\"@example.org", true, false,
			"" },
		{ LONG_ONE, "ann@example.org", true, false, "" },
		{ "\"ann+x\"@example.org", "ann@example.org", true, false,
			"+x" },
		{ "+ann@example.org", NULL, true, false, "" },
		{ "nobody@example.org", NULL, true, false, "" },
		{ "nobody+ann@example.org", NULL, true, false, "" },
		{ "ann@other.example", NULL, false, false, "" },
		{ "ann@sub.example.org", NULL, false, false, "" },
		{ "postmaster", NULL, false, false, "" },
		{ "", NULL, false, false, "" },
		{ "@example.org", NULL, true, false, "" },
		{ "\xff\xfe@example.org", NULL, true, false, "" },
	};
	struct bench *bench = bench_new("mem:");
	const struct settings *settings = settings_get(bench->settings);

	(void)state;
	bench_add(bench, "ann@example.org");
	bench_add(bench, "bob@example.org");
	bench_add(bench, "\"ann lee\"@example.org");
	assert_int_equal(machine_add_alias(bench->machine, "ann@example.org",
				 "Annie@example.org", "ops", &bench->error),
		CONTROL_OK);
	assert_int_equal(machine_add_alias(bench->machine, "bob@example.org",
				 "ann+bob@example.org", "ops", &bench->error),
		CONTROL_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct directory_lookup lookup;

		directory_lookup(settings->config, bench->store, rows[i].text,
			&lookup, &bench->error);
		print_message("# %s\n", rows[i].text);
		assert_int_equal(lookup.result, rows[i].account != NULL
							? DIRECTORY_FOUND
							: DIRECTORY_ABSENT);
		assert_int_equal(lookup.domain != NULL, rows[i].managed);
		assert_string_equal(lookup.extension, rows[i].extension);
		if (rows[i].account != NULL) {
			assert_string_equal(
				lookup.account.address, rows[i].account);
			assert_int_equal(lookup.by_alias, rows[i].by_alias);
		}
		directory_lookup_clear(&lookup);
	}
	settings_put(bench->settings, &settings);
	bench_free(&bench);
}

/* A dead store is asked for managed domains only. */
static void test_store_fails(void **state)
{
	struct bench *bench = bench_new("fail:lookups");
	const struct settings *settings = settings_get(bench->settings);
	struct directory_lookup lookup;

	(void)state;
	directory_lookup(settings->config, bench->store, "ann@example.org",
		&lookup, &bench->error);
	assert_int_equal(lookup.result, DIRECTORY_UNKNOWN);
	assert_non_null(lookup.domain);
	assert_string_not_equal(bench->error.text, "");
	directory_lookup(settings->config, bench->store, "ann@other.example",
		&lookup, &bench->error);
	assert_int_equal(lookup.result, DIRECTORY_ABSENT);
	directory_lookup_any(settings->config, bench->store,
		"ann@other.example", &lookup, &bench->error);
	assert_int_equal(lookup.result, DIRECTORY_UNKNOWN);
	settings_put(bench->settings, &settings);
	bench_free(&bench);
}

enum site { UNMANAGED, OPEN_DOMAIN, COMPLETE, PASS };

static const struct config_domain domains[] = {
	[OPEN_DOMAIN] = { .default_system = (char *)"old" },
	[COMPLETE] = { .default_system = (char *)"old", .complete = true },
	[PASS] = { .default_system = NULL },
};

/* The table of the design, each cell. */
static void test_answers(void **state)
{
	static const struct {
		enum site site;
		enum directory_result result;
		enum account_phase phase;
		enum account_mail mail;
		bool own, follow;
		enum directory_gate gate;
		enum directory_route route;
		enum directory_existence recipient;
		bool moving;
	} rows[] = {
#define FOUND	DIRECTORY_FOUND
#define ABSENT	DIRECTORY_ABSENT
#define UNKNOWN DIRECTORY_UNKNOWN
#define DEFER	ACCOUNT_MAIL_DEFER
#define PARK	ACCOUNT_MAIL_PARK
		/* in service, whatever the phase */
		{ OPEN_DOMAIN, FOUND, ACCOUNT_SETTLED, DEFER, false, false,
			DIRECTORY_GO_ON, DIRECTORY_TO_HOME, DIRECTORY_EXISTS,
			false },
		{ OPEN_DOMAIN, FOUND, ACCOUNT_REQUESTED, PARK, false, false,
			DIRECTORY_GO_ON, DIRECTORY_TO_HOME, DIRECTORY_EXISTS,
			true },
		{ OPEN_DOMAIN, FOUND, ACCOUNT_COPYING, DEFER, false, true,
			DIRECTORY_GO_ON, DIRECTORY_TO_HOME, DIRECTORY_EXISTS,
			true },
		{ COMPLETE, FOUND, ACCOUNT_READY, DEFER, true, false,
			DIRECTORY_GO_ON, DIRECTORY_TO_HOME, DIRECTORY_EXISTS,
			true },
		{ PASS, FOUND, ACCOUNT_SWEEPING, DEFER, false, false,
			DIRECTORY_GO_ON, DIRECTORY_TO_HOME, DIRECTORY_EXISTS,
			true },
		{ PASS, FOUND, ACCOUNT_RETIRED, DEFER, false, false,
			DIRECTORY_GO_ON, DIRECTORY_TO_HOME, DIRECTORY_EXISTS,
			false },
		/* out of service: outside mail as asked, our own never here */
		{ OPEN_DOMAIN, FOUND, ACCOUNT_FROZEN, DEFER, false, false,
			DIRECTORY_DEFER, DIRECTORY_TO_PARK, DIRECTORY_EXISTS,
			true },
		{ OPEN_DOMAIN, FOUND, ACCOUNT_FROZEN, DEFER, true, false,
			DIRECTORY_GO_ON, DIRECTORY_TO_PARK, DIRECTORY_EXISTS,
			true },
		{ OPEN_DOMAIN, FOUND, ACCOUNT_FROZEN, DEFER, false, true,
			DIRECTORY_DEFER, DIRECTORY_TO_RETRY, DIRECTORY_EXISTS,
			true },
		{ OPEN_DOMAIN, FOUND, ACCOUNT_FROZEN, PARK, false, false,
			DIRECTORY_GO_ON, DIRECTORY_TO_PARK, DIRECTORY_EXISTS,
			true },
		{ PASS, FOUND, ACCOUNT_FROZEN, PARK, false, true,
			DIRECTORY_GO_ON, DIRECTORY_TO_PARK, DIRECTORY_EXISTS,
			true },
		/* not in the directory */
		{ OPEN_DOMAIN, ABSENT, 0, DEFER, false, false, DIRECTORY_GO_ON,
			DIRECTORY_TO_DEFAULT, DIRECTORY_EXISTS, false },
		{ COMPLETE, ABSENT, 0, DEFER, false, false, DIRECTORY_GO_ON,
			DIRECTORY_TO_DEFAULT, DIRECTORY_EXISTS_NOT, false },
		{ PASS, ABSENT, 0, DEFER, false, false, DIRECTORY_GO_ON,
			DIRECTORY_TO_NOBODY, DIRECTORY_EXISTS, false },
		/* cannot tell: later, own or not */
		{ OPEN_DOMAIN, UNKNOWN, 0, DEFER, false, false, DIRECTORY_LATER,
			DIRECTORY_TO_LATER, DIRECTORY_EXISTS_LATER, true },
		{ PASS, UNKNOWN, 0, DEFER, true, true, DIRECTORY_LATER,
			DIRECTORY_TO_LATER, DIRECTORY_EXISTS_LATER, true },
		/* not managed: none of our business, whatever the result */
		{ UNMANAGED, ABSENT, 0, DEFER, false, false, DIRECTORY_GO_ON,
			DIRECTORY_TO_NOBODY, DIRECTORY_EXISTS_NOT, false },
		{ UNMANAGED, UNKNOWN, 0, DEFER, false, false, DIRECTORY_GO_ON,
			DIRECTORY_TO_NOBODY, DIRECTORY_EXISTS_NOT, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct directory_facts facts = {
			.domain = rows[i].site == UNMANAGED
					  ? NULL
					  : &domains[rows[i].site],
			.result = rows[i].result,
			.phase = rows[i].phase,
			.mail = rows[i].mail,
			.own = rows[i].own,
			.follow = rows[i].follow,
		};
		struct directory_answer answer = directory_decide(&facts);

		print_message("# row %zu\n", i);
		assert_int_equal(answer.gate, rows[i].gate);
		assert_int_equal(answer.route, rows[i].route);
		assert_int_equal(answer.recipient, rows[i].recipient);
		assert_int_equal(answer.moving, rows[i].moving);
	}
}

/* Whatever the combination: a frozen account's mail never goes home. */
static void test_frozen_never_home(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 16; bits++) {
		const struct directory_facts facts = {
			.domain = &domains[OPEN_DOMAIN + bits % 2],
			.result = FOUND,
			.phase = ACCOUNT_FROZEN,
			.mail = bits & 2 ? PARK : DEFER,
			.own = bits & 4,
			.follow = bits & 8,
		};
		struct directory_answer answer = directory_decide(&facts);

		assert_true(answer.route == DIRECTORY_TO_PARK ||
			    answer.route == DIRECTORY_TO_RETRY);
		assert_int_equal(answer.recipient, DIRECTORY_EXISTS);
	}
}

static void test_own_networks(void **state)
{
	struct bench *bench = bench_new("mem:");
	const struct settings *settings = settings_get(bench->settings);

	(void)state;
	assert_true(settings_is_own(settings, "192.0.2.77"));
	assert_false(settings_is_own(settings, "192.0.3.1"));
	assert_false(settings_is_own(settings, "unknown"));
	settings_put(bench->settings, &settings);
	bench_free(&bench);
}

/* A reload takes effect at once; who still uses the former one may. */
static void test_settings_replaced(void **state)
{
	struct bench *bench = bench_new("mem:");
	const struct settings *old = settings_get(bench->settings);
	const struct settings *new;

	(void)state;
	assert_int_equal(settings_replace(bench->settings,
				 bench_config("domain \"more.example\" {}\n"),
				 &bench->error),
		0);
	new = settings_get(bench->settings);
	assert_non_null(config_domain(new->config, "more.example"));
	assert_null(config_domain(old->config, "more.example"));
	settings_put(bench->settings, &old);
	settings_put(bench->settings, &new);
	bench_free(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_store_fails),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_frozen_never_home),
		cmocka_unit_test(test_own_networks),
		cmocka_unit_test(test_settings_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of accounts: what is printed is read again, through the wire form
 * too; what is damaged is refused whole; what is unknown survives.
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

#include "lib/account.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS	     2000
#define NEVER	     "9223372036854775807"

/* Every name of a record with its kind. */
static const struct {
	const char *name;
	char kind;
} names[] = {
	{ "version", 'n' },
	{ "address", 's' },
	{ "home", 's' },
	{ "phase", 's' },
	{ "front", 's' },
	{ "source", 's' },
	{ "destination", 's' },
	{ "held", 'b' },
	{ "hold_reason", 's' },
	{ "strategy", 's' },
	{ "mail", 's' },
	{ "requested_at", 't' },
	{ "not_before", 't' },
	{ "complete_after", 't' },
	{ "freeze_budget", 'd' },
	{ "batch", 's' },
	{ "requested_by", 's' },
	{ "epoch", 'n' },
	{ "due", 't' },
	{ "attempts", 'n' },
	{ "failure", 's' },
	{ "rounds", 'n' },
	{ "messages", 'n' },
	{ "bytes", 'n' },
	{ "frozen_at", 't' },
	{ "frozen_until", 't' },
	{ "proved", 'b' },
	{ "freeze_ms", 'd' },
	{ "freeze_steps", 's' },
	{ "deferred", 'n' },
	{ "flipped_at", 't' },
	{ "login_at", 't' },
	{ "revision", 'n' },
};

/* The least that a record must say. */
static const char *const least[] = { "version=1", "address=ann@example.org",
	"home=source", "phase=settled", "source=old", "destination=new" };

static void add_line(struct attr_list *list, const char *line)
{
	const char *equals = strchr(line, '=');
	char name[ATTR_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", (int)(equals - line), line);
	attr_list_add(list, name, equals + 1);
}

/* The least, and the lines up to NULL. */
static struct attr_list *make_record(const char *line, ...)
{
	struct attr_list *list = attr_list_new();
	va_list lines;

	for (size_t i = 0; i < COUNT(least); i++)
		add_line(list, least[i]);
	va_start(lines, line);
	for (; line != NULL; line = va_arg(lines, const char *))
		add_line(list, line);
	va_end(lines);
	return list;
}

static void assert_same_lists(
	const struct attr_list *left, const struct attr_list *right)
{
	assert_int_equal(attr_list_count(left), attr_list_count(right));
	for (size_t i = 0; i < attr_list_count(left); i++) {
		assert_string_equal(
			attr_list_name(left, i), attr_list_name(right, i));
		assert_string_equal(
			attr_list_value(left, i), attr_list_value(right, i));
	}
}

static void knows_its_fields(void **state)
{
	struct attr_list *list = attr_list_new();
	struct account account;

	(void)state;
	account_init(&account);
	account_print(&account, true, list);
	assert_int_equal(attr_list_count(list), COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_string_equal(attr_list_name(list, i), names[i].name);
		assert_int_equal(
			account_field_kind(names[i].name), names[i].kind);
	}
	assert_int_equal(account_field_kind("unknown"), 0);
	assert_int_equal(account_field_kind(""), 0);
	attr_list_free(&list);
}

static void leaves_defaults_out(void **state)
{
	struct attr_list *list = make_record(NULL);
	struct attr_list *printed = attr_list_new();
	struct account account;
	struct error error;

	(void)state;
	assert_int_equal(account_scan(list, &account, &error), 0);
	assert_int_equal(account.freeze_budget, 30000);
	assert_string_equal(account.strategy->name, "precopy");
	assert_null(account.unknown);
	account_print(&account, false, printed);
	assert_same_lists(list, printed);
	account_clear(&account);
	attr_list_free(&list);
	attr_list_free(&printed);
}

static uint64_t random_bits(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Any number, the ends of the range more often than chance would have it. */
static int64_t random_number(uint64_t *seed)
{
	static const int64_t ends[] = { 0, 1, -1, INT64_MAX, INT64_MIN,
		INT64_MAX - 1 };
	uint64_t bits = random_bits(seed);

	if (bits % 3 == 0)
		return ends[bits / 3 % COUNT(ends)];
	return (int64_t)(random_bits(seed) >> bits % 64);
}

static void random_text(
	uint64_t *seed, char *text, size_t size, size_t least_size)
{
	static const char letters[] = "abz @=\\\n:%\xc3\xa9\xe2\x82\xac\"'";
	size_t length = random_bits(seed) % size;

	if (random_bits(seed) % 4 == 0)
		length = size - 1;
	if (length < least_size)
		length = least_size;
	for (size_t i = 0; i < length; i++)
		text[i] = letters[random_bits(seed) % (sizeof(letters) - 1)];
	text[length] = '\0';
}

static void random_account(uint64_t *seed, struct account *account)
{
	int64_t *const numbers[] = { &account->requested_at,
		&account->not_before, &account->complete_after,
		&account->freeze_budget, &account->due, &account->attempts,
		&account->rounds, &account->messages, &account->bytes,
		&account->frozen_at, &account->frozen_until,
		&account->freeze_ms, &account->deferred, &account->flipped_at,
		&account->login_at };

	account_init(account);
	random_text(seed, account->address, sizeof(account->address), 1);
	random_text(seed, account->source, sizeof(account->source), 1);
	random_text(
		seed, account->destination, sizeof(account->destination), 1);
	random_text(
		seed, account->hold_reason, sizeof(account->hold_reason), 0);
	random_text(seed, account->batch, sizeof(account->batch), 0);
	random_text(
		seed, account->requested_by, sizeof(account->requested_by), 0);
	random_text(seed, account->failure, sizeof(account->failure), 0);
	random_text(
		seed, account->freeze_steps, sizeof(account->freeze_steps), 0);
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (random_bits(seed) % 2)
			*numbers[i] = random_number(seed);
	account->epoch = (uint64_t)random_number(seed);
	account->revision = (uint64_t)random_number(seed);
	account->home = random_bits(seed) % 2;
	account->phase = random_bits(seed) % ACCOUNT_PHASES;
	account->front = random_bits(seed) % 4;
	account->mail = random_bits(seed) % 2;
	account->strategy = account_strategy_at(random_bits(seed) % 4);
	account->held = random_bits(seed) % 2;
	account->proved = random_bits(seed) % 2;
}

static void assert_same_accounts(
	const struct account *left, const struct account *right)
{
	assert_string_equal(left->address, right->address);
	assert_string_equal(left->source, right->source);
	assert_string_equal(left->destination, right->destination);
	assert_int_equal(left->home, right->home);
	assert_int_equal(left->phase, right->phase);
	assert_int_equal(left->front, right->front);
	assert_int_equal(left->held, right->held);
	assert_string_equal(left->hold_reason, right->hold_reason);
	assert_ptr_equal(left->strategy, right->strategy);
	assert_int_equal(left->mail, right->mail);
	assert_int_equal(left->requested_at, right->requested_at);
	assert_int_equal(left->not_before, right->not_before);
	assert_int_equal(left->complete_after, right->complete_after);
	assert_int_equal(left->freeze_budget, right->freeze_budget);
	assert_string_equal(left->batch, right->batch);
	assert_string_equal(left->requested_by, right->requested_by);
	assert_int_equal(left->epoch, right->epoch);
	assert_int_equal(left->due, right->due);
	assert_int_equal(left->attempts, right->attempts);
	assert_string_equal(left->failure, right->failure);
	assert_int_equal(left->rounds, right->rounds);
	assert_int_equal(left->messages, right->messages);
	assert_int_equal(left->bytes, right->bytes);
	assert_int_equal(left->frozen_at, right->frozen_at);
	assert_int_equal(left->frozen_until, right->frozen_until);
	assert_int_equal(left->proved, right->proved);
	assert_int_equal(left->freeze_ms, right->freeze_ms);
	assert_string_equal(left->freeze_steps, right->freeze_steps);
	assert_int_equal(left->deferred, right->deferred);
	assert_int_equal(left->flipped_at, right->flipped_at);
	assert_int_equal(left->login_at, right->login_at);
	assert_int_equal(left->revision, right->revision);
}

/* The message as its bytes on the wire are read; attr_parser_free the parser.
 */
static const struct attr_list *through_the_wire(
	const struct attr_list *list, struct attr_parser **parser_r)
{
	struct buffer wire = BUFFER_EMPTY;
	struct error error = { "" };
	size_t used;

	attr_print(list, ATTR_CONTROL, &wire);
	*parser_r = attr_parser_new(ATTR_CONTROL);
	if (attr_parser_feed(*parser_r, wire.data, wire.size, &used, &error) !=
		1)
		fail_msg("%s", error.text);
	buffer_free(&wire);
	return attr_parser_message(*parser_r);
}

static void reads_what_it_prints(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct attr_list *list = attr_list_new();
		struct attr_parser *parser;
		struct account account;
		struct account again;
		struct error error = { "" };

		random_account(&seed, &account);
		account_print(&account, i % 2, list);
		if (account_scan(through_the_wire(list, &parser), &again,
			    &error) < 0)
			fail_msg("round %d: %s", i, error.text);
		assert_same_accounts(&account, &again);
		attr_parser_free(&parser);
		attr_list_free(&list);
	}
}

static void reads_any_order(void **state)
{
	struct attr_list *list = attr_list_new();
	struct attr_list *printed = attr_list_new();
	struct attr_list *reversed = attr_list_new();
	uint64_t seed = 4711;
	struct account account;
	struct account again;

	(void)state;
	random_account(&seed, &account);
	account_print(&account, true, list);
	for (size_t i = attr_list_count(list); i-- > 0;)
		attr_list_add(reversed, attr_list_name(list, i),
			attr_list_value(list, i));
	assert_int_equal(account_scan(reversed, &again, NULL), 0);
	account_print(&again, true, printed);
	assert_same_lists(list, printed);
	attr_list_free(&list);
	attr_list_free(&printed);
	attr_list_free(&reversed);
}

static void keeps_what_it_does_not_know(void **state)
{
	struct attr_list *list = make_record("zone=eu", "held=yes", "alias=a",
		"alias=b", "Phase=x", "alias=a", NULL);
	struct attr_list *expected = make_record("held=yes", "zone=eu",
		"alias=a", "alias=b", "Phase=x", "alias=a", NULL);
	struct attr_list *printed = attr_list_new();
	struct account account;

	(void)state;
	assert_int_equal(account_scan(list, &account, NULL), 0);
	assert_int_equal(attr_list_count(account.unknown), 5);
	attr_list_free(&list);
	account_print(&account, false, printed);
	assert_same_lists(printed, expected);
	account_clear(&account);
	assert_null(account.unknown);
	account_clear(&account);
	attr_list_free(&printed);
	attr_list_free(&expected);
}

static void reads_values(void **state)
{
	struct attr_list *list = make_record("complete_after=never",
		"not_before=" NEVER, "epoch=18446744073709551615",
		"rounds=-9223372036854775808", "bytes=" NEVER, NULL);
	struct account account;

	(void)state;
	assert_int_equal(account_scan(list, &account, NULL), 0);
	assert_int_equal(account.complete_after, INSTANT_NEVER);
	assert_int_equal(account.not_before, INSTANT_NEVER);
	assert_true(account.epoch == UINT64_MAX);
	assert_int_equal(account.rounds, INT64_MIN);
	assert_int_equal(account.bytes, INT64_MAX);
	attr_list_clear(list);
	account_print(&account, false, list);
	assert_string_equal(attr_list_get(list, "not_before"), "never");
	/* a count is never "never" */
	assert_string_equal(attr_list_get(list, "bytes"), NEVER);
	attr_list_free(&list);
}

static void refuses_bad_values(void **state)
{
	static const char *const bad[] = { "held=", "held=true", "held=Yes",
		"proved=1", "strategy=", "strategy=fast", "mail=reject",
		"front=ajar", "epoch=", "epoch=-1", "epoch=+1", "epoch= 1",
		"epoch=1 ", "epoch=0x1", "epoch=18446744073709551616",
		"epoch=never", "due=", "due=-", "due=--1", "due=1.5",
		"due=Never", "due=9223372036854775808",
		"due=-9223372036854775809", "due=99999999999999999999999",
		"rounds=never", "rounds=1e3", "freeze_budget=30s",
		"revision=-0x1" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct attr_list *list = make_record("zone=eu", bad[i], NULL);
		struct account account;
		struct error error = { "" };

		if (account_scan(list, &account, &error) != -1)
			fail_msg("%s was read", bad[i]);
		assert_non_null(strstr(error.text, "ann@example.org"));
		assert_null(account.unknown);
		attr_list_free(&list);
	}
}

static void refuses_what_is_missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(least); i++)
		for (int empty = 0; empty < 2; empty++) {
			struct attr_list *list = attr_list_new();
			struct account account;
			struct error error = { "" };
			char name[ATTR_NAME_MAX];

			snprintf(name, sizeof(name), "%.*s",
				(int)strcspn(least[i], "="), least[i]);
			for (size_t j = 0; j < COUNT(least); j++)
				if (j != i)
					add_line(list, least[j]);
			if (empty)
				attr_list_add(list, name, "");
			assert_int_equal(
				account_scan(list, &account, &error), -1);
			assert_non_null(strstr(error.text, name));
			attr_list_free(&list);
		}
}

static void refuses_what_stands_twice(void **state)
{
	static const char *const again[] = { "version=1",
		"address=ann@example.org", "phase=settled", "epoch=1",
		"hold_reason=" };

	(void)state;
	for (size_t i = 0; i < COUNT(again); i++) {
		struct attr_list *list =
			make_record("epoch=1", "hold_reason=", again[i], NULL);
		struct account account;

		assert_int_equal(account_scan(list, &account, NULL), -1);
		attr_list_free(&list);
	}
}

static void refuses_other_versions(void **state)
{
	static const char *const versions[] = { "0", "2", "01x", "" };

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct attr_list *list = attr_list_new();
		struct account account;

		attr_list_add(list, "version", versions[i]);
		for (size_t j = 1; j < COUNT(least); j++)
			add_line(list, least[j]);
		assert_int_equal(account_scan(list, &account, NULL), -1);
		attr_list_free(&list);
	}
}

/* A text that is one byte too long is refused, never cut. */
static void refuses_long_texts(void **state)
{
	static const struct {
		const char *name;
		size_t size;
	} cases[] = {
		{ "hold_reason", ACCOUNT_TEXT_SIZE },
		{ "failure", ACCOUNT_TEXT_SIZE },
		{ "freeze_steps", ACCOUNT_TEXT_SIZE },
		{ "batch", ACCOUNT_NAME_SIZE },
		{ "requested_by", ACCOUNT_NAME_SIZE },
	};
	char text[ACCOUNT_TEXT_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t more = 0; more < 2; more++) {
			struct attr_list *list = make_record(NULL);
			struct account account;

			memset(text, 'x', sizeof(text));
			text[cases[i].size - 1 + more] = '\0';
			attr_list_add(list, cases[i].name, text);
			assert_int_equal(account_scan(list, &account, NULL),
				more == 0 ? 0 : -1);
			attr_list_free(&list);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_its_fields),
		cmocka_unit_test(leaves_defaults_out),
		cmocka_unit_test(reads_what_it_prints),
		cmocka_unit_test(reads_any_order),
		cmocka_unit_test(keeps_what_it_does_not_know),
		cmocka_unit_test(reads_values),
		cmocka_unit_test(refuses_bad_values),
		cmocka_unit_test(refuses_what_is_missing),
		cmocka_unit_test(refuses_what_stands_twice),
		cmocka_unit_test(refuses_other_versions),
		cmocka_unit_test(refuses_long_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests, strategies, back-off and names of the account machine. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/account.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW	     INT64_C(1763742000000)

/* An account at its destination. */
static void make_account(struct account *account, enum account_phase phase)
{
	account_init(account);
	snprintf(account->address, sizeof(account->address), "ann@example.org");
	snprintf(account->source, sizeof(account->source), "old");
	snprintf(account->destination, sizeof(account->destination), "new");
	account->phase = phase;
	account->home = ACCOUNT_DESTINATION;
	account->epoch = 7;
}

static void make_request(struct account *request)
{
	account_init(request);
	request->strategy = account_strategy_find("logout");
	request->mail = ACCOUNT_MAIL_PARK;
	request->requested_at = 1;
	request->not_before = NOW + 10;
	request->complete_after = INSTANT_NEVER;
	request->freeze_budget = 5000;
	snprintf(request->batch, sizeof(request->batch), "monday");
	snprintf(request->requested_by, sizeof(request->requested_by), "root");
	/* none of these is the request's */
	request->epoch = 99;
	request->held = true;
	snprintf(request->source, sizeof(request->source), "elsewhere");
}

static void begins_a_request(void **state)
{
	struct account account;
	struct account request;
	struct error error;

	(void)state;
	make_account(&account, ACCOUNT_SETTLED);
	account.attempts = 2;
	account.rounds = 9;
	account.messages = 8;
	account.bytes = 7;
	account.flipped_at = 6;
	make_request(&request);
	assert_int_equal(account_request(&account, &request, ACCOUNT_SOURCE,
				 NOW, &error),
		0);
	assert_int_equal(account.phase, ACCOUNT_REQUESTED);
	assert_int_equal(account.home, ACCOUNT_DESTINATION);
	assert_ptr_equal(account.strategy, request.strategy);
	assert_int_equal(account.mail, ACCOUNT_MAIL_PARK);
	assert_int_equal(account.requested_at, NOW);
	assert_int_equal(account.not_before, NOW + 10);
	assert_int_equal(account.due, NOW + 10);
	assert_int_equal(account.complete_after, INSTANT_NEVER);
	assert_int_equal(account.freeze_budget, 5000);
	assert_string_equal(account.batch, "monday");
	assert_string_equal(account.requested_by, "root");
	assert_int_equal(account.attempts, 0);
	assert_int_equal(account.rounds, 0);
	assert_int_equal(account.messages, 0);
	assert_int_equal(account.bytes, 0);
	assert_int_equal(account.flipped_at, 6);
	assert_int_equal(account.epoch, 7);
	assert_false(account.held);
	assert_string_equal(account.source, "old");
}

static void keeps_the_batch(void **state)
{
	struct account account;
	struct account request;

	(void)state;
	make_account(&account, ACCOUNT_SETTLED);
	snprintf(account.batch, sizeof(account.batch), "tuesday");
	make_request(&request);
	request.batch[0] = '\0';
	assert_int_equal(
		account_request(&account, &request, ACCOUNT_SOURCE, NOW, NULL),
		0);
	assert_string_equal(account.batch, "tuesday");
}

static void refuses_requests(void **state)
{
	static const struct {
		enum account_phase phase;
		enum account_home to;
		int64_t budget;
		const char *text;
	} cases[] = {
		{ ACCOUNT_SETTLED, ACCOUNT_DESTINATION, 1, "already at new" },
		{ ACCOUNT_SETTLED, ACCOUNT_SOURCE, 0, "freeze budget" },
		{ ACCOUNT_SETTLED, ACCOUNT_SOURCE, -1, "freeze budget" },
		{ ACCOUNT_SETTLED, ACCOUNT_SOURCE, 3600001, "freeze budget" },
		{ ACCOUNT_REQUESTED, ACCOUNT_SOURCE, 1, "under way" },
		{ ACCOUNT_COPYING, ACCOUNT_SOURCE, 1, "under way" },
		{ ACCOUNT_READY, ACCOUNT_SOURCE, 1, "under way" },
		{ ACCOUNT_FROZEN, ACCOUNT_SOURCE, 1, "under way" },
		{ ACCOUNT_SWEEPING, ACCOUNT_SOURCE, 1, "under way" },
		{ ACCOUNT_RETIRED, ACCOUNT_SOURCE, 1, "retired" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account account;
		struct account before;
		struct account request;
		struct error error;

		make_account(&account, cases[i].phase);
		memcpy(&before, &account, sizeof(before));
		make_request(&request);
		request.freeze_budget = cases[i].budget;
		assert_int_equal(account_request(&account, &request,
					 cases[i].to, NOW, &error),
			-1);
		assert_non_null(strstr(error.text, cases[i].text));
		assert_memory_equal(&before, &account, sizeof(before));
	}
}

static void backs_off(void **state)
{
	static const struct {
		int64_t attempts, min, max, expected;
	} cases[] = {
		{ 0, 1000, 60000, 0 },
		{ -1, 1000, 60000, 0 },
		{ 1, 1000, 60000, 1000 },
		{ 2, 1000, 60000, 2000 },
		{ 6, 1000, 60000, 32000 },
		{ 7, 1000, 60000, 60000 },
		{ INT64_MAX, 1000, 60000, 60000 },
		{ INT64_MAX, 1, INT64_MAX, INT64_MAX },
		{ 1, 90000, 60000, 60000 },
		{ INT64_MAX, 0, 60000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(account_backoff(cases[i].attempts,
					 cases[i].min, cases[i].max),
			cases[i].expected);
}

static void has_its_strategies(void **state)
{
	static const struct account_strategy expected[] = {
		{ "precopy", ACCOUNT_AT_ONCE, ACCOUNT_AT_ONCE, true, false },
		{ "login", ACCOUNT_AT_LOGIN, ACCOUNT_AT_LOGOUT, true, true },
		{ "logout", ACCOUNT_AT_ONCE, ACCOUNT_AT_LOGOUT, true, false },
		{ "address-first", ACCOUNT_AT_ONCE, ACCOUNT_AT_ONCE, false,
			false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(expected); i++) {
		const struct account_strategy *strategy =
			account_strategy_at(i);

		assert_string_equal(strategy->name, expected[i].name);
		assert_ptr_equal(
			account_strategy_find(expected[i].name), strategy);
		assert_int_equal(strategy->rounds, expected[i].rounds);
		assert_int_equal(strategy->freeze, expected[i].freeze);
		assert_int_equal(strategy->copy_before_flip,
			expected[i].copy_before_flip);
		assert_int_equal(
			strategy->login_waits, expected[i].login_waits);
	}
	assert_null(account_strategy_at(COUNT(expected)));
	assert_null(account_strategy_find(""));
	assert_null(account_strategy_find("precopy "));
}

static void names_things(void **state)
{
	enum account_front front = ACCOUNT_FRONT_CLOSED;
	enum account_phase phase = ACCOUNT_FROZEN;
	enum account_home home = ACCOUNT_DESTINATION;
	enum account_mail mail = ACCOUNT_MAIL_PARK;

	(void)state;
	for (int i = 0; i < ACCOUNT_PHASES; i++) {
		assert_int_equal(
			account_phase_parse(account_phase_name(i), &phase), 0);
		assert_int_equal(phase, i);
	}
	assert_int_equal(account_phase_parse("Frozen", &phase), -1);
	assert_int_equal(account_home_parse("source", &home), 0);
	assert_int_equal(home, ACCOUNT_SOURCE);
	assert_int_equal(account_home_parse("old", &home), -1);
	assert_int_equal(account_front_parse("opening", &front), 0);
	assert_int_equal(front, ACCOUNT_FRONT_OPENING);
	assert_int_equal(account_front_parse("", &front), -1);
	assert_int_equal(account_mail_parse("defer", &mail), 0);
	assert_int_equal(mail, ACCOUNT_MAIL_DEFER);
	assert_int_equal(account_mail_parse("reject", &mail), -1);
	assert_string_equal(account_actor_name(ACCOUNT_POLICYD), "policyd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_a_request),
		cmocka_unit_test(keeps_the_batch),
		cmocka_unit_test(refuses_requests),
		cmocka_unit_test(backs_off),
		cmocka_unit_test(has_its_strategies),
		cmocka_unit_test(names_things),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

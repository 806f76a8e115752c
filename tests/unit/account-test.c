/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The account machine, row by row: which transitions there are, which rule each
 * of them obeys, what each of them sets. The tables here were written from the
 * design, not from the machine's own table.
 */
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
#define ACTORS	     3

/*
 * Who makes the transition: o operator, w worker, p policyd. Rows: from;
 * columns: to, in the order settled, requested, copying, ready, frozen,
 * sweeping, retired.
 */
static const char *const stays_home[ACCOUNT_PHASES][ACCOUNT_PHASES] = {
	[ACCOUNT_SETTLED] = { "", "o", "", "", "", "", "o" },
	[ACCOUNT_REQUESTED] = { "o", "", "w", "", "w", "", "" },
	[ACCOUNT_COPYING] = { "o", "", "", "w", "ow", "", "" },
	[ACCOUNT_READY] = { "o", "", "w", "", "ow", "", "" },
	[ACCOUNT_FROZEN] = { "", "", "owp", "", "", "", "" },
	[ACCOUNT_SWEEPING] = { "ow", "", "", "", "", "", "" },
	[ACCOUNT_RETIRED] = { "", "", "", "", "", "", "" },
};

/* The same with flip: there is one. */
static const char *const flips_home[ACCOUNT_PHASES][ACCOUNT_PHASES] = {
	[ACCOUNT_SETTLED] = { "", "", "", "", "", "", "" },
	[ACCOUNT_REQUESTED] = { "", "", "", "", "", "", "" },
	[ACCOUNT_COPYING] = { "", "", "", "", "", "", "" },
	[ACCOUNT_READY] = { "", "", "", "", "", "", "" },
	[ACCOUNT_FROZEN] = { "", "", "", "", "", "ow", "" },
	[ACCOUNT_SWEEPING] = { "", "", "", "", "", "", "" },
	[ACCOUNT_RETIRED] = { "", "", "", "", "", "", "" },
};

/*
 * What forbids the transition: h hold, b before not_before, c before
 * complete_after, f a strategy that copies before the flip, p no proof, t a
 * freeze over its budget, d home is not the destination, e another epoch.
 */
static const struct {
	enum account_phase from, to;
	bool flip;
	enum account_actor actor;
	const char *rules;
} obeys[] = {
	{ ACCOUNT_SETTLED, ACCOUNT_RETIRED, false, ACCOUNT_OPERATOR, "d" },
	{ ACCOUNT_REQUESTED, ACCOUNT_SETTLED, false, ACCOUNT_OPERATOR, "" },
	{ ACCOUNT_REQUESTED, ACCOUNT_COPYING, false, ACCOUNT_WORKER, "hbe" },
	/* what makes p untrue makes f untrue too */
	{ ACCOUNT_REQUESTED, ACCOUNT_FROZEN, false, ACCOUNT_WORKER, "hbcfpe" },
	{ ACCOUNT_COPYING, ACCOUNT_SETTLED, false, ACCOUNT_OPERATOR, "" },
	{ ACCOUNT_COPYING, ACCOUNT_READY, false, ACCOUNT_WORKER, "he" },
	{ ACCOUNT_COPYING, ACCOUNT_FROZEN, false, ACCOUNT_WORKER, "hce" },
	{ ACCOUNT_COPYING, ACCOUNT_FROZEN, false, ACCOUNT_OPERATOR, "h" },
	{ ACCOUNT_READY, ACCOUNT_SETTLED, false, ACCOUNT_OPERATOR, "" },
	{ ACCOUNT_READY, ACCOUNT_COPYING, false, ACCOUNT_WORKER, "e" },
	{ ACCOUNT_READY, ACCOUNT_FROZEN, false, ACCOUNT_WORKER, "hce" },
	{ ACCOUNT_READY, ACCOUNT_FROZEN, false, ACCOUNT_OPERATOR, "h" },
	{ ACCOUNT_FROZEN, ACCOUNT_COPYING, false, ACCOUNT_OPERATOR, "" },
	{ ACCOUNT_FROZEN, ACCOUNT_COPYING, false, ACCOUNT_WORKER, "e" },
	{ ACCOUNT_FROZEN, ACCOUNT_COPYING, false, ACCOUNT_POLICYD, "" },
	{ ACCOUNT_FROZEN, ACCOUNT_SWEEPING, true, ACCOUNT_WORKER, "hpte" },
	{ ACCOUNT_FROZEN, ACCOUNT_SWEEPING, true, ACCOUNT_OPERATOR, "p" },
	{ ACCOUNT_SWEEPING, ACCOUNT_SETTLED, false, ACCOUNT_WORKER, "he" },
	{ ACCOUNT_SWEEPING, ACCOUNT_SETTLED, false, ACCOUNT_OPERATOR, "" },
};

/* An account in that phase for which no rule forbids anything. */
static void make_free(struct account *account, enum account_phase phase)
{
	account_init(account);
	snprintf(account->address, sizeof(account->address), "ann@example.org");
	snprintf(account->source, sizeof(account->source), "old");
	snprintf(account->destination, sizeof(account->destination), "new");
	account->phase = phase;
	account->home = ACCOUNT_DESTINATION;
	account->strategy = account_strategy_find("address-first");
	account->epoch = 7;
	account->not_before = NOW;
	account->complete_after = NOW;
	account->frozen_at = NOW - 1000;
	account->frozen_until = NOW;
	account->proved = true;
}

static struct account_transition make_transition(
	enum account_phase to, bool flip, enum account_actor actor)
{
	return (struct account_transition){
		.to = to,
		.flip = flip,
		.actor = actor,
		.epoch = actor == ACCOUNT_WORKER ? 7 : 0,
		.now = NOW,
	};
}

static void break_rule(struct account *account, char rule)
{
	switch (rule) {
	case 'h':
		account->held = true;
		return;
	case 'b':
		account->not_before = NOW + 1;
		return;
	case 'c':
		account->complete_after = NOW + 1;
		return;
	case 'f':
		account->strategy = account_strategy_find("precopy");
		return;
	case 'p':
		account->strategy = account_strategy_find("precopy");
		account->proved = false;
		return;
	case 't':
		account->frozen_until = NOW - 1;
		return;
	case 'd':
		account->home = ACCOUNT_SOURCE;
		return;
	case 'e':
		account->epoch++;
		return;
	default:
		fail_msg("no rule %c", rule);
	}
}

/* Enters; a refusal must say something and leave the account as it was. */
static bool enters(
	struct account *account, const struct account_transition *transition)
{
	struct account before;
	struct error error = { "" };

	memcpy(&before, account, sizeof(before));
	if (account_enter(account, transition, &error) == 0)
		return true;
	assert_string_not_equal(error.text, "");
	assert_non_null(strstr(error.text, account->address));
	assert_memory_equal(&before, account, sizeof(before));
	return false;
}

static void knows_every_transition(void **state)
{
	static const char letters[ACTORS] = { 'o', 'w', 'p' };
	size_t allowed = 0;

	(void)state;
	for (int i = 0; i < ACCOUNT_PHASES * ACCOUNT_PHASES * 2 * ACTORS; i++) {
		enum account_actor actor = i % ACTORS;
		bool flip = i / ACTORS % 2;
		enum account_phase to = i / ACTORS / 2 % ACCOUNT_PHASES;
		enum account_phase from = i / ACTORS / 2 / ACCOUNT_PHASES;
		const char *who =
			flip ? flips_home[from][to] : stays_home[from][to];
		bool expected = strchr(who, letters[actor]) != NULL;
		bool request =
			from == ACCOUNT_SETTLED && to == ACCOUNT_REQUESTED;
		struct account_transition transition =
			make_transition(to, flip, actor);
		struct account account;

		make_free(&account, from);
		/* the request has a function of its own */
		if (enters(&account, &transition) != (expected && !request))
			fail_msg("%s to %s, flip %d, by %s: not as expected",
				account_phase_name(from),
				account_phase_name(to), flip,
				account_actor_name(actor));
		allowed += expected;
	}
	/* each but the request has its line of rules */
	assert_int_equal(allowed, COUNT(obeys) + 1);
}

static void obeys_every_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(obeys); i++)
		for (const char *rule = "hbcfptde"; *rule != '\0'; rule++) {
			struct account_transition transition = make_transition(
				obeys[i].to, obeys[i].flip, obeys[i].actor);
			struct account account;

			make_free(&account, obeys[i].from);
			break_rule(&account, *rule);
			if (enters(&account, &transition) ==
				(strchr(obeys[i].rules, *rule) != NULL))
				fail_msg("%s to %s by %s, rule %c",
					account_phase_name(obeys[i].from),
					account_phase_name(obeys[i].to),
					account_actor_name(obeys[i].actor),
					*rule);
		}
}

static void fences_stale_workers(void **state)
{
	static const struct {
		uint64_t named, newest;
		bool expected;
	} cases[] = {
		{ 7, 7, true },
		{ 6, 7, false },
		{ 8, 7, false },
		{ 0, 7, false },
		{ 0, 0, false },
		{ UINT64_MAX, UINT64_MAX, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account_transition transition =
			make_transition(ACCOUNT_SWEEPING, true, ACCOUNT_WORKER);
		struct account account;

		make_free(&account, ACCOUNT_FROZEN);
		account.epoch = cases[i].newest;
		transition.epoch = cases[i].named;
		assert_int_equal(
			enters(&account, &transition), cases[i].expected);
	}
}

static void flips_unproved_only_by_force(void **state)
{
	static const struct {
		enum account_actor actor;
		const char *strategy;
		bool proved, force;
		const char *reason;
		bool expected;
	} cases[] = {
		{ ACCOUNT_OPERATOR, "precopy", false, false, NULL, false },
		{ ACCOUNT_OPERATOR, "precopy", false, false, "why", false },
		{ ACCOUNT_OPERATOR, "precopy", false, true, NULL, false },
		{ ACCOUNT_OPERATOR, "precopy", false, true, "", false },
		{ ACCOUNT_OPERATOR, "precopy", false, true, "why", true },
		{ ACCOUNT_OPERATOR, "precopy", true, false, NULL, true },
		{ ACCOUNT_OPERATOR, "precopy", true, true, NULL, true },
		{ ACCOUNT_OPERATOR, "login", false, false, NULL, false },
		{ ACCOUNT_OPERATOR, "logout", false, false, NULL, false },
		{ ACCOUNT_OPERATOR, "address-first", false, false, NULL, true },
		{ ACCOUNT_WORKER, "precopy", false, false, NULL, false },
		{ ACCOUNT_WORKER, "precopy", false, true, "why", false },
		{ ACCOUNT_WORKER, "precopy", true, false, NULL, true },
		{ ACCOUNT_WORKER, "address-first", false, false, NULL, true },
		{ ACCOUNT_POLICYD, "precopy", true, true, "why", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account_transition transition =
			make_transition(ACCOUNT_SWEEPING, true, cases[i].actor);
		struct account account;

		make_free(&account, ACCOUNT_FROZEN);
		account.strategy = account_strategy_find(cases[i].strategy);
		account.proved = cases[i].proved;
		transition.force = cases[i].force;
		transition.reason = cases[i].reason;
		if (enters(&account, &transition) != cases[i].expected)
			fail_msg("case %zu", i);
	}
}

static void tells_the_rule(void **state)
{
	struct account_transition transition =
		make_transition(ACCOUNT_SWEEPING, true, ACCOUNT_WORKER);
	struct account account;
	struct error error;

	(void)state;
	make_free(&account, ACCOUNT_FROZEN);
	transition.epoch = 3;
	assert_int_equal(account_enter(&account, &transition, &error), -1);
	assert_string_equal(error.text,
		"account ann@example.org, from frozen to sweeping: stale epoch "
		"3, the newest is 7");
	assert_int_equal(account_enter(&account, &transition, NULL), -1);
	transition = make_transition(ACCOUNT_READY, false, ACCOUNT_POLICYD);
	assert_int_equal(account_enter(&account, &transition, &error), -1);
	assert_string_equal(error.text,
		"account ann@example.org, from frozen to ready: policyd makes "
		"no such transition");
}

static void begins_a_freeze(void **state)
{
	static const struct {
		int64_t now, budget, until;
	} cases[] = {
		{ NOW, 30000, NOW + 30000 },
		{ NOW, INSTANT_NEVER, INSTANT_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account_transition transition =
			make_transition(ACCOUNT_FROZEN, false, ACCOUNT_WORKER);
		struct account account;

		make_free(&account, ACCOUNT_READY);
		account.freeze_budget = cases[i].budget;
		account.frozen_at = 5;
		account.freeze_ms = 900;
		account.deferred = 3;
		account.attempts = 2;
		account.front = ACCOUNT_FRONT_OPENING;
		snprintf(account.freeze_steps, sizeof(account.freeze_steps),
			"barrier=31");
		assert_true(enters(&account, &transition));
		assert_true(account_is_frozen(&account));
		assert_int_equal(account.front, ACCOUNT_FRONT_CLOSING);
		assert_int_equal(account.frozen_at, NOW);
		assert_int_equal(account.frozen_until, cases[i].until);
		assert_false(account.proved);
		assert_int_equal(account.freeze_ms, 0);
		assert_string_equal(account.freeze_steps, "");
		assert_int_equal(account.deferred, 0);
		assert_int_equal(account.home, ACCOUNT_DESTINATION);
		assert_int_equal(account.attempts, 2);
	}
}

static void thaws(void **state)
{
	static const struct {
		const char *reason, *failure;
	} cases[] = {
		{ "over budget", "over budget" },
		{ NULL, "thawed" },
		{ "", "thawed" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct account_transition transition = make_transition(
			ACCOUNT_COPYING, false, ACCOUNT_POLICYD);
		struct account account;

		make_free(&account, ACCOUNT_FROZEN);
		account.home = ACCOUNT_SOURCE;
		account.attempts = 2;
		account.due = 99;
		account.deferred = 4;
		account.flipped_at = 17;
		account.held = true;
		transition.reason = cases[i].reason;
		assert_true(enters(&account, &transition));
		assert_int_equal(account.phase, ACCOUNT_COPYING);
		assert_int_equal(account.home, ACCOUNT_SOURCE);
		assert_int_equal(account.front, ACCOUNT_FRONT_OPENING);
		assert_int_equal(account.freeze_ms, 1000);
		assert_int_equal(account.attempts, 3);
		assert_string_equal(account.failure, cases[i].failure);
		/* putting it off is the caller's */
		assert_int_equal(account.due, 99);
		assert_int_equal(account.deferred, 4);
		assert_int_equal(account.flipped_at, 17);
	}
}

static void flips(void **state)
{
	struct account_transition transition =
		make_transition(ACCOUNT_SWEEPING, true, ACCOUNT_WORKER);
	struct account account;

	(void)state;
	for (int i = 0; i < 2; i++) {
		make_free(&account, ACCOUNT_FROZEN);
		account.home = i == 0 ? ACCOUNT_SOURCE : ACCOUNT_DESTINATION;
		account.attempts = 2;
		account.due = NOW + 5;
		snprintf(account.failure, sizeof(account.failure), "x");
		assert_true(enters(&account, &transition));
		assert_int_equal(account.phase, ACCOUNT_SWEEPING);
		assert_int_equal(account.home,
			i == 0 ? ACCOUNT_DESTINATION : ACCOUNT_SOURCE);
		assert_string_equal(
			account_home_system(&account), i == 0 ? "new" : "old");
		assert_string_equal(
			account_other_system(&account), i == 0 ? "old" : "new");
		assert_int_equal(account.front, ACCOUNT_FRONT_OPENING);
		assert_int_equal(account.freeze_ms, 1000);
		assert_int_equal(account.flipped_at, NOW);
		assert_int_equal(account.attempts, 0);
		assert_string_equal(account.failure, "");
		assert_int_equal(account.due, 0);
	}
}

static void survives_a_clock_set_back(void **state)
{
	struct account_transition transition =
		make_transition(ACCOUNT_COPYING, false, ACCOUNT_POLICYD);
	struct account account;

	(void)state;
	make_free(&account, ACCOUNT_FROZEN);
	account.frozen_at = NOW + 60000;
	account.freeze_ms = 12;
	assert_true(enters(&account, &transition));
	assert_int_equal(account.freeze_ms, 0);
	make_free(&account, ACCOUNT_FROZEN);
	account.frozen_at = INT64_MIN;
	assert_true(enters(&account, &transition));
	assert_int_equal(account.freeze_ms, 0);
}

/* A reason of any length fits, and is never cut inside a character. */
static void cuts_reasons(void **state)
{
	struct account_transition transition =
		make_transition(ACCOUNT_COPYING, false, ACCOUNT_OPERATOR);
	struct account account;
	char reason[400];

	(void)state;
	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	memcpy(reason + ACCOUNT_TEXT_SIZE - 3, "\xe2\x82\xac", 3);
	make_free(&account, ACCOUNT_FROZEN);
	transition.reason = reason;
	assert_true(enters(&account, &transition));
	assert_int_equal(strlen(account.failure), ACCOUNT_TEXT_SIZE - 3);
	reason[ACCOUNT_TEXT_SIZE - 1] = '\0';
	reason[ACCOUNT_TEXT_SIZE - 3] = reason[ACCOUNT_TEXT_SIZE - 2] = 'y';
	make_free(&account, ACCOUNT_FROZEN);
	assert_true(enters(&account, &transition));
	assert_string_equal(account.failure, reason);
}

static void settles(void **state)
{
	static const enum account_phase from[] = { ACCOUNT_REQUESTED,
		ACCOUNT_COPYING, ACCOUNT_READY, ACCOUNT_SWEEPING };

	(void)state;
	for (size_t i = 0; i < COUNT(from); i++) {
		struct account_transition transition = make_transition(
			ACCOUNT_SETTLED, false, ACCOUNT_OPERATOR);
		struct account account;

		make_free(&account, from[i]);
		account.attempts = 4;
		account.due = NOW + 5;
		snprintf(account.failure, sizeof(account.failure), "x");
		assert_true(account_is_moving(&account));
		assert_true(enters(&account, &transition));
		assert_false(account_is_moving(&account));
		assert_int_equal(account.home, ACCOUNT_DESTINATION);
		assert_int_equal(account.front, ACCOUNT_FRONT_OPEN);
		assert_int_equal(account.attempts, 0);
		assert_string_equal(account.failure, "");
		assert_int_equal(account.due, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_every_transition),
		cmocka_unit_test(obeys_every_rule),
		cmocka_unit_test(fences_stale_workers),
		cmocka_unit_test(flips_unproved_only_by_force),
		cmocka_unit_test(tells_the_rule),
		cmocka_unit_test(begins_a_freeze),
		cmocka_unit_test(thaws),
		cmocka_unit_test(flips),
		cmocka_unit_test(survives_a_clock_set_back),
		cmocka_unit_test(cuts_reasons),
		cmocka_unit_test(settles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

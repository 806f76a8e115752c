/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The account machine: one table says which changes of phase there are, for
 * whom, and under which rules. It reads no clock and stores nothing; the
 * records of accounts are account_record.c's.
 */
#include <config.h>

#include "lib/account.h"

#include <stdlib.h>
#include <string.h>

#define FREEZE_BUDGET_DEFAULT 30000   /* ms */
#define FREEZE_BUDGET_MAX     3600000 /* as of policyd.freeze_budget */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Which phases carry the load of a move; the default stands first. */
static const struct account_strategy account_strategies[] = {
	{ .name = "precopy",
		.rounds = ACCOUNT_AT_ONCE,
		.freeze = ACCOUNT_AT_ONCE,
		.copy_before_flip = true },
	/* The first login starts the rounds. It is held when the whole move
	 * fits the wait budget; else it passes, and its end is the moment. */
	{ .name = "login",
		.rounds = ACCOUNT_AT_LOGIN,
		.freeze = ACCOUNT_AT_LOGOUT,
		.copy_before_flip = true,
		.login_waits = true },
	/* Who is not logged in is moved like by precopy. */
	{ .name = "logout",
		.rounds = ACCOUNT_AT_ONCE,
		.freeze = ACCOUNT_AT_LOGOUT,
		.copy_before_flip = true },
	{ .name = "address-first",
		.rounds = ACCOUNT_AT_ONCE,
		.freeze = ACCOUNT_AT_ONCE },
};

static const struct account account_defaults = {
	.home = ACCOUNT_SOURCE,
	.phase = ACCOUNT_SETTLED,
	.front = ACCOUNT_FRONT_OPEN,
	.strategy = &account_strategies[0],
	.mail = ACCOUNT_MAIL_DEFER,
	.freeze_budget = FREEZE_BUDGET_DEFAULT,
};

enum account_actors {
	OPERATOR = 1 << ACCOUNT_OPERATOR,
	WORKER = 1 << ACCOUNT_WORKER,
	POLICYD = 1 << ACCOUNT_POLICYD,
};

/*
 * What must be true besides. That a worker names the newest epoch is no bit:
 * it holds for each of its transitions, so that no row can forget it.
 */
enum account_rules {
	NO_RULE = 0,
	BY_REQUEST = 1 << 0, /* only account_request may */
	NOT_HELD = 1 << 1,
	BEGUN = 1 << 2,		 /* not_before is past */
	MAY_COMPLETE = 1 << 3,	 /* complete_after is past */
	FLIPS_FIRST = 1 << 4,	 /* the strategy copies only after the flip */
	PROVED = 1 << 5,	 /* see account_check_proof */
	IN_BUDGET = 1 << 6,	 /* the freeze is not overdue */
	AT_DESTINATION = 1 << 7, /* home is */
};

struct account_row {
	enum account_phase from, to;
	bool flip;
	unsigned actors;
	unsigned rules;
};

/*
 * Every transition there is. Hold stops the worker wherever the account would
 * go forward; what goes back, a thaw above all, is always allowed, since an
 * account that cannot go on must not stay out of service. No row leaves
 * retired, and none leads from sweeping into another move: going back begins
 * only when the stragglers are in.
 */
static const struct account_row account_rows[] = {
	/* Being held already does not forbid to ask; the move waits. */
	{ ACCOUNT_SETTLED, ACCOUNT_REQUESTED, false, OPERATOR, BY_REQUEST },
	{ ACCOUNT_REQUESTED, ACCOUNT_COPYING, false, WORKER, NOT_HELD | BEGUN },
	/* With nothing to copy before the flip there is no copying to pass. */
	{ ACCOUNT_REQUESTED, ACCOUNT_FROZEN, false, WORKER,
		NOT_HELD | BEGUN | MAY_COMPLETE | FLIPS_FIRST },
	{ ACCOUNT_COPYING, ACCOUNT_READY, false, WORKER, NOT_HELD },
	/* It fell behind: a step back, so hold does not matter. */
	{ ACCOUNT_READY, ACCOUNT_COPYING, false, WORKER, NO_RULE },

	/* The worker keeps to the hour that was asked for; the operator's own
	 * word is that hour. Neither freezes what is held: nobody would be
	 * there to end it before the budget does. */
	{ ACCOUNT_COPYING, ACCOUNT_FROZEN, false, WORKER,
		NOT_HELD | MAY_COMPLETE },
	{ ACCOUNT_READY, ACCOUNT_FROZEN, false, WORKER,
		NOT_HELD | MAY_COMPLETE },
	{ ACCOUNT_COPYING, ACCOUNT_FROZEN, false, OPERATOR, NOT_HELD },
	{ ACCOUNT_READY, ACCOUNT_FROZEN, false, OPERATOR, NOT_HELD },

	/* The thaw. policyd's ends what is over budget or lost its worker. */
	{ ACCOUNT_FROZEN, ACCOUNT_COPYING, false, OPERATOR | WORKER | POLICYD,
		NO_RULE },

	/* The flip. The operator is there and decides, held and overdue or
	 * not; only an unproved copy needs force. */
	{ ACCOUNT_FROZEN, ACCOUNT_SWEEPING, true, WORKER,
		NOT_HELD | PROVED | IN_BUDGET },
	{ ACCOUNT_FROZEN, ACCOUNT_SWEEPING, true, OPERATOR, PROVED },

	{ ACCOUNT_SWEEPING, ACCOUNT_SETTLED, false, WORKER, NOT_HELD },
	{ ACCOUNT_SWEEPING, ACCOUNT_SETTLED, false, OPERATOR, NO_RULE },

	/* Cancel. A frozen account is thawed first, so that its freeze ends
	 * and is measured in one way only. */
	{ ACCOUNT_REQUESTED, ACCOUNT_SETTLED, false, OPERATOR, NO_RULE },
	{ ACCOUNT_COPYING, ACCOUNT_SETTLED, false, OPERATOR, NO_RULE },
	{ ACCOUNT_READY, ACCOUNT_SETTLED, false, OPERATOR, NO_RULE },

	/* The mailbox that is deleted is the source's: one still served there
	 * is never retired. */
	{ ACCOUNT_SETTLED, ACCOUNT_RETIRED, false, OPERATOR, AT_DESTINATION },
};

static const char *const account_home_names[] = {
	[ACCOUNT_SOURCE] = "source",
	[ACCOUNT_DESTINATION] = "destination",
};

static const char *const account_phase_names[] = {
	[ACCOUNT_SETTLED] = "settled",
	[ACCOUNT_REQUESTED] = "requested",
	[ACCOUNT_COPYING] = "copying",
	[ACCOUNT_READY] = "ready",
	[ACCOUNT_FROZEN] = "frozen",
	[ACCOUNT_SWEEPING] = "sweeping",
	[ACCOUNT_RETIRED] = "retired",
};

static const char *const account_front_names[] = {
	[ACCOUNT_FRONT_OPEN] = "open",
	[ACCOUNT_FRONT_CLOSING] = "closing",
	[ACCOUNT_FRONT_CLOSED] = "closed",
	[ACCOUNT_FRONT_OPENING] = "opening",
};

static const char *const account_mail_names[] = {
	[ACCOUNT_MAIL_DEFER] = "defer",
	[ACCOUNT_MAIL_PARK] = "park",
};

static const char *const account_actor_names[] = {
	[ACCOUNT_OPERATOR] = "operator",
	[ACCOUNT_WORKER] = "worker",
	[ACCOUNT_POLICYD] = "policyd",
};

void account_init(struct account *account)
{
	*account = account_defaults;
}

void account_clear(struct account *account)
{
	attr_list_free(&account->unknown);
}

static const char *account_name_at(
	const char *const *names, size_t count, size_t index)
{
	if (index >= count)
		abort();
	return names[index];
}

static int account_name_find(
	const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

const char *account_home_name(enum account_home home)
{
	return account_name_at(
		account_home_names, COUNT(account_home_names), home);
}

const char *account_phase_name(enum account_phase phase)
{
	return account_name_at(
		account_phase_names, COUNT(account_phase_names), phase);
}

const char *account_front_name(enum account_front front)
{
	return account_name_at(
		account_front_names, COUNT(account_front_names), front);
}

const char *account_mail_name(enum account_mail mail)
{
	return account_name_at(
		account_mail_names, COUNT(account_mail_names), mail);
}

const char *account_actor_name(enum account_actor actor)
{
	return account_name_at(
		account_actor_names, COUNT(account_actor_names), actor);
}

int account_home_parse(const char *name, enum account_home *home_r)
{
	int found = account_name_find(
		account_home_names, COUNT(account_home_names), name);

	if (found < 0)
		return -1;
	*home_r = (enum account_home)found;
	return 0;
}

int account_phase_parse(const char *name, enum account_phase *phase_r)
{
	int found = account_name_find(
		account_phase_names, COUNT(account_phase_names), name);

	if (found < 0)
		return -1;
	*phase_r = (enum account_phase)found;
	return 0;
}

int account_front_parse(const char *name, enum account_front *front_r)
{
	int found = account_name_find(
		account_front_names, COUNT(account_front_names), name);

	if (found < 0)
		return -1;
	*front_r = (enum account_front)found;
	return 0;
}

int account_mail_parse(const char *name, enum account_mail *mail_r)
{
	int found = account_name_find(
		account_mail_names, COUNT(account_mail_names), name);

	if (found < 0)
		return -1;
	*mail_r = (enum account_mail)found;
	return 0;
}

const struct account_strategy *account_strategy_find(const char *name)
{
	for (size_t i = 0; i < COUNT(account_strategies); i++)
		if (strcmp(account_strategies[i].name, name) == 0)
			return &account_strategies[i];
	return NULL;
}

const struct account_strategy *account_strategy_at(size_t index)
{
	return index < COUNT(account_strategies) ? &account_strategies[index]
						 : NULL;
}

static enum account_home account_other_home(enum account_home home)
{
	return home == ACCOUNT_SOURCE ? ACCOUNT_DESTINATION : ACCOUNT_SOURCE;
}

static const char *account_system(
	const struct account *account, enum account_home home)
{
	return home == ACCOUNT_SOURCE ? account->source : account->destination;
}

const char *account_home_system(const struct account *account)
{
	return account_system(account, account->home);
}

const char *account_other_system(const struct account *account)
{
	return account_system(account, account_other_home(account->home));
}

bool account_is_frozen(const struct account *account)
{
	return account->phase == ACCOUNT_FROZEN;
}

bool account_is_moving(const struct account *account)
{
	return account->phase != ACCOUNT_SETTLED &&
	       account->phase != ACCOUNT_RETIRED;
}

bool account_awaits_login(const struct account *account)
{
	return account->phase == ACCOUNT_REQUESTED &&
	       account->strategy->rounds == ACCOUNT_AT_LOGIN &&
	       account->login_at == 0;
}

static const struct account_row *account_row_find(enum account_phase from,
	enum account_phase to, bool flip, enum account_actor actor)
{
	for (size_t i = 0; i < COUNT(account_rows); i++)
		if (account_rows[i].from == from && account_rows[i].to == to &&
			account_rows[i].flip == flip &&
			(account_rows[i].actors & 1U << actor))
			return &account_rows[i];
	return NULL;
}

/*
 * A flip without proof could lose mail, so it takes the proof of this very
 * freeze. A strategy that copies nothing before the flip has nothing to prove:
 * all that the old home holds is above the sweep's bounds.
 */
static int account_check_proof(const struct account *account,
	const struct account_transition *transition, struct error *error)
{
	if (account->proved || !account->strategy->copy_before_flip)
		return 0;
	if (!transition->force)
		error_set(error, "the last round is not proved");
	else if (transition->actor != ACCOUNT_OPERATOR)
		error_set(error, "only an operator may force it");
	else if (transition->reason == NULL || transition->reason[0] == '\0')
		error_set(error, "to force it takes a reason");
	else
		return 0;
	return -1;
}

static int account_check_epoch(const struct account *account,
	const struct account_transition *transition, struct error *error)
{
	if (transition->actor != ACCOUNT_WORKER)
		return 0;
	/* 0 is no lease's: an account that was never leased has no worker. */
	if (transition->epoch != 0 && transition->epoch == account->epoch)
		return 0;
	error_set(error, "stale epoch %llu, the newest is %llu",
		(unsigned long long)transition->epoch,
		(unsigned long long)account->epoch);
	return -1;
}

static int account_check_rules(const struct account *account,
	const struct account_transition *transition, unsigned rules,
	struct error *error)
{
	const char *why = NULL;

	if (rules & BY_REQUEST)
		why = "that takes a request";
	else if ((rules & NOT_HELD) && account->held)
		why = "the account is held";
	else if ((rules & BEGUN) && transition->now < account->not_before)
		why = "the move may not begin yet";
	else if ((rules & MAY_COMPLETE) &&
		 transition->now < account->complete_after)
		why = "the move may not be completed yet";
	else if ((rules & FLIPS_FIRST) && account->strategy->copy_before_flip)
		why = "the strategy copies before the flip";
	else if ((rules & IN_BUDGET) && transition->now > account->frozen_until)
		why = "the freeze is over its budget";
	else if ((rules & AT_DESTINATION) &&
		 account->home != ACCOUNT_DESTINATION)
		why = "the source still serves it";
	if (why != NULL) {
		error_set(error, "%s", why);
		return -1;
	}
	if (rules & PROVED)
		return account_check_proof(account, transition, error);
	return 0;
}

static int account_check(const struct account *account,
	const struct account_transition *transition, struct error *error)
{
	const struct account_row *row = account_row_find(account->phase,
		transition->to, transition->flip, transition->actor);

	if (row == NULL) {
		error_set(error, "%s makes no such transition",
			account_actor_name(transition->actor));
		return -1;
	}
	if (account_check_epoch(account, transition, error) < 0)
		return -1;
	return account_check_rules(account, transition, row->rules, error);
}

/* Cuts what is too long, but never inside a UTF-8 character. */
static void account_set_text(char *field, size_t size, const char *text)
{
	size_t length = strnlen(text, size);

	if (length == size) {
		length = size - 1;
		while (length > 0 &&
			((unsigned char)text[length] & 0xC0) == 0x80)
			length--;
	}
	memmove(field, text, length);
	field[length] = '\0';
}

static void account_freeze(struct account *account, int64_t now)
{
	account->front = ACCOUNT_FRONT_CLOSING;
	account->frozen_at = now;
	if (__builtin_add_overflow(
		    now, account->freeze_budget, &account->frozen_until))
		account->frozen_until = INSTANT_NEVER;
	account->proved = false;
	account->freeze_ms = 0;
	account->freeze_steps[0] = '\0';
	account->deferred = 0;
	account->due = 0;
}

static void account_flip(struct account *account, int64_t now)
{
	account->home = account_other_home(account->home);
	account->flipped_at = now;
}

static void account_thaw(struct account *account, const char *reason)
{
	account->attempts++;
	account_set_text(account->failure, sizeof(account->failure),
		reason != NULL && reason[0] != '\0' ? reason : "thawed");
}

/* A move went well, or is given up: no failure stands against the account. */
static void account_forget_failures(struct account *account)
{
	account->attempts = 0;
	account->failure[0] = '\0';
	account->due = 0;
}

int account_enter(struct account *account,
	const struct account_transition *transition, struct error *error)
{
	enum account_phase from = account->phase;
	int64_t now = transition->now;

	if (account_check(account, transition, error) < 0) {
		error_prefix(error, "account %s, from %s to %s",
			account->address, account_phase_name(from),
			account_phase_name(transition->to));
		return -1;
	}
	account->phase = transition->to;
	if (transition->to == ACCOUNT_FROZEN)
		account_freeze(account, now);
	if (from == ACCOUNT_FROZEN) {
		account->front = ACCOUNT_FRONT_OPENING;
		/* The wall clock may have been set back meanwhile. */
		if (__builtin_sub_overflow(
			    now, account->frozen_at, &account->freeze_ms) ||
			account->freeze_ms < 0)
			account->freeze_ms = 0;
		if (!transition->flip)
			account_thaw(account, transition->reason);
	}
	if (transition->flip)
		account_flip(account, now);
	if (transition->flip || transition->to == ACCOUNT_SETTLED)
		account_forget_failures(account);
	return 0;
}

static int account_check_request(const struct account *account,
	const struct account *request, enum account_home to,
	struct error *error)
{
	if (account_row_find(account->phase, ACCOUNT_REQUESTED, false,
		    ACCOUNT_OPERATOR) == NULL) {
		error_set(error, "account %s: %s %s", account->address,
			account_is_moving(account) ? "a move is under way:"
						   : "it is",
			account_phase_name(account->phase));
		return -1;
	}
	if (account->home == to) {
		error_set(error, "account %s: already at %s", account->address,
			account_home_system(account));
		return -1;
	}
	if (request->freeze_budget <= 0 ||
		request->freeze_budget > FREEZE_BUDGET_MAX) {
		error_set(error,
			"account %s: freeze budget %lld ms: give 1ms to 1h",
			account->address, (long long)request->freeze_budget);
		return -1;
	}
	return 0;
}

int account_request(struct account *account, const struct account *request,
	enum account_home to, int64_t now, struct error *error)
{
	if (account_check_request(account, request, to, error) < 0)
		return -1;
	account->phase = ACCOUNT_REQUESTED;
	account->strategy = request->strategy;
	account->mail = request->mail;
	account->requested_at = now;
	account->not_before = request->not_before;
	account->complete_after = request->complete_after;
	account->freeze_budget = request->freeze_budget;
	if (request->batch[0] != '\0')
		account_set_text(
			account->batch, sizeof(account->batch), request->batch);
	account_set_text(account->requested_by, sizeof(account->requested_by),
		request->requested_by);
	account_forget_failures(account);
	account->login_at = 0;
	account->due = account_awaits_login(account) ? INSTANT_NEVER
						     : request->not_before;
	account->rounds = 0;
	account->messages = 0;
	account->bytes = 0;
	return 0;
}

int64_t account_backoff(int64_t attempts, int64_t min, int64_t max)
{
	int64_t wait = min;

	if (attempts <= 0)
		return 0;
	while (--attempts > 0 && wait > 0 && wait < max)
		wait = wait > max / 2 ? max : wait * 2;
	return wait < max ? wait : max;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The account machine: where an account is served (home), how far its move is
 * (phase), and which changes are allowed, by whom. Pure: no input or output,
 * no clock; policyd stores what is decided here. No other file knows the table
 * of transitions.
 */
#ifndef REHOME_ACCOUNT_H
#define REHOME_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/attr.h"
#include "lib/error.h"
#include "lib/instant.h"

#define ACCOUNT_NAME_SIZE 64  /* system, batch, person */
#define ACCOUNT_TEXT_SIZE 256 /* reasons */

enum account_home {
	ACCOUNT_SOURCE,
	ACCOUNT_DESTINATION,
};

enum account_phase {
	ACCOUNT_SETTLED,
	ACCOUNT_REQUESTED,
	ACCOUNT_COPYING,
	ACCOUNT_READY,
	ACCOUNT_FROZEN,
	ACCOUNT_SWEEPING,
	ACCOUNT_RETIRED,
	ACCOUNT_PHASES,
};

/*
 * What stands before the account, maps, hooks and queue, follows the phase
 * after it was committed. CLOSING: frozen is committed and being made true;
 * CLOSED: it is true everywhere but for deliveries under way; OPENING: a freeze
 * has ended, the new answer is being published and waiting mail flushed.
 */
enum account_front {
	ACCOUNT_FRONT_OPEN,
	ACCOUNT_FRONT_CLOSING,
	ACCOUNT_FRONT_CLOSED,
	ACCOUNT_FRONT_OPENING,
};

/* What happens to outside mail during the freeze. */
enum account_mail {
	ACCOUNT_MAIL_DEFER,
	ACCOUNT_MAIL_PARK,
};

enum account_actor {
	ACCOUNT_OPERATOR,
	ACCOUNT_WORKER,
	ACCOUNT_POLICYD,
};

/* When a strategy lets live rounds begin, and the freeze. */
enum account_moment {
	ACCOUNT_AT_ONCE,
	ACCOUNT_AT_LOGIN,
	ACCOUNT_AT_LOGOUT,
};

struct account_strategy {
	const char *name;
	enum account_moment rounds;
	enum account_moment freeze;
	bool copy_before_flip; /* false: flip at once, all work in sweeping */
	bool login_waits;      /* a held login when it fits the wait budget */
};

struct account {
	char address[ADDRESS_SIZE];
	char source[ACCOUNT_NAME_SIZE];
	char destination[ACCOUNT_NAME_SIZE];
	enum account_home home;
	enum account_phase phase;
	enum account_front front;
	bool held;
	char hold_reason[ACCOUNT_TEXT_SIZE];

	/* the request */
	const struct account_strategy *strategy;
	enum account_mail mail;
	int64_t requested_at;
	int64_t not_before;
	int64_t complete_after; /* INSTANT_NEVER: waits for the operator */
	int64_t freeze_budget;	/* ms */
	char batch[ACCOUNT_NAME_SIZE];
	char requested_by[ACCOUNT_NAME_SIZE];

	/* the work */
	uint64_t epoch;	  /* of the newest lease; never goes back */
	int64_t due;	  /* no worker takes it earlier */
	int64_t attempts; /* failures in a row */
	char failure[ACCOUNT_TEXT_SIZE];
	int64_t rounds;
	int64_t messages; /* at home, seen by the last round */
	int64_t bytes;

	/* the freeze: the present one, or the last */
	int64_t frozen_at;
	int64_t frozen_until; /* frozen_at + freeze_budget */
	bool proved;	      /* the last round of this freeze is proved */
	int64_t freeze_ms;    /* commit of frozen to commit of its end */
	char freeze_steps[ACCOUNT_TEXT_SIZE]; /* "barrier=31 ..." ms */
	int64_t deferred;		      /* recipients deferred in it */
	int64_t flipped_at;
	int64_t login_at; /* the login that this move has waited for */

	uint64_t revision;	   /* one more with every stored change */
	struct attr_list *unknown; /* of later versions; kept, or NULL */
};

/*
 * Sets every field to its default: settled at the source, strategy precopy,
 * mail deferred, freeze budget 30 s. account_clear frees what it owns.
 */
void account_init(struct account *account);
void account_clear(struct account *account);

/* Names as in records, protocol and command line; parse gives 0 or -1. */
const char *account_home_name(enum account_home home);
const char *account_phase_name(enum account_phase phase);
const char *account_front_name(enum account_front front);
const char *account_mail_name(enum account_mail mail);
const char *account_actor_name(enum account_actor actor);
int account_home_parse(const char *name, enum account_home *home_r);
int account_phase_parse(const char *name, enum account_phase *phase_r);
int account_front_parse(const char *name, enum account_front *front_r);
int account_mail_parse(const char *name, enum account_mail *mail_r);
/* NULL when there is no such strategy. */
const struct account_strategy *account_strategy_find(const char *name);
/* The strategy at index, NULL behind the last. */
const struct account_strategy *account_strategy_at(size_t index);

/* The name of the system that serves it now, and of the other one. */
const char *account_home_system(const struct account *account);
const char *account_other_system(const struct account *account);
/* Out of service: the frozen phase. */
bool account_is_frozen(const struct account *account);
/* A request is under way: neither settled nor retired. */
bool account_is_moving(const struct account *account);
/* Its strategy begins with a login, and none has come yet: no work. */
bool account_awaits_login(const struct account *account);

struct account_transition {
	enum account_phase to;
	bool flip; /* home becomes the other system; only frozen -> sweeping */
	enum account_actor actor;
	uint64_t epoch; /* a worker's; others give 0 */
	bool force;	/* operator: flip what is not proved */
	int64_t now;
	const char *reason; /* or NULL */
};

/*
 * The one place where a phase changes. Checks the transition against the
 * table, for a worker its epoch, and the rules of the row: hold, not_before and
 * complete_after, proof, budget; sets phase, home, front and the fields of the
 * freeze. Returns 0, or -1 with an error that says which rule forbids it, the
 * account unchanged. A thaw (frozen -> copying) counts a failed attempt, with
 * the reason as its failure; the caller puts due off by account_backoff, whose
 * bounds are configured. A flip and the end of a move clear due and failures.
 */
int account_enter(struct account *account,
	const struct account_transition *transition, struct error *error);

/*
 * Begins a request (settled -> requested): what the operator asked for is in
 * request, an account of which only the request's fields are read (all but
 * requested_at, which is now; an empty batch leaves the account's as it is). to
 * is the home that is asked for; being there already is an error that says so.
 * Returns 0, or -1 with the account unchanged.
 */
int account_request(struct account *account, const struct account *request,
	enum account_home to, int64_t now, struct error *error);

/* Milliseconds to wait after that many failures in a row: doubling from min,
 * never above max; 0 after none. */
int64_t account_backoff(int64_t attempts, int64_t min, int64_t max);

/*
 * Records: one table of fields serves store, control protocol and JSON.
 * account_print adds every field that is not at its default, and always
 * version, address, home, phase, source and destination (all: everything), then
 * the unknown ones. account_scan sets up account_r (account_clear it) and reads
 * one; names it does not know go to unknown, in their order. -1 with an error
 * when a value is bad, a name stands twice or one of those six is missing: a
 * damaged record is never half read, and account_r owns nothing then.
 */
#define ACCOUNT_RECORD_VERSION 1
void account_print(
	const struct account *account, bool all, struct attr_list *list);
int account_scan(const struct attr_list *list, struct account *account_r,
	struct error *error);
/* The kind of a field for printers: 's' text, 'n' number, 't' instant,
 * 'b' boolean (yes, no), 'd' duration in ms; 0 when there is no such field. */
char account_field_kind(const char *name);

#endif

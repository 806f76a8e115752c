/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The write side of policyd. Every change of an account is one transaction:
 * the record is read, changed by the rules of lib/account.c, written with its
 * line of history, and what was done is logged and told to those who watch.
 * A transaction that meets another one is tried again, a bounded number of
 * times. A thread of the machine ends what has run out: freezes over their
 * budget, leases of workers that are gone.
 *
 * Results are those of the control protocol: CONTROL_OK; NOT_FOUND: no such
 * account; CONFLICT: a rule forbids it, with the rule in the error; ERROR: the
 * store could not do it, or it is unknown whether it did. Any thread.
 * Addresses are those of accounts, in canonical form, unless it says
 * otherwise. An account_r may be NULL; it is set with CONTROL_OK and is the
 * caller's to clear.
 */
#ifndef REHOME_MACHINE_H
#define REHOME_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/attr.h"
#include "lib/control_client.h"
#include "lib/error.h"
#include "lib/log.h"
#include "policyd/events.h"
#include "policyd/settings.h"
#include "policyd/store.h"

struct machine;

/* None of them is owned; all must live longer than the machine. */
struct machine *machine_new(struct settings_box *settings, struct store *store,
	struct events *events, struct log *log);
void machine_free(struct machine **machine);

/* The thread that ends what has run out. */
void machine_start(struct machine *machine);
void machine_stop(struct machine *machine);
/* One pass of it, for the thread and for tests. Returns the instant when the
 * next one is needed at the latest. */
int64_t machine_expire(struct machine *machine);

/* What stands before the accounts (front.h), as functions. */
struct machine_front {
	void (*wake)(void *front);
	int (*barrier)(void *front, const char *address, const char **waiting_r,
		size_t *entries_r, struct error *error);
	/* A change of the account is durable. No transaction is open. */
	void (*changed)(void *front, const struct account *account);
	/* Whether everybody is logged out: 1, 0, -1 it cannot be told. */
	int (*quiet)(void *front, const char *address, struct error *error);
};
/* Before the machine is used; without a front no barrier passes. */
void machine_set_front(struct machine *machine,
	const struct machine_front *calls, void *front);
/* The front_store_fn of front.h; its context is the machine. */
int machine_store_front(void *machine, const char *address, int64_t frozen_at,
	enum account_front from, enum account_front to, const char *steps,
	struct error *error);

/* A recipient of the account was deferred by the policy service. */
void machine_deferred(struct machine *machine, const struct account *account,
	const char *recipient);

/* ---- operators; by names the person ---- */

struct machine_add {
	const char *address; /* in any form, as all of these */
	const char *source;  /* names of systems */
	const char *destination;
	enum account_home home;
	const char *batch; /* or NULL */
	const char *const *aliases;
	size_t aliases_count;
};
enum control_status machine_add(struct machine *machine,
	const struct machine_add *add, const char *by,
	struct account *account_r, struct error *error);
enum control_status machine_remove(struct machine *machine, const char *address,
	const char *by, struct error *error);
/* alias in any form. */
enum control_status machine_add_alias(struct machine *machine,
	const char *address, const char *alias, const char *by,
	struct error *error);
enum control_status machine_remove_alias(struct machine *machine,
	const char *address, const char *alias, const char *by,
	struct error *error);

/* Asks for a move to that home; of request only what account_request reads. */
enum control_status machine_request(struct machine *machine,
	const char *address, const struct account *request,
	enum account_home to, struct account *account_r, struct error *error);

/* A transition that an operator makes with his own hand. */
enum machine_deed {
	MACHINE_CANCEL,
	MACHINE_FREEZE,
	MACHINE_THAW,
	MACHINE_IN_SERVICE,
	MACHINE_SETTLE, /* ends the sweep */
	MACHINE_RETIRE,
};
/* reason may be NULL; force is for MACHINE_IN_SERVICE. */
enum control_status machine_operate(struct machine *machine,
	const char *address, enum machine_deed deed, bool force,
	const char *reason, const char *by, struct account *account_r,
	struct error *error);
/* Thaws first when it is frozen, in the same transaction. */
enum control_status machine_hold(struct machine *machine, const char *address,
	const char *reason, const char *by, struct account *account_r,
	struct error *error);
enum control_status machine_resume(struct machine *machine, const char *address,
	const char *by, struct account *account_r, struct error *error);
/* complete_after becomes now. */
enum control_status machine_complete(struct machine *machine,
	const char *address, const char *by, struct account *account_r,
	struct error *error);

/*
 * Approves what was refused (lib/refusal.h): these items, or all. CONFLICT
 * when one of the items is not there. found has room for as many as items;
 * *approved_r tells how many were not approved before, *open_r how many are
 * left that keep the account from its flip.
 */
struct machine_approval {
	const char *const *items;
	size_t items_count;
	bool all;
	/* not approved: the altered messages among them are to be tried once
	 * more */
	bool again;
	const char *reason;
	const char *by;
	bool *found;
	uint64_t *approved_r;
	uint64_t *open_r;
};
enum control_status machine_approve(struct machine *machine,
	const char *address, const struct machine_approval *approval,
	struct account *account_r, struct error *error);

/* ---- logins ---- */

struct machine_login {
	const char *system; /* that has let the user in */
	const char *sealed; /* his password (lib/seal.h), or NULL */
};
/*
 * A user was let in. Begins the move that waits for it. Keeps the sealed
 * password, in place of a former one, while the account is served by that
 * system and is to leave it; it is wiped when the account settles.
 */
enum control_status machine_logged_in(struct machine *machine,
	const char *address, const struct machine_login *login,
	struct error *error);
/* Everybody has logged out, perhaps: an account that is ready and waits for
 * that is due. */
enum control_status machine_logged_out(
	struct machine *machine, const char *address, struct error *error);

/* ---- workers; a lease is named by its account and epoch ---- */

/* The sealed password, appended, and the system that it is of. NOT_FOUND when
 * none was learned. */
enum control_status machine_secret(struct machine *machine, const char *address,
	uint64_t epoch, struct buffer *sealed, char system_r[ACCOUNT_NAME_SIZE],
	struct error *error);
/* Whether everybody is logged out, as the account's strategy wants it before
 * the freeze. */
enum control_status machine_quiet(struct machine *machine, const char *address,
	uint64_t epoch, bool *quiet_r, struct error *error);

/*
 * Leases the account that is due for the longest time, of that address or
 * batch when they are not NULL. NOT_FOUND when none is due: *next_due_r is
 * then the instant when one will be, or INSTANT_NEVER.
 */
enum control_status machine_lease(struct machine *machine, const char *worker,
	const char *address, const char *batch, struct account *account_r,
	struct store_lease *lease_r, int64_t *next_due_r, struct error *error);
/* progress (or NULL) is told to those who watch. */
enum control_status machine_renew(struct machine *machine, const char *address,
	uint64_t epoch, const struct attr_list *progress,
	struct account *account_r, struct store_lease *lease_r,
	struct error *error);
/*
 * Gives the lease back; no work on it before due. failure (or NULL) counts and
 * may put due off further. Also given back: a lease that has lost its epoch.
 */
enum control_status machine_release(struct machine *machine,
	const char *address, uint64_t epoch, int64_t due, const char *failure,
	struct error *error);
enum control_status machine_enter(struct machine *machine, const char *address,
	uint64_t epoch, enum account_phase phase, const char *reason,
	struct account *account_r, struct error *error);

struct machine_barrier {
	bool passed;
	const char *waiting; /* when not passed: for what */
	size_t entries;	     /* of the queue */
	int64_t remaining;   /* ms until the freeze is over its budget */
	int64_t frozen_at;   /* which freeze this is about */
};
enum control_status machine_barrier(struct machine *machine,
	const char *address, uint64_t epoch, struct machine_barrier *barrier_r,
	struct error *error);

struct machine_proof {
	int64_t frozen_at; /* of which freeze: no other is proved by it */
	int64_t messages;
	int64_t bytes;
	int64_t foreign;
	const struct store_bound *bounds;
	size_t bounds_count;
};
/* Whether the worker holds the freeze that the proof is of: before bounds of it
 * are kept. Changes nothing. */
enum control_status machine_may_prove(struct machine *machine,
	const char *address, uint64_t epoch, const struct machine_proof *proof,
	struct error *error);
/* Only when the barrier of this freeze has passed. ERROR also when the front
 * cannot tell. */
enum control_status machine_prove(struct machine *machine, const char *address,
	uint64_t epoch, const struct machine_proof *proof, struct error *error);
/* steps (or NULL) as in steps.h. A strategy without a proof waits for the
 * barrier too. */
enum control_status machine_flip(struct machine *machine, const char *address,
	uint64_t epoch, const char *steps, struct account *account_r,
	struct error *error);

/* Keeps a document (lib/document.h) with the account; an empty text deletes
 * it. ERROR also when no worker may put that name, or the text is too long. */
enum control_status machine_put_document(struct machine *machine,
	const char *address, uint64_t epoch, const char *name, const char *text,
	struct error *error);

/* What a round has done; detail has its attributes and is kept in history. */
enum control_status machine_round(struct machine *machine, const char *address,
	uint64_t epoch, int64_t messages, int64_t bytes,
	const struct attr_list *detail, struct error *error);

#endif

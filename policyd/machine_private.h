/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the machine share; its tests look in too. */
#ifndef REHOME_MACHINE_PRIVATE_H
#define REHOME_MACHINE_PRIVATE_H

#include <pthread.h>

#include "policyd/deferrals.h"
#include "policyd/machine.h"

#define MACHINE_LINES_MAX 4

struct machine {
	struct settings_box *settings;
	struct store *store;
	struct events *events;
	struct log *log;
	struct deferrals *deferrals;
	int64_t (*clock)(void); /* instant_now */

	const struct machine_front *front_calls;
	void *front;

	/* A name must be free both as account and as alias; the store knows
	 * no lock on what is not there. */
	pthread_mutex_t names_lock;

	pthread_t thread;
	bool started;
	pthread_mutex_t timer_lock;
	pthread_cond_t timer_changed;
	int64_t timer_next; /* the pass that the thread sleeps until */
	bool stopping;
};

enum machine_effect {
	MACHINE_WRITES,	      /* the account and its history */
	MACHINE_WRITES_LEASE, /* only what the step has written itself */
	MACHINE_READS,	      /* nothing */
};

/* One attempt at a change: what a step may read and write. */
struct machine_change {
	struct machine *machine;
	const struct config *config;
	struct store_txn *txn;
	int64_t now;
	struct account account; /* written back when the step is OK */
	bool leased;
	struct store_lease lease;

	/* set by the step */
	enum machine_effect effect;
	bool removed; /* the step has deleted the account */
	bool doomed;  /* the store has failed inside the step */
	bool wakes_front;
	bool wiped; /* a secret, which is to be dropped now */

	struct attr_list *lines[MACHINE_LINES_MAX]; /* of history */
	size_t lines_count;
	int64_t deferrals; /* taken by this change */
};

/*
 * The step of a change. Returns CONTROL_OK to have it committed; anything else
 * (with an error) undoes it. It may be called several times for one change.
 */
typedef enum control_status machine_step_fn(struct machine_change *change,
	const void *request, struct error *error);

enum control_status machine_change(struct machine *machine, const char *address,
	machine_step_fn *step, const void *request, struct account *account_r,
	struct error *error);
/* The same for an account that is not there yet: the step fills it in. */
enum control_status machine_create(struct machine *machine, const char *address,
	machine_step_fn *step, const void *request, struct account *account_r,
	struct error *error);

/* For a step that the store has failed. */
enum control_status machine_doom(struct machine_change *change);

/* Adds a line of history that begins with that event; attributes may be
 * added to it. */
struct attr_list *machine_line(
	struct machine_change *change, const char *event);

/*
 * account_enter with all that belongs to it: history, bounds of an older
 * freeze dropped, deferrals added up, the back-off of a thaw. by names the
 * person or worker, NULL for policyd itself.
 */
enum control_status machine_transition(struct machine_change *change,
	const struct account_transition *transition, const char *by,
	struct error *error);
/* When an account without a failure is due: as soon as it may begin. */
int64_t machine_next_due(const struct machine_change *change);
/* One more failure in a row: back-off. */
void machine_put_off(struct machine_change *change);
/* Ends all rights of the present lease. It stays until it expires, so that no
 * other worker begins before this one has noticed. */
void machine_fence(struct machine_change *change);

/* Whether the epoch is that of a live lease: CONTROL_OK or CONFLICT. */
enum control_status machine_check_lease(const struct machine_change *change,
	uint64_t epoch, struct error *error);

/* Whether all that was refused is approved: CONTROL_OK or CONFLICT. */
enum control_status machine_check_refused(
	struct machine_change *change, struct error *error);
/* As front_barrier. */
int machine_ask_barrier(const struct machine *machine, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error);

/* Whether the account waits for nothing but that everybody is logged out. */
bool machine_freeze_is_awaited(const struct machine_change *change);
/* Whether everybody is logged out, as the strategy wants it before the freeze:
 * CONTROL_OK, CONFLICT or ERROR. */
enum control_status machine_check_quiet(
	const struct machine_change *change, struct error *error);
/* Overwrites the learned password; it is removed behind the commit. 0, or -1:
 * the store has failed. */
int machine_wipe_secret(struct machine_change *change, struct error *error);
/* The second half of it, in a transaction of its own. */
void machine_drop_secret(struct machine *machine, const char *address);

/* A new move judges anew. 0, or -1: the store has failed. */
int machine_forget_refused(struct machine_change *change, struct error *error);
/*
 * What was approved of messages that can be known again is kept beyond its
 * move. 0, or -1: the store has failed.
 */
int machine_keep_former(struct machine_change *change, struct error *error);
/*
 * Approves of the list what was approved in an earlier move to the same system:
 * the same message (by its identity) for the same reason, in the same words.
 */
enum control_status machine_approve_former(struct machine_change *change,
	const char *refused, struct error *error);

/* A text field of an account; what is too long is cut between characters. */
void machine_copy_text(char field[ACCOUNT_TEXT_SIZE], const char *text);

/* There may be an earlier instant to wake up at. */
void machine_timer_note(struct machine *machine, int64_t instant);

/* account and detail (or NULL) as an event for those who watch. */
void machine_publish(struct machine *machine, const char *event,
	const struct account *account, const struct attr_list *detail,
	bool whole);

void machine_front_wake(struct machine *machine);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the parts of a move: move.c (its phases), move_side.c, move_access.c,
 * move_endure.c and move_lanes.c (connections and hooks), move_freeze.c (the
 * freeze), move_sweep.c (after the flip), and one for each thing that is kept
 * with the account.
 */
#ifndef REHOME_COPIER_MOVE_PRIVATE_H
#define REHOME_COPIER_MOVE_PRIVATE_H

#include "copier/location.h"
#include "copier/move.h"
#include "copier/pass.h"
#include "copier/round.h"
#include "copier/secret.h"
#include "copier/worker.h"

struct move {
	const struct move_order *order;
	struct account *account;
	struct worker worker;
	struct flagpool *flags;
	struct certificate *certificate;
	struct pass pass; /* home and other, as the account has them now */
	int slots[2];	  /* of home and other, or -1 */
	const char *kind; /* of the pass: "live", "last", "sweep" */
	bool frozen;	  /* we work inside a freeze */
	bool sampled;	  /* messages were read back in this lease */
	bool hurried;	  /* limits are not waited for */
	enum mailbox_failure failure; /* of what could not be opened */
	struct secret learned;	      /* the user's password, or none */
	struct location places[2];    /* of source and destination, once made */
	int64_t due;		      /* when to come again */
	uint64_t ahead;	  /* changes whenever work that was cut off got ahead */
	int64_t round_ms; /* the last round took */
	const char *uidl_format; /* of home's POP3 server, or NULL */
	char *uidl_told;	 /* of POP3, for the operator; or NULL */
	char *identity_told;	 /* the document as it is kept, or NULL */
	struct foldermap *map;	 /* of the source, or NULL */
	size_t notes_told;	 /* of the pass's, in the log */
};

/* The side of the journal that a home is. */
static inline enum journal_side move_side(enum account_home home)
{
	return home == ACCOUNT_SOURCE ? JOURNAL_SOURCE : JOURNAL_DESTINATION;
}

/* True while there is a point in going on; the pass asks it, too. */
bool move_goes_on(void *context, struct error *error);
/* Sleeps in small pieces; false when move_goes_on said no. */
bool move_sleep(struct move *move, int64_t ms, struct error *error);
void move_log(const struct move *move, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Asks policyd for the password that the gateway has learned, if there is a key
 * that opens it; one that cannot be opened is told in the log. 0, or -1 when
 * policyd did not answer or the key cannot be read. */
int move_learn_password(struct move *move, struct error *error);

/* Where the account is at the system; valid until move_clear_places. NULL with
 * an error. */
const struct location *move_place(struct move *move,
	const struct config_system *system, struct error *error);
/* After the mailboxes are closed. */
void move_clear_places(struct move *move);
/* In a hurry the systems' limits are not waited for. */
void move_hurry(struct move *move, bool hurry);
/* Whether the systems' limits of today leave something. */
bool move_may_spend(struct move *move, struct error *error);
/* When they leave something again, if not now; or 0. */
int64_t move_resumes(struct move *move);
/*
 * Work over both mailboxes that opens what it loses and is begun again, in a
 * freeze for a moment only; or over home's alone. The work returns 0, or -1
 * with an error; again when a try before was cut off. 0 or -1.
 */
typedef int move_work_fn(
	struct move *move, void *context, bool again, struct error *error);
int move_endure(struct move *move, move_work_fn *work, void *context,
	struct error *error);
int move_endure_home(struct move *move, move_work_fn *work, void *context,
	struct error *error);
/* Of a try that was cut off: what it has done counts as getting ahead. */
void move_gets_ahead(struct move *move, const struct pass_counts *counts);
/* A round; the counts of tries that were cut off are added to its own. */
int move_endure_round(struct move *move, const struct round_options *options,
	struct error *error);

/* Opens the mailbox of home or of the other side, if it is not open. 0/-1. */
int move_open_home(struct move *move, struct error *error);
int move_open_other(struct move *move, struct error *error);
/* Opens again what was lost: hooks may have ended our sessions, too. */
int move_revive(struct move *move, struct error *error);
void move_close(struct move *move);
/* How many pairs of connections the account may use (move_lanes.c). */
size_t move_lanes(const struct move *move);
/* The pass's pair_open and pair_close; context is the move. */
bool move_open_pair(void *context, struct pass_pair *pair, struct error *error);
void move_close_pair(void *context, struct pass_pair *pair);
/* Opens the identity of the other side where it is a Dovecot that is told
 * UIDs. 0 or -1. */
int move_open_identity(struct move *move, struct error *error);
/* The other side is another one now, or the move is over. */
void move_close_identity(struct move *move);
/* UIDs that the new home gives lie above those that a straggler can have: for
 * INBOX the last step before the flip, for other folders the first behind it.
 * 0 or -1. */
int move_gap(struct move *move, bool inbox, struct error *error);
/* Keeps with the account what clients will do again. 0 or -1. */
int move_tell_identity(struct move *move, struct error *error);

/* Learns in what form home's POP3 server names messages, for the hook that
 * makes the mailbox. */
void move_learn_uidl(struct move *move);
/* Compares what POP3 clients know messages by; what would change is noted as
 * refused. 0, or -1 when a server did not answer. */
int move_check_uidl(struct move *move, struct error *error);

/* Runs the other side's provision hook. 0 or -1. */
int move_provision(struct move *move, struct error *error);

/* Reads the folder map of the source's system and begins the notes. 0 or -1. */
int move_folders_begin(struct move *move, struct error *error);
void move_folders_end(struct move *move);
/* Logs the notes that are new. */
void move_folders_tell(struct move *move);
/* Keeps with the account what it shares with others. 0 or -1. */
int move_folders_shared(struct move *move, struct error *error);

/* One round of that kind, told to policyd; with times it is the last one,
 * which a proof follows. 0 or -1. */
int move_round(struct move *move, const char *kind, struct round_times *times,
	struct error *error);
/* Tells policyd what the pass has done. */
int move_report(struct move *move, int64_t duration, struct error *error);
/* The certificate will be STATE/NAME.certificate. */
void move_begin_certificate(struct move *move, const char *name);
/* Writes down what is there by now, ahead of the freeze. 0 or -1. */
int move_prepare_certificate(struct move *move, struct error *error);
/* Puts it in its place, before the copy counts as proved. 0 or -1. */
int move_finish_certificate(
	struct move *move, uint64_t foreign, struct error *error);
/* Its summary, for policyd, after the flip. */
void move_tell_certificate(struct move *move);

/* Reads what was refused before and what is approved of it. 0 or -1. */
int move_load_refused(struct move *move, struct error *error);
/*
 * Tells policyd what the pass, of the move or of its sweep, was refused; whole
 * as in refused_gather. -1 with the first of it when something is neither
 * carried over nor approved, or policyd could not be told.
 */
int move_refusals(
	struct move *move, struct pass *pass, bool whole, struct error *error);

/* Sweeps above the bounds that policyd has, from the old home to the new one;
 * they are swapped when the pass is one towards the old home. 0 or -1. */
int move_sweep_bounds(struct move *move, struct error *error);
/* The phase sweeping, up to settled. 0 or -1. */
int move_sweeping(struct move *move, struct error *error);

/* Frozen, barrier, last round, proof, flip. 0 flipped; -1 the account is
 * thawed, with the reason. */
int move_freeze(struct move *move, struct error *error);

#endif

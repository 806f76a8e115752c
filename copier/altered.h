/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that a server acknowledges and stores otherwise than they were
 * sent. Those that have what servers alter (altered_scan.h) are marked in the
 * journal until they are read back; what is altered is written down there with
 * both digests, so that it is read back once, and neither copied again in each
 * round nor taken for what it is not.
 */
#ifndef REHOME_COPIER_ALTERED_H
#define REHOME_COPIER_ALTERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/pass.h"
#include "copier/view.h"

/*
 * Reads back from the other side, where no append is under way, the pairs of
 * the folder that the journal marks: of this run, or of one that was broken off
 * before it came to that. None is marked then; of what is altered there is a
 * verdict in the journal. By the pass's rule for such messages those that were
 * not approved are expunged and their pairs dissolved, where the server can.
 * Pairs from the index first on count as copied in this pass. Selects the
 * folder. Returns 1, or -1 with an error when the other side is of no further
 * use.
 */
int altered_check(struct pass *pass, struct journal_folder *folder,
	size_t first, struct error *error);

/* Whether there is something of the folder to be read back or taken out. */
bool altered_has(const struct pass *pass, const struct journal_folder *folder);

/*
 * Before a round looks: expunges what is altered and is to be tried once more,
 * and forgets that it was; what cannot be expunged stays. 1 or -1 as above.
 */
int altered_retry(struct pass *pass, struct error *error);

/* Writes down as refused all that is altered and not approved. */
void altered_remind(struct pass *pass);
/* Takes out of a set of home's UIDs what would only be altered once more. */
void altered_leave(const struct pass *pass, const struct journal_folder *folder,
	struct uidset *uids);
/* Forgets what was altered and is gone; home may be NULL: there is none. */
void altered_forget(struct pass *pass, struct journal_folder *folder,
	const struct view_folder *home);
/* Whether a message of that side was altered and is not at the other one. */
bool altered_waits(const struct journal_folder *folder, enum journal_side side);

/* The first of home's UIDs in the folder whose like was not read back yet, or
 * is altered without approval; or 0. */
uint32_t altered_open(
	const struct pass *pass, const struct journal_folder *folder);

/* Told of what the other side keeps altered; stops never. */
typedef void altered_fn(void *context, const struct journal_folder *folder,
	const struct journal_verdict *verdict, uint32_t other);
void altered_each(const struct pass *pass, altered_fn *callback, void *context);

/* "NUL octets" */
const char *altered_risk_words(enum journal_risk risk);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a round keeps up home's identity at the other side. */
#ifndef REHOME_COPIER_ROUND_IDENTITY_H
#define REHOME_COPIER_ROUND_IDENTITY_H

#include "copier/pass.h"
#include "copier/plan.h"
#include "copier/view.h"

/*
 * Gives the folders that are empty at the other side, and ready, home's
 * UIDVALIDITY; the journal learns it. *wrote_r is set when there was one. 1 or
 * -1.
 */
int round_identify(struct pass *pass, const struct plan *plan,
	const bool *ready, bool *wrote_r, struct error *error);

/* Before flags of the folder are changed, or messages expunged: they get
 * modification sequences that are not below home's. 1 or -1. */
int round_raise(struct pass *pass, const struct plan_folder *folder,
	struct error *error);

/*
 * Before messages are stored in the folder that home has selected: what the
 * transfer must know.
 */
void round_number(struct pass *pass, const struct plan_folder *folder);

/*
 * At the end of a round, after is the other side's list or NULL when nothing
 * was written there: HIGHESTMODSEQ is not below home's, and no UID stands for
 * another message. What it changed is corrected in after; a folder that must
 * be matched anew counts as unsettled. 1 or -1.
 */
int round_level(struct pass *pass, const struct plan *plan, struct view *after,
	struct error *error);

#endif

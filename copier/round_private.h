/* SPDX-License-Identifier: BSD-2-Clause */
/* Between round.c, which looks and plans, and round_execute.c, which does. */
#ifndef REHOME_COPIER_ROUND_PRIVATE_H
#define REHOME_COPIER_ROUND_PRIVATE_H

#include "copier/round.h"

/*
 * Does what the plan says. *wrote_r is set when anything was changed at the
 * other side, clean of each folder when all of it was done. 1 or -1.
 */
int round_execute(struct pass *pass, struct plan *plan, bool *wrote_r,
	bool *clean, struct error *error);

/*
 * Makes the folders ready, all at once: created, known to the journal,
 * subscribed. ready of each is false when its messages are to be left, clean
 * cannot be. 1 or -1.
 */
int round_prepare(struct pass *pass, struct plan *plan, bool *wrote_r,
	bool *ready, struct error *error);

/* What a call about the folder came to, when it was to do this: a refusal is
 * written down. Returns the result as it was. */
int round_folder_refused(struct pass *pass, const struct plan_folder *folder,
	int result, const char *what, struct error *error);

/* Whether the words of a refusal say that there is no such folder (RFC 5530).
 */
bool round_is_gone(const struct error *words);

#endif

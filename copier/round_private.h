/* SPDX-License-Identifier: BSD-2-Clause */
/* Between round.c, which looks and plans, and round_execute.c, which does. */
#ifndef REHOME_COPIER_ROUND_PRIVATE_H
#define REHOME_COPIER_ROUND_PRIVATE_H

#include "copier/round.h"

/*
 * Does what the plan says for one folder. *wrote_r is set when anything was
 * changed at the other side, *clean_r when all of it was done. 1 or -1.
 */
int round_execute(struct pass *pass, struct plan_folder *folder, bool *wrote_r,
	bool *clean_r, struct error *error);

#endif

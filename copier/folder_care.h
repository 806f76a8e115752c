/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an account has beside its messages: seen to before a round copies (does
 * it fit?) and after (rights, annotations, special use). Once in a pass, and
 * again for folders that come later.
 */
#ifndef REHOME_COPIER_FOLDER_CARE_H
#define REHOME_COPIER_FOLDER_CARE_H

#include "copier/pass.h"
#include "copier/plan.h"

/*
 * Notes what the plan does to names. Compares what is to be copied with what is
 * free at the other side: -1 with an error when it is certain not to fit. Gives
 * limits where home has one, the other side has none and lets itself be told.
 * With look nothing is changed. Returns 1 or -1.
 */
int folder_care_before(struct pass *pass, const struct view *home,
	const struct view *other, const struct plan *plan, bool look,
	struct error *error);
/* Once the folders are there. 1 or -1. */
int folder_care_after(
	struct pass *pass, const struct plan *plan, struct error *error);

#endif

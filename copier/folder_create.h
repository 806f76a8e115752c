/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders that cannot be made by the dozen: those that shall be for something,
 * those whose names a server may refuse or take for another's. They are made
 * one by one, and get another name where theirs is not possible.
 */
#ifndef REHOME_COPIER_FOLDER_CREATE_H
#define REHOME_COPIER_FOLDER_CREATE_H

#include "copier/pass.h"
#include "copier/plan.h"

/*
 * Makes the odd ones of the folders that the plan wants made; folder->made is
 * set, other_name may change. What is refused under every name is left as it
 * was. *wrote_r is set when anything was made. 1 or -1.
 */
int folder_create_odd(struct pass *pass, struct plan *plan, bool *wrote_r,
	struct error *error);

#endif

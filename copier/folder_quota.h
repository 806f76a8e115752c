/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of an account on both sides (RFC 9208), and whether it will fit. */
#ifndef REHOME_COPIER_FOLDER_QUOTA_H
#define REHOME_COPIER_FOLDER_QUOTA_H

#include "copier/pass.h"
#include "copier/view.h"

/*
 * Compares limits, notes where they differ, and works out whether what home has
 * and the other side has not yet fits into what is free there. 1; -1 with an
 * error when it is certain that it does not (pass->misfit), or when a mailbox
 * was lost.
 * Without look the other side gets home's limit where it has none and lets us.
 */
int folder_quota_check(struct pass *pass, const struct view *home,
	const struct view *other, bool look, struct error *error);

#endif

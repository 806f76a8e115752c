/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A look at both sides at once, each on its own connection in its own thread:
 * which folders there are, and the messages of those that are not as the
 * journal has seen them. The journal is only read.
 */
#ifndef REHOME_COPIER_LOOK_H
#define REHOME_COPIER_LOOK_H

#include "copier/pass.h"
#include "copier/view.h"

/*
 * Fills both views, which are empty. write: the other side's folders are
 * selected for writing, which tells what flags they can store; else what the
 * last round has done there is not read when it adds up. 1, or -1 with an error
 * that names the side. Folders that could not be read are marked.
 */
int look_at_both(struct pass *pass, struct view *home, struct view *other,
	bool write, struct error *error);

/* The folders of the other side with their status, and no messages. 1 or -1. */
int look_at_other(struct pass *pass, struct view *other, struct error *error);

#endif

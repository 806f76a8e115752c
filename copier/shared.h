/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ties an account to others: folders of theirs that it sees, and folders
 * of its own that it lets them see. Such accounts are best moved together.
 */
#ifndef REHOME_COPIER_SHARED_H
#define REHOME_COPIER_SHARED_H

#include "lib/buffer.h"
#include "lib/error.h"

#include "copier/driver.h"

/* Lines at most; what is more is counted. */
#define SHARED_LINES_MAX 2000

/*
 * Appends one line for each folder: "sees NAME (of other users|shared)", "gives
 * NAME to WHO (RIGHTS)"; nothing when the account shares nothing. Results as in
 * driver.h; what the server refuses to tell is not there.
 */
int shared_list(
	struct mailbox *mailbox, struct buffer *text, struct error *error);

#endif

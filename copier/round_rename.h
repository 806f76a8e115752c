/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folders that were renamed at home are renamed at the other side too, instead
 * of being copied anew and deleted. In doubt nothing is renamed.
 */
#ifndef REHOME_COPIER_ROUND_RENAME_H
#define REHOME_COPIER_ROUND_RENAME_H

#include "copier/round.h"
#include "copier/view.h"

/*
 * A folder that home has no longer and one that the journal does not know are
 * the same when the UIDVALIDITY is, which no other such folder has, and when
 * the messages are: by UID all that were there, by size and digest a sample.
 * Then the other side's folder, which must hold nothing foreign, is renamed,
 * and with it the journal's and that of the view. With a dry run it is only
 * said, and changed in memory. 1, also when the server refused, or -1.
 */
int round_rename(struct pass *pass, const struct round_options *options,
	const struct view *home, struct view *other, struct error *error);

#endif

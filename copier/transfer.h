/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carries messages of one folder from home to the other side: fetched and
 * appended in pieces, octet for octet, with an intent in the journal before
 * each is stored and a pair after.
 */
#ifndef REHOME_COPIER_TRANSFER_H
#define REHOME_COPIER_TRANSFER_H

#include "copier/pass.h"

/*
 * Copies the messages with these UIDs of the folder that home has selected, in
 * ascending order. What the server refuses is written down in the pass and is
 * no failure; more than PASS_REFUSALS_IN_A_ROW are. The pairs of those that the
 * server may have altered are marked in the journal, to be read back by
 * altered_check. Returns 1, or -1 with an error: one of the mailboxes
 * is of no further use, or the pass was stopped.
 */
int transfer_folder(struct pass *pass, struct journal_folder *folder,
	const struct uidset *uids, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The open intents of a folder, as a sweep looks for them among the messages of
 * the new home. A crash may leave thousands, so none is found by looking at
 * all.
 */
#ifndef REHOME_COPIER_SWEEP_INTENTS_H
#define REHOME_COPIER_SWEEP_INTENTS_H

#include <stdbool.h>

#include "copier/journal.h"
#include "copier/view.h"

struct sweep_intents;

/* Those of that side as they are now. The journal stays, and loses no intent
 * but by journal_pair, until they are freed. */
struct sweep_intents *sweep_intents_new(
	const struct journal_folder *journal, enum journal_side from);
void sweep_intents_free(struct sweep_intents **intents);
/* An intent that is still open and may have become this message, of which the
 * digest is known: it is the same, or, with altered, what is left of it when
 * the server has altered it. Valid until they are freed; NULL: none. */
const struct journal_intent *sweep_intents_find(struct sweep_intents *intents,
	const struct view_message *message, bool altered);

#endif

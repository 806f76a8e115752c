/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many messages are stored together. A batch that the server refuses is
 * tried again by halves, until the one message that it does not want stands
 * alone or all are stored; then batches grow again.
 */
#ifndef REHOME_COPIER_PORTION_H
#define REHOME_COPIER_PORTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct portion {
	size_t most;	/* messages that a batch may ever have */
	size_t limit;	/* messages of the next one */
	uint32_t until; /* the last UID of what was refused and is looked
			   into, or 0 */
};

void portion_begin(struct portion *portion, size_t most);
/*
 * A batch of count messages up to that UID was refused. True when its messages
 * are to be tried again; false when it was a single one, whose refusal stands.
 */
bool portion_refused(struct portion *portion, size_t count, uint32_t last);
/* A batch up to that UID was stored. */
void portion_stored(struct portion *portion, uint32_t last);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Halving and doubling the size of a batch. */
#include "config.h"

#include "copier/portion.h"

void portion_begin(struct portion *portion, size_t most)
{
	portion->most = portion->limit = most > 0 ? most : 1;
	portion->until = 0;
}

bool portion_refused(struct portion *portion, size_t count, uint32_t last)
{
	if (count <= 1) {
		portion->until = 0;
		return false;
	}
	if (portion->until < last)
		portion->until = last;
	if (count / 2 < portion->limit)
		portion->limit = count / 2;
	return true;
}

void portion_stored(struct portion *portion, uint32_t last)
{
	if (portion->until == 0) {
		portion->limit = portion->limit < portion->most / 2
					 ? portion->limit * 2
					 : portion->most;
	} else if (last >= portion->until) {
		/* All of it was stored after all: it was too much at once. */
		portion->most = portion->limit;
		portion->until = 0;
	}
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A line on the terminal that tells how far a copy is. */
#ifndef REHOME_COPIER_PROGRESS_H
#define REHOME_COPIER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "copier/pass.h"

struct progress {
	bool shown;    /* standard error is a terminal */
	int64_t began; /* monotonic ms */
	int64_t last;
};

void progress_begin(struct progress *progress);
/* Draws the line anew, a few times a second at most. */
void progress_draw(
	struct progress *progress, const struct pass *pass, const char *folder);
/* Takes the line away. */
void progress_end(struct progress *progress);

#endif

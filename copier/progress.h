/* SPDX-License-Identifier: BSD-2-Clause */
/* A bar on the terminal that tells how far a copy is. */
#ifndef REHOME_COPIER_PROGRESS_H
#define REHOME_COPIER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"

/* One thread at a time. Unbegun it draws nothing. */
struct progress {
	bool shown;    /* standard error is a terminal */
	bool drawn;    /* there is a line to be taken away */
	int64_t began; /* monotonic ms */
	int64_t last;
};

void progress_begin(struct progress *progress);
/* Draws the line anew, a few times a second at most: so many messages of so
 * many, so many octets by now. */
void progress_draw(struct progress *progress, const char *folder, uint64_t done,
	uint64_t total, uint64_t bytes);
/* True when the time has come to show another line of the caller's own; it is
 * cut to the width of the terminal. */
bool progress_is_due(const struct progress *progress);
void progress_show(struct progress *progress, const char *text);
/* Takes the line away; it may be drawn again. */
void progress_end(struct progress *progress);

/* The line, for a terminal of that many columns, after so many ms. */
void progress_print(const char *folder, uint64_t done, uint64_t total,
	uint64_t bytes, int64_t ms, size_t columns, struct buffer *text);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The progress line of a stand-alone copy. */
#include "config.h"

#include "copier/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/instant.h"

#define PROGRESS_PAUSE 100 /* ms between two drawings */

void progress_begin(struct progress *progress)
{
	progress->shown = isatty(STDERR_FILENO) == 1;
	progress->began = instant_monotonic();
	progress->last = 0;
}

void progress_draw(
	struct progress *progress, const struct pass *pass, const char *folder)
{
	int64_t now = instant_monotonic();
	int64_t ms = now - progress->began > 0 ? now - progress->began : 1;
	struct error name; /* for its way with control characters */

	if (!progress->shown || now - progress->last < PROGRESS_PAUSE)
		return;
	progress->last = now;
	error_set(&name, "%.40s", folder);
	fprintf(stderr,
		"\r%" PRIu64 " of %" PRIu64
		" messages, %.1f MB, %.0f/s, %.1f MB/s  %s\033[K",
		pass->counts.copied, pass->counts.planned,
		(double)pass->counts.copied_bytes / 1e6,
		(double)pass->counts.copied * 1000 / (double)ms,
		(double)pass->counts.copied_bytes / 1e3 / (double)ms,
		name.text);
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
}

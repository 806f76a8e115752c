/* SPDX-License-Identifier: BSD-2-Clause */
/* The progress bar of a stand-alone copy. */
#include "config.h"

#include "copier/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "copier/mutf7.h"

#include "lib/error.h"
#include "lib/instant.h"

#define PROGRESS_PAUSE	 100 /* ms between two drawings */
#define PROGRESS_COLUMNS 80  /* of a terminal that does not tell */
#define PROGRESS_BAR	 20
/* Before that the rate says nothing yet (ms). */
#define PROGRESS_WARM 1000

void progress_begin(struct progress *progress)
{
	*progress = (struct progress){ .shown = isatty(STDERR_FILENO) == 1,
		.began = instant_monotonic() };
}

static void progress_add_bar(uint64_t done, uint64_t total, struct buffer *text)
{
	static const char full[] = "####################";
	static const char empty[] = "--------------------";
	int part = total > 0 ? (int)(done * PROGRESS_BAR / total) : 0;

	if (part > PROGRESS_BAR)
		part = PROGRESS_BAR;
	buffer_printf(
		text, "[%.*s%.*s] ", part, full, PROGRESS_BAR - part, empty);
}

static void progress_add_left(
	uint64_t done, uint64_t total, int64_t ms, struct buffer *text)
{
	uint64_t left;

	if (done == 0 || total <= done || ms < PROGRESS_WARM)
		return;
	left = (uint64_t)ms * (total - done) / done / 1000;
	if (left < 3600)
		buffer_printf(text, ", %" PRIu64 ":%02" PRIu64 " left",
			left / 60, left % 60);
	else
		buffer_printf(text,
			", %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left",
			left / 3600, left / 60 % 60, left % 60);
}

void progress_print(const char *folder, uint64_t done, uint64_t total,
	uint64_t bytes, int64_t ms, size_t columns, struct buffer *text)
{
	struct error name; /* for its way with control characters */
	size_t room;

	if (ms < 1)
		ms = 1;
	progress_add_bar(done, total, text);
	buffer_printf(text,
		"%" PRIu64 "/%" PRIu64 ", %.1f MB, %.0f/s, %.1f "
		"MB/s",
		done, total, (double)bytes / 1e6,
		(double)done * 1000 / (double)ms,
		(double)bytes / 1e3 / (double)ms);
	progress_add_left(done, total, ms, text);
	room = columns > text->size + 3 ? columns - text->size - 3 : 0;
	if (room == 0)
		return;
	mutf7_show(folder, &name);
	/* the end of a name tells more than its beginning; cut it between
	 * characters */
	if (strlen(name.text) > room) {
		const char *end = name.text + strlen(name.text) - room + 1;

		while (((unsigned char)*end & 0xc0) == 0x80)
			end++;
		buffer_printf(text, "  ~%s", end);
	} else {
		buffer_printf(text, "  %s", name.text);
	}
}

static size_t progress_columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
		       ? size.ws_col
		       : PROGRESS_COLUMNS;
}

bool progress_is_due(const struct progress *progress)
{
	return progress->shown &&
	       instant_monotonic() - progress->last >= PROGRESS_PAUSE;
}

void progress_show(struct progress *progress, const char *text)
{
	progress->last = instant_monotonic();
	progress->drawn = true;
	/* one column stays free: a full line would wrap */
	fprintf(stderr, "\r%.*s\033[K", (int)progress_columns() - 1, text);
	fflush(stderr);
}

void progress_draw(struct progress *progress, const char *folder, uint64_t done,
	uint64_t total, uint64_t bytes)
{
	struct buffer text = BUFFER_EMPTY;

	if (!progress_is_due(progress))
		return;
	progress_print(folder, done, total, bytes,
		instant_monotonic() - progress->began, progress_columns(),
		&text);
	progress_show(progress, text.data);
	buffer_free(&text);
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
	progress->drawn = false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures as people read them: counts, sizes, durations, instants in local
 * time. Only for the eye; --json prints raw numbers and RFC 3339.
 */
#ifndef REHOME_FIGURE_H
#define REHOME_FIGURE_H

#include <stdint.h>

#define FIGURE_SIZE 48

/* "1,234,567". Returns text_r, as all of them do. */
const char *figure_count(int64_t count, char text_r[FIGURE_SIZE]);
/* "0 B", "999 B", "56.2 MB", powers of 1000. */
const char *figure_size(int64_t bytes, char text_r[FIGURE_SIZE]);
/* "412 ms", "3.2 s", "2 min 13 s", "3 h 5 min", "2 days 4 h". */
const char *figure_duration(int64_t ms, char text_r[FIGURE_SIZE]);
/* "0:32", "12:05", "3:05:09": a rest of time that counts down. */
const char *figure_clock(int64_t ms, char text_r[FIGURE_SIZE]);
/* "2026-11-21 18:00:05" in the local zone; "never"; "-" for 0. */
const char *figure_instant(int64_t instant, char text_r[FIGURE_SIZE]);
/* The same with milliseconds. */
const char *figure_instant_ms(int64_t instant, char text_r[FIGURE_SIZE]);
/* "1 account", "2 accounts": the word takes an s unless count is 1. */
const char *figure_plural(
	int64_t count, const char *word, char text_r[FIGURE_SIZE]);

#endif

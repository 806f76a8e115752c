/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instants and durations. An instant is an int64_t: milliseconds of UTC since
 * 1970-01-01. 0 means "none" or "at once".
 */
#ifndef REHOME_INSTANT_H
#define REHOME_INSTANT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define INSTANT_NEVER INT64_MAX
#define INSTANT_TEXT_SIZE 32

/* The wall clock. */
int64_t instant_now(void);
/* A clock in milliseconds that never jumps, for measuring durations. */
int64_t instant_monotonic(void);

/*
 * Reads "now", "never", "+90s" "+15m" "+2h" "+3d" (from now), "@1763742000",
 * "2026-11-21 18:00[:05[.250]]" in the local zone, or the same with 'T' and
 * with "Z" or "+01:00" behind it (RFC 3339). Returns 0, or -1 with an error
 * that lists the accepted forms.
 */
int instant_parse(const char *text, int64_t now, int64_t *instant_r,
	struct error *error);
/* Writes RFC 3339 in UTC with milliseconds, or "never", or "" for 0. */
void instant_format(int64_t instant, char text_r[INSTANT_TEXT_SIZE]);

/*
 * Reads a duration: "250ms", "30s", "15m", "2h", "3d", or a bare number of
 * seconds. Returns 0 and the milliseconds, or -1.
 */
int duration_parse(const char *text, int64_t *ms_r, struct error *error);

#endif

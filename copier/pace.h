/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits of what a system is asked for: bytes and messages per second, bytes
 * per day; kept by all copiers of a host together in one small file for each
 * system, under flock(2), so that a killed process holds nothing.
 */
#ifndef REHOME_COPIER_PACE_H
#define REHOME_COPIER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* Each 0: no limit. */
struct pace_limits {
	int64_t bytes;	   /* per second, both ways */
	int64_t messages;  /* per second */
	int64_t day_bytes; /* per day of UTC */
};

/* What the file holds. Times are µs of a clock that never jumps. */
struct pace_state {
	char magic[8];
	int64_t bytes_at; /* when all that was sent and read is paid for */
	int64_t messages_at;
	int64_t day; /* since 1970 */
	int64_t day_bytes;
};

/*
 * Books what is moved now, as a pure function of the state: returns how long
 * to wait for it (µs). A second's worth may be moved at once after a rest.
 */
int64_t pace_book(struct pace_state *state, const struct pace_limits *limits,
	int64_t now, int64_t day, uint64_t bytes, uint64_t messages);

struct pace;

/*
 * Opens the file of the system in the directory, makes it if need be. NULL
 * with an error; also NULL, and error untouched, when there is no limit.
 */
struct pace *pace_open(const char *directory, const char *system,
	const struct pace_limits *limits, struct error *error);
void pace_free(struct pace **pace);

/* All of these take a NULL pace, and any thread may call them. */

/* Books what has been moved and waits for it; a signal may end the wait. */
void pace_spend(struct pace *pace, uint64_t bytes, unsigned messages);
/* Of size bytes so many may be moved at once, so that waits are short. */
size_t pace_piece(const struct pace *pace, size_t size);
/* In a hurry nothing is waited for; it is booked all the same. */
void pace_hurry(struct pace *pace, bool hurry);
/*
 * Whether there is something left of the day. False with an error that tells
 * when it goes on. Always true in a hurry.
 */
bool pace_goes_on(struct pace *pace, struct error *error);
/* When the next day begins if nothing is left of this one (instant), or 0. */
int64_t pace_resumes(struct pace *pace);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers that say a little within every time-out and never come to an end:
 * what they have begun to say must go on at a minimal rate, and an answer must
 * come after so many time-outs at last. Only the time that was waited counts.
 */
#ifndef REHOME_COPIER_TRICKLE_H
#define REHOME_COPIER_TRICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* Octets per second, over so many time-outs. */
#define TRICKLE_RATE   100
#define TRICKLE_WINDOW 2
/* Time-outs in which an answer comes, and in which a session is set up. */
#define TRICKLE_ANSWER 60
#define TRICKLE_SET_UP 4

struct trickle {
	int64_t timeout_ms; /* 0: no bounds */
	int64_t waited;	    /* of the present window (ms) */
	uint64_t octets;    /* in it */
	int64_t silence;    /* waited since something was brought to its end */
};

/* Something has come to its end. */
void trickle_ended(struct trickle *trickle);
/*
 * So long (ms) was waited for so many octets; inside: for more of what had
 * begun. most is TRICKLE_ANSWER or TRICKLE_SET_UP. 0, or -1 with the reason to
 * wait no longer.
 */
int trickle_add(struct trickle *trickle, bool inside, int64_t waited_ms,
	size_t octets, int most, struct error *error);

#endif

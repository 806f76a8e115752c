/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the words of a failure mean for a next try: those of servers (response
 * codes of RFC 5530, texts of large providers, RFC 5321 style of POP3's
 * RFC 3206) and our own. Pure functions.
 */
#ifndef REHOME_COPIER_BACKOFF_H
#define REHOME_COPIER_BACKOFF_H

#include <stdint.h>

enum backoff_kind {
	BACKOFF_UNKNOWN, /* the words say nothing of it */
	BACKOFF_NOW,	 /* the session has ended; a new one may begin */
	BACKOFF_LATER,	 /* not now: too busy, too much, in use */
	BACKOFF_NEVER,	 /* trying again cannot help */
};

struct backoff_advice {
	enum backoff_kind kind;
	int64_t ms; /* so long, as the server says; 0: it does not */
};

/* Classifies words such as "[LIMIT] too many" or "read: timed out". */
struct backoff_advice backoff_classify(const char *words);

/*
 * How long to wait (ms) after so many failures in a row, from 1 on: least,
 * doubled with each, at most most, and of that between a half and all, as
 * random says, so that many who were sent away do not come back together.
 */
int64_t backoff_delay(
	unsigned failures, int64_t least, int64_t most, uint32_t random);

#endif

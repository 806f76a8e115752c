/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First logins that wait for the whole move of their account, and the
 * prediction whether they may: by what is known of its size and by how fast
 * copies have gone lately. In memory: what is lost lets somebody in who would
 * have waited. Any thread.
 */
#ifndef REHOME_WAITS_H
#define REHOME_WAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/account.h"

struct waits;

struct waits *waits_new(void);
void waits_free(struct waits **waits);

/* Whether a login to the account may wait at all: its move may begin, or goes
 * on, and nothing has gone wrong with it. */
bool waits_may(const struct account *account);
/*
 * A user is let in whose account is to be moved: until when (monotonic ms) he
 * may be kept for the move to end; 0: he goes on. An account of unknown size is
 * waited for until that is known, and some seconds at most. budget: ms; now:
 * monotonic; clock: the same moment as an instant.
 */
int64_t waits_begin(struct waits *waits, const struct account *account,
	int64_t budget, int64_t now, int64_t clock);
/* Whether somebody waits for the move of the account, as it is now. */
bool waits_apply(
	struct waits *waits, const struct account *account, int64_t now);

/* A round under way has done so much of what it has to; bytes may be unknown
 * (-1). Returns true when the account is no longer waited for. */
bool waits_progress(struct waits *waits, const char *address, int64_t messages,
	int64_t messages_total, int64_t bytes, int64_t bytes_total,
	int64_t now);
/* A round has copied so many messages in so many ms. */
void waits_learn(
	struct waits *waits, int64_t messages, int64_t bytes, int64_t ms);
/* ms that the copy of so much will take. */
int64_t waits_predict(struct waits *waits, int64_t messages, int64_t bytes);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands before the accounts: published maps and the reload that makes
 * them seen, lock and unlock hooks, the queue. One thread of its own makes the
 * front follow the store: it reads the accounts whose front is not open, acts,
 * writes the result with directory_front; what a crash interrupted is done
 * again. Closing: publish, reload, lock, then CLOSED. Opening: publish, reload,
 * unlock, flush the queue until nothing waits, then OPEN.
 */
#ifndef REHOME_FRONT_H
#define REHOME_FRONT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/log.h"
#include "policyd/store.h"

struct front;

/* How an opened or closed front is written back: sets the front of the account
 * in one transaction if it still is `from` in that freeze (frozen_at), with
 * the milliseconds of the step added to freeze_steps under its name. Returns
 * 1 done, 0 it has changed meanwhile, -1 could not. Made by policyd's
 * transitions; given as a function so that the front can be tested alone. */
typedef int front_store_fn(void *context, const char *address,
	int64_t frozen_at, enum account_front from, enum account_front to,
	const char *steps, struct error *error);

struct front *front_new(const struct config *config, struct store *store,
	struct log *log, front_store_fn *store_front, void *context);
/* Publishes all maps and starts the thread. -1 when the first publication
 * failed. */
int front_start(struct front *front, struct error *error);
/* Ends the thread after the step it is in; frees. */
void front_free(struct front **front);

/* An account was added, removed, froze, thawed or flipped. Never waits. */
void front_wake(struct front *front);

/*
 * Whether the account's freeze is complete: its front CLOSED, and since then
 * the queue was seen without an entry for its addresses in active, incoming or
 * maildrop. Never waits; starts a look at the queue when one is needed.
 * Returns 1 passed, 0 not yet (waiting_r says for what: "publish", "lock",
 * "queue", with *entries_r queue entries), -1 it cannot be told (why in the
 * error; ask again).
 */
int front_barrier(struct front *front, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error);

#endif

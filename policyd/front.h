/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands before the accounts: published maps and the reload that makes
 * them seen, lock and unlock hooks, the queue. One thread of its own makes the
 * front follow the store: it reads the accounts whose front is not open, acts,
 * writes the result with its front_store_fn; what a crash interrupted is done
 * again. Closing: publish, reload, lock, then CLOSED. Opening: publish, reload,
 * unlock, flush the queue until nothing waits, then OPEN.
 *
 * All accounts that wait when a publication begins share it and its reload.
 * With maps but without a reload a change counts as seen only 40 s after its
 * publication, which is when Postfix has taken it up by itself: a freeze budget
 * must be longer than that. A reload command that does nothing (/bin/true)
 * says that the site needs none.
 *
 * A lock hook that fails is tried again until the freeze is over, which is then
 * not closed. An unlock hook is tried again until it succeeds. Hooks of an
 * account never overlap: when a freeze ends while its lock hook still runs,
 * the unlock hook comes after it.
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
 * the milliseconds of the steps ("publish=12 reload=80 lock=5", "open=95
 * flush=1200") added to freeze_steps under their names. Returns 1 done, 0 it
 * has changed meanwhile, -1 could not. Called from several threads of the
 * front. Made by policyd's transitions; given as a function so that the front
 * can be tested alone. */
typedef int front_store_fn(void *context, const char *address,
	int64_t frozen_at, enum account_front from, enum account_front to,
	const char *steps, struct error *error);

/* The configuration is copied; all else must live longer than the front. */
struct front *front_new(const struct config *config, struct store *store,
	struct log *log, front_store_fn *store_front, void *context);
/* Publishes all maps and starts the threads. -1 when the first publication
 * failed. */
int front_start(struct front *front, struct error *error);
/* Waits for the hooks and commands that run; frees. */
void front_free(struct front **front);

/* Another configuration from now on; it is copied. What runs goes on with the
 * former one; both maps are published anew. Any thread; never waits. */
void front_reconfigure(struct front *front, const struct config *config);

/* An account or alias was added or removed, an account froze, thawed or
 * flipped. Any thread; never waits. */
void front_wake(struct front *front);
/* Both maps are to be published anew. Any thread; never waits. */
void front_rebuild(struct front *front);

/*
 * Whether the unlock hook has run for an account whose front is OPENING, as it
 * was read from the store. false also when the front does not know yet. Any
 * thread; never waits.
 */
bool front_is_unlocked(struct front *front, const struct account *account);
/* unlocked is told each time that a hook has made that true, by a thread of the
 * front that holds no lock. Before front_start. */
typedef void front_unlocked_fn(void *context, const char *address);
void front_set_unlocked(
	struct front *front, front_unlocked_fn *unlocked, void *context);

/*
 * Whether the account's freeze is complete: its front CLOSED, and since then
 * two looks at the queue in a row were without an entry that could still be
 * delivered to its home (front_queue.c says which). Without a queue.list, or a
 * queue.barrier, it is complete when CLOSED. Asks the store, but never waits for more; starts a look
 * at the queue when one is needed. address is the account's own. Any thread.
 * Returns 1 passed, 0 not yet (waiting_r says for what: "publish", "lock",
 * "queue", with *entries_r queue entries), -1 it cannot be told (why in the
 * error; ask again): the account is not frozen, or a publication, hook or look
 * has failed and will be tried again.
 */
int front_barrier(struct front *front, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lease of an account, kept alive by a thread of its own on a connection
 * of its own, so that a long message does not let it run out. By our own clock
 * we know when it has run out whatever policyd says; then nothing more may be
 * written anywhere.
 */
#ifndef REHOME_COPIER_LEASE_H
#define REHOME_COPIER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/error.h"

struct lease;

/*
 * Starts renewing a lease just taken: asked is when it was asked for (by
 * instant_monotonic), ms how long it lasts.
 */
struct lease *lease_start(const char *control, const char *address,
	uint64_t epoch, int64_t asked, int64_t ms);
/* Ends the thread; the lease itself is left as it is. */
void lease_free(struct lease **lease);

/* Any thread. */
bool lease_is_held(struct lease *lease, struct error *error);
/* True when an operator holds the account: stop at the next good place. */
bool lease_is_on_hold(struct lease *lease);
/* The phase as policyd told it last. */
enum account_phase lease_phase(struct lease *lease);
/* The phase that the worker itself has just entered. */
void lease_set_phase(struct lease *lease, enum account_phase phase);
/* What is told to watchers with the next renewal. */
void lease_progress(struct lease *lease, const char *round, const char *folder,
	uint64_t messages, uint64_t total, uint64_t bytes);

#endif

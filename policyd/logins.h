/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What gateways tell of logins, on its way to the store: an event loop leaves
 * it here and goes on, a thread writes it. Logins of one account come together
 * into one write, however many there are.
 */
#ifndef REHOME_LOGINS_H
#define REHOME_LOGINS_H

#include <stdbool.h>

#include "lib/log.h"
#include "policyd/gateways.h"
#include "policyd/machine.h"
#include "policyd/seen.h"
#include "policyd/store.h"

struct logins;

/* None of them is owned; all must live longer. */
struct logins *logins_new(struct settings_box *settings, struct store *store,
	struct machine *machine, struct gateways *gateways, struct log *log);
void logins_start(struct logins *logins);
/* Writes what is left, and frees. */
void logins_free(struct logins **logins);

/* A user was let in. */
struct login {
	const char *address; /* of the account */
	const char *system;
	const char *sealed; /* or NULL */
	struct seen_way way;
	bool moving; /* a move may wait for it: written at once */
};
/* Any thread; never waits. */
void logins_note(struct logins *logins, const struct login *login);
/* Everybody of the account has logged out, perhaps. Any thread; never waits. */
void logins_look(struct logins *logins, const char *address);
/* Returns when what was noted before is written, or could not be. Not on an
 * event loop's thread. */
void logins_flush(struct logins *logins);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gateways as a whole: which there are (kept in the store, for one that was
 * there when policyd ended must be waited for when it begins), what they have
 * under way, and what they are told: sessions to be closed for a freeze or
 * thrown out by an operator.
 */
#ifndef REHOME_GATEWAYS_H
#define REHOME_GATEWAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/log.h"
#include "policyd/sessions.h"
#include "policyd/settings.h"
#include "policyd/store.h"

struct gateways;

/* None of them is owned; all must live longer. */
struct gateways *gateways_new(
	struct settings_box *settings, struct store *store, struct log *log);
/* All connections must be closed. */
void gateways_free(struct gateways **gateways);
/* Reads from the store which gateways to expect, and starts the thread that
 * forgets those that are gone for good. -1: the store could not tell. */
int gateways_start(struct gateways *gateways, struct error *error);

/* The registry. */
struct sessions *gateways_sessions(struct gateways *gateways);
/* ms after which a gateway without policyd ends its sessions: some less than
 * policyd waits for. */
int64_t gateways_lease(const struct gateways *gateways);

/*
 * Whether the gateway is known to the store; if not, gateways_admit makes it
 * so, durably, before it may have any session. It waits for the disk. 0 or -1.
 */
bool gateways_knows(
	struct gateways *gateways, const struct sessions_identity *identity);
int gateways_admit(struct gateways *gateways,
	const struct sessions_identity *identity, struct error *error);

/*
 * Whether no session and delivery of the account is under way. 1 passed; 0 not
 * yet: *waiting_r is "sessions", with *entries_r of them, or "gateways", one of
 * which has not told what it has; -1 the store could not tell. Any thread.
 */
int gateways_barrier(struct gateways *gateways, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error);
/* Whether everybody of the account is logged out: no session, or none that was
 * busy within policyd.gateway_idle. 1, 0, -1 nobody can tell. Any thread. */
int gateways_quiet(
	struct gateways *gateways, const char *address, struct error *error);
/* Tells the gateways that have sessions of the frozen account to close them;
 * does nothing when it is in service. Any thread. */
void gateways_close(struct gateways *gateways, const char *address);
/* The account was changed and that is durable: closes what is to be closed,
 * looks again at who waits. Any thread; not in a transaction. */
void gateways_changed(struct gateways *gateways, const struct account *account);
/* The account's home is unlocked again: who waits may go on. Any thread. */
void gateways_unlocked(struct gateways *gateways, const char *address);

#endif

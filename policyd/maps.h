/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two published maps say. `moving` is small, read first and written
 * at every change; `homes` has every account and is written at leisure. A key
 * is an access address, its value the transport and next hop of what the
 * directory answers for it; `homes` also has each managed domain with a default
 * system.
 *
 * At each instant, also between the two files' renames and after a crash
 * there, moving before homes gives for every key the answer of the last
 * publication or a newer one, never an older one: a key leaves moving only when
 * homes was written from what was read after the key's last change.
 */
#ifndef REHOME_MAPS_H
#define REHOME_MAPS_H

#include <stddef.h>

#include "lib/config.h"
#include "lib/error.h"
#include "policyd/store.h"

struct maps;

struct maps_summary {
	size_t entries;
	size_t unroutable; /* whose system is not configured for delivery: their
			      mail is deferred */
	char example[ADDRESS_SIZE]; /* one of them */
};

struct maps *maps_new(struct store *store);
void maps_free(struct maps **maps);

/*
 * Whether both maps stand there already, as a former run has left them: 1 yes,
 * 0 no, -1 with an error when they could not be replaced. Without
 * maps.directory: 1.
 */
int maps_stand(const struct config *config, struct error *error);

/* The account's answer has changed or may: from the next publication on it
 * stands in moving. */
void maps_touch(struct maps *maps, const char *address);
/* The same for all that stand in moving now: the configuration changed. */
void maps_touch_all(struct maps *maps);

/*
 * Writes moving. Touched accounts are read again. 0 or -1 with what was
 * published before unchanged. Without maps.directory there is nothing to do.
 * Touch and publish are called by one thread.
 */
int maps_publish(
	struct maps *maps, const struct config *config, struct error *error);

/*
 * Writes homes from a scan of the whole store; the next publication of moving
 * is then smaller. May run in another thread than touch and publish do; only
 * one at a time. summary_r may be NULL. 0 or -1.
 */
int maps_compact(struct maps *maps, const struct config *config,
	struct maps_summary *summary_r, struct error *error);

/* Accounts in moving. */
size_t maps_moving(struct maps *maps);

#endif

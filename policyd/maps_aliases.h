/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The aliases of all accounts at once. A compaction that asked for each
 * account's would spend half of its time on searches, most of them for
 * accounts that have none.
 */
#ifndef REHOME_MAPS_ALIASES_H
#define REHOME_MAPS_ALIASES_H

#include "lib/error.h"
#include "policyd/store.h"

struct maps_aliases;

/* Reads all, each as it was at some moment meanwhile. NULL with an error. */
struct maps_aliases *maps_aliases_read(
	struct store *store, struct error *error);
void maps_aliases_free(struct maps_aliases **aliases);

/*
 * The next alias of that account, NULL behind the last. Accounts are asked for
 * in the ascending order of their addresses, as the store scans them.
 */
const char *maps_aliases_next(
	struct maps_aliases *aliases, const char *address);

#endif

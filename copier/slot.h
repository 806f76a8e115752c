/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limit of connections to a system, kept by all copiers of a host
 * together: one locked file for each connection. A killed process leaves no
 * slot taken.
 */
#ifndef REHOME_COPIER_SLOT_H
#define REHOME_COPIER_SLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

/* So long a slot is waited for (ms). Not for ever: of two workers each may
 * hold what the other one waits for. */
#define SLOT_PATIENCE 30000

/*
 * Takes one of count slots of the system, waiting while all are taken and
 * go_on answers true. Returns a descriptor, whose closing gives the slot back,
 * or -1 with an error.
 */
int slot_take(const char *directory, const char *system, size_t count,
	bool (*go_on)(void *context, struct error *error), void *context,
	struct error *error);

/* The same without waiting: -2 when all are taken. */
int slot_offer(const char *directory, const char *system, size_t count,
	struct error *error);

#endif

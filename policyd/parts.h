/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounds of proofs that come in several requests, because an account has
 * more folders than one may name. Kept in memory only: when policyd ends in
 * between, the worker begins anew. Any thread.
 */
#ifndef REHOME_PARTS_H
#define REHOME_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "policyd/store.h"

struct parts;

struct parts *parts_new(void);
void parts_free(struct parts **parts);

/*
 * Keeps bounds (copied) of the account's freeze, at is how many came before
 * them; those behind are forgotten. -1 with an error when fewer came, or when
 * they are more than any account has folders.
 */
int parts_add(struct parts *parts, const char *address, int64_t frozen_at,
	size_t at, const struct store_bound *bounds, size_t count,
	struct error *error);
/*
 * The at bounds of that freeze that came, and no longer kept here. *bounds_r
 * is to be freed by parts_clear. -1 with an error when they are not that many.
 */
int parts_take(struct parts *parts, const char *address, int64_t frozen_at,
	size_t at, struct store_bound **bounds_r, struct error *error);
void parts_clear(struct store_bound *bounds, size_t count);

#endif

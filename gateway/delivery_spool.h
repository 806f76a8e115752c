/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of one message on its way from the mail server to its homes:
 * a window of octets in memory, from what the slowest home has had up to what
 * has come. When the slowest lags too far behind, the window moves into an
 * unlinked file, and nobody waits for anybody.
 */
#ifndef REHOME_GATEWAY_DELIVERY_SPOOL_H
#define REHOME_GATEWAY_DELIVERY_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/error.h"

struct delivery_spool;

/* window: octets in memory at most. directory: of the file; copied, since the
 * configuration may change meanwhile. */
struct delivery_spool *delivery_spool_new(size_t window, const char *directory);
/* Takes NULL. */
void delivery_spool_free(struct delivery_spool **spool);

/* Returns 0, or -1 when there is no room for it in the file system. */
int delivery_spool_add(struct delivery_spool *spool, const void *data,
	size_t size, struct error *error);
/* Octets that have come. */
uint64_t delivery_spool_size(const struct delivery_spool *spool);
/* All readers have had what is in front of that octet. */
void delivery_spool_forget(struct delivery_spool *spool, uint64_t at);
/* Whether no more should be added now: the fastest reader, who is at that
 * octet, has half a window before it. */
bool delivery_spool_is_full(const struct delivery_spool *spool, uint64_t at);

/*
 * Octets from there on, as many as are at hand, 0 at the end of what has come;
 * -1 when the file cannot be read. Valid until the next call.
 */
ssize_t delivery_spool_peek(struct delivery_spool *spool, uint64_t at,
	const char **data_r, struct error *error);

#endif

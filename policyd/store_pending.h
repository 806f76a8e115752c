/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transactions that the engine has applied and that are not yet durable,
 * in the order of their commits. While one stands here, readers get the values
 * from before it: nobody is told what a crash could take back. May be used from
 * any thread.
 */
#ifndef REHOME_STORE_PENDING_H
#define REHOME_STORE_PENDING_H

#include <pthread.h>
#include <stdatomic.h>

#include "policyd/store_writes.h"

/* Stands in the transaction. */
struct store_pending_node {
	const struct store_writes *writes; /* not changed while it is here */
	struct store_pending_node *next;
	bool settled;
};

struct store_pending {
	pthread_mutex_t lock;
	struct store_pending_node *first;
	struct store_pending_node *last;
	atomic_size_t count;
	atomic_bool broken;
};

void store_pending_init(struct store_pending *pending);
/* The list must be empty. */
void store_pending_free(struct store_pending *pending);

/* Before the engine applies the writes; one thread at a time. */
void store_pending_add(
	struct store_pending *pending, struct store_pending_node *node);
/* The engine has not applied them after all; before any other add. */
void store_pending_withdraw(
	struct store_pending *pending, struct store_pending_node *node);
/*
 * A flush that began after the node's writes were applied has ended well: it
 * and all before it leave the list. False when the list was broken before
 * that and the node is still in it.
 */
bool store_pending_settle(
	struct store_pending *pending, struct store_pending_node *node);
/*
 * A flush failed: what is durable is unknown from now on, and nothing leaves
 * the list any more but by take.
 */
void store_pending_break(struct store_pending *pending);
bool store_pending_is_broken(const struct store_pending *pending);
bool store_pending_is_empty(const struct store_pending *pending);
/* Takes the first one out, NULL when there is none: for closing. */
struct store_pending_node *store_pending_take(struct store_pending *pending);

/*
 * Call it after the engine was read: true when the key was changed by a pending
 * transaction; then *existed_r and, in the buffer's place, the value are what
 * is durable.
 */
bool store_pending_former(struct store_pending *pending, enum store_table table,
	struct store_bytes key, bool *existed_r, struct buffer *value);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of the transactions that are applied and not yet durable. It is
 * almost always empty, which costs a reader one atomic load; it never holds
 * more than one for each thread that commits.
 *
 * Why a reader looks here after it has read the engine, never before: what the
 * engine showed was added here before it was applied, so it is either still
 * here or durable.
 */
#include "config.h"

#include <stdlib.h>

#include "policyd/store_pending.h"

void store_pending_init(struct store_pending *pending)
{
	*pending = (struct store_pending){ .first = NULL };
	if (pthread_mutex_init(&pending->lock, NULL) != 0)
		abort();
}

void store_pending_free(struct store_pending *pending)
{
	pthread_mutex_destroy(&pending->lock);
}

void store_pending_add(
	struct store_pending *pending, struct store_pending_node *node)
{
	node->next = NULL;
	node->settled = false;
	pthread_mutex_lock(&pending->lock);
	if (pending->last != NULL)
		pending->last->next = node;
	else
		pending->first = node;
	pending->last = node;
	atomic_fetch_add(&pending->count, 1);
	pthread_mutex_unlock(&pending->lock);
}

static struct store_pending_node *store_pending_pop(
	struct store_pending *pending)
{
	struct store_pending_node *node = pending->first;

	if (node == NULL)
		return NULL;
	pending->first = node->next;
	if (pending->first == NULL)
		pending->last = NULL;
	node->settled = true;
	atomic_fetch_sub(&pending->count, 1);
	return node;
}

void store_pending_withdraw(
	struct store_pending *pending, struct store_pending_node *node)
{
	struct store_pending_node *before = NULL;

	pthread_mutex_lock(&pending->lock);
	if (pending->last != node)
		abort();
	if (pending->first == node) {
		store_pending_pop(pending);
	} else {
		for (before = pending->first; before->next != node;)
			before = before->next;
		before->next = NULL;
		pending->last = before;
		atomic_fetch_sub(&pending->count, 1);
	}
	pthread_mutex_unlock(&pending->lock);
}

bool store_pending_settle(
	struct store_pending *pending, struct store_pending_node *node)
{
	bool settled;

	pthread_mutex_lock(&pending->lock);
	while (!node->settled && !atomic_load(&pending->broken))
		store_pending_pop(pending);
	settled = node->settled;
	pthread_mutex_unlock(&pending->lock);
	return settled;
}

void store_pending_break(struct store_pending *pending)
{
	pthread_mutex_lock(&pending->lock);
	atomic_store(&pending->broken, true);
	pthread_mutex_unlock(&pending->lock);
}

bool store_pending_is_broken(const struct store_pending *pending)
{
	return atomic_load(&pending->broken);
}

bool store_pending_is_empty(const struct store_pending *pending)
{
	return atomic_load(&pending->count) == 0;
}

struct store_pending_node *store_pending_take(struct store_pending *pending)
{
	struct store_pending_node *node;

	pthread_mutex_lock(&pending->lock);
	node = store_pending_pop(pending);
	pthread_mutex_unlock(&pending->lock);
	return node;
}

bool store_pending_former(struct store_pending *pending, enum store_table table,
	struct store_bytes key, bool *existed_r, struct buffer *value)
{
	struct buffer former = BUFFER_EMPTY;
	bool found = false;

	if (store_pending_is_empty(pending))
		return false;
	pthread_mutex_lock(&pending->lock);
	for (const struct store_pending_node *node = pending->first;
		node != NULL && !found; node = node->next)
		found = store_writes_former(
			node->writes, table, key, existed_r, &former);
	pthread_mutex_unlock(&pending->lock);
	if (found) {
		buffer_clear(value);
		buffer_add(value, former.data, former.size);
	}
	buffer_free(&former);
	return found;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The homes of one thread's deliveries: what each of them offers, whether it
 * can be reached, and connections that wait for the next message. A home that
 * cannot be reached is tried again by the pool, at growing distances; meanwhile
 * nobody waits for it.
 */
#ifndef REHOME_GATEWAY_DELIVERY_POOL_H
#define REHOME_GATEWAY_DELIVERY_POOL_H

#include <stdbool.h>

#include "gateway/delivery_line.h"
#include "gateway/lmtp_offer.h"
#include "gateway/lmtp_reply.h"
#include "gateway/worker.h"

struct delivery;
struct delivery_pool;

/* Begins to look at every home that the settings have. The worker outlives it.
 */
struct delivery_pool *delivery_pool_new(struct worker *worker);
/* After the last delivery; takes NULL. */
void delivery_pool_free(struct delivery_pool **pool);

/* Whether every home has been reached, or tried, since the beginning. */
bool delivery_pool_is_known(struct delivery_pool *pool);
/*
 * What all homes offer: of one that was not reached yet what the configuration
 * says of it (lmtp_offers), of others what they said last.
 */
struct lmtp_offer delivery_pool_offer(struct delivery_pool *pool);

/*
 * A connection to the home of that system, an idle one when there is one, for
 * one transaction. NULL with a reply: there is none, or it cannot be reached.
 * client is told to the home where the configuration says so. fresh: never an
 * idle one.
 */
struct delivery_line *delivery_pool_take(struct delivery_pool *pool,
	const char *system, const char *client, bool fresh,
	const struct delivery_line_calls *calls, void *context,
	struct lmtp_reply *reply_r);
/* Gives it back behind LMTP_HOME_FREE. The caller's pointer becomes NULL. */
void delivery_pool_give(
	struct delivery_pool *pool, struct delivery_line **line);
/* What its user has been told: READY, and lost before that or hung. */
void delivery_pool_learn(
	struct delivery_pool *pool, struct delivery_line *line);
void delivery_pool_failed(struct delivery_pool *pool,
	struct delivery_line *line, const struct lmtp_reply *reply);

/* The list of deliveries whose clients have left: delivery.c's. */
struct delivery **delivery_pool_left(struct delivery_pool *pool);

#endif

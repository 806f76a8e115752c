/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One mail transaction: a message on its way to the homes of its recipients.
 * Each recipient is routed by policyd and stays registered there until its home
 * has answered the end of data; nothing is acknowledged that a home has not
 * acknowledged, and homes wait for each other only where the protocol has their
 * answers in a row.
 */
#ifndef REHOME_GATEWAY_DELIVERY_H
#define REHOME_GATEWAY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/delivery_pool.h"
#include "gateway/lmtp_command.h"
#include "gateway/lmtp_reply.h"
#include "gateway/worker.h"

struct delivery;

/* What the client's side is told; it does nothing to the delivery in there. */
struct delivery_calls {
	/* For the recipient of that number: to its RCPT, and, where that was
	 * good, once more after delivery_complete. */
	void (*answer)(
		void *context, size_t number, const struct lmtp_reply *reply);
	/* delivery_is_full no more. */
	void (*room)(void *context);
};

/*
 * mail, and the strings of the recipients, are the caller's and live until
 * delivery_leave. client: address of the mail server, "" at a path; copied.
 */
struct delivery *delivery_new(struct worker *worker, struct delivery_pool *pool,
	const struct lmtp_mail *mail, const char *client,
	const struct delivery_calls *calls, void *context);

/* A recipient, by the caller's number. */
void delivery_recipient(struct delivery *delivery, size_t number,
	const struct lmtp_recipient *recipient);
/* Every RCPT was answered, some were accepted: content comes. */
void delivery_data(struct delivery *delivery, bool chunked);
void delivery_content(struct delivery *delivery, const char *data, size_t size);
/* Whether the fastest home should have its turn before there is more. */
bool delivery_is_full(const struct delivery *delivery);
void delivery_complete(struct delivery *delivery);

/*
 * The client has all of its answers, has given up or is gone: what no home may
 * have taken yet is dropped, the rest stays registered until its home has
 * answered or closed. The caller's pointer becomes NULL.
 */
void delivery_leave(struct delivery **delivery);

/* Frees at once all that delivery_leave has left to themselves. */
void delivery_abandon_all(struct delivery_pool *pool);

#endif

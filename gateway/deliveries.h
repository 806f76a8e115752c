/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The delivery listener of one thread: connections of mail servers that hand
 * over mail by LMTP, and the homes it goes to.
 */
#ifndef REHOME_GATEWAY_DELIVERIES_H
#define REHOME_GATEWAY_DELIVERIES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/tls.h"

#include "gateway/worker.h"

struct deliveries;

/* What a listener knows of a mail server that has connected. */
struct deliveries_origin {
	bool implicit;		       /* TLS from the first octet on */
	bool starttls;		       /* it can be begun */
	struct tls_context *context;   /* NULL without TLS; outlives it */
	char client[INET6_ADDRSTRLEN]; /* its address, "" at a path */
	/* Called when the connection is over: for who counts them. */
	void (*over)(void *context);
	void *over_context;
};

/* Begins to look at the homes; the worker outlives it. */
struct deliveries *deliveries_new(struct worker *worker);
/* Frees all at once, whatever it does; takes NULL. */
void deliveries_free(struct deliveries **deliveries);

/* Takes over the connected socket; copies the origin. */
void deliveries_begin(struct deliveries *deliveries, int socket,
	const struct deliveries_origin *origin);

/* No message is begun any more: who has none under way is told goodbye. */
void deliveries_drain(struct deliveries *deliveries);
/* Whether anything is under way, mail servers that are gone included. */
bool deliveries_are_over(const struct deliveries *deliveries);

#endif

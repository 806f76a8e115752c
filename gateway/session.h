/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client, from its connection to its end: TLS, the dialog, the question
 * where its mailbox is, the home's login, the byte phase, the closing. All of
 * it runs in its worker's thread.
 */
#ifndef REHOME_GATEWAY_SESSION_H
#define REHOME_GATEWAY_SESSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/tls.h"

#include "gateway/dialog.h"
#include "gateway/worker.h"

#define SESSION_CLIENT_SIZE INET6_ADDRSTRLEN

/* What a listener knows of a client. */
struct session_origin {
	enum dialog_protocol protocol;
	bool implicit;	/* TLS from the first octet on */
	bool starttls;	/* it can be begun */
	bool cleartext; /* logins are taken without it */
	struct tls_context
		*context; /* NULL without TLS; outlives the session */
	char client[SESSION_CLIENT_SIZE]; /* its address, "" at a path */
	unsigned port;
	/* Called when the session is over: for who counts them. */
	void (*over)(void *context);
	void *over_context;
};

/* Takes over the connected socket; copies the origin. */
void session_begin(
	struct worker *worker, int socket, const struct session_origin *origin);

/* The worker is to end: who is not logged in is told goodbye. */
void session_drain(struct session *session);
/* Enough waited: ends within ms. */
void session_close(struct session *session, int64_t ms);
/* Frees it at once, whatever it does. */
void session_abandon(struct session *session);
/* The next one of the same worker, or NULL. */
struct session *session_next(const struct session *session);

#endif

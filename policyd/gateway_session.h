/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the gateways' protocol share: one gateway's connection. */
#ifndef REHOME_GATEWAY_SESSION_H
#define REHOME_GATEWAY_SESSION_H

#include "policyd/gateway_link.h"
#include "policyd/gateway_route.h"

#define GATEWAY_ID_SIZE 65

/* A route that waits. */
struct gateway_held {
	struct gateway_held *next;
	char id[GATEWAY_ID_SIZE];
	struct gateway_route route;
	char address[ADDRESS_SIZE]; /* of the account that is waited for */
	int64_t until;		    /* monotonic */
	bool open; /* its home's connection is not closed yet */
};

struct gateway_session {
	struct service *service;
	struct server_connection *connection;
	struct attr_parser *parser;
	struct attr_list *reply; /* printed and emptied again and again */
	struct sessions_gateway *gateway; /* NULL before hello */
	struct gateway_link *link;
	struct gateway_held *held;
	size_t held_count;
	struct buffer changed; /* scratch */

	/* of hello; while the connection is paused the pool's */
	struct sessions_identity identity;
	int admitted; /* 1 yes, 0 not asked, -1 no: why in the error */
	struct error error;
};

/* ---- gateway_requests.c ---- */

/*
 * Answers a request of a gateway that has said hello, or keeps it waiting. 0,
 * or -1 with an error: no gateway says such a thing, the connection is to be
 * closed.
 */
int gateway_request(struct gateway_session *session,
	const struct attr_list *request, struct error *error);
/* Prints what stands in the reply. */
void gateway_send(struct gateway_session *session);
/* A text that must be there, of at most max bytes; NULL with an error. */
const char *gateway_text(const struct attr_list *request, const char *name,
	size_t max, struct error *error);

/* ---- gateway_held.c ---- */

/* Answers the route, or keeps it until then when it has to wait. 0 or -1 as
 * gateway_request. Empties the route. */
int gateway_held_begin(struct gateway_session *session, const char *id,
	struct gateway_route *route, int64_t until, struct error *error);
/* Keeps a login that has a session at home already: that is to end, then the
 * route is answered. Empties the route. */
void gateway_held_login(struct gateway_session *session, const char *id,
	struct gateway_route *route, const char *address, int64_t until);
/* Looks again at those that wait for the account, with NULL at all. 0 or -1. */
int gateway_held_look(struct gateway_session *session, const char *address,
	struct error *error);
/* The session has ended: a login's is what was waited for, of others nobody
 * wants the answer any more. 0 or -1. */
int gateway_held_end(
	struct gateway_session *session, uint64_t number, struct error *error);
void gateway_held_free(struct gateway_session *session);

#endif

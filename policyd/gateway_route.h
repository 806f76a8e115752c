/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a login or a delivery goes. A session is registered before the store is
 * asked for its account's home: a freeze that is committed behind that question
 * finds it in the registry, one that was committed before it is the answer.
 */
#ifndef REHOME_GATEWAY_ROUTE_H
#define REHOME_GATEWAY_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/error.h"
#include "policyd/service.h"
#include "policyd/sessions.h"

struct gateway_route {
	uint64_t session;
	char *login;
	char *protocol;
	char *client;
	bool patient; /* it waits for a move that a first login waits for */
};

enum gateway_verdict {
	GATEWAY_TO_HOME,    /* registered */
	GATEWAY_TO_DEFAULT, /* its domain's; no such account; registered */
	GATEWAY_WAITS,	    /* out of service, or waited for */
	GATEWAY_LATER,	    /* cannot tell, or not ours: why in the error */
	GATEWAY_TWICE,	    /* the gateway has such a session already */
};

struct gateway_answer {
	char address[ADDRESS_SIZE]; /* registered under it; of GATEWAY_WAITS
				       the account */
	char system[ACCOUNT_NAME_SIZE];
	char *user;    /* login name there; to be freed */
	bool may_wait; /* for the move of its account, once it is let in */
};

/*
 * Decides and registers. Asks the store, waits for nothing. answer_r is set
 * with the first three verdicts, its user with the first two.
 */
enum gateway_verdict gateway_route(struct service *service,
	const struct settings *settings, struct sessions_gateway *gateway,
	const struct gateway_route *route, struct gateway_answer *answer_r,
	struct error *error);

void gateway_route_clear(struct gateway_route *route);

#endif

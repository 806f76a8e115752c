/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What other threads leave for a gateway's connection: messages to be sent, and
 * accounts of which something has changed that somebody may wait for. Nobody
 * who leaves something ever waits.
 */
#ifndef REHOME_GATEWAY_LINK_H
#define REHOME_GATEWAY_LINK_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/buffer.h"
#include "policyd/server.h"

struct gateway_link;

/* take is called on the connection's thread when there is something. */
struct gateway_link *gateway_link_new(
	struct server_connection *connection, server_fn *take);
/* Nobody may know the link any more. */
void gateway_link_free(struct gateway_link **link);

/* Any thread, while the connection is not closed. */
void gateway_link_push(
	struct gateway_link *link, const struct attr_list *message);
/* The account has changed; NULL: perhaps all have. Only kept when somebody
 * waits at this connection. */
void gateway_link_note(struct gateway_link *link, const char *address);

/* On the connection's thread: whether somebody waits from now on. */
void gateway_link_wait(struct gateway_link *link, bool waits);
/*
 * On the connection's thread: appends the messages to the output and gives the
 * accounts noted: in changed each with its NUL behind it. Returns true when it
 * may be all of them.
 */
bool gateway_link_take(struct gateway_link *link, struct buffer *output,
	struct buffer *changed);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of policyd: control protocol (rehome-control(7)). One request at a
 * time on one connection; a struct is used by one thread at a time.
 */
#ifndef REHOME_CONTROL_CLIENT_H
#define REHOME_CONTROL_CLIENT_H

#include "lib/attr.h"
#include "lib/error.h"

enum control_status {
	CONTROL_OK,
	CONTROL_NOT_FOUND,
	CONTROL_CONFLICT, /* stale epoch, forbidden transition, exists */
	CONTROL_DENIED,
	CONTROL_ERROR, /* policyd could not tell or could not do it: later */
};

struct control_client;

/*
 * Connects to the endpoint; timeout_ms bounds each later call as a whole too, 0
 * for ever. Returns NULL with an error when policyd is not there.
 */
struct control_client *control_connect(
	const char *endpoint, int timeout_ms, struct error *error);
void control_close(struct control_client **client);

/*
 * Sends the request and waits for the reply; the list that the last reply
 * announced must have been read to its end. Returns 0 with the first message
 * of the reply, owned by the client and valid until the next call; -1 when the
 * connection failed: it is of no further use, and whether the request was
 * carried out is unknown.
 */
int control_call(struct control_client *client, const struct attr_list *request,
	const struct attr_list **reply_r, struct error *error);

/*
 * The next message of a list or of a watch. Returns 1 with it (valid until the
 * next call), or -1. timeout_ms < 0 waits for ever; 0 is returned when the time
 * is over.
 */
int control_next(struct control_client *client, int timeout_ms,
	const struct attr_list **message_r, struct error *error);

/*
 * The status of a reply; for all but CONTROL_OK the error gets its reason. A
 * reply without a known status is CONTROL_ERROR.
 */
enum control_status control_status(
	const struct attr_list *reply, struct error *error);
/* The word of a status on the wire: "ok", "not-found", ... */
const char *control_status_name(enum control_status status);

/* The descriptor, for poll(2) during a watch. */
int control_fd(const struct control_client *client);

#endif

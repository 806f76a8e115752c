/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes, answered at once or when the account is in service again. One that
 * waits is an entry of a list, no thread and no lock, and is decided about
 * anew each time that its account has changed.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/gateway_session.h"

/* Of one connection; who comes later is told to try later. */
#define GATEWAY_HELD_MAX 20000

static void gateway_reply_begin(
	struct gateway_session *session, const char *id, const char *status)
{
	attr_list_add(session->reply, "id", id);
	attr_list_add(session->reply, "status", status);
}

static void gateway_reply_reason(struct gateway_session *session,
	const char *id, const char *status, const char *reason)
{
	gateway_reply_begin(session, id, status);
	attr_list_add(session->reply, "reason", reason);
	gateway_send(session);
}

static void gateway_reply_route(struct gateway_session *session, const char *id,
	const char *status, struct gateway_answer *answer)
{
	gateway_reply_begin(session, id, status);
	attr_list_add(session->reply, "address", answer->address);
	attr_list_add(session->reply, "system", answer->system);
	attr_list_add(session->reply, "user", answer->user);
	if (answer->may_wait)
		attr_list_add(session->reply, "wait", "yes");
	gateway_send(session);
	free(answer->user);
}

/*
 * Answers when there is an answer: 1; 0 when it waits, in waits_r for the
 * account of that address; -1 with an error.
 */
static int gateway_held_try(struct gateway_session *session, const char *id,
	struct gateway_route *route, bool may_wait,
	char address_r[ADDRESS_SIZE], struct error *error)
{
	struct gateway_answer answer;
	struct error why;

	route->patient = may_wait && strcmp(route->protocol, "lmtp") != 0;
	switch (gateway_route(session->service,
		server_settings(session->connection), session->gateway, route,
		&answer, &why)) {
	case GATEWAY_TO_HOME:
		gateway_reply_route(session, id, "ok", &answer);
		return 1;
	case GATEWAY_TO_DEFAULT:
		gateway_reply_route(session, id, "not-found", &answer);
		return 1;
	case GATEWAY_LATER:
		gateway_reply_reason(session, id, "error", why.text);
		return 1;
	case GATEWAY_WAITS:
		memcpy(address_r, answer.address, ADDRESS_SIZE);
		if (may_wait)
			return 0;
		gateway_reply_reason(session, id, "conflict",
			"the account is being moved, try again later");
		return 1;
	case GATEWAY_TWICE:
		break;
	}
	error_set(error, "session %llu is there already",
		(unsigned long long)route->session);
	return -1;
}

static struct gateway_held *gateway_held_add(struct gateway_session *session,
	const char *id, struct gateway_route *route, const char *address,
	int64_t until)
{
	struct gateway_held *held = xcalloc(1, sizeof(*held));

	memcpy(held->id, id, strlen(id) + 1);
	memcpy(held->address, address, strlen(address) + 1);
	held->route = *route;
	memset(route, 0, sizeof(*route));
	held->until = until;
	held->next = session->held;
	session->held = held;
	session->held_count++;
	attr_list_add(session->reply, "event", "held");
	attr_list_add(session->reply, "id", id);
	gateway_send(session);
	return held;
}

/* Takes the first of the list at that place out of it. */
static void gateway_held_remove(
	struct gateway_session *session, struct gateway_held **place)
{
	struct gateway_held *held = *place;

	*place = held->next;
	gateway_route_clear(&held->route);
	free(held);
	if (--session->held_count == 0)
		gateway_link_wait(session->link, false);
}

int gateway_held_begin(struct gateway_session *session, const char *id,
	struct gateway_route *route, int64_t until, struct error *error)
{
	char address[ADDRESS_SIZE];
	bool may_wait = until > instant_monotonic() &&
			session->held_count < GATEWAY_HELD_MAX;
	int result;

	/* before the look at the store: a change behind it is not missed */
	if (may_wait)
		gateway_link_wait(session->link, true);
	result = gateway_held_try(session, id, route, may_wait, address, error);
	if (result == 0)
		(void)gateway_held_add(session, id, route, address, until);
	else if (session->held_count == 0)
		gateway_link_wait(session->link, false);
	gateway_route_clear(route);
	return result < 0 ? -1 : 0;
}

void gateway_held_login(struct gateway_session *session, const char *id,
	struct gateway_route *route, const char *address, int64_t until)
{
	gateway_link_wait(session->link, true);
	gateway_held_add(session, id, route, address, until)->open = true;
	gateway_route_clear(route);
}

int gateway_held_look(struct gateway_session *session, const char *address,
	struct error *error)
{
	struct gateway_held **place = &session->held;

	while (*place != NULL) {
		struct gateway_held *held = *place;
		int result = 0;

		if (!held->open && (address == NULL ||
					   strcmp(address, held->address) == 0))
			result = gateway_held_try(session, held->id,
				&held->route, held->until > instant_monotonic(),
				held->address, error);
		if (result < 0)
			return -1;
		if (result > 0)
			gateway_held_remove(session, place);
		else
			place = &held->next;
	}
	return 0;
}

int gateway_held_end(
	struct gateway_session *session, uint64_t number, struct error *error)
{
	struct gateway_held **place = &session->held;

	while (*place != NULL && (*place)->route.session != number)
		place = &(*place)->next;
	if (*place == NULL)
		return 0;
	if ((*place)->open) {
		(*place)->open = false;
		return gateway_held_look(session, (*place)->address, error);
	}
	gateway_held_remove(session, place);
	return 0;
}

void gateway_held_free(struct gateway_session *session)
{
	while (session->held != NULL)
		gateway_held_remove(session, &session->held);
}

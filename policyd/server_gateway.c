/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gateways' protocol (rehome-gateway-protocol(7)): connections, who is at
 * the other end, and what other threads have for it. Whoever says something
 * that a gateway does not say is closed, and its sessions count for the lease.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/daemon.h"
#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/gateway_session.h"

static void gateway_take(struct server_connection *connection, void *state);

static void *gateway_session_open(
	struct server_connection *connection, void *context)
{
	struct gateway_session *session = xcalloc(1, sizeof(*session));

	session->service = context;
	session->connection = connection;
	session->parser = attr_parser_new(ATTR_CONTROL);
	session->reply = attr_list_new();
	session->link = gateway_link_new(connection, gateway_take);
	return session;
}

static void gateway_session_close(void *state)
{
	struct gateway_session *session = state;

	if (session->gateway != NULL)
		log_write(session->service->log, LOG_NOTICE,
			"gateway %s has gone", session->identity.name);
	gateway_held_free(session);
	/* nobody pushes any more behind this */
	sessions_leave(&session->gateway, instant_monotonic());
	gateway_link_free(&session->link);
	attr_list_free(&session->reply);
	attr_parser_free(&session->parser);
	buffer_free(&session->changed);
	free(session);
}

static bool gateway_session_midway(const void *state)
{
	const struct gateway_session *session = state;

	return attr_parser_midway(session->parser);
}

/* The connection is of no further use. */
static void gateway_refuse(
	struct gateway_session *session, const struct error *error)
{
	server_complain(session->connection, error->text);
	attr_list_clear(session->reply);
	attr_list_add(session->reply, "status", "error");
	attr_list_add(session->reply, "reason", error->text);
	gateway_send(session);
	server_finish(session->connection);
}

/* ---- from other threads ---- */

static void gateway_take(struct server_connection *connection, void *state)
{
	struct gateway_session *session = state;
	struct buffer *changed = &session->changed;
	struct error error;
	bool all;
	int result = 0;

	buffer_clear(changed);
	all = gateway_link_take(
		session->link, server_output(connection), changed);
	if (all)
		result = gateway_held_look(session, NULL, &error);
	for (size_t at = 0; !all && at < changed->size && result == 0;
		at += strlen(changed->data + at) + 1)
		result = gateway_held_look(session, changed->data + at, &error);
	if (result < 0)
		gateway_refuse(session, &error);
}

/* Some have waited long enough; and nothing that was missed lasts. */
static void gateway_tick(struct server_connection *connection, void *state)
{
	struct gateway_session *session = state;
	struct error error;

	(void)connection;
	if (gateway_held_look(session, NULL, &error) < 0)
		gateway_refuse(session, &error);
}

/* ---- hello ---- */

static int gateway_name(const struct attr_list *request, const char *attribute,
	char name_r[SESSIONS_NAME_SIZE], struct error *error)
{
	const char *text =
		gateway_text(request, attribute, SESSIONS_NAME_SIZE - 1, error);

	if (text == NULL)
		return -1;
	for (const char *at = text; *at != '\0'; at++)
		if (*at <= ' ' || *at >= 127) {
			error_set(error, "%s is not a name", attribute);
			return -1;
		}
	memcpy(name_r, text, strlen(text) + 1);
	return 0;
}

static int gateway_read_hello(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	const char *name = attr_list_get(request, "request");
	uid_t uid;
	gid_t gid;

	if (name == NULL || strcmp(name, "hello") != 0) {
		error_set(error, "it does not say hello");
		return -1;
	}
	if (daemon_peer(server_socket(session->connection), &uid, &gid,
		    &session->identity.pid) < 0) {
		error_set(error, "a gateway over a network");
		return -1;
	}
	if (gateway_name(request, "name", session->identity.name, error) < 0 ||
		gateway_name(request, "instance", session->identity.instance,
			error) < 0)
		return -1;
	return 0;
}

/* It is known to the store, so that it would be waited for. */
static void gateway_welcome(struct gateway_session *session)
{
	const struct config *config =
		server_settings(session->connection)->config;
	struct gateways *gateways = session->service->gateways;

	session->gateway = sessions_join(
		gateways_sessions(gateways), &session->identity, session->link);
	attr_list_add(session->reply, "status", "ok");
	attr_list_add_number(session->reply, "lease", gateways_lease(gateways));
	attr_list_add_number(
		session->reply, "hold", config->policyd.gateway_hold);
	attr_list_add_number(
		session->reply, "idle", config->policyd.gateway_idle);
	gateway_send(session);
	log_write(session->service->log, LOG_NOTICE, "gateway %s has come",
		session->identity.name);
}

/* Back on the connection's thread. */
static void gateway_admitted(struct server_connection *connection, void *state)
{
	struct gateway_session *session = state;

	if (session->admitted > 0)
		gateway_welcome(session);
	else
		gateway_refuse(session, &session->error);
	server_resume(connection);
}

/* On a thread of the pool: it waits for the disk. */
static void gateway_admit(void *context)
{
	struct gateway_session *session = context;

	session->admitted = gateways_admit(session->service->gateways,
				    &session->identity, &session->error) < 0
				    ? -1
				    : 1;
	server_post(session->connection, gateway_admitted);
}

/* 1: the connection is paused meanwhile. */
static int gateway_hello(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	if (gateway_read_hello(session, request, error) < 0)
		return -1;
	if (gateways_knows(session->service->gateways, &session->identity)) {
		gateway_welcome(session);
		return 0;
	}
	server_pause(session->connection);
	pool_run(session->service->pool, gateway_admit, session);
	return 1;
}

/* ---- requests ---- */

static ssize_t gateway_session_input(struct server_connection *connection,
	void *state, const char *data, size_t size)
{
	struct gateway_session *session = state;
	struct error error;
	size_t taken = 0;
	size_t used;
	int got = 1;

	while (taken < size && got > 0) {
		const struct attr_list *request;
		int result;

		got = attr_parser_feed(session->parser, data + taken,
			size - taken, &used, &error);
		taken += used;
		if (got <= 0)
			break;
		server_answered(connection);
		request = attr_parser_message(session->parser);
		result = session->gateway == NULL
				 ? gateway_hello(session, request, &error)
				 : gateway_request(session, request, &error);
		if (result > 0)
			break;
		if (result < 0)
			got = -1;
	}
	if (got >= 0)
		return (ssize_t)taken;
	gateway_refuse(session, &error);
	return -1;
}

const struct server_protocol server_gateway = {
	.name = "gateway",
	.open = gateway_session_open,
	.input = gateway_session_input,
	.midway = gateway_session_midway,
	.tick = gateway_tick,
	.close = gateway_session_close,
};

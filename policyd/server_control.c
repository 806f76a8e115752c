/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control protocol: connections, who is at the other end, and the way of a
 * request from the event loop to a thread of the pool and of its reply back.
 * A connection has one request at a time under way.
 */
#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/daemon.h"
#include "lib/xalloc.h"
#include "policyd/server_control.h"

#define CONTROL_NAME_SIZE 64

static const struct control_verb *const control_tables[] = {
	control_directory_verbs,
	control_operator_verbs,
	control_document_verbs,
	control_worker_verbs,
	control_gateway_verbs,
	control_care_verbs,
};

struct control_session {
	struct service *service;
	struct server_connection *connection;
	struct attr_parser *parser;
	bool known; /* the peer could be asked who he is */
	bool owner;
	uid_t uid;
	pid_t pid;
	char name[CONTROL_NAME_SIZE]; /* "" until it is needed */

	/* The request under way; while the connection is paused it belongs to
	 * the thread that runs it. */
	struct buffer reply;
	bool watches;
	char watch_address[ADDRESS_SIZE];
	char *watch_batch;

	struct events_watcher *watcher;
};

static void *control_session_open(
	struct server_connection *connection, void *context)
{
	struct control_session *session = xcalloc(1, sizeof(*session));
	gid_t gid;

	session->service = context;
	session->connection = connection;
	session->parser = attr_parser_new(ATTR_CONTROL);
	session->known = daemon_peer(server_socket(connection), &session->uid,
				 &gid, &session->pid) == 0;
	session->owner = session->known &&
			 (session->uid == 0 || session->uid == geteuid());
	return session;
}

static void control_session_close(void *state)
{
	struct control_session *session = state;

	events_unwatch(session->service->events, &session->watcher);
	attr_parser_free(&session->parser);
	buffer_free(&session->reply);
	free(session->watch_batch);
	free(session);
}

static bool control_session_midway(const void *state)
{
	const struct control_session *session = state;

	return attr_parser_midway(session->parser);
}

/* Events go into the output as it has room. */
static void control_session_room(
	struct server_connection *connection, void *state)
{
	struct control_session *session = state;

	if (session->watcher == NULL)
		return;
	if (events_take(session->service->events, session->watcher,
		    server_output(connection), SERVER_OUTPUT_MAX) > 0)
		return;
	events_unwatch(session->service->events, &session->watcher);
	server_stream(connection, false);
	server_finish(connection);
}

/* A task without work of its own: what follows every task is the room. */
static void control_has_events(
	struct server_connection *connection, void *state)
{
	(void)connection;
	(void)state;
}

static void control_wake(void *context)
{
	struct control_session *session = context;

	server_post(session->connection, control_has_events);
}

/* ---- the request, on a thread of the pool ---- */

static const struct control_verb *control_find(const char *name)
{
	for (size_t i = 0;
		i < sizeof(control_tables) / sizeof(control_tables[0]); i++)
		for (const struct control_verb *verb = control_tables[i];
			verb->name != NULL; verb++)
			if (strcmp(verb->name, name) == 0)
				return verb;
	return NULL;
}

/* 0: not among the names, 1: once, 2: several times. */
static int control_allows(const char *names, const char *name)
{
	size_t size = strlen(name);

	while (*names != '\0') {
		size_t length = strcspn(names, " ");
		bool many = length > 0 && names[length - 1] == '*';

		if (length - many == size && memcmp(names, name, size) == 0)
			return many ? 2 : 1;
		names += length;
		names += strspn(names, " ");
	}
	return 0;
}

static int control_check_names(const struct control_verb *verb,
	const struct attr_list *attrs, struct error *error)
{
	bool any = strstr(verb->optional, "...") != NULL;

	for (size_t i = 0; i < attr_list_count(attrs); i++) {
		const char *name = attr_list_name(attrs, i);
		const char *value = attr_list_value(attrs, i);
		int allowed = control_allows("request by", name);

		if (allowed == 0)
			allowed = control_allows(verb->required, name);
		if (allowed == 0)
			allowed = control_allows(verb->optional, name);
		if (allowed == 0 && !any) {
			error_set(error, "%s: unknown attribute %s", verb->name,
				name);
			return -1;
		}
		/* attr_list_get gives the first of them */
		if (allowed == 1 && attr_list_get(attrs, name) != value) {
			error_set(
				error, "%s: %s stands twice", verb->name, name);
			return -1;
		}
	}
	return 0;
}

static int control_check_required(const struct control_verb *verb,
	const struct attr_list *attrs, struct error *error)
{
	const char *names = verb->required;

	while (*names != '\0') {
		char name[ATTR_NAME_MAX + 1];
		size_t length = strcspn(names, " ");
		const char *value;

		snprintf(name, sizeof(name), "%.*s", (int)length, names);
		value = attr_list_get(attrs, name);
		if (value == NULL || value[0] == '\0') {
			error_set(error, "%s: %s is missing", verb->name, name);
			return -1;
		}
		names += length;
		names += strspn(names, " ");
	}
	return 0;
}

static void control_learn_name(struct control_session *session)
{
	struct passwd passwd, *found = NULL;
	char scratch[4096];

	if (session->name[0] != '\0')
		return;
	if (getpwuid_r(session->uid, &passwd, scratch, sizeof(scratch),
		    &found) == 0 &&
		found != NULL)
		snprintf(session->name, sizeof(session->name), "%s",
			found->pw_name);
	else
		snprintf(session->name, sizeof(session->name), "uid %lu",
			(unsigned long)session->uid);
}

/* Who did it: root may say for whom he works, others are who they are. */
static const char *control_by(struct control_session *session)
{
	const char *by =
		attr_list_get(attr_parser_message(session->parser), "by");

	if (session->owner && by != NULL && by[0] != '\0')
		return by;
	control_learn_name(session);
	return session->name;
}

static enum control_status control_check(struct control_session *session,
	const struct attr_list *attrs, const struct control_verb **verb_r,
	struct error *error)
{
	const char *name = attr_list_get(attrs, "request");

	if (name == NULL || strcmp(attr_list_name(attrs, 0), "request") != 0) {
		error_set(error, "the first attribute is not request=VERB");
		return CONTROL_ERROR;
	}
	*verb_r = control_find(name);
	if (*verb_r == NULL) {
		error_set(error, "unknown request %.100s", name);
		return CONTROL_ERROR;
	}
	if (!session->known ||
		((*verb_r)->access == CONTROL_OWNER && !session->owner)) {
		error_set(error, "%s: not for you", name);
		log_write(session->service->log, LOG_WARNING,
			"control request %s denied: uid %ld, pid %ld", name,
			session->known ? (long)session->uid : -1L,
			session->known ? (long)session->pid : -1L);
		return CONTROL_DENIED;
	}
	if (control_check_names(*verb_r, attrs, error) < 0 ||
		control_check_required(*verb_r, attrs, error) < 0)
		return CONTROL_ERROR;
	return CONTROL_OK;
}

static void control_done(struct server_connection *connection, void *state);

static void control_run(void *context)
{
	struct control_session *session = context;
	struct service *service = session->service;
	struct control_request request = {
		.service = service,
		.attrs = attr_parser_message(session->parser),
		.out = &session->reply,
	};
	const struct control_verb *verb = NULL;
	struct error error = { "" };
	enum control_status status =
		control_check(session, request.attrs, &verb, &error);

	if (status == CONTROL_OK) {
		request.settings = settings_get(service->settings);
		request.by = control_by(session);
		verb->run(&request);
		settings_put(service->settings, &request.settings);
	} else {
		control_fail(&request, status, &error);
	}
	session->watches = request.watches;
	if (request.watches) {
		memcpy(session->watch_address, request.watch_address,
			sizeof(session->watch_address));
		free(session->watch_batch);
		session->watch_batch = request.watch_batch != NULL
					       ? xstrdup(request.watch_batch)
					       : NULL;
	}
	server_post(session->connection, control_done);
}

/* ---- back on the connection's thread ---- */

static void control_done(struct server_connection *connection, void *state)
{
	struct control_session *session = state;
	struct buffer *out = server_output(connection);

	/* before the reply is read, so that nothing after it is missed */
	if (session->watches) {
		events_unwatch(session->service->events, &session->watcher);
		session->watcher = events_watch(session->service->events,
			session->watch_address[0] != '\0'
				? session->watch_address
				: NULL,
			session->watch_batch, control_wake, session);
		server_stream(connection, true);
		session->watches = false;
	}
	buffer_add(out, session->reply.data, session->reply.size);
	buffer_free(&session->reply);
	server_resume(connection);
}

static ssize_t control_session_input(struct server_connection *connection,
	void *state, const char *data, size_t size)
{
	struct control_session *session = state;
	struct error error;
	size_t used;
	int got = attr_parser_feed(session->parser, data, size, &used, &error);

	if (got == 0)
		return (ssize_t)used;
	if (got < 0) {
		server_complain(connection, error.text);
		buffer_printf(server_output(connection),
			"status=error\nreason=%s\n\n", error.text);
		return -1;
	}
	server_answered(connection);
	server_pause(connection);
	pool_run(session->service->pool, control_run, session);
	return (ssize_t)used;
}

const struct server_protocol server_control = {
	.name = "control",
	.open = control_session_open,
	.input = control_session_input,
	.midway = control_session_midway,
	.room = control_session_room,
	.close = control_session_close,
};

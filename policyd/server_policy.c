/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policy delegation (Postfix's SMTPD_POLICY_README) and the milter's question
 * in the same form. The busiest path of policyd: one pass over the attributes,
 * one or two lookups, no allocation for each request.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/attr.h"
#include "lib/xalloc.h"
#include "policyd/directory.h"
#include "policyd/service.h"

#define POLICY_MOVING "mailbox is being moved, try again later"
#define POLICY_LATER  "cannot tell where the mailbox is, try again later"

struct policy_session {
	struct service *service;
	struct attr_parser *parser;
};

/* The attributes that matter; NULL when not there. */
struct policy_request {
	const char *request;
	const char *recipient;
	const char *sasl_username;
	const char *client_address;
	const char *own;
};

static void *policy_open(struct server_connection *connection, void *context)
{
	struct policy_session *session = xcalloc(1, sizeof(*session));

	(void)connection;
	session->service = context;
	session->parser = attr_parser_new(ATTR_POLICY);
	return session;
}

static void policy_close(void *state)
{
	struct policy_session *session = state;

	attr_parser_free(&session->parser);
	free(session);
}

static bool policy_midway(const void *state)
{
	const struct policy_session *session = state;

	return attr_parser_midway(session->parser);
}

static void policy_read(
	const struct attr_list *message, struct policy_request *r)
{
	size_t count = attr_list_count(message);

	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < count; i++) {
		const char *name = attr_list_name(message, i);
		const char **field = NULL;

		switch (name[0]) {
		case 'r':
			if (strcmp(name, "request") == 0)
				field = &r->request;
			else if (strcmp(name, "recipient") == 0)
				field = &r->recipient;
			break;
		case 's':
			if (strcmp(name, "sasl_username") == 0)
				field = &r->sasl_username;
			break;
		case 'c':
			if (strcmp(name, "client_address") == 0)
				field = &r->client_address;
			break;
		case 'o':
			if (strcmp(name, "own") == 0)
				field = &r->own;
			break;
		}
		if (field != NULL && *field == NULL)
			*field = attr_list_value(message, i);
	}
}

/* Whom mail clients and hosts of our own sent it for: never deferred. */
static bool policy_is_own(
	const struct settings *settings, const struct policy_request *request)
{
	if (request->own != NULL)
		return strcmp(request->own, "yes") == 0;
	if (request->sasl_username != NULL && request->sasl_username[0] != '\0')
		return true;
	if (request->client_address == NULL ||
		request->client_address[0] == '\0')
		return true;
	return settings_is_own(settings, request->client_address);
}

/* The answer for a recipient; lookup_r is to be cleared. */
static struct directory_answer policy_decide(struct service *service,
	const struct settings *settings, const struct policy_request *request,
	struct directory_lookup *lookup_r)
{
	struct directory_answer answer;
	struct directory_facts facts;
	struct error error = { "" };

	directory_lookup(settings->config, service->store, request->recipient,
		lookup_r, &error);
	facts = directory_facts(settings->config, lookup_r, false);
	answer = directory_decide(&facts);
	if (answer.gate == DIRECTORY_DEFER) {
		/* whose client it is matters to nobody else */
		facts.own = policy_is_own(settings, request);
		answer = directory_decide(&facts);
	}
	if (answer.gate == DIRECTORY_DEFER)
		machine_deferred(service->machine, &lookup_r->account,
			lookup_r->address.text);
	else if (answer.gate == DIRECTORY_LATER)
		service_cannot_tell(service, lookup_r->address.text, &error);
	return answer;
}

static void policy_answer(struct service *service,
	const struct settings *settings, const struct policy_request *request,
	struct buffer *out)
{
	struct directory_lookup lookup;

	/* none at END-OF-MESSAGE and DATA with several recipients */
	if (request->recipient == NULL || request->recipient[0] == '\0') {
		buffer_add_text(out, "action=DUNNO\n\n");
		return;
	}
	switch (policy_decide(service, settings, request, &lookup).gate) {
	case DIRECTORY_GO_ON:
		buffer_add_text(out, "action=DUNNO\n\n");
		break;
	case DIRECTORY_DEFER:
		buffer_printf(out, "action=451 4.2.1 <%s> %s\n\n",
			lookup.address.text, POLICY_MOVING);
		break;
	case DIRECTORY_LATER:
		buffer_printf(out, "action=451 4.3.0 <%s> %s\n\n",
			lookup.address.text, POLICY_LATER);
		break;
	}
	directory_lookup_clear(&lookup);
}

/* The milter's question: the same decision in the words of the control
 * protocol. */
static void policy_answer_milter(struct service *service,
	const struct settings *settings, const struct policy_request *request,
	struct buffer *out)
{
	struct directory_answer answer;
	struct directory_lookup lookup;

	if (request->recipient == NULL || request->own == NULL) {
		buffer_add_text(out, "status=error\n"
				     "reason=recipient and own are needed\n\n");
		return;
	}
	answer = policy_decide(service, settings, request, &lookup);
	buffer_printf(out, "status=ok\naction=%s\nmoving=%s\n",
		answer.gate == DIRECTORY_GO_ON	 ? "go-on"
		: answer.gate == DIRECTORY_DEFER ? "defer"
						 : "later",
		answer.moving ? "yes" : "no");
	if (answer.gate != DIRECTORY_GO_ON)
		buffer_printf(out, "text=%s\n",
			answer.gate == DIRECTORY_DEFER ? POLICY_MOVING
						       : POLICY_LATER);
	buffer_add_text(out, "\n");
	directory_lookup_clear(&lookup);
}

static void policy_dispatch(struct service *service,
	const struct settings *settings, const struct attr_list *message,
	struct buffer *out)
{
	struct policy_request request;

	policy_read(message, &request);
	if (request.request == NULL)
		buffer_add_text(out, "status=error\nreason=no request\n\n");
	else if (strcmp(request.request, "smtpd_access_policy") == 0)
		policy_answer(service, settings, &request, out);
	else if (strcmp(request.request, "rehome_recipient") == 0)
		policy_answer_milter(service, settings, &request, out);
	else
		buffer_add_text(
			out, "status=error\nreason=unknown request\n\n");
}

static ssize_t policy_input(struct server_connection *connection, void *state,
	const char *data, size_t size)
{
	struct policy_session *session = state;
	struct service *service = session->service;
	const struct settings *settings = server_settings(connection);
	struct buffer *out = server_output(connection);
	struct error error;
	size_t taken = 0;
	size_t used;
	int got = 1;

	while (taken < size && got > 0) {
		got = attr_parser_feed(session->parser, data + taken,
			size - taken, &used, &error);
		taken += used;
		if (got <= 0)
			break;
		server_answered(connection);
		policy_dispatch(service, settings,
			attr_parser_message(session->parser), out);
	}
	if (got >= 0)
		return (ssize_t)taken;
	server_complain(connection, error.text);
	buffer_printf(out, "status=error\nreason=%s\n\n", error.text);
	return -1;
}

const struct server_protocol server_policy = {
	.name = "policy",
	.open = policy_open,
	.input = policy_input,
	.midway = policy_midway,
	.close = policy_close,
};

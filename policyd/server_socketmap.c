/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socketmap (Postfix's socketmap_table(5), Sendmail's K map class "socket"):
 * netstrings "NAME KEY" in, "OK value", "NOTFOUND ", "TEMP reason" or "PERM
 * reason" out. One row of socketmap_names is one map.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/netstring.h"
#include "lib/xalloc.h"
#include "policyd/directory.h"
#include "policyd/service.h"

#define SOCKETMAP_LATER	 "4.3.0 cannot tell where the mailbox is"
#define SOCKETMAP_MOVING "4.2.1 mailbox is being moved"

/* A key and all that is known of it. */
struct socketmap_question {
	const struct config *config;
	const char *key;
	const struct directory_lookup *lookup;
	struct directory_answer answer;
	const char *deliver; /* of home or of the domain's default, or NULL */
	struct buffer *reply;
};

struct socketmap_name {
	const char *name;
	/* A whole address. */
	void (*address)(struct socketmap_question *question);
	/* "domain": only lookup->domain is set. */
	void (*domain)(struct socketmap_question *question);
	/* "@domain", asked for when nothing else was found. */
	void (*rest)(struct socketmap_question *question);
};

static void socketmap_ok(struct buffer *reply, const char *value)
{
	buffer_add_text(reply, "OK ");
	buffer_add_text(reply, value);
}

static void socketmap_not_found(struct socketmap_question *question)
{
	buffer_add_text(question->reply, "NOTFOUND ");
}

static void socketmap_later(struct socketmap_question *question)
{
	buffer_add_text(question->reply, "TEMP " SOCKETMAP_LATER);
}

static const char *socketmap_deliver(
	const struct config *config, const char *system)
{
	const struct config_system *found =
		system != NULL ? config_system(config, system) : NULL;

	return found != NULL ? found->deliver : NULL;
}

/* A next hop, or that there should be one and is not. */
static void socketmap_next_hop(
	struct socketmap_question *question, const char *next_hop)
{
	if (next_hop != NULL)
		socketmap_ok(question->reply, next_hop);
	else
		socketmap_later(question);
}

static void socketmap_transport(struct socketmap_question *question)
{
	switch (question->answer.route) {
	case DIRECTORY_TO_HOME:
	case DIRECTORY_TO_DEFAULT:
		socketmap_next_hop(question, question->deliver);
		break;
	case DIRECTORY_TO_RETRY:
		socketmap_next_hop(question, question->config->maps.retry);
		break;
	case DIRECTORY_TO_PARK:
		socketmap_next_hop(question, question->config->maps.park);
		break;
	case DIRECTORY_TO_NOBODY:
		socketmap_not_found(question);
		break;
	case DIRECTORY_TO_LATER:
		socketmap_later(question);
		break;
	}
}

/* Of a domain, whatever address of it: no lookup is needed. */
static void socketmap_transport_domain(struct socketmap_question *question)
{
	const struct config_domain *domain = question->lookup->domain;

	if (domain == NULL || domain->default_system == NULL)
		socketmap_not_found(question);
	else
		socketmap_next_hop(question, socketmap_deliver(question->config,
						     domain->default_system));
}

/* The primary address with the extension of the alias put in. */
static void socketmap_alias(struct socketmap_question *question)
{
	const struct directory_lookup *lookup = question->lookup;
	const char *address = lookup->account.address;
	const char *at = strrchr(address, '@');
	size_t size;

	if (question->answer.route == DIRECTORY_TO_LATER) {
		socketmap_later(question);
		return;
	}
	if (lookup->result != DIRECTORY_FOUND || !lookup->by_alias) {
		socketmap_not_found(question);
		return;
	}
	/* the extension goes inside of the quotes */
	size = (size_t)(at - address);
	if (size > 0 && address[0] == '"')
		size--;
	buffer_add_text(question->reply, "OK ");
	buffer_add(question->reply, address, size);
	buffer_add_text(question->reply, lookup->extension);
	buffer_add_text(question->reply, address + size);
}

static void socketmap_recipients(struct socketmap_question *question)
{
	switch (question->answer.recipient) {
	case DIRECTORY_EXISTS:
		socketmap_ok(question->reply, question->key);
		break;
	case DIRECTORY_EXISTS_NOT:
		socketmap_not_found(question);
		break;
	case DIRECTORY_EXISTS_LATER:
		socketmap_later(question);
		break;
	}
}

/* In a managed domain that is not complete every address may exist. */
static void socketmap_recipients_rest(struct socketmap_question *question)
{
	const struct config_domain *domain = question->lookup->domain;

	if (domain == NULL || domain->complete)
		socketmap_not_found(question);
	else
		socketmap_ok(question->reply, question->key);
}

/*
 * A next hop in the words of Sendmail's mailertable, "MAILER:HOST". A port is
 * left out, since Sendmail takes it from the mailer's definition.
 */
static void socketmap_mailer(
	struct socketmap_question *question, const char *deliver)
{
	const char *host;
	size_t size;

	if (deliver == NULL) {
		socketmap_later(question);
		return;
	}
	host = strchr(deliver, ':');
	host = host != NULL ? host + 1 : deliver;
	if (strncmp(deliver, "lmtp:", 5) != 0) {
		buffer_add_text(question->reply, "OK esmtp:");
	} else {
		buffer_add_text(question->reply, "OK lmtp:");
		if (strncmp(host, "unix:", 5) == 0) {
			buffer_add_text(question->reply, host + 5);
			return;
		}
	}
	if (strncmp(host, "inet:", 5) == 0)
		host += 5;
	size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (size > strlen(host))
		size = strlen(host);
	buffer_add(question->reply, host, size);
}

static void socketmap_sendmail(struct socketmap_question *question)
{
	switch (question->answer.route) {
	case DIRECTORY_TO_HOME:
	case DIRECTORY_TO_DEFAULT:
		socketmap_mailer(question, question->deliver);
		break;
	case DIRECTORY_TO_RETRY:
	case DIRECTORY_TO_PARK:
		/* the message stays in Sendmail's queue */
		buffer_add_text(question->reply, "TEMP " SOCKETMAP_MOVING);
		break;
	case DIRECTORY_TO_NOBODY:
		socketmap_not_found(question);
		break;
	case DIRECTORY_TO_LATER:
		socketmap_later(question);
		break;
	}
}

/* The system's name, for mail servers that know by it what to do. */
static void socketmap_system(struct socketmap_question *question)
{
	const struct directory_lookup *lookup = question->lookup;

	switch (question->answer.route) {
	case DIRECTORY_TO_HOME:
		socketmap_ok(
			question->reply, account_home_system(&lookup->account));
		break;
	case DIRECTORY_TO_DEFAULT:
		socketmap_ok(question->reply, lookup->domain->default_system);
		break;
	case DIRECTORY_TO_RETRY:
	case DIRECTORY_TO_PARK:
		buffer_add_text(question->reply, "TEMP " SOCKETMAP_MOVING);
		break;
	case DIRECTORY_TO_NOBODY:
		socketmap_not_found(question);
		break;
	case DIRECTORY_TO_LATER:
		socketmap_later(question);
		break;
	}
}

static const struct socketmap_name socketmap_names[] = {
	{ "transport", socketmap_transport, socketmap_transport_domain,
		socketmap_transport_domain },
	{ "alias", socketmap_alias, socketmap_not_found, socketmap_not_found },
	{ "recipients", socketmap_recipients, socketmap_not_found,
		socketmap_recipients_rest },
	{ "sendmail", socketmap_sendmail, socketmap_not_found,
		socketmap_not_found },
	{ "system", socketmap_system, socketmap_not_found,
		socketmap_not_found },
};

static const struct socketmap_name *socketmap_find(
	const char *name, size_t size)
{
	size_t count = sizeof(socketmap_names) / sizeof(socketmap_names[0]);

	for (size_t i = 0; i < count; i++)
		if (strlen(socketmap_names[i].name) == size &&
			memcmp(socketmap_names[i].name, name, size) == 0)
			return &socketmap_names[i];
	return NULL;
}

/* Postfix asks for parts of an address too: "domain", ".domain", "@domain",
 * "local" and "*". None of them needs the store. */
static void socketmap_ask_part(const struct socketmap_name *name,
	struct socketmap_question *question, struct directory_lookup *lookup)
{
	bool rest = question->key[0] == '@';
	char domain[ADDRESS_DOMAIN_MAX + 1];

	lookup->result = DIRECTORY_ABSENT;
	lookup->domain = NULL;
	if (address_domain_parse(question->key + rest, domain, NULL) == 0)
		lookup->domain = config_domain(question->config, domain);
	question->lookup = lookup;
	if (rest)
		name->rest(question);
	else
		name->domain(question);
}

static void socketmap_ask_address(struct service *service,
	const struct socketmap_name *name, struct socketmap_question *question,
	struct directory_lookup *lookup)
{
	struct directory_facts facts;
	struct error error = { "" };
	const char *system = NULL;

	directory_lookup(question->config, service->store, question->key,
		lookup, &error);
	facts = directory_facts(question->config, lookup, false);
	question->lookup = lookup;
	question->answer = directory_decide(&facts);
	if (question->answer.route == DIRECTORY_TO_HOME)
		system = account_home_system(&lookup->account);
	else if (question->answer.route == DIRECTORY_TO_DEFAULT)
		system = lookup->domain->default_system;
	else if (question->answer.route == DIRECTORY_TO_LATER)
		service_cannot_tell(service, lookup->address.text, &error);
	question->deliver = socketmap_deliver(question->config, system);
	name->address(question);
}

static void socketmap_answer(struct service *service,
	const struct config *config, const char *request, size_t size,
	struct buffer *reply)
{
	const char *space = memchr(request, ' ', size);
	const struct socketmap_name *name;
	struct directory_lookup lookup;
	struct socketmap_question question = {
		.config = config,
		.reply = reply,
	};
	char *key;

	name = space == NULL
		       ? NULL
		       : socketmap_find(request, (size_t)(space - request));
	if (name == NULL) {
		buffer_add_text(reply, "PERM there is no such map");
		return;
	}
	key = xstrndup(space + 1, size - (size_t)(space + 1 - request));
	question.key = key;
	if (strchr(key, '@') == NULL || key[0] == '@')
		socketmap_ask_part(name, &question, &lookup);
	else
		socketmap_ask_address(service, name, &question, &lookup);
	directory_lookup_clear(&lookup);
	free(key);
}

static void *socketmap_open(struct server_connection *connection, void *context)
{
	(void)connection;
	return context;
}

static ssize_t socketmap_input(struct server_connection *connection,
	void *state, const char *data, size_t size)
{
	struct service *service = state;
	const struct settings *settings = server_settings(connection);
	struct buffer reply = BUFFER_EMPTY;
	const char *request;
	size_t request_size, used;
	size_t taken = 0;
	struct error error;
	int got = 1;

	while (taken < size && got > 0) {
		got = netstring_parse(data + taken, size - taken, NETSTRING_MAX,
			&request, &request_size, &used, &error);
		if (got <= 0)
			break;
		taken += used;
		server_answered(connection);
		buffer_clear(&reply);
		socketmap_answer(service, settings->config, request,
			request_size, &reply);
		netstring_print(
			reply.data, reply.size, server_output(connection));
	}
	buffer_free(&reply);
	if (got >= 0)
		return (ssize_t)taken;
	server_complain(connection, error.text);
	return -1;
}

/* What is left of a request stays with the connection. */
static bool socketmap_midway(const void *state)
{
	(void)state;
	return false;
}

static void socketmap_close(void *state)
{
	(void)state;
}

const struct server_protocol server_socketmap = {
	.name = "socketmap",
	.open = socketmap_open,
	.input = socketmap_input,
	.midway = socketmap_midway,
	.close = socketmap_close,
};

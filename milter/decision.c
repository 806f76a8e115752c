/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decisions of the milter: who is an own user, what policyd's reply means,
 * which recipients are asked for again, what the client is told.
 */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "milter/decision.h"

#define DECISION_MOVED_TEXT "mailbox is being moved, try again later"
#define DECISION_LATER_TEXT "temporary lookup failure, try again later"

struct decision_message {
	char **recipients;
	size_t count;
	size_t room;
};

static bool decision_is(const char *value, const char *word)
{
	return value != NULL && strcmp(value, word) == 0;
}

void decision_unknown(struct decision *decision_r)
{
	decision_r->verdict = DECISION_LATER;
	decision_r->moving = true;
	decision_r->text[0] = '\0';
}

void decision_read(const struct attr_list *reply, struct decision *decision_r)
{
	const char *action = attr_list_get(reply, "action");
	const char *text = attr_list_get(reply, "text");

	decision_unknown(decision_r);
	if (!decision_is(attr_list_get(reply, "status"), "ok"))
		return;
	if (decision_is(action, "go-on"))
		decision_r->verdict = DECISION_GO_ON;
	else if (decision_is(action, "defer"))
		decision_r->verdict = DECISION_DEFER;
	decision_r->moving = !decision_is(attr_list_get(reply, "moving"), "no");
	if (text != NULL)
		snprintf(
			decision_r->text, sizeof(decision_r->text), "%s", text);
}

/* A connection over TCP never has port 0. */
static bool decision_is_emulated(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		return in->sin_port == 0 &&
		       in->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		return in6->sin6_port == 0 &&
		       IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	}
	return false;
}

bool decision_is_own(const struct decision_client *client)
{
	if (client->login != NULL && client->login[0] != '\0')
		return true;
	if (client->in_own_networks)
		return true;
	if (client->address == NULL)
		return decision_is(client->name, "localhost");
	return decision_is_emulated(client->address);
}

struct decision_message *decision_message_new(void)
{
	return xcalloc(1, sizeof(struct decision_message));
}

void decision_message_reset(struct decision_message *message)
{
	while (message->count > 0)
		free(message->recipients[--message->count]);
}

void decision_message_free(struct decision_message **message)
{
	if (*message == NULL)
		return;
	decision_message_reset(*message);
	free((*message)->recipients);
	free(*message);
	*message = NULL;
}

void decision_message_add(struct decision_message *message,
	const char *recipient, const struct decision *decision)
{
	if (decision->verdict != DECISION_GO_ON || !decision->moving)
		return;
	if (message->count == message->room) {
		message->room = message->room > 0 ? 2 * message->room : 4;
		message->recipients = xreallocarray(message->recipients,
			message->room, sizeof(message->recipients[0]));
	}
	message->recipients[message->count++] = xstrdup(recipient);
}

size_t decision_message_count(const struct decision_message *message)
{
	return message->count;
}

const char *decision_message_recipient(
	const struct decision_message *message, size_t index)
{
	return message->recipients[index];
}

static void decision_quote(const char *text, char *quoted_r)
{
	for (; *text != '\0'; text++) {
		if (*text == '%')
			*quoted_r++ = '%';
		*quoted_r++ = *text >= ' ' && *text <= '~' ? *text : '?';
	}
	*quoted_r = '\0';
}

bool decision_refusal(
	const struct decision *decision, struct decision_reply *reply_r)
{
	const char *text = decision->text;

	if (decision->verdict == DECISION_GO_ON)
		return false;
	reply_r->code = "451";
	if (decision->verdict == DECISION_DEFER) {
		reply_r->enhanced = "4.2.1";
		if (text[0] == '\0')
			text = DECISION_MOVED_TEXT;
	} else {
		reply_r->enhanced = "4.3.0";
		if (text[0] == '\0')
			text = DECISION_LATER_TEXT;
	}
	decision_quote(text, reply_r->text);
	return true;
}

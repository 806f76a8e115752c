/* SPDX-License-Identifier: BSD-2-Clause */
/* A mailbox under a lock, and one task for the connection's thread at most. */
#include "config.h"

#include "policyd/gateway_link.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* More than so many bytes of addresses: all are looked at. */
#define GATEWAY_LINK_CHANGED_MAX 16384

struct gateway_link {
	struct server_connection *connection;
	server_fn *take;
	pthread_mutex_t lock; /* of all below */
	struct buffer messages;
	struct buffer changed;
	bool changed_all;
	bool waits;
	bool posted;
};

struct gateway_link *gateway_link_new(
	struct server_connection *connection, server_fn *take)
{
	struct gateway_link *link = xcalloc(1, sizeof(*link));

	link->connection = connection;
	link->take = take;
	pthread_mutex_init(&link->lock, NULL);
	return link;
}

void gateway_link_free(struct gateway_link **link_pointer)
{
	struct gateway_link *link = *link_pointer;

	if (link == NULL)
		return;
	buffer_free(&link->messages);
	buffer_free(&link->changed);
	pthread_mutex_destroy(&link->lock);
	free(link);
	*link_pointer = NULL;
}

/* With the lock. */
static void gateway_link_post(struct gateway_link *link)
{
	if (link->posted)
		return;
	link->posted = true;
	server_post(link->connection, link->take);
}

void gateway_link_push(
	struct gateway_link *link, const struct attr_list *message)
{
	pthread_mutex_lock(&link->lock);
	attr_print(message, ATTR_CONTROL, &link->messages);
	gateway_link_post(link);
	pthread_mutex_unlock(&link->lock);
}

void gateway_link_note(struct gateway_link *link, const char *address)
{
	pthread_mutex_lock(&link->lock);
	if (link->waits) {
		if (address == NULL ||
			link->changed.size > GATEWAY_LINK_CHANGED_MAX)
			link->changed_all = true;
		else
			buffer_add(
				&link->changed, address, strlen(address) + 1);
		gateway_link_post(link);
	}
	pthread_mutex_unlock(&link->lock);
}

void gateway_link_wait(struct gateway_link *link, bool waits)
{
	pthread_mutex_lock(&link->lock);
	link->waits = waits;
	pthread_mutex_unlock(&link->lock);
}

bool gateway_link_take(struct gateway_link *link, struct buffer *output,
	struct buffer *changed)
{
	bool all;

	pthread_mutex_lock(&link->lock);
	link->posted = false;
	buffer_add(output, link->messages.data, link->messages.size);
	buffer_free(&link->messages);
	buffer_add(changed, link->changed.data, link->changed.size);
	buffer_clear(&link->changed);
	all = link->changed_all;
	link->changed_all = false;
	pthread_mutex_unlock(&link->lock);
	return all;
}

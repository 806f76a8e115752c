/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions wait in numbered slots, so that an answer finds its member at
 * once; what is registered stands in a list, so that a new connection can be
 * told all of it. Words to policyd are gathered and written once a turn.
 */
#include "config.h"

#include "gateway/link_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/xalloc.h"

#define LINK_RETRY_MIN 100
#define LINK_RETRY_MAX 2000
#define LINK_READ      16384
/* Of words that policyd does not take: then something is wrong with it. */
#define LINK_OUT_MAX (32 << 20)

static void link_down(struct link *link, const char *why);
static void link_connect(void *context);

/* ---- writing ---- */

static void link_flush(void *context)
{
	struct link *link = context;

	while (link->writable && link->out.size > 0) {
		ssize_t put = send(link->socket, link->out.data, link->out.size,
			MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno != EAGAIN) {
			link_down(link, strerror(errno));
			return;
		}
		if (put < 0)
			link->writable = false;
		else
			buffer_drop(&link->out, (size_t)put);
	}
	if (link->out.size > LINK_OUT_MAX)
		link_down(link, "it takes no more words");
}

void link_send(struct link *link)
{
	attr_print(link->words, ATTR_CONTROL, &link->out);
	loop_defer(link->loop, &link->flush, link_flush, link);
}

struct attr_list *link_request(struct link *link, const char *request)
{
	attr_list_clear(link->words);
	attr_list_add(link->words, "request", request);
	return link->words;
}

/* ---- the connection's life ---- */

static void link_retry(struct link *link)
{
	loop_timer_set(
		link->loop, &link->again, link->retry, link_connect, link);
	link->retry *= 2;
	if (link->retry > LINK_RETRY_MAX)
		link->retry = LINK_RETRY_MAX;
}

/* policyd could flip what runs here when its lease is over: the last quarter of
 * it is for goodbyes. */
static void link_expired(void *context)
{
	struct link *link = context;
	struct link_member *member = link->members;

	if (member != NULL)
		log_write(link->log, LOG_WARNING,
			"policyd is away for too long: closing all sessions");
	while (member != NULL) {
		struct link_member *next = member->next;

		member->calls->close(member->context, link->lease / 4);
		member = next;
	}
}

static void link_down(struct link *link, const char *why)
{
	if (link->stage == LINK_UP || !link->told) {
		log_write(link->log, LOG_WARNING, "policyd at %s: %s",
			link->settings.endpoint, why);
		link->told = true;
	}
	if (link->stage == LINK_UP && link->lease > 0)
		loop_timer_set(link->loop, &link->expiry,
			link->lease - link->lease / 4, link_expired, link);
	link->stage = LINK_DOWN;
	loop_undefer(link->loop, &link->flush);
	loop_watch_free(&link->watch);
	if (link->socket >= 0)
		close(link->socket);
	link->socket = -1;
	attr_parser_free(&link->parser);
	buffer_clear(&link->out);
	link_forget_left(link);
	link_retry(link);
	link_forget_logins(link);
}

static void link_hello(struct link *link)
{
	struct attr_list *words = link_request(link, "hello");

	attr_list_add(words, "name", link->settings.name);
	attr_list_add(words, "instance", link->settings.instance);
	link->stage = LINK_HELLO;
	link_send(link);
}

/* Takes what is there; false: the connection is gone. */
static bool link_read(struct link *link)
{
	char data[LINK_READ];
	ssize_t got;

	for (;;) {
		got = recv(link->socket, data, sizeof(data), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return true;
		if (got <= 0) {
			link_down(link,
				got == 0 ? "it has closed" : strerror(errno));
			return false;
		}
		if (!link_take(link, data, (size_t)got))
			return false;
	}
}

static void link_ready(void *context, bool readable, bool writable)
{
	struct link *link = context;

	if (writable)
		link->writable = true;
	if (link->stage == LINK_CONNECTING) {
		int cause = writable ? dial_result(link->socket) : 0;

		if (cause != 0)
			link_down(link, strerror(cause));
		else if (writable)
			link_hello(link);
		return;
	}
	if (readable && !link_read(link))
		return;
	if (writable)
		link_flush(link);
}

static void link_connect(void *context)
{
	struct link *link = context;
	const struct dial_address *address;

	link->stage = LINK_CONNECTING;
	link->writable = false;
	link->parser = attr_parser_new(ATTR_CONTROL);
	if (link->target.count == 0 &&
		dial_endpoint(link->settings.endpoint, &link->target,
			&link->error) < 0) {
		link_down(link, link->error.text);
		return;
	}
	address = &link->target.addresses[link->turn++ % link->target.count];
	link->socket = dial_begin(address);
	if (link->socket < 0) {
		link_down(link, strerror(errno));
		return;
	}
	link->watch =
		loop_watch_new(link->loop, link->socket, link_ready, link);
	if (link->watch == NULL)
		link_down(link, strerror(ENOSPC));
}

void link_break(struct link *link, const char *why)
{
	link_down(link, why);
}

void link_is_up(struct link *link)
{
	struct link_member *member;

	link->stage = LINK_UP;
	link->retry = LINK_RETRY_MIN;
	link->told = false;
	loop_timer_clear(link->loop, &link->expiry);
	for (member = link->members; member != NULL; member = member->next)
		link_tell_member(link, member);
	link_request(link, "ready");
	link_send(link);
	for (size_t i = 0; i < link->slots_count; i++)
		if (link->slots[i].member != NULL &&
			link->slots[i].member->stage == LINK_ASKING)
			link_tell_question(link, link->slots[i].member);
	log_write(link->log, LOG_INFO, "policyd at %s answers",
		link->settings.endpoint);
}

/* ---- for sessions ---- */

struct link *link_new(struct loop *loop, const struct link_settings *settings,
	struct log *log)
{
	struct link *link = xcalloc(1, sizeof(*link));

	link->loop = loop;
	link->log = log;
	link->settings = *settings;
	link->socket = -1;
	link->words = attr_list_new();
	link->retry = LINK_RETRY_MIN;
	link_connect(link);
	return link;
}

void link_free(struct link **link_pointer)
{
	struct link *link = *link_pointer;

	if (link == NULL)
		return;
	/* The last words, as far as they go without waiting. */
	if (link->stage == LINK_UP)
		link_flush(link);
	loop_timer_clear(link->loop, &link->again);
	loop_timer_clear(link->loop, &link->expiry);
	loop_undefer(link->loop, &link->flush);
	loop_watch_free(&link->watch);
	if (link->socket >= 0)
		close(link->socket);
	attr_parser_free(&link->parser);
	attr_list_free(&link->words);
	buffer_free(&link->out);
	free(link->slots);
	free(link);
	*link_pointer = NULL;
}

void link_hush(struct link *link)
{
	link_down(link, "the gateway ends");
	loop_timer_clear(link->loop, &link->again);
}

void link_configure(struct link *link, const struct link_settings *settings)
{
	bool moved = strcmp(link->settings.endpoint, settings->endpoint) != 0;

	link->settings = *settings;
	if (!moved)
		return;
	link->target.count = 0;
	link_down(link, "the configuration has changed");
}

uint64_t link_number(struct link *link)
{
	return ++link->numbers;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hub of `watch`. Each watcher has a bounded queue of printed messages;
 * the last place in it is kept for the message that ends the watch.
 */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/events.h"

struct events_message {
	struct events_message *next;
	struct buffer text;
};

struct events_watcher {
	struct events_watcher *next;
	char *address; /* or NULL */
	char *batch;   /* or NULL */
	events_wake_fn *wake;
	void *context;
	struct events_message *first, **last;
	size_t waiting;
	bool ended; /* nothing is queued behind the end */
};

struct events {
	pthread_mutex_t lock;
	struct events_watcher *watchers;
	atomic_size_t count;
	char *end_reason; /* or NULL */
};

struct events *events_new(void)
{
	struct events *events = xcalloc(1, sizeof(*events));

	pthread_mutex_init(&events->lock, NULL);
	return events;
}

void events_free(struct events **events)
{
	if (*events == NULL)
		return;
	if ((*events)->watchers != NULL)
		abort();
	pthread_mutex_destroy(&(*events)->lock);
	free((*events)->end_reason);
	free(*events);
	*events = NULL;
}

static void events_queue(
	struct events_watcher *watcher, const struct attr_list *event)
{
	struct events_message *message = xcalloc(1, sizeof(*message));

	attr_print(event, ATTR_CONTROL, &message->text);
	*watcher->last = message;
	watcher->last = &message->next;
	watcher->waiting++;
}

static void events_queue_end(struct events_watcher *watcher, const char *reason)
{
	struct attr_list *end = attr_list_new();

	attr_list_add(end, "event", "end");
	attr_list_add(end, "reason", reason);
	events_queue(watcher, end);
	watcher->ended = true;
	attr_list_free(&end);
}

struct events_watcher *events_watch(struct events *events, const char *address,
	const char *batch, events_wake_fn *wake, void *context)
{
	struct events_watcher *watcher = xcalloc(1, sizeof(*watcher));

	watcher->address = address != NULL ? xstrdup(address) : NULL;
	watcher->batch = batch != NULL ? xstrdup(batch) : NULL;
	watcher->wake = wake;
	watcher->context = context;
	watcher->last = &watcher->first;
	pthread_mutex_lock(&events->lock);
	watcher->next = events->watchers;
	events->watchers = watcher;
	atomic_fetch_add(&events->count, 1);
	if (events->end_reason != NULL) {
		events_queue_end(watcher, events->end_reason);
		wake(context);
	}
	pthread_mutex_unlock(&events->lock);
	return watcher;
}

static void events_drop_first(struct events_watcher *watcher)
{
	struct events_message *message = watcher->first;

	watcher->first = message->next;
	if (watcher->first == NULL)
		watcher->last = &watcher->first;
	watcher->waiting--;
	buffer_free(&message->text);
	free(message);
}

void events_unwatch(struct events *events, struct events_watcher **watcher)
{
	struct events_watcher **place = &events->watchers;

	if (*watcher == NULL)
		return;
	pthread_mutex_lock(&events->lock);
	while (*place != *watcher)
		place = &(*place)->next;
	*place = (*watcher)->next;
	atomic_fetch_sub(&events->count, 1);
	pthread_mutex_unlock(&events->lock);
	while ((*watcher)->first != NULL)
		events_drop_first(*watcher);
	free((*watcher)->address);
	free((*watcher)->batch);
	free(*watcher);
	*watcher = NULL;
}

bool events_wanted(struct events *events)
{
	return atomic_load(&events->count) > 0;
}

static bool events_matches(const struct events_watcher *watcher,
	const char *address, const char *batch)
{
	if (watcher->address != NULL && strcmp(watcher->address, address) != 0)
		return false;
	return watcher->batch == NULL ||
	       (batch != NULL && strcmp(watcher->batch, batch) == 0);
}

void events_publish(struct events *events, const char *address,
	const char *batch, const struct attr_list *event)
{
	struct events_watcher *watcher;

	pthread_mutex_lock(&events->lock);
	for (watcher = events->watchers; watcher != NULL;
		watcher = watcher->next) {
		if (watcher->ended || !events_matches(watcher, address, batch))
			continue;
		if (watcher->waiting == EVENTS_WAITING_MAX - 1)
			events_queue_end(watcher, "too slow, events were lost");
		else
			events_queue(watcher, event);
		if (watcher->waiting == 1)
			watcher->wake(watcher->context);
	}
	pthread_mutex_unlock(&events->lock);
}

void events_end(struct events *events, const char *reason)
{
	struct events_watcher *watcher;

	pthread_mutex_lock(&events->lock);
	free(events->end_reason);
	events->end_reason = xstrdup(reason);
	for (watcher = events->watchers; watcher != NULL;
		watcher = watcher->next) {
		if (watcher->ended)
			continue;
		events_queue_end(watcher, reason);
		watcher->wake(watcher->context);
	}
	pthread_mutex_unlock(&events->lock);
}

int events_take(struct events *events, struct events_watcher *watcher,
	struct buffer *buffer, size_t max)
{
	int goes_on;

	pthread_mutex_lock(&events->lock);
	while (watcher->first != NULL && buffer->size < max) {
		struct buffer *text = &watcher->first->text;

		buffer_add(buffer, text->data, text->size);
		events_drop_first(watcher);
	}
	goes_on = watcher->first != NULL || !watcher->ended;
	pthread_mutex_unlock(&events->lock);
	return goes_on;
}

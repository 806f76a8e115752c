/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hub of the control protocol's `watch`: what happens to accounts goes to
 * everyone who watches. Publishing never waits for a watcher; one that is too
 * slow loses its watch, told so by its last message. Any thread.
 */
#ifndef REHOME_EVENTS_H
#define REHOME_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/buffer.h"

struct events;
struct events_watcher;

/* Messages that may wait for one watcher. */
#define EVENTS_WAITING_MAX 4096

/*
 * Tells that there is something to take. Called from the publisher's thread
 * with the hub locked: it must not call the hub.
 */
typedef void events_wake_fn(void *context);

struct events *events_new(void);
/* All watchers must be gone. */
void events_free(struct events **events);

/* Watches one account, one batch, or with NULL all. */
struct events_watcher *events_watch(struct events *events, const char *address,
	const char *batch, events_wake_fn *wake, void *context);
/* wake is not called any more once this has returned. */
void events_unwatch(struct events *events, struct events_watcher **watcher);

/* Whether anybody watches; publishing for nobody can be left out. */
bool events_wanted(struct events *events);
/* The first attribute of an event is event=NAME. batch may be NULL. */
void events_publish(struct events *events, const char *address,
	const char *batch, const struct attr_list *event);
/* Ends every watch, present and future, with that reason. */
void events_end(struct events *events, const char *reason);

/*
 * Appends what waits to the buffer, in control form, until the buffer has max
 * bytes. Returns 1 when the watch goes on, 0 when its end was appended.
 */
int events_take(struct events *events, struct events_watcher *watcher,
	struct buffer *buffer, size_t max);

#endif

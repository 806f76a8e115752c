/* SPDX-License-Identifier: BSD-2-Clause */
/* A list of freezes: there are never more than workers. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "policyd/parts.h"

/* Of workers that have died in between: the oldest is dropped. */
#define PARTS_MAX 64
/* Bounds of one freeze: no account has more folders. */
#define PARTS_BOUNDS_MAX 1000000

struct parts_freeze {
	struct parts_freeze *next;
	char *address;
	int64_t frozen_at;
	struct store_bound *bounds;
	size_t count;
};

struct parts {
	pthread_mutex_t lock;
	struct parts_freeze *freezes; /* the newest first */
};

struct parts *parts_new(void)
{
	struct parts *parts = xcalloc(1, sizeof(*parts));

	pthread_mutex_init(&parts->lock, NULL);
	return parts;
}

void parts_clear(struct store_bound *bounds, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free((char *)bounds[i].folder);
	free(bounds);
}

static void parts_drop(struct parts_freeze **link)
{
	struct parts_freeze *freeze = *link;

	*link = freeze->next;
	parts_clear(freeze->bounds, freeze->count);
	free(freeze->address);
	free(freeze);
}

void parts_free(struct parts **parts)
{
	if (*parts == NULL)
		return;
	while ((*parts)->freezes != NULL)
		parts_drop(&(*parts)->freezes);
	pthread_mutex_destroy(&(*parts)->lock);
	free(*parts);
	*parts = NULL;
}

/* The freeze of the account, or the end of the list. What was kept of another
 * freeze of it is dropped. */
static struct parts_freeze **parts_find(
	struct parts *parts, const char *address, int64_t frozen_at)
{
	struct parts_freeze **link = &parts->freezes;

	while (*link != NULL && strcmp((*link)->address, address) != 0)
		link = &(*link)->next;
	if (*link != NULL && (*link)->frozen_at != frozen_at) {
		parts_drop(link);
		while (*link != NULL)
			link = &(*link)->next;
	}
	return link;
}

static struct parts_freeze *parts_begin(
	struct parts *parts, const char *address, int64_t frozen_at)
{
	struct parts_freeze *freeze = xcalloc(1, sizeof(*freeze));
	struct parts_freeze **link = &parts->freezes;
	size_t count;

	for (count = 1; *link != NULL && count < PARTS_MAX; count++)
		link = &(*link)->next;
	if (*link != NULL)
		parts_drop(link);
	freeze->address = xstrdup(address);
	freeze->frozen_at = frozen_at;
	freeze->next = parts->freezes;
	parts->freezes = freeze;
	return freeze;
}

static int parts_put(struct parts_freeze *freeze, size_t at,
	const struct store_bound *bounds, size_t count, struct error *error)
{
	size_t i;

	if (at > freeze->count) {
		error_set(error,
			"bounds from %zu on, when only %zu have come before",
			at, freeze->count);
		return -1;
	}
	if (count > PARTS_BOUNDS_MAX - at) {
		error_set(error, "more than %d bounds", PARTS_BOUNDS_MAX);
		return -1;
	}
	for (i = at; i < freeze->count; i++)
		free((char *)freeze->bounds[i].folder);
	freeze->bounds = xreallocarray(
		freeze->bounds, at + count + 1, sizeof(*freeze->bounds));
	for (i = 0; i < count; i++) {
		freeze->bounds[at + i] = bounds[i];
		freeze->bounds[at + i].folder = xstrdup(bounds[i].folder);
	}
	freeze->count = at + count;
	return 0;
}

int parts_add(struct parts *parts, const char *address, int64_t frozen_at,
	size_t at, const struct store_bound *bounds, size_t count,
	struct error *error)
{
	struct parts_freeze *freeze;
	int result;

	pthread_mutex_lock(&parts->lock);
	freeze = *parts_find(parts, address, frozen_at);
	if (freeze == NULL)
		freeze = parts_begin(parts, address, frozen_at);
	result = parts_put(freeze, at, bounds, count, error);
	pthread_mutex_unlock(&parts->lock);
	return result;
}

int parts_take(struct parts *parts, const char *address, int64_t frozen_at,
	size_t at, struct store_bound **bounds_r, struct error *error)
{
	struct parts_freeze **link;
	size_t there = 0;

	*bounds_r = NULL;
	pthread_mutex_lock(&parts->lock);
	link = parts_find(parts, address, frozen_at);
	if (*link != NULL) {
		there = (*link)->count;
		if (there == at) {
			*bounds_r = (*link)->bounds;
			(*link)->bounds = NULL;
			(*link)->count = 0;
		}
		parts_drop(link);
	}
	pthread_mutex_unlock(&parts->lock);
	if (there == at)
		return 0;
	error_set(error, "bounds from %zu on, when %zu have come before", at,
		there);
	return -1;
}

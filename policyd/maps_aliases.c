/* SPDX-License-Identifier: BSD-2-Clause */
/* All aliases in one piece of memory, as pairs of texts, sorted by account. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"
#include "policyd/maps_aliases.h"

struct maps_aliases {
	struct buffer texts; /* "address\0alias\0" of each */
	size_t *pairs;	     /* where they begin, sorted */
	size_t count;
	size_t room;
	size_t next;
};

static const char *maps_aliases_text(
	const struct maps_aliases *aliases, size_t pair)
{
	return aliases->texts.data + pair;
}

static bool maps_aliases_add(
	const char *alias, const char *address, void *context)
{
	struct maps_aliases *aliases = context;

	if (aliases->count == aliases->room) {
		aliases->room = aliases->room > 0 ? 2 * aliases->room : 64;
		aliases->pairs = xreallocarray(aliases->pairs, aliases->room,
			sizeof(aliases->pairs[0]));
	}
	aliases->pairs[aliases->count++] = aliases->texts.size;
	buffer_add(&aliases->texts, address, strlen(address) + 1);
	buffer_add(&aliases->texts, alias, strlen(alias) + 1);
	return true;
}

/* Aliases of one account keep their order. */
static int maps_aliases_compare(
	const void *one, const void *other, void *context)
{
	const size_t *left = one, *right = other;
	int order = strcmp(maps_aliases_text(context, *left),
		maps_aliases_text(context, *right));

	return order != 0 ? order : (*left > *right) - (*left < *right);
}

struct maps_aliases *maps_aliases_read(struct store *store, struct error *error)
{
	struct maps_aliases *aliases = xcalloc(1, sizeof(*aliases));

	if (store_scan_aliases(store, NULL, maps_aliases_add, aliases, error) <
		0) {
		maps_aliases_free(&aliases);
		return NULL;
	}
	if (aliases->count > 0)
		qsort_r(aliases->pairs, aliases->count,
			sizeof(aliases->pairs[0]), maps_aliases_compare,
			aliases);
	return aliases;
}

void maps_aliases_free(struct maps_aliases **aliases)
{
	if (*aliases == NULL)
		return;
	buffer_free(&(*aliases)->texts);
	free((*aliases)->pairs);
	free(*aliases);
	*aliases = NULL;
}

const char *maps_aliases_next(struct maps_aliases *aliases, const char *address)
{
	while (aliases->next < aliases->count) {
		const char *text = maps_aliases_text(
			aliases, aliases->pairs[aliases->next]);
		int order = strcmp(text, address);

		if (order > 0)
			break;
		aliases->next++;
		if (order == 0)
			return text + strlen(text) + 1;
		/* else of an account that is not there any more */
	}
	return NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Refused items and approvals: names, texts, and which are still open. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/refusal.h"
#include "lib/xalloc.h"

struct approvals {
	char **items; /* sorted */
	size_t count;
	size_t room;
};

/* FNV-1a over the folder and both numbers: short enough to be typed. */
void refusal_item(const char *folder, uint32_t uidvalidity, uint32_t uid,
	char item_r[REFUSAL_ITEM_SIZE])
{
	char text[32];
	uint64_t hash = UINT64_C(14695981039346656037);
	int size = snprintf(text, sizeof(text), "%" PRIu32 "/%" PRIu32 "/",
		uidvalidity, uid);

	for (int i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) *
		       UINT64_C(1099511628211);
	for (; *folder != '\0'; folder++)
		hash = (hash ^ (unsigned char)*folder) *
		       UINT64_C(1099511628211);
	snprintf(item_r, REFUSAL_ITEM_SIZE, "%012" PRIx64,
		(hash ^ hash >> 48) & UINT64_C(0xffffffffffff));
}

bool refusal_blocks(const struct attr_list *item)
{
	const char *kind = attr_list_get(item, "kind");

	return kind == NULL || strcmp(kind, "keywords") != 0;
}

bool refusal_is_altered(const struct attr_list *item)
{
	const char *kind = attr_list_get(item, "kind");

	return kind != NULL && strcmp(kind, "altered") == 0;
}

int refusal_each(const char *text, refusal_fn *callback, void *context,
	struct error *error)
{
	struct attr_parser *parser = attr_parser_new(ATTR_CONTROL);
	size_t size = strlen(text), used;
	const struct attr_list *item = attr_parser_message(parser);
	int result = 0;

	while (size > 0 && result == 0) {
		int got = attr_parser_feed(parser, text, size, &used, error);

		text += used;
		size -= used;
		if (got == 1 && attr_list_get(item, "item") != NULL) {
			result = callback(item, context) ? 0 : 1;
			continue;
		}
		if (got >= 0)
			error_set(error, "%s",
				got == 0 ? "the last item is cut off"
					 : "an item has no name");
		result = -1;
	}
	attr_parser_free(&parser);
	return result;
}

static int approvals_order(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool approvals_add(const struct attr_list *item, void *context)
{
	struct approvals *approvals = context;

	if (approvals->count == approvals->room) {
		approvals->room = approvals->room > 0 ? 2 * approvals->room : 8;
		approvals->items = xreallocarray(approvals->items,
			approvals->room, sizeof(approvals->items[0]));
	}
	approvals->items[approvals->count++] =
		xstrdup(attr_list_get(item, "item"));
	return true;
}

struct approvals *approvals_new(const char *text, struct error *error)
{
	struct approvals *approvals = xcalloc(1, sizeof(*approvals));

	if (text != NULL &&
		refusal_each(text, approvals_add, approvals, error) < 0) {
		error_prefix(error, "approvals");
		approvals_free(&approvals);
		return NULL;
	}
	if (approvals->count > 0)
		qsort(approvals->items, approvals->count,
			sizeof(approvals->items[0]), approvals_order);
	return approvals;
}

void approvals_free(struct approvals **approvals)
{
	if (*approvals == NULL)
		return;
	for (size_t i = 0; i < (*approvals)->count; i++)
		free((*approvals)->items[i]);
	free((*approvals)->items);
	free(*approvals);
	*approvals = NULL;
}

bool approvals_has(const struct approvals *approvals, const char *item)
{
	return approvals->count > 0 &&
	       bsearch(&item, approvals->items, approvals->count,
		       sizeof(approvals->items[0]), approvals_order) != NULL;
}

struct refusal_counting {
	const struct approvals *approvals;
	uint64_t open;
};

static bool refusal_count(const struct attr_list *item, void *context)
{
	struct refusal_counting *counting = context;

	if (refusal_blocks(item) && !approvals_has(counting->approvals,
					    attr_list_get(item, "item")))
		counting->open++;
	return true;
}

int refusal_count_open(const char *refused, const char *approved,
	uint64_t *open_r, struct error *error)
{
	struct approvals *approvals = approvals_new(approved, error);
	struct refusal_counting counting = { .approvals = approvals };
	int result;

	if (approvals == NULL)
		return -1;
	result = refused == NULL ? 0
				 : refusal_each(refused, refusal_count,
					   &counting, error);
	approvals_free(&approvals);
	if (result < 0)
		error_prefix(error, "refused items");
	*open_r = counting.open;
	return result;
}

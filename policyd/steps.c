/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of a freeze with their milliseconds. */
#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "policyd/steps.h"

#define STEPS_NAME_MAX	 32
#define STEPS_DIGITS_MAX 15
#define STEPS_MAX	 32 /* different ones */

struct steps_item {
	char name[STEPS_NAME_MAX + 1];
	int64_t ms;
};

struct steps_list {
	struct steps_item items[STEPS_MAX];
	size_t count;
};

static bool steps_is_name(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

/* Takes the next step of *text. 1 found, 0 at the end, -1 not well formed. */
static int steps_next(const char **text, struct steps_item *item_r)
{
	const char *at = *text + strspn(*text, " ");
	size_t name = 0;
	size_t digits;

	if (*at == '\0')
		return 0;
	while (steps_is_name(at[name]))
		name++;
	if (name == 0 || name > STEPS_NAME_MAX || at[name] != '=')
		return -1;
	memcpy(item_r->name, at, name);
	item_r->name[name] = '\0';
	at += name + 1;
	digits = strspn(at, "0123456789");
	if (digits == 0 || digits > STEPS_DIGITS_MAX ||
		(at[digits] != ' ' && at[digits] != '\0'))
		return -1;
	item_r->ms = 0;
	for (size_t i = 0; i < digits; i++)
		item_r->ms = item_r->ms * 10 + (at[i] - '0');
	*text = at + digits;
	return 1;
}

/* Adds a step to the items; one too many is left out. */
static void steps_add(struct steps_list *list, const struct steps_item *item)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, item->name) == 0) {
			list->items[i].ms += item->ms;
			return;
		}
	if (list->count < STEPS_MAX)
		list->items[list->count++] = *item;
}

/* Adds all steps of a text. Returns -1 when it is not well formed. */
static int steps_scan(const char *text, struct steps_list *list)
{
	struct steps_item item;
	int got;

	while ((got = steps_next(&text, &item)) > 0)
		steps_add(list, &item);
	return got;
}

/* Appends a step to the text of size bytes, unless it does not fit. */
static void steps_put(char *text, size_t size, const struct steps_item *item)
{
	char one[STEPS_NAME_MAX + 32];
	size_t used = strlen(text);
	int length = snprintf(one, sizeof(one), "%s%s=%" PRId64,
		used > 0 ? " " : "", item->name, item->ms);

	if (used + (size_t)length < size)
		memcpy(text + used, one, (size_t)length + 1);
}

int steps_merge(char *steps, size_t size, const char *more, struct error *error)
{
	struct steps_list list = { .count = 0 };

	/* what stands there is ours; what is bad in it is dropped */
	(void)steps_scan(steps, &list);
	if (steps_scan(more, &list) < 0) {
		error_set(
			error, "steps \"%.100s\": not NAME=MILLISECONDS", more);
		return -1;
	}
	steps[0] = '\0';
	for (size_t i = 0; i < list.count; i++)
		steps_put(steps, size, &list.items[i]);
	return 0;
}

int64_t steps_sum(const char *steps)
{
	struct steps_list list = { .count = 0 };
	int64_t sum = 0;

	(void)steps_scan(steps, &list);
	for (size_t i = 0; i < list.count; i++)
		sum += list.items[i].ms;
	return sum;
}

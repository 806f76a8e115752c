/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading limits, setting them where one may, and the sum of what is to come.
 */
#include "config.h"

#include "copier/folder_quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "copier/extension.h"
#include "copier/folder_notes.h"
#include "copier/refused.h"

#include "lib/figure.h"
#include "lib/xalloc.h"

/* The narrowest limit of each kind that INBOX counts for. */
struct folder_quota {
	char *root; /* the first, or NULL: none */
	bool limited[2];
	uint64_t used[2], limit[2]; /* of octets, of messages */
};

static const struct {
	const char *resource;
	uint64_t unit;
} folder_quota_kinds[2] = {
	{ "STORAGE", 1024 },
	{ "MESSAGE", 1 },
};

static void folder_quota_told(void *context, const struct extension_quota *told)
{
	struct folder_quota *quota = context;
	size_t i;

	if (quota->root == NULL)
		quota->root = xstrdup(told->root);
	for (i = 0; i < 2; i++) {
		uint64_t unit = folder_quota_kinds[i].unit;
		uint64_t used = told->used * unit, limit = told->limit * unit;
		uint64_t left = limit > used ? limit - used : 0;

		if (strcasecmp(told->resource,
			    folder_quota_kinds[i].resource) != 0)
			continue;
		if (quota->limited[i] &&
			quota->limit[i] - quota->used[i] <= left)
			continue;
		quota->limited[i] = true;
		quota->limit[i] = limit;
		quota->used[i] = used < limit ? used : limit;
	}
}

/* 1 with the limits, as far as there are any; -1. */
static int folder_quota_read(struct mailbox *mailbox,
	struct folder_quota *quota_r, struct error *error)
{
	memset(quota_r, 0, sizeof(*quota_r));
	if ((extension_can(mailbox) & EXTENSION_QUOTA) == 0)
		return 1;
	return extension_quota_read(
		       mailbox, "INBOX", folder_quota_told, quota_r, error) < 0
		       ? -1
		       : 1;
}

struct folder_sizes {
	uint64_t octets;
	size_t told;
};

static void folder_size_told(void *context, const struct extension_size *size)
{
	struct folder_sizes *sizes = context;

	sizes->octets += size->octets;
	sizes->told++;
}

/* Octets of all folders of a side. 1; 0 when not all are known; -1. */
static int folder_quota_sizes(struct mailbox *mailbox, const struct view *view,
	uint64_t *octets_r, struct error *error)
{
	const char **names =
		xreallocarray(NULL, view->count + 1, sizeof(*names));
	struct folder_sizes sizes = { 0, 0 };
	size_t i, count = 0;
	int result = 0;

	for (i = 0; i < view->count; i++)
		if (view->folders[i].selectable &&
			view->folders[i].status.messages > 0)
			names[count++] = view->folders[i].name;
	if ((extension_can(mailbox) & EXTENSION_SIZES) != 0)
		result = extension_sizes(
			mailbox, names, count, folder_size_told, &sizes, error);
	free(names);
	*octets_r = sizes.octets;
	return result == 1 && sizes.told == count ? 1 : result < 0 ? -1 : 0;
}

static uint64_t folder_quota_messages(const struct view *view)
{
	uint64_t messages = 0;
	size_t i;

	for (i = 0; i < view->count; i++)
		if (view->folders[i].selectable)
			messages += view->folders[i].status.messages;
	return messages;
}

static const char *folder_quota_figure(
	size_t kind, uint64_t number, char text_r[FIGURE_SIZE])
{
	return kind == 0 ? figure_size((int64_t)number, text_r)
			 : figure_plural((int64_t)number, "message", text_r);
}

/* What is to come, by what either side holds: what the other side holds is
 * taken for ours, so that only what is certain stops anything. */
static bool folder_quota_fits(const struct folder_quota *quota, size_t kind,
	uint64_t home, uint64_t other, struct error *error)
{
	uint64_t coming = home > other ? home - other : 0;
	uint64_t left = quota->limit[kind] - quota->used[kind];
	char figures[3][FIGURE_SIZE];

	if (!quota->limited[kind] || coming <= left)
		return true;
	error_set(error,
		"it does not fit: %s are to come, and there is room for %s "
		"(the limit is %s); raise the limit, or leave folders out by "
		"the folder map",
		folder_quota_figure(kind, coming, figures[0]),
		folder_quota_figure(kind, left, figures[1]),
		folder_quota_figure(kind, quota->limit[kind], figures[2]));
	return false;
}

/* Octets of what is left behind by approval. */
static uint64_t folder_quota_left(const struct refused *refused)
{
	size_t i, count = refused != NULL ? refused_left_count(refused) : 0;
	uint64_t octets = 0;
	int64_t size;

	for (i = 0; i < count; i++)
		if (attr_list_get_number(
			    refused_left(refused, i), "size", &size, NULL) > 0)
			octets += (uint64_t)size;
	return octets;
}

/* 1 it fits, or that cannot be told; -1. */
static int folder_quota_compare(struct pass *pass,
	const struct folder_quota *quota, const struct view *home,
	const struct view *other, struct error *error)
{
	uint64_t left = folder_quota_left(pass->refused);
	uint64_t messages = folder_quota_messages(home);
	uint64_t behind =
		pass->refused != NULL ? refused_left_count(pass->refused) : 0;
	uint64_t there = 0, here = 0;
	int told;

	/* What an operator lets behind needs no room. */
	messages = messages > behind ? messages - behind : 0;
	pass->misfit = !folder_quota_fits(
		quota, 1, messages, folder_quota_messages(other), error);
	if (pass->misfit)
		return -1;
	if (!quota->limited[0])
		return 1;
	told = folder_quota_sizes(pass->home, home, &here, error);
	if (told == 1)
		told = folder_quota_sizes(pass->other, other, &there, error);
	here = here > left ? here - left : 0;
	if (told == 0)
		folder_notes_add(pass->notes, FOLDER_NOTE_QUOTA, "", NULL, 0,
			"whether all fits cannot be told: a server does not "
			"tell the size of its folders");
	if (told == 1)
		pass->misfit = !folder_quota_fits(quota, 0, here, there, error);
	return told < 0 || pass->misfit ? -1 : 1;
}

/* Where the limits differ that is said; where there is none it is made. */
static int folder_quota_carry(struct pass *pass,
	const struct folder_quota *home, const struct folder_quota *other,
	bool look, struct error *error)
{
	size_t i;
	int result = 0;

	for (i = 0; result >= 0 && i < 2; i++) {
		char figure[FIGURE_SIZE];

		if (!home->limited[i] ||
			(other->limited[i] &&
				other->limit[i] == home->limit[i]))
			continue;
		result = 0;
		error_set(error, "it has no limit");
		if (other->limited[i])
			error_set(error, "there it is %s",
				folder_quota_figure(
					i, other->limit[i], figure));
		else if (other->root != NULL && !look)
			result = extension_quota_write(pass->other, other->root,
				folder_quota_kinds[i].resource,
				home->limit[i] / folder_quota_kinds[i].unit,
				error);
		if (result == 0)
			folder_notes_add(pass->notes, FOLDER_NOTE_QUOTA, "",
				NULL, 0,
				"the limit at home is %s; at the other side: "
				"%s",
				folder_quota_figure(i, home->limit[i], figure),
				error->text);
	}
	return result < 0 ? -1 : 1;
}

int folder_quota_check(struct pass *pass, const struct view *home,
	const struct view *other, bool look, struct error *error)
{
	struct folder_quota here = { .root = NULL }, there = { .root = NULL };
	int result = folder_quota_read(pass->home, &here, error);

	if (result == 1)
		result = folder_quota_read(pass->other, &there, error);
	if (result == 1)
		result = folder_quota_carry(pass, &here, &there, look, error);
	if (result == 1)
		result = folder_quota_compare(pass, &there, home, other, error);
	free(here.root);
	free(there.root);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads size, date and a few header fields of refused messages from home. */
#include "config.h"

#include "copier/refused_describe.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buffer.h"
#include "lib/error.h"
#include "lib/xalloc.h"

/* The whole message comes over the line for its header. */
#define DESCRIBE_SIZE_MAX   (1u << 20)
#define DESCRIBE_HEADER_MAX (64u << 10)
/* In one round; the others have their turn in the next. */
#define DESCRIBE_ITEMS_MAX 100
#define DESCRIBE_FIELD_MAX 200

struct describing {
	struct attr_list *const *items;
	size_t count;
	char *folder;
	struct attr_list *current;
	struct buffer header;
	struct uidset small;
};

static uint32_t describe_uid(const struct attr_list *item)
{
	const char *uid = attr_list_get(item, "uid");

	return uid != NULL ? (uint32_t)strtoul(uid, NULL, 10) : 0;
}

static struct attr_list *describe_find(
	const struct describing *describing, uint32_t uid)
{
	for (size_t i = 0; i < describing->count; i++) {
		struct attr_list *item = describing->items[i];
		const char *folder = attr_list_get(item, "folder");

		if (folder != NULL && strcmp(folder, describing->folder) == 0 &&
			describe_uid(item) == uid)
			return item;
	}
	return NULL;
}

/* ---- size and date ---- */

static int describe_seen(void *context, const struct mailbox_message *message)
{
	struct describing *describing = context;
	struct attr_list *item = describe_find(describing, message->uid);

	if (item == NULL)
		return 0;
	attr_list_printf(
		item, "size", "%llu", (unsigned long long)message->size);
	attr_list_add(item, "date", message->date);
	if (message->size <= DESCRIBE_SIZE_MAX)
		uidset_add(&describing->small, message->uid);
	return 0;
}

/* ---- header fields ---- */

static int describe_begin(void *context, const struct mailbox_message *message)
{
	struct describing *describing = context;

	describing->current = describe_find(describing, message->uid);
	buffer_clear(&describing->header);
	buffer_add_text(&describing->header, "");
	return 1;
}

static int describe_data(void *context, const char *data, size_t size)
{
	struct describing *describing = context;
	size_t room = DESCRIBE_HEADER_MAX - describing->header.size;

	buffer_add(&describing->header, data, size < room ? size : room);
	return 0;
}

static int describe_end(void *context)
{
	struct describing *describing = context;

	if (describing->current == NULL)
		return 0;
	refused_header_field(describing->current, "subject",
		describing->header.data, "Subject:");
	refused_header_field(describing->current, "message_id",
		describing->header.data, "Message-ID:");
	return 0;
}

/* The text of a field from behind its colon, unfolded, blanks in one. */
static void describe_unfold(const char *at, struct buffer *value)
{
	for (; *at != '\0' && value->size < DESCRIBE_FIELD_MAX; at++) {
		if (*at == '\n' && at[1] != ' ' && at[1] != '\t')
			break;
		if (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n') {
			if (value->size > 0 &&
				value->data[value->size - 1] != ' ')
				buffer_add(value, " ", 1);
		} else {
			buffer_add(value, at, 1);
		}
	}
}

void refused_header_field(struct attr_list *item, const char *name,
	const char *header, const char *field)
{
	struct buffer value = BUFFER_EMPTY;
	struct error clean;
	const char *line = header;

	/* an empty line ends the header */
	while (line != NULL && *line != '\r' && *line != '\n' &&
		strncasecmp(line, field, strlen(field)) != 0) {
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	if (line == NULL || *line == '\r' || *line == '\n' || *line == '\0')
		return;
	describe_unfold(line + strlen(field), &value);
	while (value.size > 0 && value.data[value.size - 1] == ' ')
		value.data[--value.size] = '\0';
	if (value.size > 0) {
		error_set(&clean, "%s", value.data); /* UTF-8 or '?' */
		attr_list_add(item, name, clean.text);
	}
	buffer_free(&value);
}

/* ---- by folder ---- */

static bool describe_is_new(const struct attr_list *item)
{
	return describe_uid(item) != 0 && attr_list_get(item, "size") == NULL;
}

/* All new ones of the folder of items[from]. 1, 0, -1 as in driver.h. */
static int describe_folder(
	struct mailbox *mailbox, struct describing *describing, size_t from)
{
	static const struct mailbox_sink sink = { describe_begin, describe_data,
		describe_end };
	struct uidset uids = UIDSET_EMPTY;
	struct mailbox_scan scan = { .uids = &uids, .measured = true };
	struct mailbox_selected selected;
	struct error error;
	int result;

	for (size_t i = from;
		i < describing->count && uids.count < DESCRIBE_ITEMS_MAX; i++) {
		const char *folder =
			attr_list_get(describing->items[i], "folder");

		if (folder != NULL && describe_is_new(describing->items[i]) &&
			strcmp(folder, describing->folder) == 0)
			uidset_add(&uids, describe_uid(describing->items[i]));
	}
	result = mailbox_select(
		mailbox, describing->folder, false, &selected, &error);
	if (result == 1)
		result = mailbox_scan(
			mailbox, &scan, describe_seen, describing, &error);
	if (result == 1 && describing->small.count > 0)
		result = mailbox_fetch(
			mailbox, &describing->small, &sink, describing, &error);
	uidset_free(&uids);
	uidset_free(&describing->small);
	return result;
}

void refused_describe(
	struct mailbox *mailbox, struct attr_list *const *items, size_t count)
{
	struct describing describing = { .items = items, .count = count };
	size_t described = 0;
	int result = 1;

	for (size_t i = 0;
		i < count && described < DESCRIBE_ITEMS_MAX && result >= 0;
		i++) {
		const char *folder = attr_list_get(items[i], "folder");

		if (folder == NULL || !describe_is_new(items[i]))
			continue;
		/* the items grow, and what stands in them moves */
		describing.folder = xstrdup(folder);
		described++;
		result = describe_folder(mailbox, &describing, i);
		free(describing.folder);
	}
	buffer_free(&describing.header);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways of logging in: a short list, read and printed whole. */
#include "config.h"

#include "policyd/seen.h"

#include <string.h>

/* Cuts between characters of UTF-8; what no parser would take becomes '?'. */
static void seen_copy(char *field, size_t size, const char *text)
{
	size_t length = text != NULL ? strnlen(text, size) : 0;

	if (length == size) {
		length--;
		while (length > 0 &&
			((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	for (size_t i = 0; i < length; i++)
		field[i] = (unsigned char)text[i] < ' ' || text[i] == 127
				   ? '?'
				   : text[i];
	field[length] = '\0';
}

void seen_way_set(struct seen_way *way, const char *protocol,
	const char *mechanism, const char *client, int64_t last)
{
	seen_copy(way->protocol, sizeof(way->protocol), protocol);
	seen_copy(way->mechanism, sizeof(way->mechanism), mechanism);
	seen_copy(way->client, sizeof(way->client), client);
	way->last = last;
}

static void seen_read_way(struct seen *seen, const struct attr_list *message)
{
	struct seen_way *way = &seen->ways[seen->count];
	int64_t last = 0;

	if (seen->count == SEEN_WAYS_MAX ||
		attr_list_get(message, "protocol") == NULL ||
		attr_list_get_number(message, "last", &last, NULL) <= 0)
		return;
	seen_way_set(way, attr_list_get(message, "protocol"),
		attr_list_get(message, "mechanism"),
		attr_list_get(message, "client"), last);
	seen->count++;
}

void seen_read(struct seen *seen, const char *text)
{
	struct attr_parser *parser = attr_parser_new(ATTR_CONTROL);
	size_t size = strlen(text), used;

	seen->count = 0;
	while (size > 0 &&
		attr_parser_feed(parser, text, size, &used, NULL) > 0) {
		seen_read_way(seen, attr_parser_message(parser));
		text += used;
		size -= used;
	}
	attr_parser_free(&parser);
}

void seen_print(const struct seen *seen, struct buffer *text)
{
	for (size_t i = 0; i < seen->count; i++) {
		const struct seen_way *way = &seen->ways[i];
		struct attr_list *message = attr_list_new();

		attr_list_add(message, "protocol", way->protocol);
		attr_list_add(message, "mechanism", way->mechanism);
		attr_list_add(message, "client", way->client);
		attr_list_add_number(message, "last", way->last);
		attr_print(message, ATTR_CONTROL, text);
		attr_list_free(&message);
	}
}

static struct seen_way *seen_find(struct seen *seen, const struct seen_way *way)
{
	for (size_t i = 0; i < seen->count; i++)
		if (strcmp(seen->ways[i].protocol, way->protocol) == 0 &&
			strcmp(seen->ways[i].mechanism, way->mechanism) == 0 &&
			strcmp(seen->ways[i].client, way->client) == 0)
			return &seen->ways[i];
	return NULL;
}

static struct seen_way *seen_oldest(struct seen *seen)
{
	struct seen_way *oldest = &seen->ways[0];

	for (size_t i = 1; i < seen->count; i++)
		if (seen->ways[i].last < oldest->last)
			oldest = &seen->ways[i];
	return oldest;
}

bool seen_add(struct seen *seen, const struct seen_way *way, int64_t precision)
{
	struct seen_way *known = seen_find(seen, way);
	bool news;

	if (known == NULL) {
		known = seen->count < SEEN_WAYS_MAX ? &seen->ways[seen->count++]
						    : seen_oldest(seen);
		*known = *way;
		return true;
	}
	news = way->last - known->last > precision;
	if (way->last > known->last)
		known->last = way->last;
	return news;
}

int64_t seen_last(const struct seen *seen)
{
	int64_t last = 0;

	for (size_t i = 0; i < seen->count; i++)
		if (seen->ways[i].last > last)
			last = seen->ways[i].last;
	return last;
}

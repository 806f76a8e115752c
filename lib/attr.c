/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attribute protocol: the list, the printer and the resumable parser. A
 * list is one arena of NUL-terminated names and values and an index of offsets
 * into it; both are reused from message to message, so that a busy policy
 * connection allocates nothing.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/xalloc.h"

/* An arena that one large message has blown up is not kept for the next. */
#define ATTR_ARENA_KEPT 65536
#define ATTR_ITEMS_KEPT 256

struct attr_item {
	size_t name; /* offsets into the arena */
	size_t value;
};

struct attr_list {
	struct buffer arena;
	struct attr_item *items;
	size_t count;
	size_t room;
};

struct attr_parser {
	struct attr_list *list;
	size_t line;	     /* offset of the line that is being read */
	size_t message_size; /* bytes taken of this message */
	enum attr_form form;
	bool complete;
	bool bad;
};

/* 1: allowed in a name */
static const unsigned char attr_name_bytes[256] = {
	['A' ... 'Z'] = 1,
	['a' ... 'z'] = 1,
	['0' ... '9'] = 1,
	['_'] = 1,
	['.'] = 1,
	['-'] = 1,
};

/* 1: never allowed in a value on the wire */
static const unsigned char attr_bad_bytes[256] = {
	[0 ... 8] = 1,
	[10 ... 31] = 1,
	[127] = 1,
};

struct attr_list *attr_list_new(void)
{
	return xcalloc(1, sizeof(struct attr_list));
}

void attr_list_free(struct attr_list **list)
{
	if (*list == NULL)
		return;
	buffer_free(&(*list)->arena);
	free((*list)->items);
	free(*list);
	*list = NULL;
}

void attr_list_clear(struct attr_list *list)
{
	if (list->arena.room > ATTR_ARENA_KEPT)
		buffer_free(&list->arena);
	if (list->room > ATTR_ITEMS_KEPT) {
		free(list->items);
		list->items = NULL;
		list->room = 0;
	}
	buffer_clear(&list->arena);
	list->count = 0;
}

static void attr_list_index(struct attr_list *list, size_t name, size_t value)
{
	if (list->count == list->room) {
		list->room = list->room > 0 ? 2 * list->room : 32;
		list->items = xreallocarray(
			list->items, list->room, sizeof(list->items[0]));
	}
	list->items[list->count].name = name;
	list->items[list->count].value = value;
	list->count++;
}

struct attr_list *attr_list_copy(const struct attr_list *list)
{
	struct attr_list *copy = attr_list_new();
	size_t i;

	buffer_add(&copy->arena, list->arena.data, list->arena.size);
	for (i = 0; i < list->count; i++)
		attr_list_index(
			copy, list->items[i].name, list->items[i].value);
	return copy;
}

/* The length of the name at the front of text, 0 when there is none. */
static size_t attr_name_size(const char *text, size_t size)
{
	size_t i = 0;

	while (i < size && attr_name_bytes[(unsigned char)text[i]])
		i++;
	return i <= ATTR_NAME_MAX ? i : 0;
}

static void attr_check_name(const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || attr_name_size(name, size) != size)
		abort();
}

void attr_list_add(struct attr_list *list, const char *name, const char *value)
{
	/* both may point into this list's own arena, which may move */
	size_t name_size = strlen(name) + 1;
	size_t value_size = strlen(value) + 1;
	struct buffer old = list->arena;
	size_t start = old.size;

	attr_check_name(name);
	if (start + name_size + value_size >= old.room) {
		list->arena = (struct buffer)BUFFER_EMPTY;
		buffer_add(&list->arena, old.data, old.size);
	} else {
		old = (struct buffer)BUFFER_EMPTY;
	}
	buffer_add(&list->arena, name, name_size);
	buffer_add(&list->arena, value, value_size);
	buffer_free(&old);
	attr_list_index(list, start, start + name_size);
}

void attr_list_printf(
	struct attr_list *list, const char *name, const char *format, ...)
{
	va_list arguments;
	char *value;
	int length;

	va_start(arguments, format);
	length = vasprintf(&value, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	attr_list_add(list, name, value);
	free(value);
}

void attr_list_add_number(
	struct attr_list *list, const char *name, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	attr_list_add(list, name, text);
}

size_t attr_list_count(const struct attr_list *list)
{
	return list->count;
}

const char *attr_list_name(const struct attr_list *list, size_t index)
{
	if (index >= list->count)
		abort();
	return list->arena.data + list->items[index].name;
}

const char *attr_list_value(const struct attr_list *list, size_t index)
{
	if (index >= list->count)
		abort();
	return list->arena.data + list->items[index].value;
}

const char *attr_list_get(const struct attr_list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (strcmp(list->arena.data + list->items[i].name, name) == 0)
			return list->arena.data + list->items[i].value;
	}
	return NULL;
}

int attr_list_get_number(const struct attr_list *list, const char *name,
	int64_t *number_r, struct error *error)
{
	const char *value = attr_list_get(list, name);
	const char *digits;
	int64_t number;
	char *end;

	if (value == NULL)
		return 0;
	digits = value + (value[0] == '-');
	errno = 0;
	number = strtoll(value, &end, 10);
	/* strtoll alone would take blanks and '+' */
	if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || errno != 0) {
		error_set(error, "attribute %s: \"%s\" is not a number", name,
			value);
		return -1;
	}
	*number_r = number;
	return 1;
}

/* One byte of a value that may not stand on the wire as it is. */
static void attr_print_special(
	char byte, enum attr_form form, struct buffer *buffer)
{
	if (byte == '\n')
		buffer_add_text(buffer, form == ATTR_CONTROL ? "\\n" : " ");
	else if (byte == '\\')
		buffer_add_text(buffer, form == ATTR_CONTROL ? "\\\\" : "\\");
	else
		buffer_add_text(buffer, "?");
}

static void attr_print_value(
	const char *value, enum attr_form form, struct buffer *buffer)
{
	while (*value != '\0') {
		size_t plain = 0;

		while (!attr_bad_bytes[(unsigned char)value[plain]] &&
			value[plain] != '\\')
			plain++;
		buffer_add(buffer, value, plain);
		value += plain;
		if (*value != '\0')
			attr_print_special(*value++, form, buffer);
	}
}

void attr_print(const struct attr_list *list, enum attr_form form,
	struct buffer *buffer)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		buffer_add_text(buffer, attr_list_name(list, i));
		buffer_add(buffer, "=", 1);
		attr_print_value(attr_list_value(list, i), form, buffer);
		buffer_add(buffer, "\n", 1);
	}
	buffer_add(buffer, "\n", 1);
}

struct attr_parser *attr_parser_new(enum attr_form form)
{
	struct attr_parser *parser = xcalloc(1, sizeof(*parser));

	parser->list = attr_list_new();
	parser->form = form;
	return parser;
}

void attr_parser_free(struct attr_parser **parser)
{
	if (*parser == NULL)
		return;
	attr_list_free(&(*parser)->list);
	free(*parser);
	*parser = NULL;
}

const struct attr_list *attr_parser_message(const struct attr_parser *parser)
{
	return parser->list;
}

bool attr_parser_midway(const struct attr_parser *parser)
{
	return !parser->complete && parser->message_size > 0;
}

/* Undoes the escapes in place. Returns the new size, or -1. */
static ssize_t attr_unescape(char *value, size_t size)
{
	char *from = memchr(value, '\\', size);
	char *end = value + size;
	char *to = from;

	if (from == NULL)
		return (ssize_t)size;
	while (from < end) {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		if (end - from < 2 || (from[1] != 'n' && from[1] != '\\'))
			return -1;
		*to++ = from[1] == 'n' ? '\n' : '\\';
		from += 2;
	}
	*to = '\0';
	return to - value;
}

/* A whole line stands at the end of the arena, its newline made a NUL. */
static int attr_parser_line(
	struct attr_parser *parser, size_t size, struct error *error)
{
	struct attr_list *list = parser->list;
	char *line = list->arena.data + parser->line;
	size_t name_size = attr_name_size(line, size);
	unsigned char bad = 0;
	ssize_t value_size;
	char *value;
	size_t i;

	if (name_size == 0 || line[name_size] != '=') {
		error_set(error, "attribute line \"%.40s\": not NAME=VALUE",
			line);
		return -1;
	}
	line[name_size] = '\0';
	value = line + name_size + 1;
	value_size = (ssize_t)(size - name_size - 1);
	for (i = 0; i < (size_t)value_size; i++)
		bad |= attr_bad_bytes[(unsigned char)value[i]];
	if (bad) {
		error_set(error, "attribute %s: control character", line);
		return -1;
	}
	if (parser->form == ATTR_CONTROL)
		value_size = attr_unescape(value, (size_t)value_size);
	if (value_size < 0) {
		error_set(error, "attribute %s: bad escape", line);
		return -1;
	}
	if (value_size > ATTR_VALUE_MAX || list->count == ATTR_COUNT_MAX) {
		error_set(error, "attribute %s: %s", line,
			value_size > ATTR_VALUE_MAX ? "value too long"
						    : "too many attributes");
		return -1;
	}
	attr_list_index(list, parser->line, parser->line + name_size + 1);
	return 0;
}

/*
 * Takes one line, or the piece of it that is there. Returns as feed does, and
 * 2 when a line was taken and the message goes on.
 */
static int attr_parser_take(struct attr_parser *parser, const char *data,
	size_t size, size_t *used_r, struct error *error)
{
	struct buffer *arena = &parser->list->arena;
	const char *newline = memchr(data, '\n', size);
	size_t used = newline != NULL ? (size_t)(newline - data) + 1 : size;
	size_t line_size;

	*used_r = used;
	if (used > ATTR_MESSAGE_MAX - parser->message_size) {
		error_set(error, "attributes: message longer than %d bytes",
			ATTR_MESSAGE_MAX);
		return -1;
	}
	parser->message_size += used;
	buffer_add(arena, data, used);
	if (newline == NULL)
		return 0;
	line_size = arena->size - parser->line - 1;
	arena->data[parser->line + line_size] = '\0';
	if (line_size == 0) {
		parser->complete = true;
		return 1;
	}
	if (attr_parser_line(parser, line_size, error) < 0)
		return -1;
	parser->line = arena->size;
	return 2;
}

int attr_parser_feed(struct attr_parser *parser, const char *data, size_t size,
	size_t *used_r, struct error *error)
{
	size_t used;
	int result = 0;

	*used_r = 0;
	if (parser->bad) {
		error_set(error, "attributes: the stream is broken");
		return -1;
	}
	if (size > 0 && parser->complete) {
		attr_list_clear(parser->list);
		parser->line = parser->message_size = 0;
		parser->complete = false;
	}
	while (*used_r < size) {
		result = attr_parser_take(
			parser, data + *used_r, size - *used_r, &used, error);
		*used_r += used;
		if (result != 2)
			break;
	}
	if (result < 0)
		parser->bad = true;
	return result == 2 ? 0 : result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads queue listings and has entries tried again. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"
#include "policyd/command.h"
#include "policyd/queue.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* An instant of this many seconds is the year 5138; the rest is nonsense. */
#define QUEUE_SECONDS_MAX 100000000000

static const char *const queue_names[] = {
	[QUEUE_MAILDROP] = "maildrop",
	[QUEUE_INCOMING] = "incoming",
	[QUEUE_ACTIVE] = "active",
	[QUEUE_DEFERRED] = "deferred",
	[QUEUE_HOLD] = "hold",
};

struct queue_reader {
	bool waiting;
	queue_entry_fn *callback;
	void *context;
};

static bool queue_is_waiting(enum queue_where where)
{
	return where == QUEUE_DEFERRED || where == QUEUE_HOLD;
}

static enum queue_where queue_where(const char *name)
{
	for (size_t i = 0; i < COUNT(queue_names); i++)
		if (strcmp(name, queue_names[i]) == 0)
			return (enum queue_where)i;
	return QUEUE_ACTIVE;
}

/* It goes into an argument vector. */
static bool queue_id_is_good(const char *id)
{
	size_t size = strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz");

	return size > 0 && size < QUEUE_ID_SIZE && id[size] == '\0';
}

/* Returns how many there are, or -1. list_r is for free(). */
static ssize_t queue_recipients(
	const json_t *array, struct queue_recipient **list_r)
{
	size_t count = json_array_size(array);
	struct queue_recipient *list = xcalloc(count + 1, sizeof(*list));

	*list_r = list;
	if (!json_is_array(array))
		return -1;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(array, i);
		const char *reason = json_string_value(
			json_object_get(item, "delay_reason"));

		list[i].address =
			json_string_value(json_object_get(item, "address"));
		if (list[i].address == NULL)
			return -1;
		list[i].tried = reason != NULL && reason[0] != '\0';
	}
	return (ssize_t)count;
}

static int queue_take(const struct queue_reader *reader, const json_t *object,
	struct error *error)
{
	const char *name =
		json_string_value(json_object_get(object, "queue_name"));
	const char *id = json_string_value(json_object_get(object, "queue_id"));
	const json_t *arrival = json_object_get(object, "arrival_time");
	json_int_t seconds = json_integer_value(arrival);
	struct queue_recipient *recipients = NULL;
	struct queue_entry entry;
	ssize_t count = -1;
	int result = -1;

	if (name != NULL && id != NULL && queue_id_is_good(id) &&
		json_is_integer(arrival) && seconds >= 0 &&
		seconds <= QUEUE_SECONDS_MAX)
		count = queue_recipients(
			json_object_get(object, "recipients"), &recipients);
	if (count < 0) {
		error_set(error, "not an entry of the queue");
		goto end;
	}
	entry.where = queue_where(name);
	entry.id = id;
	entry.arrival = (int64_t)seconds * 1000;
	entry.recipients = recipients;
	entry.recipients_count = (size_t)count;
	result = 0;
	if (reader->waiting || !queue_is_waiting(entry.where))
		result = reader->callback(&entry, reader->context, error);
end:
	free(recipients);
	return result;
}

/* A cheap look at the beginning, to spare the reading of what is not wanted;
 * another writer's lines are read in full. */
static bool queue_line_is_waiting(const char *line, size_t size)
{
	static const char *const beginnings[] = {
		"{\"queue_name\": \"deferred\", ",
		"{\"queue_name\": \"hold\", ",
	};

	for (size_t i = 0; i < COUNT(beginnings); i++) {
		size_t length = strlen(beginnings[i]);

		if (size >= length && memcmp(line, beginnings[i], length) == 0)
			return true;
	}
	return false;
}

/*
 * Envelopes are strangers' bytes, and one entry must not make the whole listing
 * unreadable: what is no UTF-8 becomes '?'. No account has such an address.
 */
static json_t *queue_load_repaired(
	const char *line, size_t size, json_error_t *trouble_r)
{
	char *copy = xmalloc(size);
	json_t *object;
	int length;

	memcpy(copy, line, size);
	for (size_t i = 0; i < size; i += (size_t)length) {
		length = u8_mblen((const uint8_t *)copy + i, size - i);
		if (length <= 0) {
			copy[i] = '?';
			length = 1;
		}
	}
	object = json_loadb(copy, size, 0, trouble_r);
	free(copy);
	return object;
}

static int queue_read_line(const struct queue_reader *reader, const char *line,
	size_t size, struct error *error)
{
	json_error_t trouble;
	json_t *object;
	int result;

	if (size == 0 ||
		(!reader->waiting && queue_line_is_waiting(line, size)))
		return 0;
	object = json_loadb(line, size, 0, &trouble);
	if (object == NULL)
		object = queue_load_repaired(line, size, &trouble);
	if (object == NULL) {
		error_set(error, "%s", trouble.text);
		return -1;
	}
	result = queue_take(reader, object, error);
	json_decref(object);
	return result;
}

int queue_parse(const char *data, size_t size, bool waiting,
	queue_entry_fn *callback, void *context, struct error *error)
{
	struct queue_reader reader = { waiting, callback, context };
	size_t number = 0;

	while (size > 0) {
		const char *newline = memchr(data, '\n', size);
		size_t length =
			newline != NULL ? (size_t)(newline - data) : size;
		size_t used = newline != NULL ? length + 1 : length;

		number++;
		if (queue_read_line(&reader, data, length, error) < 0) {
			error_prefix(error, "queue listing, line %zu", number);
			return -1;
		}
		data += used;
		size -= used;
	}
	return 0;
}

int queue_list(const char *command, int timeout_ms, bool waiting,
	queue_entry_fn *callback, void *context, struct error *error)
{
	struct buffer listing = BUFFER_EMPTY;
	int result = command_run(
		command, NULL, timeout_ms, QUEUE_LISTING_MAX, &listing, error);

	if (result < 0)
		error_prefix(error, "list the queue");
	else if (listing.size > 0)
		result = queue_parse(listing.data, listing.size, waiting,
			callback, context, error);
	buffer_free(&listing);
	return result;
}

int queue_flush(const char *command, const char *id, int timeout_ms,
	struct error *error)
{
	int result = command_run(command, id, timeout_ms, 0, NULL, error);

	if (result < 0)
		error_prefix(error, "flush %s", id);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Protocol messages as JSON, see json.h. */
#include "config.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl/json.h"
#include "ctl/text.h"
#include "lib/account.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/*
 * The attributes that are no account fields. Kinds as in account_field_kind,
 * and 'a' an array of texts, 'o' an object of "name=number" words.
 */
static const struct {
	const char *name;
	char kind;
} json_kinds[] = {
	{ "accounts", 'n' },
	{ "adopted", 'n' },
	{ "alias", 'a' },
	{ "aliases", 'n' },
	{ "aliases_added", 'n' },
	{ "approved", 'n' },
	{ "at", 't' },
	{ "bytes_done", 'n' },
	{ "bytes_total", 'n' },
	{ "column", 'n' },
	{ "copied", 'n' },
	{ "domains", 'n' },
	{ "duration_ms", 'd' },
	{ "entries", 'n' },
	{ "failing", 'n' },
	{ "flags", 'n' },
	{ "folders", 'n' },
	{ "force", 'b' },
	{ "foreign", 'n' },
	{ "freeze_steps", 'o' },
	{ "idle", 'd' },
	{ "keywords_refused", 'n' },
	{ "kicked", 'n' },
	{ "last", 't' },
	{ "lease_expires", 't' },
	{ "lease_ms", 'd' },
	{ "left", 'n' },
	{ "left_out", 'n' },
	{ "line", 'n' },
	{ "lost", 'b' },
	{ "messages_done", 'n' },
	{ "messages_total", 'n' },
	{ "option", 'a' },
	{ "pid", 'n' },
	{ "reasons", 'a' },
	{ "refused", 'n' },
	{ "remaining", 'd' },
	{ "removed", 'n' },
	{ "requested", 'b' },
	{ "required", 'b' },
	{ "serial", 'n' },
	{ "session", 'n' },
	{ "sessions", 'n' },
	{ "since", 't' },
	{ "size", 'n' },
	{ "steps", 'o' },
	{ "systems", 'n' },
	{ "uid", 'n' },
	{ "uidvalidity", 'n' },
	{ "uptime", 'd' },
	{ "valid", 'b' },
};

static char json_kind(const struct attr_list *message, const char *name)
{
	/* status counts the held accounts under the name of a flag */
	if (strcmp(name, "held") == 0 &&
		attr_list_get(message, "accounts") != NULL)
		return 'n';
	if (strncmp(name, "phase-", 6) == 0)
		return 'n';
	for (size_t i = 0; i < sizeof(json_kinds) / sizeof(*json_kinds); i++)
		if (strcmp(json_kinds[i].name, name) == 0)
			return json_kinds[i].kind;
	return account_field_kind(name);
}

static json_t *json_text(const char *value)
{
	json_t *text = json_string(value);
	struct buffer clean = BUFFER_EMPTY;

	if (text != NULL)
		return text;
	/* no UTF-8: a broken byte must not lose the line */
	text_add(&clean, value);
	text = json_string(clean.data);
	buffer_free(&clean);
	return text;
}

static json_t *json_number(const char *name, const char *value)
{
	struct attr_list *one = attr_list_new();
	json_t *number = NULL;
	int64_t integer;

	attr_list_add(one, name, value);
	if (attr_list_get_number(one, name, &integer, NULL) == 1)
		number = json_integer(integer);
	attr_list_free(&one);
	return number;
}

static json_t *json_instant(const char *name, const char *value)
{
	struct attr_list *one = attr_list_new();
	char text[INSTANT_TEXT_SIZE];
	json_t *result = NULL;
	int64_t instant;

	attr_list_add(one, name, value);
	if (strcmp(value, "never") == 0) {
		result = json_string(value);
	} else if (attr_list_get_number(one, name, &instant, NULL) == 1) {
		instant_format(instant, text);
		result = instant == 0 ? json_null() : json_string(text);
	}
	attr_list_free(&one);
	return result;
}

static json_t *json_words(const char *value)
{
	json_t *object = json_object();
	char *copy = xstrdup(value), *rest = copy, *word;

	while ((word = strsep(&rest, " ")) != NULL) {
		char *number = strchr(word, '=');

		if (*word == '\0')
			continue;
		if (number == NULL) {
			json_decref(object);
			object = NULL;
			break;
		}
		*number++ = '\0';
		json_object_set_new(
			object, word, json_integer(strtoll(number, NULL, 10)));
	}
	free(copy);
	return object;
}

/* What cannot be read as its kind is printed as the text it is. */
static json_t *json_value(char kind, const char *name, const char *value)
{
	json_t *result = NULL;

	switch (kind) {
	case 'n':
	case 'd':
		result = json_number(name, value);
		break;
	case 't':
		result = json_instant(name, value);
		break;
	case 'b':
		if (strcmp(value, "yes") == 0)
			result = json_true();
		else if (strcmp(value, "no") == 0)
			result = json_false();
		break;
	case 'o':
		result = json_words(value);
		break;
	default:
		break;
	}
	return result != NULL ? result : json_text(value);
}

/* Before its first request an account has no budget of its own: policyd's is
 * taken then. */
static bool json_is_unrequested(const struct attr_list *message)
{
	const char *at = attr_list_get(message, "requested_at");

	return at != NULL && strcmp(at, "0") == 0;
}

static json_t *json_object_of(const struct attr_list *message)
{
	json_t *object = json_object();

	for (size_t i = 0; i < attr_list_count(message); i++) {
		const char *name = attr_list_name(message, i);
		const char *value = attr_list_value(message, i);
		char kind = json_kind(message, name);
		json_t *array;

		if (strcmp(name, "freeze_budget") == 0 &&
			json_is_unrequested(message)) {
			json_object_set_new(object, name, json_null());
			continue;
		}
		if (kind != 'a') {
			json_object_set_new(
				object, name, json_value(kind, name, value));
			continue;
		}
		array = json_object_get(object, name);
		if (array == NULL) {
			array = json_array();
			json_object_set_new(object, name, array);
		}
		json_array_append_new(array, json_text(value));
	}
	return object;
}

/* An account with every field it has, also those at their default. */
static struct attr_list *json_whole(const struct attr_list *message)
{
	struct attr_list *whole;
	struct account account;

	if (attr_list_get(message, "source") == NULL ||
		attr_list_get(message, "phase") == NULL ||
		account_scan(message, &account, NULL) < 0)
		return attr_list_copy(message);
	whole = attr_list_new();
	account_print(&account, true, whole);
	account_clear(&account);
	return whole;
}

static void json_dump(FILE *out, const struct attr_list *message)
{
	struct attr_list *whole = json_whole(message);
	json_t *object = json_object_of(whole);

	if (json_dumpf(object, out, JSON_COMPACT) != 0 && !ferror(out))
		abort();
	json_decref(object);
	attr_list_free(&whole);
}

void json_print(FILE *out, const struct attr_list *message)
{
	struct attr_list *bare = attr_list_new();

	for (size_t i = 0; i < attr_list_count(message); i++)
		if (strcmp(attr_list_name(message, i), "status") != 0)
			attr_list_add(bare, attr_list_name(message, i),
				attr_list_value(message, i));
	json_dump(out, bare);
	putc('\n', out);
	attr_list_free(&bare);
}

void json_array_begin(struct json_array *array, FILE *out)
{
	array->out = out;
	array->count = 0;
	putc('[', out);
}

void json_array_add(struct json_array *array, const struct attr_list *message)
{
	fputs(array->count++ == 0 ? "\n" : ",\n", array->out);
	json_dump(array->out, message);
}

void json_array_end(struct json_array *array)
{
	fputs(array->count == 0 ? "]\n" : "\n]\n", array->out);
}

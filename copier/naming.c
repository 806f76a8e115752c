/* SPDX-License-Identifier: BSD-2-Clause */
/* Folder names from server to server. */
#include "config.h"

#include "copier/naming.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "copier/mutf7.h"

#include "lib/xalloc.h"

/* A level cannot hold this; '_' itself cannot be anybody's way out of it. */
#define NAMING_SUBSTITUTE "_"

static void naming_note(unsigned *changes, unsigned change)
{
	if (changes != NULL)
		*changes |= change;
}

static void naming_add(struct naming_path *path, char *level)
{
	path->levels = xreallocarray(
		path->levels, path->count + 1, sizeof(*path->levels));
	path->levels[path->count++] = level;
}

void naming_path_add(struct naming_path *path, const char *level, size_t size)
{
	naming_add(path, xstrndup(level, size));
}

void naming_path_free(struct naming_path *path)
{
	while (path->count > 0)
		free(path->levels[--path->count]);
	free(path->levels);
	path->levels = NULL;
}

/* Octets that are no encoding that we know; each becomes a character. */
static void naming_latin(const char *level, size_t size, struct buffer *text)
{
	uint8_t bytes[6];
	size_t i;

	for (i = 0; i < size; i++) {
		int length = u8_uctomb(
			bytes, (unsigned char)level[i], sizeof(bytes));

		buffer_add(text, bytes, (size_t)length);
	}
}

/* Whether the name's encoding is the one that we would give it. */
static bool naming_is_canonical(
	const char *level, size_t size, const struct buffer *text)
{
	struct buffer again = BUFFER_EMPTY;
	bool same;

	mutf7_encode(text->data, text->size, &again);
	same = again.size == size && memcmp(again.data, level, size) == 0;
	buffer_free(&again);
	return same;
}

/* One level in UTF-8, malloc'd. */
static char *naming_decode(
	const char *level, size_t size, bool utf8, unsigned *changes)
{
	struct buffer text = BUFFER_EMPTY;
	bool valid = u8_check((const uint8_t *)level, size) == NULL;
	bool ascii = true;
	size_t i;

	for (i = 0; i < size; i++)
		ascii = ascii && (unsigned char)level[i] < 0x80;
	if (!utf8 && mutf7_decode(level, size, &text) == 0) {
		if (!naming_is_canonical(level, size, &text))
			naming_note(changes, NAMING_ENCODING);
	} else if (valid) {
		/* A server that sends UTF-8 unasked is taken at its word. */
		buffer_add(&text, level, size);
		if (!utf8 && ascii)
			naming_note(changes, NAMING_ENCODING);
	} else {
		naming_latin(level, size, &text);
		naming_note(changes, NAMING_ENCODING);
	}
	return text.data;
}

/* The name behind the prefix of the personal namespace. */
static const char *naming_behind_prefix(const char *name, const char *prefix)
{
	size_t size = strlen(prefix), inbox = strlen("INBOX");

	if (size == 0 || strlen(name) <= size)
		return name;
	if (strncmp(name, prefix, size) == 0)
		return name + size;
	if (size > inbox && strncasecmp(name, "INBOX", inbox) == 0 &&
		strncasecmp(prefix, "INBOX", inbox) == 0 &&
		strncmp(name + inbox, prefix + inbox, size - inbox) == 0)
		return name + size;
	return name;
}

void naming_split(const char *name, char separator,
	const struct mailbox_features *from, struct naming_path *path_r,
	unsigned *changes)
{
	memset(path_r, 0, sizeof(*path_r));
	if (strcasecmp(name, "INBOX") == 0) {
		naming_add(path_r, xstrdup("INBOX"));
		return;
	}
	name = naming_behind_prefix(name, from->prefix);
	for (;;) {
		const char *end =
			separator != '\0' ? strchr(name, separator) : NULL;
		size_t size = end != NULL ? (size_t)(end - name) : strlen(name);

		if (size > 0)
			naming_add(path_r,
				naming_decode(name, size, from->utf8, changes));
		else
			naming_note(changes, NAMING_LEVELS);
		if (end == NULL)
			break;
		name = end + 1;
	}
	if (path_r->count == 0) {
		naming_add(path_r, xstrdup(NAMING_SUBSTITUTE));
		return;
	}
	/* "INBOX.inbox" is a folder that is not the INBOX. */
	if (path_r->count == 1 && strcasecmp(path_r->levels[0], "INBOX") == 0) {
		free(path_r->levels[0]);
		path_r->levels[0] = xstrdup("INBOX" NAMING_SUBSTITUTE);
		naming_note(changes, NAMING_INBOX);
	}
}

/* One level as the server of to takes it. */
static void naming_encode(const char *level, const struct mailbox_features *to,
	struct buffer *name, unsigned *changes)
{
	char *copy = xstrdup(level), *at = copy;

	while (to->separator != '\0' &&
		(at = strchr(at, to->separator)) != NULL) {
		*at = NAMING_SUBSTITUTE[0];
		naming_note(changes, NAMING_SEPARATOR);
	}
	if (to->utf8)
		buffer_add_text(name, copy);
	else
		mutf7_encode(copy, strlen(copy), name);
	free(copy);
}

/* Whether the name is, or is in, a namespace that is not the user's own. */
static bool naming_is_others(
	const char *name, const struct mailbox_features *to)
{
	size_t i, size = strlen(name);

	for (i = 0; i < to->others_count; i++) {
		const char *prefix = to->others[i];
		size_t length = strlen(prefix);

		if (strncmp(name, prefix, length) == 0 ||
			(size + 1 == length &&
				strncmp(name, prefix, size) == 0))
			return true;
	}
	return false;
}

/* mark stands behind the first level. */
static char *naming_put_together(const struct naming_path *path,
	const struct mailbox_features *to, const char *mark, unsigned *changes)
{
	struct buffer name = BUFFER_EMPTY;
	size_t i;

	buffer_add_text(&name, to->prefix);
	for (i = 0; i < path->count; i++) {
		if (i > 0 && to->separator == '\0')
			naming_note(changes, NAMING_SEPARATOR);
		if (i > 0)
			buffer_add(&name,
				to->separator != '\0' ? &to->separator
						      : NAMING_SUBSTITUTE,
				1);
		naming_encode(path->levels[i], to, &name, changes);
		if (i == 0)
			buffer_add_text(&name, mark);
	}
	return name.data;
}

char *naming_join(const struct naming_path *path,
	const struct mailbox_features *to, unsigned *changes)
{
	char *name;

	if (path->count == 1 && strcasecmp(path->levels[0], "INBOX") == 0)
		return xstrdup("INBOX");
	name = naming_put_together(path, to, "", changes);
	if (!naming_is_others(name, to))
		return name;
	free(name);
	naming_note(changes, NAMING_OTHERS);
	return naming_put_together(path, to, NAMING_SUBSTITUTE, changes);
}

char *naming_map(const char *name, char separator,
	const struct mailbox_features *from, const struct mailbox_features *to)
{
	struct naming_path path;
	char *mapped;

	naming_split(name, separator, from, &path, NULL);
	mapped = naming_join(&path, to, NULL);
	naming_path_free(&path);
	return mapped;
}

char *naming_text(const struct naming_path *path)
{
	struct buffer text = BUFFER_EMPTY;
	const char *c;
	size_t i;

	for (i = 0; i < path->count; i++) {
		if (i > 0)
			buffer_add(&text, "/", 1);
		for (c = path->levels[i]; *c != '\0'; c++) {
			if (*c == '/')
				buffer_add(&text, "\\", 1);
			buffer_add(&text, c, 1);
		}
	}
	return text.data;
}

char *naming_show(const char *name, char separator,
	const struct mailbox_features *features)
{
	struct naming_path path;
	char *text;

	naming_split(name, separator, features, &path, NULL);
	text = naming_text(&path);
	naming_path_free(&path);
	return text;
}

char *naming_fold(const struct naming_path *path)
{
	char *text = naming_text(path), *folded;
	size_t size;
	uint8_t *result = u8_casefold((const uint8_t *)text, strlen(text), NULL,
		UNINORM_NFC, NULL, &size);

	if (result == NULL)
		return text;
	folded = xstrndup((const char *)result, size);
	free(result);
	free(text);
	return folded;
}

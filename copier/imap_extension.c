/* SPDX-License-Identifier: BSD-2-Clause */
/* The responses of ACL, QUOTA, METADATA and STATUS SIZE. */
#include "config.h"

#include "copier/imap_extension.h"

#include <string.h>

#include "copier/imap_cursor.h"

/* A string without NUL in it, which replaces what text was. */
static int imap_text(struct imap_cursor *cursor, struct buffer *text)
{
	buffer_clear(text);
	buffer_add(text, "", 0);
	if (imap_string(cursor, text, NULL) < 0 ||
		memchr(text->data, '\0', text->size) != NULL)
		return -1;
	return 0;
}

static int imap_blank_text(struct imap_cursor *cursor, struct buffer *text)
{
	return imap_take(cursor, ' ') ? imap_text(cursor, text) : -1;
}

/* The same for what comes behind the last value: blanks are no more of it. */
static bool imap_is_over(struct imap_cursor *cursor)
{
	struct imap_cursor ahead = *cursor;

	imap_skip_blanks(&ahead);
	if (ahead.at != ahead.end)
		return false;
	*cursor = ahead;
	return true;
}

int imap_acl_parse(struct imap_span rest, struct buffer *name_r,
	imap_acl_fn *callback, void *context)
{
	struct imap_cursor cursor = imap_cursor(rest);
	struct buffer identifier = BUFFER_EMPTY, rights = BUFFER_EMPTY;
	int result = imap_text(&cursor, name_r);

	while (result == 0 && !imap_is_over(&cursor)) {
		if (imap_blank_text(&cursor, &identifier) < 0 ||
			imap_blank_text(&cursor, &rights) < 0)
			result = -1;
		else
			callback(context, identifier.data, rights.data);
	}
	buffer_free(&identifier);
	buffer_free(&rights);
	return result;
}

int imap_quotaroot_parse(struct imap_span rest, struct buffer *name_r,
	imap_root_fn *callback, void *context)
{
	struct imap_cursor cursor = imap_cursor(rest);
	struct buffer root = BUFFER_EMPTY;
	int result = imap_text(&cursor, name_r);

	while (result == 0 && !imap_is_over(&cursor)) {
		result = imap_blank_text(&cursor, &root);
		if (result == 0)
			callback(context, root.data);
	}
	buffer_free(&root);
	return result;
}

int imap_quota_parse(struct imap_span rest, struct buffer *root_r,
	imap_quota_fn *callback, void *context)
{
	struct imap_cursor cursor = imap_cursor(rest);
	struct buffer resource = BUFFER_EMPTY;
	uint64_t used, limit;
	int result = imap_text(&cursor, root_r);

	/* Courier leaves the list out when nothing is limited. */
	if (result == 0 && cursor.at == cursor.end)
		return 0;
	if (result < 0 || !imap_take(&cursor, ' ') || !imap_take(&cursor, '('))
		return -1;
	for (;;) {
		imap_skip_blanks(&cursor);
		if (imap_take(&cursor, ')'))
			break;
		if (imap_text(&cursor, &resource) < 0 ||
			!imap_take(&cursor, ' ') ||
			imap_number(&cursor, &used) < 0 ||
			!imap_take(&cursor, ' ') ||
			imap_number(&cursor, &limit) < 0) {
			result = -1;
			break;
		}
		callback(context, resource.data, used, limit);
	}
	buffer_free(&resource);
	return result;
}

int imap_metadata_parse(struct imap_span rest, struct buffer *name_r,
	imap_metadata_fn *callback, void *context)
{
	struct imap_cursor cursor = imap_cursor(rest);
	struct buffer entry = BUFFER_EMPTY, value = BUFFER_EMPTY;
	int result = imap_text(&cursor, name_r);
	bool nil;

	if (result < 0 || !imap_take(&cursor, ' '))
		return -1;
	if (!imap_take(&cursor, '('))
		return 0;
	for (;;) {
		imap_skip_blanks(&cursor);
		if (imap_take(&cursor, ')'))
			break;
		buffer_clear(&value);
		buffer_add(&value, "", 0);
		if (imap_text(&cursor, &entry) < 0 ||
			!imap_take(&cursor, ' ') ||
			imap_string(&cursor, &value, &nil) < 0) {
			result = -1;
			break;
		}
		callback(context, entry.data, value.data, value.size, nil);
	}
	buffer_free(&entry);
	buffer_free(&value);
	return result;
}

int imap_size_parse(struct imap_span rest, struct buffer *name_r,
	uint64_t *messages_r, uint64_t *size_r)
{
	struct imap_cursor cursor = imap_cursor(rest);
	bool counted = false, measured = false;

	if (imap_text(&cursor, name_r) < 0 || !imap_take(&cursor, ' ') ||
		!imap_take(&cursor, '('))
		return -1;
	for (;;) {
		struct imap_span item;
		uint64_t number;

		imap_skip_blanks(&cursor);
		if (imap_take(&cursor, ')'))
			return counted && measured ? 0 : -1;
		item = imap_atom(&cursor);
		if (item.size == 0 || !imap_take(&cursor, ' ') ||
			imap_number(&cursor, &number) < 0)
			return -1;
		if (imap_span_is(item, "MESSAGES")) {
			*messages_r = number;
			counted = true;
		} else if (imap_span_is(item, "SIZE")) {
			*size_r = number;
			measured = true;
		}
	}
}

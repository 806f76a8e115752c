/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of documents, and their texts in messages. */
#include <config.h>

#include <string.h>

#include "lib/document.h"

#define DOCUMENT_PIECE ((size_t)ATTR_VALUE_MAX / 2)

static const char *const document_names[] = {
	DOCUMENT_APPROVALS,
	DOCUMENT_FORMER,
	DOCUMENT_AGAIN,
	DOCUMENT_REFUSED,
	DOCUMENT_CERTIFICATE,
	DOCUMENT_IDENTITY,
	DOCUMENT_SHARED,
};

bool document_is_known(const char *name)
{
	size_t count = sizeof(document_names) / sizeof(document_names[0]);

	for (size_t i = 0; i < count; i++)
		if (strcmp(document_names[i], name) == 0)
			return true;
	return false;
}

bool document_is_workers(const char *name)
{
	return document_is_known(name) &&
	       strcmp(name, DOCUMENT_APPROVALS) != 0 &&
	       strcmp(name, DOCUMENT_FORMER) != 0 &&
	       strcmp(name, DOCUMENT_AGAIN) != 0;
}

void document_add_text(struct attr_list *list, const char *text)
{
	char piece[DOCUMENT_PIECE + 1];

	while (*text != '\0') {
		size_t size = strnlen(text, DOCUMENT_PIECE);

		memcpy(piece, text, size);
		piece[size] = '\0';
		attr_list_add(list, "text", piece);
		text += size;
	}
}

void document_get_text(const struct attr_list *list, struct buffer *text)
{
	for (size_t i = 0; i < attr_list_count(list); i++)
		if (strcmp(attr_list_name(list, i), "text") == 0)
			buffer_add_text(text, attr_list_value(list, i));
}

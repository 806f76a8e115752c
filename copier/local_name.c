/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of directories and files as names of IMAP folders. */
#include "config.h"

#include "copier/local_name.h"

#include <stddef.h>
#include <string.h>

#include "copier/mutf7.h"

#include "lib/xalloc.h"

/* How long the UTF-8 sequence at text is; 0 when it is none (RFC 3629). */
static size_t local_name_utf8(const unsigned char *text)
{
	size_t size = text[0] < 0x80   ? 1
		      : text[0] < 0xC2 ? 0
		      : text[0] < 0xE0 ? 2
		      : text[0] < 0xF0 ? 3
		      : text[0] < 0xF5 ? 4
				       : 0;
	size_t i;

	for (i = 1; i < size; i++)
		if ((text[i] & 0xC0) != 0x80)
			return 0;
	if ((text[0] == 0xE0 && text[1] < 0xA0) ||
		(text[0] == 0xED && text[1] > 0x9F) ||
		(text[0] == 0xF0 && text[1] < 0x90) ||
		(text[0] == 0xF4 && text[1] > 0x8F))
		return 0;
	return size;
}

static const char *local_name_fault(const char *path, char separator)
{
	const unsigned char *at = (const unsigned char *)path;
	size_t size;

	if (*path == '\0' || *path == separator)
		return "a level of its name is empty";
	for (; *at != '\0'; at += size) {
		size = local_name_utf8(at);
		if (size == 0)
			return "its name is no UTF-8";
		if (*at < ' ' || *at == 127)
			return "a control character is in its name";
		if (*at == (unsigned char)separator &&
			(at[1] == (unsigned char)separator || at[1] == '\0'))
			return "a level of its name is empty";
	}
	return NULL;
}

char *local_name(const char *path, char separator, const char **reason_r)
{
	struct buffer text = BUFFER_EMPTY;
	size_t size = strlen(path);

	*reason_r = local_name_fault(path, separator);
	if (*reason_r != NULL)
		return NULL;
	if (mutf7_decode(path, size, &text) == 0) {
		buffer_free(&text);
		return xstrdup(path);
	}
	buffer_clear(&text);
	mutf7_encode(path, size, &text);
	return text.data;
}

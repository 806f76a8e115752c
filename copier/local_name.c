/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of directories and files as names of IMAP folders. */
#include "config.h"

#include "copier/local_name.h"

#include <stddef.h>
#include <string.h>
#include <unistr.h>

#include "copier/mutf7.h"

#include "lib/xalloc.h"

static const char *local_name_fault(const char *path, char separator)
{
	const unsigned char *at = (const unsigned char *)path;

	if (u8_check(at, strlen(path)) != NULL)
		return "its name is no UTF-8";
	if (*path == '\0' || *path == separator)
		return "a level of its name is empty";
	for (; *at != '\0'; at++) {
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

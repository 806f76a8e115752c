/* SPDX-License-Identifier: BSD-2-Clause */
/* Folder names from server to server. */
#include "config.h"

#include "copier/naming.h"

#include <string.h>
#include <strings.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

/* A level cannot hold this; '_' itself cannot be anybody's way out of it. */
#define NAMING_SUBSTITUTE '_'

char *naming_map(const char *name, char separator,
	const struct mailbox_features *from, const struct mailbox_features *to)
{
	size_t prefix = strlen(from->prefix);
	struct buffer mapped = BUFFER_EMPTY;

	if (strcasecmp(name, "INBOX") == 0)
		return xstrdup("INBOX");
	if (prefix > 0 && strncmp(name, from->prefix, prefix) == 0 &&
		name[prefix] != '\0')
		name += prefix;
	buffer_add_text(&mapped, to->prefix);
	for (; *name != '\0'; name++) {
		char c = *name;

		if (separator != '\0' && c == separator)
			c = to->separator != '\0' ? to->separator
						  : NAMING_SUBSTITUTE;
		else if (to->separator != '\0' && c == to->separator)
			c = NAMING_SUBSTITUTE;
		buffer_add(&mapped, &c, 1);
	}
	return mapped.data;
}

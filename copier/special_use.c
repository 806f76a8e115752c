/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of special use. */
#include "config.h"

#include "copier/special_use.h"

#include <string.h>
#include <strings.h>

static const char *const special_use_names[] = {
	[SPECIAL_USE_NONE] = "",
	[SPECIAL_USE_ALL] = "\\All",
	[SPECIAL_USE_ARCHIVE] = "\\Archive",
	[SPECIAL_USE_DRAFTS] = "\\Drafts",
	[SPECIAL_USE_FLAGGED] = "\\Flagged",
	[SPECIAL_USE_IMPORTANT] = "\\Important",
	[SPECIAL_USE_JUNK] = "\\Junk",
	[SPECIAL_USE_SENT] = "\\Sent",
	[SPECIAL_USE_TRASH] = "\\Trash",
};

#define SPECIAL_USES (sizeof(special_use_names) / sizeof(*special_use_names))

const char *special_use_name(enum special_use use)
{
	return special_use_names[use];
}

enum special_use special_use_parse(const char *word, size_t size)
{
	size_t i;

	for (i = 1; i < SPECIAL_USES; i++)
		if (strlen(special_use_names[i]) == size &&
			strncasecmp(special_use_names[i], word, size) == 0)
			return (enum special_use)i;
	return SPECIAL_USE_NONE;
}

bool special_use_is_view(enum special_use use)
{
	return use == SPECIAL_USE_ALL || use == SPECIAL_USE_FLAGGED ||
	       use == SPECIAL_USE_IMPORTANT;
}

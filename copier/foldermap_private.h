/* SPDX-License-Identifier: BSD-2-Clause */
/* Between foldermap.c, which answers, and foldermap_parse.c, which reads. */
#ifndef REHOME_COPIER_FOLDERMAP_PRIVATE_H
#define REHOME_COPIER_FOLDERMAP_PRIVATE_H

#include "copier/foldermap.h"

/* In a pattern and in a name to be matched: octets that UTF-8 has not. */
#define FOLDERMAP_LEVEL '\xff' /* between levels */
#define FOLDERMAP_ANY	'\xfe' /* "*" */
#define FOLDERMAP_IN	'\xfd' /* "%" */

struct foldermap_rule {
	unsigned line;
	enum foldermap_verdict verdict; /* KEEP, EXCLUDE, NAME or USE */
	enum special_use from;		/* NONE: the pattern counts */
	char *pattern;
	char *target; /* NAME; in the form of a pattern */
	enum special_use use;
};

struct foldermap {
	struct foldermap_rule *rules;
	size_t count;
};

/* Where the first wildcard of a pattern is, or NULL. */
const char *foldermap_wildcard(const char *pattern);

#endif

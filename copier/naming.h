/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name that a folder of one server gets on another. A name is taken apart
 * into its levels, in UTF-8, and put together by the other server's rules:
 * separator, prefix of the personal namespace, encoding. What cannot stay as it
 * is is changed by one clear rule each, and said.
 */
#ifndef REHOME_COPIER_NAMING_H
#define REHOME_COPIER_NAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"

#include "copier/driver.h"

/* What had to be changed; bits. */
enum naming_change {
	/* A level holds the other side's separator: '_' stands for it. */
	NAMING_SEPARATOR = 1 << 0,
	/* Neither modified UTF-7 nor UTF-8: read as ASCII or ISO 8859-1. */
	NAMING_ENCODING = 1 << 1,
	/* Levels without a name are left out. */
	NAMING_LEVELS = 1 << 2,
	/* It would be INBOX, which it is not: '_' behind it. */
	NAMING_INBOX = 1 << 3,
	/* It would be in the other users' or a shared namespace: '_' behind its
	 * first level. */
	NAMING_OTHERS = 1 << 4,
	/* Control characters became '_'. */
	NAMING_CONTROLS = 1 << 5,
	/* So did whatever is neither letter, digit, blank, '-' nor '_'. */
	NAMING_MARKS = 1 << 6,
	/* Long levels were cut; eight digits of a hash keep them apart. */
	NAMING_LENGTH = 1 << 7,
	/* The server does not tell it from another folder's: '_' behind it. */
	NAMING_TWIN = 1 << 8,
};

/* Owns its levels; each is UTF-8 and not empty. */
struct naming_path {
	char **levels;
	size_t count;
};

/*
 * Takes a name apart as the server of from writes it: without its prefix,
 * which is where the personal folders begin. separator is the folder's own (0:
 * it has no levels). There is one level at least. *changes (may be NULL) gets
 * the bits of what was changed.
 */
void naming_split(const char *name, char separator,
	const struct mailbox_features *from, struct naming_path *path_r,
	unsigned *changes);
/* The name as the server of to takes it, malloc'd; INBOX alone is INBOX
 * everywhere. */
char *naming_join(const struct naming_path *path,
	const struct mailbox_features *to, unsigned *changes);
/* Adds a level of UTF-8. */
void naming_path_add(struct naming_path *path, const char *level, size_t size);
void naming_path_free(struct naming_path *path);

/*
 * The name for people and for the folder map: levels with '/' between them, a
 * '/' inside a level as "\/". malloc'd.
 */
char *naming_text(const struct naming_path *path);
/* The same of a name as the server writes it. */
char *naming_show(const char *name, char separator,
	const struct mailbox_features *features);
/* What is the same for a server that ignores case and normalises: the text,
 * case folded and in NFC. malloc'd. */
char *naming_fold(const struct naming_path *path);

/*
 * Makes a name that the server refused a tamer one: the steps are those of
 * NAMING_CONTROLS, NAMING_MARKS and NAMING_LENGTH, each on top of the last.
 * Returns the bit of the step that changed something, 0 when none is left.
 */
unsigned naming_tame(struct naming_path *path, unsigned done);

/* naming_split and naming_join; malloc'd. */
char *naming_map(const char *name, char separator,
	const struct mailbox_features *from, const struct mailbox_features *to);
/* Appends what the bits mean, for people, with "; " between. */
void naming_words(unsigned changes, struct buffer *text);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The folder map: a file of an administrator that says which folder of the
 * source becomes which one of the destination, and which are left out.
 *
 *	# comment
 *	"Sent Items"      -> \Sent
 *	Old/%             -> Archive/%
 *	\Junk             -> "Spam (old)"
 *	keep    Trash/Important
 *	exclude Trash
 *	exclude Trash/%
 *
 * Names are UTF-8 with '/' between levels, whatever the servers use, and
 * without the prefix of the personal namespace; in them '\' takes the meaning
 * from the next character. '*' stands for any text, '%' for any within one
 * level; what it stood for goes into the destination's. \Sent and its like are
 * the folders of that special use. The first line that fits counts.
 */
#ifndef REHOME_COPIER_FOLDERMAP_H
#define REHOME_COPIER_FOLDERMAP_H

#include "lib/error.h"

#include "copier/naming.h"
#include "copier/special_use.h"

/* Lines, and octets of one, at most. */
#define FOLDERMAP_LINES_MAX 10000
#define FOLDERMAP_LINE_MAX  4096

enum foldermap_verdict {
	FOLDERMAP_NONE, /* no line fits */
	FOLDERMAP_KEEP,
	FOLDERMAP_EXCLUDE,
	FOLDERMAP_NAME, /* another name */
	FOLDERMAP_USE,	/* the destination's folder of a special use */
};

struct foldermap_answer {
	enum foldermap_verdict verdict;
	unsigned line;		 /* of the file; 0 with NONE */
	struct naming_path path; /* NAME: the caller frees it */
	enum special_use use;	 /* USE */
};

struct foldermap;

/*
 * Reads a file, or a text that errors call name. Strict: NULL with
 * "FILE:LINE: cause" for anything that is not understood, and for two lines
 * that would put two folders into one.
 */
struct foldermap *foldermap_load(const char *file, struct error *error);
struct foldermap *foldermap_parse(
	const char *text, size_t size, const char *name, struct error *error);
void foldermap_free(struct foldermap **map);

/* What the map (NULL: an empty one) says of a folder of the source. */
void foldermap_find(const struct foldermap *map, const struct naming_path *path,
	enum special_use use, struct foldermap_answer *answer_r);
/*
 * The way back: the source's name of a folder that is called so at the
 * destination, by a line without wildcards. False when there is none; else the
 * caller frees path_r.
 */
bool foldermap_reverse(const struct foldermap *map,
	const struct naming_path *path, struct naming_path *path_r);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Which flags go, which stay behind. */
#include "config.h"

#include "copier/keywords.h"

#include <string.h>
#include <strings.h>

#include "copier/folder_notes.h"

#include "lib/buffer.h"

/* The first word of the text, or NULL when there is none. */
static const char *keywords_next(const char *text, size_t *size_r)
{
	while (*text == ' ')
		text++;
	*size_r = strcspn(text, " ");
	return *size_r > 0 ? text : NULL;
}

static bool keywords_is_atom(const char *word, size_t size)
{
	size_t i;

	/* The backslash of a system flag is none of its name. */
	for (i = word[0] == '\\' ? 1 : 0; i < size; i++)
		if ((unsigned char)word[i] <= ' ' ||
			(unsigned char)word[i] >= 0x7f ||
			strchr("(){%*\"\\]", word[i]) != NULL)
			return false;
	return size > 0;
}

static bool keywords_has(
	const struct flagset *set, const char *word, size_t size)
{
	const char *at = set->text;
	size_t length;

	for (; (at = keywords_next(at, &length)) != NULL; at += length)
		if (length == size && strncasecmp(at, word, size) == 0)
			return true;
	return false;
}

/* The set without what is no atom. */
static const struct flagset *keywords_atoms(
	struct flagpool *pool, const struct flagset *set)
{
	struct buffer kept = BUFFER_EMPTY;
	const struct flagset *result = set;
	const char *at = set->text;
	bool odd = false;
	size_t size;

	buffer_add(&kept, "", 0);
	for (; (at = keywords_next(at, &size)) != NULL; at += size) {
		if (!keywords_is_atom(at, size)) {
			odd = true;
			continue;
		}
		buffer_add(&kept, at, size);
		buffer_add(&kept, " ", 1);
	}
	if (odd)
		result = flagpool_get(pool, kept.data, kept.size);
	buffer_free(&kept);
	return result;
}

const struct flagset *keywords_storable(struct pass *pass,
	const struct flagset *wanted, const struct flagset *permanent, bool any)
{
	const struct flagset *kept = keywords_atoms(pass->flags,
		flagpool_filter(pass->flags, wanted, permanent, any));
	const char *at = wanted->text;
	size_t size;

	if (flagset_same(kept, wanted))
		return kept;
	pass->counts.keywords_refused++;
	for (; (at = keywords_next(at, &size)) != NULL; at += size)
		if (!keywords_has(kept, at, size))
			folder_notes_add(pass->notes, FOLDER_NOTE_KEYWORD, "",
				NULL, 1, "%.*s", (int)size, at);
	return kept;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that a server refuses, made such that no server has a reason to: one
 * step after the other, and each only as far as it must.
 */
#include "config.h"

#include "copier/naming.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "lib/xalloc.h"

/* Octets of a level that every server takes, as modified UTF-7 grows it. */
#define NAMING_LEVEL_MAX 60

static bool naming_is_control(ucs4_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

static bool naming_is_mark(ucs4_t character)
{
	if (character == ' ' || character == '-' || character == '_')
		return false;
	if (character < 0x80)
		return !((character >= '0' && character <= '9') ||
			 (character >= 'A' && character <= 'Z') ||
			 (character >= 'a' && character <= 'z'));
	return !uc_is_general_category_withtable(character,
		UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N);
}

/* Replaces each such character. True when there was one. */
static bool naming_replace(char **level, bool (*is_bad)(ucs4_t character))
{
	struct buffer text = BUFFER_EMPTY;
	const uint8_t *at = (const uint8_t *)*level;
	size_t left = strlen(*level);
	bool replaced = false;

	while (left > 0) {
		ucs4_t character;
		int took = u8_mbtouc(&character, at, left);

		if (is_bad(character))
			buffer_add(&text, "_", 1);
		else
			buffer_add(&text, at, (size_t)took);
		replaced = replaced || is_bad(character);
		at += took;
		left -= (size_t)took;
	}
	free(*level);
	*level = text.data;
	return replaced;
}

static bool naming_without_controls(char **level)
{
	return naming_replace(level, naming_is_control);
}

/* A level with letters in one way of writing, nothing else odd in it, no blank
 * at either end. */
static bool naming_without_marks(char **level)
{
	bool changed = naming_replace(level, naming_is_mark);
	size_t size = strlen(*level), normal_size;
	uint8_t *normal = u8_normalize(
		UNINORM_NFC, (const uint8_t *)*level, size, NULL, &normal_size);

	if (normal != NULL &&
		(normal_size != size || memcmp(normal, *level, size) != 0)) {
		free(*level);
		*level = xstrndup((const char *)normal, normal_size);
		size = normal_size;
		changed = true;
	}
	free(normal);
	if ((*level)[0] == ' ') {
		(*level)[0] = '_';
		changed = true;
	}
	if ((*level)[size - 1] == ' ') {
		(*level)[size - 1] = '_';
		changed = true;
	}
	return changed;
}

static bool naming_shortened(char **level)
{
	size_t size = strlen(*level), cut = NAMING_LEVEL_MAX - 9;
	uint32_t hash = 2166136261u;
	char *shorter;
	size_t i;

	if (size <= NAMING_LEVEL_MAX)
		return false;
	for (i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)(*level)[i]) * 16777619u;
	while (((unsigned char)(*level)[cut] & 0xc0) == 0x80)
		cut--;
	shorter = xasprintf("%.*s_%08" PRIx32, (int)cut, *level, hash);
	free(*level);
	*level = shorter;
	return true;
}

static const struct {
	unsigned change;
	bool (*apply)(char **level);
} naming_steps[] = {
	{ NAMING_CONTROLS, naming_without_controls },
	{ NAMING_MARKS, naming_without_marks },
	{ NAMING_LENGTH, naming_shortened },
};

unsigned naming_tame(struct naming_path *path, unsigned done)
{
	size_t step, i;

	for (step = 0; step < sizeof(naming_steps) / sizeof(*naming_steps);
		step++) {
		bool changed = false;

		if (naming_steps[step].change <= done)
			continue;
		for (i = 0; i < path->count; i++)
			if (naming_steps[step].apply(&path->levels[i]))
				changed = true;
		if (changed)
			return naming_steps[step].change;
	}
	return 0;
}

void naming_words(unsigned changes, struct buffer *text)
{
	static const struct {
		unsigned change;
		const char *words;
	} table[] = {
		{ NAMING_SEPARATOR,
			"a level holds the other side's separator" },
		{ NAMING_ENCODING, "its encoding is not valid" },
		{ NAMING_LEVELS, "levels without a name are left out" },
		{ NAMING_INBOX, "it would be INBOX" },
		{ NAMING_OTHERS, "it would be a shared folder there" },
		{ NAMING_CONTROLS, "control characters are refused there" },
		{ NAMING_MARKS, "punctuation is refused there" },
		{ NAMING_LENGTH, "it is too long there" },
		{ NAMING_TWIN, "another folder has this name there" },
	};
	bool first = true;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if ((changes & table[i].change) == 0)
			continue;
		buffer_printf(text, "%s%s", first ? "" : "; ", table[i].words);
		first = false;
	}
}

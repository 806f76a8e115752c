/* SPDX-License-Identifier: BSD-2-Clause */
/* An open table with linear probing; names are never taken out of it. */
#include "config.h"

#include "copier/namehash.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

static uint32_t namehash_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

/* Where the name is, or would be. The table has a free place. */
static struct namehash_place *namehash_place(
	const struct namehash *hash, const char *name, uint32_t number)
{
	size_t at = number & (hash->room - 1);
	struct namehash_place *place = &hash->places[at];

	while (place->name != NULL && (place->hash != number ||
					      strcmp(place->name, name) != 0)) {
		at = (at + 1) & (hash->room - 1);
		place = &hash->places[at];
	}
	return place;
}

size_t namehash_get(const struct namehash *hash, const char *name)
{
	if (hash->room == 0)
		return 0;
	return namehash_place(hash, name, namehash_of(name))->value;
}

static void namehash_grow(struct namehash *hash)
{
	struct namehash old = *hash;
	size_t i;

	hash->room = old.room > 0 ? 2 * old.room : 64;
	hash->places = xcalloc(hash->room, sizeof(*hash->places));
	for (i = 0; i < old.room; i++)
		if (old.places[i].name != NULL)
			*namehash_place(hash, old.places[i].name,
				old.places[i].hash) = old.places[i];
	free(old.places);
}

void namehash_set(struct namehash *hash, const char *name, size_t value)
{
	uint32_t number = namehash_of(name);
	struct namehash_place *place;

	if (2 * hash->count >= hash->room)
		namehash_grow(hash);
	place = namehash_place(hash, name, number);
	if (place->name == NULL) {
		place->name = xstrdup(name);
		place->hash = number;
		hash->count++;
	}
	place->value = value;
}

void namehash_free(struct namehash *hash)
{
	size_t i;

	for (i = 0; i < hash->room; i++)
		free(hash->places[i].name);
	free(hash->places);
	memset(hash, 0, sizeof(*hash));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The map in memory: folders, and a hash table of identities. */
#include "config.h"

#include "copier/uidmap_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "copier/percent.h"

#include "lib/xalloc.h"

#define UIDMAP_BUCKETS 1024

static size_t uidmap_hash(
	const struct uidmap_place *place, const char *identity)
{
	uint64_t hash = 14695981039346656037u ^ place->id;

	for (; *identity != '\0'; identity++)
		hash = (hash ^ (unsigned char)*identity) * 1099511628211u;
	return (size_t)(hash ^ hash >> 32);
}

static void uidmap_link(struct uidmap *map, struct uidmap_entry *entry)
{
	struct uidmap_entry **bucket =
		&map->buckets[uidmap_hash(entry->place, entry->identity) &
			      (map->buckets_count - 1)];

	entry->next = *bucket;
	*bucket = entry;
}

static void uidmap_grow(struct uidmap *map)
{
	struct uidmap_entry **old = map->buckets, *entry;
	size_t count = map->buckets_count, i;

	map->buckets_count = count > 0 ? 2 * count : UIDMAP_BUCKETS;
	map->buckets = xcalloc(map->buckets_count, sizeof(*map->buckets));
	for (i = 0; i < count; i++) {
		while ((entry = old[i]) != NULL) {
			old[i] = entry->next;
			uidmap_link(map, entry);
		}
	}
	free(old);
}

static struct uidmap_entry *uidmap_get(const struct uidmap *map,
	const struct uidmap_place *place, const char *identity)
{
	struct uidmap_entry *entry;

	if (map->buckets_count == 0)
		return NULL;
	entry = map->buckets[uidmap_hash(place, identity) &
			     (map->buckets_count - 1)];
	while (entry != NULL && (entry->place != place ||
					strcmp(entry->identity, identity) != 0))
		entry = entry->next;
	return entry;
}

struct uidmap_place *uidmap_set_folder(
	struct uidmap *map, const char *name, uint32_t uidvalidity)
{
	struct uidmap_place *place = xcalloc(1, sizeof(*place));

	place->folder.uidvalidity = uidvalidity;
	place->folder.uidnext = 1;
	place->id = (unsigned)map->places_count;
	place->name = xstrdup(name);
	map->places = xreallocarray(
		map->places, map->places_count + 1, sizeof(*map->places));
	map->places[map->places_count++] = place;
	return place;
}

void uidmap_set_renewed(
	struct uidmap *map, struct uidmap_place *place, uint32_t uidvalidity)
{
	size_t i;

	for (i = 0; i < map->buckets_count; i++) {
		struct uidmap_entry **link = &map->buckets[i], *entry;

		while ((entry = *link) != NULL) {
			if (entry->place != place) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			free(entry);
			map->entries--;
		}
	}
	place->folder.uidvalidity = uidvalidity;
	place->folder.uidnext = 1;
}

void uidmap_set_entry(struct uidmap *map, struct uidmap_place *place,
	uint32_t uid, int64_t seen, const char *identity)
{
	size_t size = strlen(identity) + 1;
	struct uidmap_entry *entry = xmalloc(sizeof(*entry) + size);

	if (map->entries >= map->buckets_count)
		uidmap_grow(map);
	entry->place = place;
	entry->uid = uid;
	entry->seen = seen;
	memcpy(entry->identity, identity, size);
	uidmap_link(map, entry);
	map->entries++;
	if (uid >= place->folder.uidnext)
		place->folder.uidnext = uid + 1;
}

void uidmap_empty(struct uidmap *map)
{
	struct uidmap_entry *entry;
	size_t i;

	for (i = 0; i < map->buckets_count; i++) {
		while ((entry = map->buckets[i]) != NULL) {
			map->buckets[i] = entry->next;
			free(entry);
		}
	}
	for (i = 0; i < map->places_count; i++) {
		free(map->places[i]->name);
		free(map->places[i]);
	}
	free(map->buckets);
	free(map->places);
	map->buckets = NULL;
	map->places = NULL;
	map->buckets_count = map->places_count = map->entries = 0;
}

bool uidmap_is_reader(const struct uidmap *map)
{
	return map->reader;
}

/* The present time in seconds, or the next number when that is not new. */
static uint32_t uidmap_validity(uint32_t wanted, uint32_t former)
{
	uint32_t now = (uint32_t)time(NULL);

	if (wanted != 0)
		return wanted;
	return now > former ? now : former + 1;
}

struct uidmap_folder *uidmap_folder(
	struct uidmap *map, const char *name, uint32_t uidvalidity)
{
	struct uidmap_place *place;
	char *encoded;
	size_t i;

	for (i = 0; i < map->places_count; i++)
		if (strcmp(map->places[i]->name, name) == 0)
			return &map->places[i]->folder;
	if (map->reader)
		return NULL;
	place = uidmap_set_folder(map, name, uidmap_validity(uidvalidity, 0));
	encoded = percent_encode(name);
	uidmap_line(map, "F %u %" PRIu32 " %s", place->id,
		place->folder.uidvalidity, encoded);
	free(encoded);
	return &place->folder;
}

void uidmap_renew(
	struct uidmap *map, struct uidmap_folder *folder, uint32_t uidvalidity)
{
	struct uidmap_place *place = (struct uidmap_place *)folder;

	uidmap_set_renewed(
		map, place, uidmap_validity(uidvalidity, folder->uidvalidity));
	uidmap_line(map, "R %u %" PRIu32, place->id, folder->uidvalidity);
}

uint32_t uidmap_find(const struct uidmap *map,
	const struct uidmap_folder *folder, const char *identity,
	int64_t *seen_r)
{
	const struct uidmap_entry *entry =
		uidmap_get(map, (const struct uidmap_place *)folder, identity);

	if (entry == NULL)
		return 0;
	if (seen_r != NULL)
		*seen_r = entry->seen;
	return entry->uid;
}

uint32_t uidmap_add(struct uidmap *map, struct uidmap_folder *folder,
	const char *identity, uint32_t uid)
{
	struct uidmap_place *place = (struct uidmap_place *)folder;
	int64_t now = time(NULL);
	char *encoded;

	if (uid == 0)
		uid = folder->uidnext;
	if (map->reader || uid == 0 || uid == UINT32_MAX)
		return 0;
	uidmap_set_entry(map, place, uid, now, identity);
	encoded = percent_encode(identity);
	uidmap_line(map, "M %u %" PRIu32 " %" PRId64 " %s", place->id, uid, now,
		encoded);
	free(encoded);
	return uid;
}

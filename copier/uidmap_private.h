/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a map, for uidmap.c and uidmap_file.c. */
#ifndef REHOME_COPIER_UIDMAP_PRIVATE_H
#define REHOME_COPIER_UIDMAP_PRIVATE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/buffer.h"

#include "copier/uidmap.h"

struct uidmap_entry {
	struct uidmap_entry *next; /* of the same bucket */
	const struct uidmap_place *place;
	uint32_t uid;
	int64_t seen;
	char identity[];
};

/* A folder with what only the map needs to know. */
struct uidmap_place {
	struct uidmap_folder folder; /* first */
	unsigned id;
	char *name;
};

struct uidmap {
	char *path;
	char *source;
	int file; /* -1: in memory alone */
	bool reader;
	bool known;    /* the file has told its source, and it is ours */
	off_t read_to; /* all lines up to there are known */
	struct buffer out;
	struct uidmap_place **places;
	size_t places_count;
	struct uidmap_entry **buckets;
	size_t buckets_count; /* a power of two */
	size_t entries;
};

/* The changes themselves, without a line for them. */
struct uidmap_place *uidmap_set_folder(
	struct uidmap *map, const char *name, uint32_t uidvalidity);
void uidmap_set_renewed(
	struct uidmap *map, struct uidmap_place *place, uint32_t uidvalidity);
void uidmap_set_entry(struct uidmap *map, struct uidmap_place *place,
	uint32_t uid, int64_t seen, const char *identity);
/* Forgets everything. */
void uidmap_empty(struct uidmap *map);

/* A line for the file, with its checksum. */
void uidmap_line(struct uidmap *map, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

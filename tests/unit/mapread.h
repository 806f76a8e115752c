/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a published map as Postfix does, for the tests of its writers. */
#ifndef REHOME_TESTS_MAPREAD_H
#define REHOME_TESTS_MAPREAD_H

#include <stddef.h>

struct mapread;

/* NULL when the file cannot be read as a map. */
struct mapread *mapread_open(const char *path);
void mapread_close(struct mapread **map);

/*
 * 1 with the value, which is the map's until the next call; 0 when the key is
 * not there; -1 when the file is damaged. Key and value have their NUL, as
 * postmap writes them, else it is damaged.
 */
int mapread_get(struct mapread *map, const char *key, const char **value_r);

/* How many entries there are, or -1. */
long mapread_count(struct mapread *map);

#endif

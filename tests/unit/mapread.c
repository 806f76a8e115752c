/* SPDX-License-Identifier: BSD-2-Clause */
/* A reader of hash: tables that knows nothing of their writer. */
#include "config.h"

#include <db.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "mapread.h"

struct mapread {
	DB *db;
	DBT value; /* its memory is Berkeley DB's to grow, ours to free */
	int fd;	   /* of the database, for the lock */
};

struct mapread *mapread_open(const char *path)
{
	struct mapread *map = calloc(1, sizeof(*map));
	int lock = open(path, O_RDONLY | O_CLOEXEC);

	map->value.flags = DB_DBT_REALLOC;
	if (lock >= 0)
		flock(lock, LOCK_SH);
	if (db_create(&map->db, NULL, 0) != 0)
		abort();
	if (lock < 0 ||
		map->db->open(map->db, NULL, path, NULL, DB_HASH, DB_RDONLY,
			0) != 0 ||
		map->db->fd(map->db, &map->fd) != 0)
		mapread_close(&map);
	if (lock >= 0)
		close(lock);
	return map;
}

void mapread_close(struct mapread **map)
{
	if (*map == NULL)
		return;
	(*map)->db->close((*map)->db, 0);
	free((*map)->value.data);
	free(*map);
	*map = NULL;
}

int mapread_get(struct mapread *map, const char *key, const char **value_r)
{
	DBT item;
	int result;

	memset(&item, 0, sizeof(item));
	item.data = (void *)key;
	item.size = (u_int32_t)strlen(key) + 1;
	flock(map->fd, LOCK_SH);
	result = map->db->get(map->db, NULL, &item, &map->value, 0);
	flock(map->fd, LOCK_UN);
	if (result == DB_NOTFOUND)
		return 0;
	if (result != 0 || map->value.size == 0 ||
		((char *)map->value.data)[map->value.size - 1] != '\0')
		return -1;
	*value_r = map->value.data;
	return 1;
}

long mapread_count(struct mapread *map)
{
	DBT key, value;
	DBC *cursor;
	long count = 0;
	int result;

	if (map->db->cursor(map->db, NULL, &cursor, 0) != 0)
		return -1;
	memset(&key, 0, sizeof(key));
	memset(&value, 0, sizeof(value));
	while ((result = cursor->get(cursor, &key, &value, DB_NEXT)) == 0)
		count++;
	cursor->close(cursor);
	return result == DB_NOTFOUND ? count : -1;
}

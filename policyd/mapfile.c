/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only place that knows how Postfix wants its hash: tables. It includes
 * <db.h>, which is else the store's alone (store_bdb*.c), for another use of
 * it: a plain database file without environment, locks or log, as postmap(1)
 * makes them.
 */
#include "config.h"

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "policyd/mapfile.h"

#define MAPFILE_MODE 0644
/* A large table is built in random order: without a cache of its own size
 * every page would be read back many times. */
#define MAPFILE_CACHE_MIN (1 << 20)
#define MAPFILE_CACHE_MAX (256 << 20)
#define MAPFILE_ENTRY	  160 /* bytes of cache for an entry */

struct mapfile {
	char *path;
	char *temporary;
	DB *db;
};

static void mapfile_message(
	const DB_ENV *environment, const char *prefix, const char *text)
{
	(void)environment;
	(void)prefix;
	(void)text;
}

static int mapfile_failed(const struct mapfile *file, const char *what,
	int cause, struct error *error)
{
	error_set(
		error, "%s %s: %s", what, file->temporary, db_strerror(cause));
	return -1;
}

static int mapfile_remove(const char *path, struct error *error)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	error_set(error, "remove %s: %s", path, strerror(errno));
	return -1;
}

/*
 * Berkeley DB makes a new file as "__db.NAME" and then renames it; it refuses
 * to begin when a crash has left that one behind.
 */
static int mapfile_remove_leftovers(
	const struct mapfile *file, struct error *error)
{
	const char *slash = strrchr(file->temporary, '/');
	const char *name = slash != NULL ? slash + 1 : file->temporary;
	char *first = xasprintf("%.*s__db.%s", (int)(name - file->temporary),
		file->temporary, name);
	int result = mapfile_remove(first, error);

	free(first);
	return result < 0 ? -1 : mapfile_remove(file->temporary, error);
}

static int mapfile_open(
	struct mapfile *file, size_t expected, struct error *error)
{
	size_t cache = expected > MAPFILE_CACHE_MAX / MAPFILE_ENTRY
			       ? MAPFILE_CACHE_MAX
			       : expected * MAPFILE_ENTRY;
	int cause;

	if (mapfile_remove_leftovers(file, error) < 0)
		return -1;
	cause = db_create(&file->db, NULL, 0);
	if (cause != 0)
		return mapfile_failed(file, "create", cause, error);
	file->db->set_errcall(file->db, mapfile_message);
	if (cache < MAPFILE_CACHE_MIN)
		cache = MAPFILE_CACHE_MIN;
	cause = file->db->set_cachesize(file->db, 0, (u_int32_t)cache, 1);
	if (cause == 0 && expected > 0)
		cause = file->db->set_h_nelem(
			file->db, expected > UINT32_MAX ? UINT32_MAX
							: (u_int32_t)expected);
	if (cause == 0)
		cause = file->db->open(file->db, NULL, file->temporary, NULL,
			DB_HASH, DB_CREATE | DB_EXCL, MAPFILE_MODE);
	return cause == 0 ? 0 : mapfile_failed(file, "create", cause, error);
}

struct mapfile *mapfile_new(
	const char *path, size_t expected, struct error *error)
{
	struct mapfile *file = xcalloc(1, sizeof(*file));

	file->path = xstrdup(path);
	file->temporary = xasprintf("%s.new", path);
	if (mapfile_open(file, expected, error) < 0)
		mapfile_abandon(&file);
	return file;
}

int mapfile_add(struct mapfile *file, const char *key, const char *value,
	struct error *error)
{
	DBT key_item, value_item;
	int cause;

	memset(&key_item, 0, sizeof(key_item));
	memset(&value_item, 0, sizeof(value_item));
	key_item.data = (void *)(uintptr_t)key;
	key_item.size = (u_int32_t)strlen(key) + 1;
	value_item.data = (void *)(uintptr_t)value;
	value_item.size = (u_int32_t)strlen(value) + 1;
	cause = file->db->put(file->db, NULL, &key_item, &value_item, 0);
	return cause == 0 ? 0 : mapfile_failed(file, "write", cause, error);
}

static int mapfile_close(struct mapfile *file)
{
	DB *db = file->db;

	file->db = NULL;
	return db == NULL ? 0 : db->close(db, 0);
}

/* Makes a file or a directory durable; a file gets its mode first, whatever
 * the umask says. */
static int mapfile_sync(
	const char *path, int flags, mode_t mode, struct error *error)
{
	int descriptor = open(path, O_CLOEXEC | flags);
	int result = -1;

	if (descriptor >= 0 && (mode == 0 || fchmod(descriptor, mode) == 0) &&
		fsync(descriptor) == 0)
		result = 0;
	if (result < 0)
		error_set(error, "make %s durable: %s", path, strerror(errno));
	if (descriptor >= 0)
		close(descriptor);
	return result;
}

static int mapfile_sync_directory(const char *path, struct error *error)
{
	const char *slash = strrchr(path, '/');
	char *directory;
	int result;

	if (slash == NULL)
		directory = xstrdup(".");
	else
		directory = xstrndup(
			path, slash == path ? 1 : (size_t)(slash - path));
	result = mapfile_sync(directory, O_RDONLY | O_DIRECTORY, 0, error);
	free(directory);
	return result;
}

int mapfile_publish(struct mapfile **file_pointer, struct error *error)
{
	struct mapfile *file = *file_pointer;
	int cause = mapfile_close(file);
	int result = -1;

	if (cause != 0) {
		mapfile_failed(file, "write", cause, error);
		goto end;
	}
	if (mapfile_sync(file->temporary, O_RDONLY, MAPFILE_MODE, error) < 0)
		goto end;
	if (rename(file->temporary, file->path) < 0) {
		error_set(error, "rename %s to %s: %s", file->temporary,
			file->path, strerror(errno));
		goto end;
	}
	result = mapfile_sync_directory(file->path, error);
end:
	mapfile_abandon(file_pointer);
	return result;
}

void mapfile_abandon(struct mapfile **file_pointer)
{
	struct mapfile *file = *file_pointer;

	if (file == NULL)
		return;
	mapfile_close(file);
	/* After a publication there is nothing of that name. */
	unlink(file->temporary);
	free(file->path);
	free(file->temporary);
	free(file);
	*file_pointer = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of a map: "CHECKSUM LETTER fields", one line for each change. The
 * first line names the source. The lock is of the open file, so that it also
 * holds between the lanes of one process.
 */
#include "config.h"

#include "copier/uidmap_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copier/percent.h"

#include "lib/xalloc.h"

/* No line is longer: an identity is a line of a server or a file name. */
#define UIDMAP_PIECE 65536

static uint32_t uidmap_sum(const char *text, size_t size)
{
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash;
}

static int uidmap_fail(
	const struct uidmap *map, const char *what, struct error *error)
{
	error_set(error, "%s %s: %s", what, map->path, strerror(errno));
	return -1;
}

static int uidmap_write(struct uidmap *map)
{
	size_t at = 0;

	while (at < map->out.size) {
		ssize_t put = write(
			map->file, map->out.data + at, map->out.size - at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		at += (size_t)put;
	}
	buffer_clear(&map->out);
	return 0;
}

void uidmap_line(struct uidmap *map, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int size;

	if (map->file < 0)
		return;
	va_start(arguments, format);
	size = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (size < 0)
		abort();
	buffer_printf(&map->out, "%08" PRIx32 " %s\n",
		uidmap_sum(text, (size_t)size), text);
	free(text);
}

int uidmap_save(struct uidmap *map, struct error *error)
{
	if (map->file < 0 || map->out.size == 0)
		return 0;
	if (uidmap_write(map) < 0 || fdatasync(map->file) < 0)
		return uidmap_fail(map, "write", error);
	return 0;
}

static int uidmap_take_entry(struct uidmap *map, const char *fields)
{
	unsigned id;
	uint32_t uid;
	int64_t seen;
	int at = 0;
	char *identity;

	if (sscanf(fields, "%u %" SCNu32 " %" SCNd64 " %n", &id, &uid, &seen,
		    &at) != 3 ||
		at == 0 || id >= map->places_count || uid == 0 ||
		uid == UINT32_MAX)
		return -1;
	identity = xstrdup(fields + at);
	if (percent_decode(identity) < 0) {
		free(identity);
		return -1;
	}
	uidmap_set_entry(map, map->places[id], uid, seen, identity);
	free(identity);
	return 0;
}

static int uidmap_take_folder(struct uidmap *map, char *fields)
{
	unsigned id;
	uint32_t uidvalidity;
	int at = 0;

	if (sscanf(fields, "%u %" SCNu32 " %n", &id, &uidvalidity, &at) != 2 ||
		at == 0 || id != map->places_count || uidvalidity == 0 ||
		percent_decode(fields + at) < 0)
		return -1;
	uidmap_set_folder(map, fields + at, uidvalidity);
	return 0;
}

static int uidmap_take_line(struct uidmap *map, char *line)
{
	unsigned id;
	uint32_t sum, uidvalidity;
	char *fields;
	int at = 0;

	if (sscanf(line, "%8" SCNx32 " %n", &sum, &at) != 1 || at != 9 ||
		uidmap_sum(line + at, strlen(line + at)) != sum)
		return -1;
	fields = line + at;
	if (strncmp(fields, "S ", 2) == 0) {
		map->known = percent_decode(fields + 2) == 0 &&
			     strcmp(fields + 2, map->source) == 0;
		return map->known ? 0 : -1;
	}
	if (!map->known)
		return -1;
	if (strncmp(fields, "M ", 2) == 0)
		return uidmap_take_entry(map, fields + 2);
	if (strncmp(fields, "F ", 2) == 0)
		return uidmap_take_folder(map, fields + 2);
	if (sscanf(fields, "R %u %" SCNu32, &id, &uidvalidity) == 2 &&
		id < map->places_count && uidvalidity != 0) {
		uidmap_set_renewed(map, map->places[id], uidvalidity);
		return 0;
	}
	return -1;
}

/* Takes the whole lines of the text; how many octets they are, -1 for one that
 * is damaged. */
static ssize_t uidmap_take_lines(struct uidmap *map, char *text, size_t size)
{
	size_t at = 0;
	char *end;

	while ((end = memchr(text + at, '\n', size - at)) != NULL) {
		*end = '\0';
		if (strlen(text + at) != (size_t)(end - text) - at ||
			uidmap_take_line(map, text + at) < 0)
			return -1;
		at = (size_t)(end - text) + 1;
	}
	return (ssize_t)at;
}

/* Reads what is behind read_to. 1; 0 when it is damaged; -1 with an error. */
static int uidmap_read(struct uidmap *map, struct error *error)
{
	char *text = xmalloc(UIDMAP_PIECE);
	ssize_t got, taken = 0;
	int result = 1;

	do {
		got = pread(map->file, text, UIDMAP_PIECE, map->read_to);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			result = uidmap_fail(map, "read", error);
		taken = got > 0 ? uidmap_take_lines(map, text, (size_t)got) : 0;
		if (taken < 0 || (taken == 0 && got == UIDMAP_PIECE))
			result = 0;
		map->read_to += taken > 0 ? taken : 0;
	} while (result == 1 && got > 0 && taken > 0);
	free(text);
	return result;
}

int uidmap_refresh(struct uidmap *map, struct error *error)
{
	int result;

	if (!map->reader)
		return 0;
	result = uidmap_read(map, error);
	if (result == 0)
		error_set(error, "read %s: it is damaged", map->path);
	return result == 1 ? 0 : -1;
}

static int uidmap_open_file(struct uidmap *map, struct error *error)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	map->file =
		open(map->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (map->file < 0)
		return uidmap_fail(map, "open", error);
	map->reader = fcntl(map->file, F_OFD_SETLK, &lock) < 0;
	if (map->reader && errno != EAGAIN && errno != EACCES)
		return uidmap_fail(map, "lock", error);
	return 0;
}

/* Puts a file aside that is of no use, and begins a new one. */
static int uidmap_put_aside(struct uidmap *map, struct error *error)
{
	char *old = xasprintf("%s.old", map->path);
	int result = rename(map->path, old);

	if (result < 0)
		uidmap_fail(map, "rename", error);
	free(old);
	close(map->file);
	map->file = -1;
	uidmap_empty(map);
	map->read_to = 0;
	map->known = false;
	return result < 0 ? -1 : uidmap_open_file(map, error);
}

/* Reads the file and makes it fit for more: no torn line, a first line. */
static int uidmap_prepare(struct uidmap *map, struct error *error)
{
	char *source;
	int result = uidmap_read(map, error);

	if (result == 0 && map->reader)
		error_set(error, "read %s: it is damaged", map->path);
	if (result < 0 || map->reader)
		return result == 1 ? 0 : -1;
	if (result == 0 && uidmap_put_aside(map, error) < 0)
		return -1;
	if (ftruncate(map->file, map->read_to) < 0)
		return uidmap_fail(map, "truncate", error);
	if (map->known)
		return 0;
	source = percent_encode(map->source);
	uidmap_line(map, "S %s", source);
	free(source);
	map->known = true;
	return uidmap_save(map, error);
}

struct uidmap *uidmap_open(
	const char *path, const char *source, struct error *error)
{
	struct uidmap *map = xcalloc(1, sizeof(*map));

	map->file = -1;
	map->source = xstrdup(source);
	if (path == NULL)
		return map;
	map->path = xstrdup(path);
	if (uidmap_open_file(map, error) < 0 || uidmap_prepare(map, error) < 0)
		uidmap_close(&map);
	return map;
}

void uidmap_close(struct uidmap **map)
{
	if (*map == NULL)
		return;
	uidmap_empty(*map);
	if ((*map)->file >= 0)
		close((*map)->file);
	buffer_free(&(*map)->out);
	free((*map)->path);
	free((*map)->source);
	free(*map);
	*map = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory and the file of one message. */
#include "config.h"

#include "copier/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

#define SPOOL_MEMORY (1 << 20)
#define SPOOL_PIECE  65536

struct spool {
	char *directory; /* or NULL */
	struct buffer head;
	int file;	 /* what does not fit, or -1 */
	uint64_t behind; /* octets in it */
};

struct spool *spool_new(const char *directory)
{
	struct spool *spool = xcalloc(1, sizeof(*spool));

	spool->directory = directory != NULL ? xstrdup(directory) : NULL;
	spool->file = -1;
	return spool;
}

struct spool *spool_new_beside(const char *file)
{
	char *directory = file != NULL ? xstrdup(file) : NULL;
	struct spool *spool;

	if (directory != NULL && strrchr(directory, '/') != NULL)
		*strrchr(directory, '/') = '\0';
	spool = spool_new(directory);
	free(directory);
	return spool;
}

void spool_free(struct spool **spool)
{
	if (*spool == NULL)
		return;
	if ((*spool)->file >= 0)
		close((*spool)->file);
	buffer_free(&(*spool)->head);
	free((*spool)->directory);
	free(*spool);
	*spool = NULL;
}

void spool_clear(struct spool *spool)
{
	buffer_clear(&spool->head);
	if (spool->file >= 0)
		close(spool->file);
	spool->file = -1;
	spool->behind = 0;
}

static const char *spool_directory(const struct spool *spool)
{
	return spool->directory != NULL ? spool->directory : "/var/tmp";
}

/* Not every file system has files without a name from the start. */
static int spool_open(const struct spool *spool)
{
	const char *directory = spool_directory(spool);
	char *path;
	int file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return file;
	path = xasprintf("%s/spool.XXXXXX", directory);
	file = mkostemp(path, O_CLOEXEC);
	if (file >= 0)
		unlink(path);
	free(path);
	return file;
}

static int spool_fail(const struct spool *spool, struct error *error)
{
	error_set(error, "temporary file in %s: %s", spool_directory(spool),
		strerror(errno));
	return -1;
}

int spool_add(
	struct spool *spool, const char *data, size_t size, struct error *error)
{
	size_t room = SPOOL_MEMORY - spool->head.size;
	size_t take = size < room ? size : room;

	buffer_add(&spool->head, data, take);
	data += take;
	size -= take;
	if (size > 0 && spool->file < 0)
		spool->file = spool_open(spool);
	if (size > 0 && spool->file < 0)
		return spool_fail(spool, error);
	while (size > 0) {
		ssize_t put = write(spool->file, data, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return spool_fail(spool, error);
		data += put;
		size -= (size_t)put;
		spool->behind += (uint64_t)put;
	}
	return 0;
}

uint64_t spool_size(const struct spool *spool)
{
	return spool->head.size + spool->behind;
}

const char *spool_head(const struct spool *spool, size_t *size_r)
{
	*size_r = spool->head.size;
	return spool->head.data != NULL ? spool->head.data : "";
}

int spool_replay(struct spool *spool,
	int (*callback)(void *context, const char *data, size_t size),
	void *context, struct error *error)
{
	char piece[SPOOL_PIECE];
	uint64_t at = 0;

	if (spool->head.size > 0 &&
		callback(context, spool->head.data, spool->head.size) < 0)
		return 0;
	while (at < spool->behind) {
		ssize_t got =
			pread(spool->file, piece, sizeof(piece), (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return spool_fail(spool, error);
		if (callback(context, piece, (size_t)got) < 0)
			return 0;
		at += (uint64_t)got;
	}
	return 1;
}

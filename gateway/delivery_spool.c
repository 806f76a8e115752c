/* SPDX-License-Identifier: BSD-2-Clause */
/* A window in memory, and a file without a name behind it. */
#include "config.h"

#include "gateway/delivery_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

/* Read from the file at a time. */
#define DELIVERY_SPOOL_READ 65536

struct delivery_spool {
	size_t window;
	char *directory;
	struct buffer kept; /* of the message, from `from` on */
	uint64_t from;	    /* with a file: where that begins */
	uint64_t size;
	int file; /* -1: all is in memory */
	char *read;
};

struct delivery_spool *delivery_spool_new(size_t window, const char *directory)
{
	struct delivery_spool *spool = xcalloc(1, sizeof(*spool));

	spool->window = window;
	spool->directory = xstrdup(directory);
	spool->file = -1;
	return spool;
}

void delivery_spool_free(struct delivery_spool **spool_pointer)
{
	struct delivery_spool *spool = *spool_pointer;

	if (spool == NULL)
		return;
	if (spool->file >= 0)
		close(spool->file);
	buffer_free(&spool->kept);
	free(spool->read);
	free(spool->directory);
	free(spool);
	*spool_pointer = NULL;
}

uint64_t delivery_spool_size(const struct delivery_spool *spool)
{
	return spool->size;
}

static int delivery_spool_write(struct delivery_spool *spool, const char *data,
	size_t size, struct error *error)
{
	/* `size` counts what came before: memory is empty by now */
	off_t at = (off_t)(spool->size - spool->from);

	while (size > 0) {
		ssize_t put = pwrite(spool->file, data, size, at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			error_set(error, "write a file in %s: %s",
				spool->directory, strerror(errno));
			return -1;
		}
		data += put;
		size -= (size_t)put;
		at += put;
	}
	return 0;
}

/* All goes into a file from now on. */
static int delivery_spool_move(
	struct delivery_spool *spool, struct error *error)
{
	struct buffer *kept = &spool->kept;

	spool->file =
		open(spool->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (spool->file < 0) {
		error_set(error, "make a file in %s: %s", spool->directory,
			strerror(errno));
		return -1;
	}
	spool->size -= kept->size;
	if (delivery_spool_write(spool, kept->data, kept->size, error) < 0)
		return -1;
	spool->size += kept->size;
	spool->read = xmalloc(DELIVERY_SPOOL_READ);
	buffer_free(kept);
	return 0;
}

int delivery_spool_add(struct delivery_spool *spool, const void *data,
	size_t size, struct error *error)
{
	if (spool->file < 0 && spool->kept.size + size > spool->window &&
		delivery_spool_move(spool, error) < 0)
		return -1;
	if (spool->file < 0)
		buffer_add(&spool->kept, data, size);
	else if (delivery_spool_write(spool, data, size, error) < 0)
		return -1;
	spool->size += size;
	return 0;
}

void delivery_spool_forget(struct delivery_spool *spool, uint64_t at)
{
	/* the front of a buffer moves: seldom is cheap */
	if (spool->file >= 0 || at <= spool->from ||
		(at < spool->size && at - spool->from < spool->window / 4))
		return;
	buffer_drop(&spool->kept, (size_t)(at - spool->from));
	spool->from = at;
}

bool delivery_spool_is_full(const struct delivery_spool *spool, uint64_t at)
{
	return spool->size - at >= spool->window / 2;
}

ssize_t delivery_spool_peek(struct delivery_spool *spool, uint64_t at,
	const char **data_r, struct error *error)
{
	ssize_t got;

	if (at >= spool->size)
		return 0;
	if (spool->file < 0) {
		*data_r = spool->kept.data + (at - spool->from);
		return (ssize_t)(spool->size - at);
	}
	do
		got = pread(spool->file, spool->read, DELIVERY_SPOOL_READ,
			(off_t)(at - spool->from));
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		error_set(error, "read a file in %s: %s", spool->directory,
			got == 0 ? "it is too short" : strerror(errno));
		return -1;
	}
	*data_r = spool->read;
	return got;
}

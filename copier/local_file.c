/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening what may be a link, a pipe or a device. */
#include "config.h"

#include "copier/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"

/* Holds any line of a list of subscriptions, keywords or UIDs. */
#define LOCAL_LINE 65536

/*
 * Opens the directory that holds path, step by step from root on: a path as a
 * whole would follow links in it. *name_r is what is left of path.
 */
static int local_parent(const char *root, const char *path, const char **name_r)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int parent = open(root, flags), above, cause;
	const char *end;
	char *step;

	for (path += strlen(root); parent >= 0; path = end) {
		path += strspn(path, "/");
		end = strchr(path, '/');
		if (end == NULL)
			break;
		step = xstrndup(path, (size_t)(end - path));
		above = parent;
		parent = openat(above, step, flags | O_NOFOLLOW);
		cause = errno;
		free(step);
		close(above);
		errno = cause;
	}
	*name_r = path;
	return parent;
}

/* As open(2), for path at root or below it. */
static int local_open(const char *root, const char *path, int flags)
{
	const char *name;
	int parent, opened, cause;

	if (strcmp(root, path) == 0)
		return open(path, flags);
	parent = local_parent(root, path, &name);
	if (parent < 0)
		return -1;
	opened = openat(parent, name, flags | O_NOFOLLOW);
	cause = errno;
	close(parent);
	errno = cause;
	return opened;
}

DIR *local_directory_open(const char *root, const char *path)
{
	int file = local_open(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = file >= 0 ? fdopendir(file) : NULL;
	int cause = errno;

	if (directory == NULL && file >= 0)
		close(file);
	errno = cause;
	return directory;
}

int local_file_open(const char *root, const char *path, struct stat *status_r,
	struct error *error)
{
	const int flags =
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int file = local_open(root, path, flags | O_NOATIME), cause;

	/* Only the owner may leave no trace. */
	if (file < 0 && errno == EPERM)
		file = local_open(root, path, flags);
	if (file < 0) {
		cause = errno;
		error_set(error, "open %s: %s", path,
			cause == ELOOP ? "it is a symbolic link"
				       : strerror(cause));
		errno = cause;
		return -1;
	}
	if (fstat(file, status_r) == 0 && S_ISREG(status_r->st_mode))
		return file;
	close(file);
	error_set(error, "open %s: it is no regular file", path);
	errno = EINVAL;
	return -1;
}

ssize_t local_file_read(int file, void *data, size_t size, off_t at)
{
	ssize_t got;

	do
		got = pread(file, data, size, at);
	while (got < 0 && errno == EINTR);
	return got;
}

const char *local_file_fault(const char *head, size_t size)
{
	static const struct {
		const char *magic;
		size_t size;
		const char *fault;
	} kinds[] = { { "\x1f\x8b\x08", 3, "it is compressed (gzip)" },
		{ "BZh91AY&SY", 10, "it is compressed (bzip2)" },
		{ "\xfd"
		  "7zXZ",
			5, "it is compressed (xz)" },
		{ "\x28\xb5\x2f\xfd", 4, "it is compressed (zstd)" },
		{ "Dovecot-LZ4\r\x2a\x9b\xc5", 15, "it is compressed (lz4)" },
		{ "CRYPTED\x03\x07", 9, "it is encrypted (mail-crypt)" } };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (size >= kinds[i].size &&
			memcmp(head, kinds[i].magic, kinds[i].size) == 0)
			return kinds[i].fault;
	return NULL;
}

static FILE *local_file_stream(const char *directory, const char *name)
{
	char *path = xasprintf("%s/%s", directory, name);
	int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	free(path);
	return file >= 0 ? fdopen(file, "r") : NULL;
}

int local_file_lines(const char *directory, const char *name,
	void (*callback)(void *context, char *line), void *context,
	struct error *error)
{
	FILE *file = local_file_stream(directory, name);
	char *line, *end = NULL;
	int result = 1;

	if (file == NULL && errno == ENOENT)
		return 0;
	line = xmalloc(LOCAL_LINE);
	while (file != NULL && fgets(line, LOCAL_LINE, file) != NULL) {
		end = strchr(line, '\n');
		if (end == NULL)
			break;
		*end = '\0';
		callback(context, line);
	}
	if (file == NULL || ferror(file)) {
		error_set(error, "read %s/%s: %s", directory, name,
			strerror(errno));
		result = -1;
	}
	free(line);
	if (file != NULL)
		fclose(file);
	return result;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening what may be a link, a pipe or a device. */
#include "config.h"

#include "copier/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int local_file_open(
	const char *path, struct stat *status_r, struct error *error)
{
	const int flags =
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int file = open(path, flags | O_NOATIME), cause;

	/* Only the owner may leave no trace. */
	if (file < 0 && errno == EPERM)
		file = open(path, flags);
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

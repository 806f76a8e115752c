/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of local mail, opened with care: they belong to somebody, may be
 * anything, and are only read.
 */
#ifndef REHOME_COPIER_LOCAL_FILE_H
#define REHOME_COPIER_LOCAL_FILE_H

#include <dirent.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/error.h"

/*
 * Opens a file for reading, without a trace in it where the system allows.
 * path is root or lies below it; on the way from root no link is followed, for
 * whom the mail belongs to may have put one there that leads to the mail of
 * others. The descriptor; -1 with an error, errno ENOENT when it is not there,
 * ELOOP, ENOTDIR and EINVAL for links and for what is no file at all.
 */
int local_file_open(const char *root, const char *path, struct stat *status_r,
	struct error *error);

/* Opens a directory below root in the same way. NULL with errno. */
DIR *local_directory_open(const char *root, const char *path);

/* As pread(2), whatever interrupts it. */
ssize_t local_file_read(int file, void *data, size_t size, off_t at);

/*
 * Why octets that a file begins with are no message: compressed, encrypted.
 * NULL: nothing is wrong with them.
 */
const char *local_file_fault(const char *head, size_t size);

/* Calls back for each line of a file, without its end. The file is over where a
 * line has no end, a NUL, or is far longer than any in such a file. 1; 0 there
 * is none; -1 with an error. */
int local_file_lines(const char *directory, const char *name,
	void (*callback)(void *context, char *line), void *context,
	struct error *error);

#endif

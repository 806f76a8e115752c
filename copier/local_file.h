/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of local mail, opened with care: they belong to somebody, may be
 * anything, and are only read.
 */
#ifndef REHOME_COPIER_LOCAL_FILE_H
#define REHOME_COPIER_LOCAL_FILE_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/error.h"

/*
 * Opens a file for reading, without a trace in it where the system allows.
 * The descriptor; -1 with an error, errno ENOENT when it is not there, ELOOP
 * and EINVAL for a link and for what is no file at all.
 */
int local_file_open(
	const char *path, struct stat *status_r, struct error *error);

/* As pread(2), whatever interrupts it. */
ssize_t local_file_read(int file, void *data, size_t size, off_t at);

/*
 * Why octets that a file begins with are no message: compressed, encrypted.
 * NULL: nothing is wrong with them.
 */
const char *local_file_fault(const char *head, size_t size);

/* Calls back for each line of a file, without its end; a line without end is
 * left out. 1; 0 there is none; -1 with an error. */
int local_file_lines(const char *directory, const char *name,
	void (*callback)(void *context, char *line), void *context,
	struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The folders of local mail are named as their files and directories are. */
#ifndef REHOME_COPIER_LOCAL_NAME_H
#define REHOME_COPIER_LOCAL_NAME_H

/*
 * The folder of a directory name or of a relative path: as it is when that is
 * modified UTF-7, else encoded from UTF-8. Returns malloc'd text, or NULL with
 * why not: empty levels, control characters, neither of these encodings.
 */
char *local_name(const char *path, char separator, const char **reason_r);

#endif

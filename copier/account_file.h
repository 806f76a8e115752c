/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of an account are called in the state directory. */
#ifndef REHOME_COPIER_ACCOUNT_FILE_H
#define REHOME_COPIER_ACCOUNT_FILE_H

/* The address as a file name without its ending; malloc'd. */
char *account_file_name(const char *address);

#endif

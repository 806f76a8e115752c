/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome folders`: which folder would become which, before anything is done.
 */
#ifndef REHOME_COPIER_FOLDERS_H
#define REHOME_COPIER_FOLDERS_H

/*
 * Runs the command; argv[0] is "folders". Two URLs with their password files,
 * or an address with the two configured systems. Returns the exit code: 0,
 * EX_NOPERM when a login is refused, EX_TEMPFAIL when trying again may help.
 */
int folders_main(int argc, char **argv);

#endif

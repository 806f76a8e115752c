/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome copy`: one account from server to server, without any daemon. */
#ifndef REHOME_COPIER_COPY_H
#define REHOME_COPIER_COPY_H

/*
 * Runs the command; argv[0] is "copy". Returns the exit code (sysexits.h): 0
 * when all of the source is at the destination, EX_DATAERR when something was
 * refused, EX_NOPERM a login, EX_TEMPFAIL when trying again may help.
 */
int copy_main(int argc, char **argv);

/* The usage text, on standard output or error. */
void copy_usage(int to_error);

#endif

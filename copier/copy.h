/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome copy`: one account from server to server, without any daemon. */
#ifndef REHOME_COPIER_COPY_H
#define REHOME_COPIER_COPY_H

/*
 * Runs the command; argv[0] is "copy". Returns the exit code (sysexits.h): 0
 * when all of the source is at the destination, EX_DATAERR when something was
 * refused or does not fit, EX_TEMPFAIL when trying again may help; the others
 * are in rehome-copier(8).
 */
int copy_main(int argc, char **argv);

#endif

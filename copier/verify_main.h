/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome verify`: two accounts compared at full depth. */
#ifndef REHOME_COPIER_VERIFY_MAIN_H
#define REHOME_COPIER_VERIFY_MAIN_H

/*
 * Runs the command; argv[0] is "verify". Returns the exit code (sysexits.h): 0
 * when the destination holds all that the source has, EX_DATAERR when not,
 * EX_NOPERM for a refused login, EX_TEMPFAIL when it could not be told.
 */
int verify_main(int argc, char **argv);

#endif

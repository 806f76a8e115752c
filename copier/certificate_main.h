/* SPDX-License-Identifier: BSD-2-Clause */
/* `rehome certificate`: a certificate for people, or against the server. */
#ifndef REHOME_COPIER_CERTIFICATE_MAIN_H
#define REHOME_COPIER_CERTIFICATE_MAIN_H

/*
 * Runs the command; argv[0] is "certificate". Returns the exit code: 0; 1 when
 * a check found messages gone; EX_DATAERR when one has changed or the file is
 * damaged; EX_NOINPUT when there is none; EX_NOPERM, EX_TEMPFAIL of the server.
 */
int certificate_main(int argc, char **argv);

#endif

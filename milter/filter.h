/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter that the mail server speaks to, built on libmilter; filter.c is
 * the only file that includes <libmilter/mfapi.h>. libmilter allows one filter
 * in a process, so this is no object.
 */
#ifndef REHOME_FILTER_H
#define REHOME_FILTER_H

#include "lib/error.h"
#include "lib/log.h"
#include "milter/settings.h"

/*
 * Opens the socket of the configuration, with its mode and, as root, its user
 * and group. A UNIX socket that nobody listens on is replaced; one with a live
 * listener is an error. Call before privileges are dropped. Returns 0 or -1.
 */
int filter_open(const struct config *config, struct error *error);

/*
 * Serves in threads of their own, until the end of the process; holds the
 * settings. Call with all signals blocked that the caller wants for itself.
 * Returns a descriptor that gets readable (end of file) when libmilter gives
 * up, which it does after repeated failures of accept(2) or of making a thread;
 * or -1.
 */
int filter_start(
	struct settings *settings, struct log *log, struct error *error);

/* Messages that begin from now on go by these settings. */
void filter_reload(struct settings *settings);

/* Removes the UNIX socket, if it is still ours and the directory lets us. */
void filter_close(void);

#endif

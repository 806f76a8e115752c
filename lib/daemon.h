/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The skeleton that all daemons share: sockets handed over by the service
 * manager (sd_listen_fds(3), matched by name) or opened here, readiness and
 * stopping told to it (sd_notify(3)), privileges dropped, signals read from a
 * descriptor.
 */
#ifndef REHOME_DAEMON_H
#define REHOME_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/error.h"

/*
 * The listening socket of that name: the one handed over under it, or else one
 * opened at the endpoint (endpoint_listen) with that mode and, unless NULL,
 * that group. Non-blocking. Returns the descriptor or -1.
 */
int daemon_socket(const char *name, const char *endpoint, mode_t mode,
	const char *group, struct error *error);

/*
 * Becomes user and group, with the supplementary groups of the user and those
 * named in extra_groups (blank-separated, NULL for none; "postdrop" for
 * postqueue(1)); group NULL is the user's own. Changes nothing of that when
 * user is NULL or we are not root. Disables core dumps and tracing when
 * keeps_secrets, in every case. Returns 0 or -1: then the program must end.
 */
int daemon_drop_privileges(const char *user, const char *group,
	const char *extra_groups, bool keeps_secrets, struct error *error);

/*
 * Blocks SIGTERM, SIGINT and SIGHUP, ignores SIGPIPE, leaves SIGCHLD alone.
 * Returns a non-blocking signalfd(2) for the blocked ones, or -1. Call it
 * before threads are made: they inherit the mask.
 */
int daemon_signals(struct error *error);

/* Tells the service manager; without one they do nothing. */
void daemon_ready(void);
void daemon_reloading(void);
void daemon_stopping(void);

/* The user at the other end of a UNIX socket (SO_PEERCRED). 0 or -1. */
int daemon_peer(int socket, uid_t *uid_r, gid_t *gid_r, pid_t *pid_r);

#endif

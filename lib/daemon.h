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
 * opened at the endpoint. Returns the descriptor or -1.
 */
int daemon_socket(const char *name, const char *endpoint, mode_t mode,
	const char *group, struct error *error);

/*
 * Becomes user and group, with the supplementary groups of the user and those
 * named in extra_groups (blank-separated, NULL for none; "postdrop" for
 * postqueue(1)). Does nothing when user is NULL or we are not root. Disables
 * core dumps when keeps_secrets. Returns 0 or -1.
 */
int daemon_drop_privileges(const char *user, const char *group,
	const char *extra_groups, bool keeps_secrets, struct error *error);

/*
 * Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD is left alone, ignores SIGPIPE;
 * returns a signalfd(2) for the blocked ones. Call before threads are made.
 */
int daemon_signals(struct error *error);

/* Tells the service manager; without one they do nothing. */
void daemon_ready(void);
void daemon_reloading(void);
void daemon_stopping(void);

/* The user at the other end of a UNIX socket (SO_PEERCRED). 0 or -1. */
int daemon_peer(int socket, uid_t *uid_r, gid_t *gid_r, pid_t *pid_r);

#endif

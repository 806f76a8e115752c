/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The places where programs listen and connect: "unix:/path" or
 * "inet:HOST:PORT" (also "inet:[::1]:PORT"). A path is absolute, and at most
 * 107 characters long; a port is a number from 1 to 65535.
 */
#ifndef REHOME_ENDPOINT_H
#define REHOME_ENDPOINT_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/error.h"

/* Checks the form only. Returns 0 or -1. */
int endpoint_check(const char *endpoint, struct error *error);

/*
 * A listening, non-blocking, close-on-exec socket. A UNIX socket that nobody
 * listens on is replaced; one with a live listener is an error. It gets the
 * mode, and the group unless that is (gid_t)-1, before anybody can connect.
 * "inet:[::]:PORT" takes IPv4 too. Returns the descriptor or -1.
 */
int endpoint_listen(
	const char *endpoint, mode_t mode, gid_t group, struct error *error);

/*
 * A connected close-on-exec socket, blocking, with timeout_ms on every later
 * read and write too (SO_RCVTIMEO, SO_SNDTIMEO); 0 waits for ever. TCP_NODELAY
 * is set. Resolving a host name takes as long as the resolver takes. Returns
 * the descriptor or -1.
 */
int endpoint_connect(const char *endpoint, int timeout_ms, struct error *error);

#endif

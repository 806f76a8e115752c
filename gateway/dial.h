/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where to connect to, and connecting without waiting. Names are resolved when
 * a configuration is read, never while somebody waits for a login.
 */
#ifndef REHOME_GATEWAY_DIAL_H
#define REHOME_GATEWAY_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/error.h"

#define DIAL_ADDRESSES_MAX 8

struct dial_address {
	struct sockaddr_storage address;
	socklen_t size;
};

/* Addresses in the order in which they are tried. */
struct dial_target {
	struct dial_address addresses[DIAL_ADDRESSES_MAX];
	size_t count;
};

/* The socket at a path. 0 or -1. */
int dial_path(
	const char *path, struct dial_target *target_r, struct error *error);
/* A host's addresses; takes as long as the resolver takes. 0 or -1. */
int dial_host(const char *host, const char *port, struct dial_target *target_r,
	struct error *error);
/* Of an endpoint (lib/endpoint.h). */
int dial_endpoint(const char *endpoint, struct dial_target *target_r,
	struct error *error);
bool dial_equal(
	const struct dial_target *target, const struct dial_target *other);

/*
 * Begins to connect to one of them: a non-blocking socket, which is writable
 * when it is connected or has failed (dial_result), or -1 with errno.
 */
int dial_begin(const struct dial_address *address);
/* 0, or the errno of the failure. */
int dial_result(int socket);

#endif

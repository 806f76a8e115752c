/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the sockets of all threads and the accepting of one. */
#ifndef REHOME_GATEWAY_LISTENER_PRIVATE_H
#define REHOME_GATEWAY_LISTENER_PRIVATE_H

#include <stdatomic.h>

#include "gateway/listener.h"

/* A socket outlives a reload that keeps it. */
struct listener_socket {
	atomic_uint holders;
	int descriptor;
	char *endpoint;
};

struct listener {
	struct listener_terms terms;
	char *name;
	bool proxy; /* the header comes first */
	struct listener_socket *socket;
};

/* So do the limits. */
struct listener_limits {
	atomic_uint holders;
	struct limits *limits;
};

struct listeners {
	atomic_uint holders; /* makers, threads and guests */
	struct listener_limits *limits;
	size_t count;
	struct listener list[];
};

struct listeners *listeners_hold(struct listeners *listeners);

#endif

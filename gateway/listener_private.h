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
	atomic_uint holders;   /* makers, threads and guests */
	atomic_uint acceptors; /* but the guests: who need no sockets */
	struct listener_limits *limits;
	size_t count;
	struct listener list[];
};

/* For a guest, and when it has left. */
struct listeners *listeners_hold(struct listeners *listeners);
void listeners_leave(struct listeners **listeners);
/* For a thread, which ends it with listeners_release. */
struct listeners *listeners_accept(struct listeners *listeners);

#endif

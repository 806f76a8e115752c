/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where clients come in: the sockets of the configuration's listen sections,
 * their certificates, the header by which a balancer tells who its client is,
 * and the limits of connections. All threads accept at the same sockets.
 */
#ifndef REHOME_GATEWAY_LISTENER_H
#define REHOME_GATEWAY_LISTENER_H

#include <netinet/in.h>
#include <stdbool.h>

#include "gateway/home.h"
#include "gateway/limits.h"
#include "gateway/loop.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/tls.h"

enum listener_tls {
	LISTENER_CLEAR,	   /* there is none */
	LISTENER_STARTTLS, /* the client may begin it */
	LISTENER_TLS,	   /* from the first octet on */
};

/* What holds for the clients of one listen section; never changes. */
struct listener_terms {
	const char *name; /* of the section */
	enum home_service service;
	enum listener_tls tls;
	bool plaintext;		     /* logins without TLS are taken */
	struct tls_context *context; /* NULL without TLS */
};

/* A client that was let in. */
struct listener_guest {
	const struct listener_terms *terms;
	int socket; /* connected, non-blocking; the receiver's, who closes it */
	/* As the network or the balancer tells it; "" and 0 at a path. */
	char client[INET6_ADDRSTRLEN];
	unsigned port;
};

/* Takes over the guest. */
typedef void listener_guest_fn(void *context, struct listener_guest *guest);
/*
 * The client's session is over: its place is free for others. The guest is
 * freed; takes it as void so that it may be a callback. Any thread.
 */
void listener_leave(void *guest);

/* ---- the sockets, for all threads ---- */

struct listeners;

/*
 * Opens what the configuration says, or takes what the service manager has
 * handed over under the section's name, and reads the certificates. Before
 * privileges are dropped. NULL with an error.
 */
struct listeners *listeners_open(
	const struct config *config, struct error *error);
/*
 * The same for a configuration read anew: sockets of sections that have the
 * same name and address are kept. The former ones go on until the last thread
 * has changed (listener_thread_reload) and the last of their clients has left.
 */
struct listeners *listeners_reopen(struct listeners *former,
	const struct config *config, struct error *error);
/* Of its maker; others may still hold it. */
void listeners_release(struct listeners **listeners);
/* Who comes how often, and whose logins fail: one for all. */
struct limits *listeners_limits(struct listeners *listeners);

/* ---- one thread's part ---- */

struct listener_thread;

/* Accepts from now on, and calls fn in the loop's thread. */
struct listener_thread *listener_thread_new(struct loop *loop,
	struct listeners *listeners, struct log *log, listener_guest_fn *fn,
	void *context, struct error *error);
/* Goes on with these. 0, or -1 with an error: then with the former ones. */
int listener_thread_reload(struct listener_thread *thread,
	struct listeners *listeners, struct error *error);
/* Accepts no more. Guests stay. Takes NULL. */
void listener_thread_free(struct listener_thread **thread);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd as a whole: its parts in the order in which they are made, and what
 * concerns all of them (start, reload, end). The protocols get it as their
 * context.
 */
#ifndef REHOME_SERVICE_H
#define REHOME_SERVICE_H

#include <pthread.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/log.h"
#include "policyd/events.h"
#include "policyd/front.h"
#include "policyd/gateways.h"
#include "policyd/logins.h"
#include "policyd/machine.h"
#include "policyd/pace.h"
#include "policyd/parts.h"
#include "policyd/pool.h"
#include "policyd/server.h"
#include "policyd/settings.h"
#include "policyd/store.h"
#include "policyd/waits.h"

struct service {
	const char *config_path;
	char *store_uri;
	struct log *log;
	struct settings_box *settings;
	struct store *store;
	struct events *events;
	struct machine *machine;
	struct parts *parts; /* of proofs */
	struct front *front;
	struct gateways *gateways;
	struct waits *waits;
	struct logins *logins;
	struct pool *pool; /* for control requests */
	struct server *server;
	int64_t started;	   /* instant */
	pthread_mutex_t care_lock; /* one backup or verification at a time */
	struct pace unknown;	   /* that the store could not tell */
};

/*
 * Opens the sockets and gives up root's rights, then opens the store and
 * starts everything. config is taken over, also on failure. Returns NULL with
 * an error that says what did not start. Before that the signals must have
 * been blocked (daemon_signals).
 */
struct service *service_start(const char *config_path, struct config *config,
	struct log *log, struct error *error);
/*
 * Serves until a signal ends it, 0, or the store is broken, -1: only a new
 * start helps then. signals is the descriptor of daemon_signals.
 */
int service_run(struct service *service, int signals);
/* Lets everyone be answered, then ends all and closes the store. NULL inside
 * is allowed, and a service that did not start wholly. */
void service_stop(struct service **service);

/*
 * Somebody was told to try later because the store could not tell. Logged once
 * a second at most: a store that fails does so for every message.
 */
void service_cannot_tell(struct service *service, const char *address,
	const struct error *error);

/* The protocols; the context of each is the service. */
extern const struct server_protocol server_policy;
extern const struct server_protocol server_socketmap;
extern const struct server_protocol server_control;
extern const struct server_protocol server_gateway;

#endif

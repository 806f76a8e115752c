/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread and what its sessions share. A session lives and dies in its
 * thread: nothing here is seen by another one, but what is said so.
 */
#ifndef REHOME_GATEWAY_WORKER_H
#define REHOME_GATEWAY_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/log.h"

#include "gateway/link.h"
#include "gateway/listener.h"
#include "gateway/loop.h"
#include "gateway/relay.h"
#include "gateway/settings.h"

struct session;
struct deliveries;

struct worker {
	unsigned index;
	struct log *log;
	struct settings *settings; /* the present ones; it holds them */
	struct loop *loop;
	char *name; /* at policyd: that of the gateway and our index */
	const char *instance;
	struct link *link;
	struct relay_pool *pool;
	struct listener_thread *listener;
	struct limits *limits;
	struct deliveries *deliveries; /* NULL: nothing listens for them */
	struct session *sessions;      /* all of this thread */
	size_t count;
	bool draining; /* nothing new is begun */
	struct loop_timer patience, look;
	unsigned reloads; /* and drains; that were sent */
	atomic_uint taken;
	pthread_t thread;
	bool started; /* and not joined yet */
};

/* instance lives as long as the worker. NULL with an error. */
struct worker *worker_new(unsigned index, struct settings *settings,
	struct listeners *listeners, const char *instance, struct log *log,
	struct error *error);
/* Its sessions have ended, or are cut off; after worker_join. Takes NULL. */
void worker_free(struct worker **worker);

int worker_start(struct worker *worker, struct error *error);
/* Whether the thread has ended, which is then done with. */
bool worker_has_ended(struct worker *worker);
/* Waits for the end of the thread. */
void worker_join(struct worker *worker);

/* From another thread. New sessions go by these settings, old ones stay.
 * listeners: those to accept at from now on, which the caller keeps until the
 * thread has ended; NULL: as before. */
void worker_reload(struct worker *worker, struct settings *settings,
	struct listeners *listeners);
/* Whether it has taken all of them, and the order to drain. */
bool worker_has_reloaded(const struct worker *worker);
/* The thread ends with its last session, and they within gateway.drain. */
void worker_drain(struct worker *worker);
/* It ends at once: sessions are cut off, and policyd waits for its lease. */
void worker_stop(struct worker *worker);

#endif

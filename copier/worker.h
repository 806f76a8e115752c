/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a worker tells policyd of the account that it has leased
 * (rehome-control(7)). A connection that breaks is made anew for as long as
 * the lease lasts, and the account is looked up to see whether what was asked
 * has been done.
 */
#ifndef REHOME_COPIER_WORKER_H
#define REHOME_COPIER_WORKER_H

#include <stdint.h>

#include "lib/account.h"
#include "lib/attr.h"
#include "lib/buffer.h"
#include "lib/control_client.h"
#include "lib/error.h"

#include "copier/lease.h"

struct worker {
	const char *control;	 /* endpoint of policyd */
	struct account *account; /* as last told */
	uint64_t epoch;
	struct lease *lease;
	struct control_client *client;
	int64_t frozen_at; /* of the freeze whose barrier was asked for */
};

/* Closes the connection. */
void worker_close(struct worker *worker);

/* A new request of that verb, with address and epoch. */
struct attr_list *worker_request(const struct worker *worker, const char *verb);
/*
 * Sends the request until it is answered or the lease is over; takes it. 0
 * with the answer, valid until the next call, when its status is ok; else -1
 * with an error and the status (CONTROL_ERROR when nobody answered).
 */
int worker_call(struct worker *worker, struct attr_list **request,
	const struct attr_list **reply_r, enum control_status *status_r,
	struct error *error);

/* Changes of phase; the account is up to date afterwards. 0 or -1. */
int worker_enter(struct worker *worker, enum account_phase phase,
	const char *reason, struct error *error);
int worker_flip(struct worker *worker, const char *steps, struct error *error);
/* 1 passed, 0 not yet, -1 the freeze is over or cannot be judged. *queue_r:
 * the front is closed, and only deliveries under way are waited for. */
int worker_barrier(struct worker *worker, bool *queue_r, struct error *error);
/* Keeps a document (lib/document.h) with the account; an empty text deletes
 * it. 0 or -1. */
int worker_document(struct worker *worker, const char *name, const char *text,
	struct error *error);
/* Reads one: 1 with its text appended, 0 there is none, -1 could not tell. */
int worker_read_document(struct worker *worker, const char *name,
	struct buffer *text, struct error *error);
/*
 * The password that was learned of the user, sealed: 1 with lib/seal.h's form
 * and the system that took it, both valid until the next call; 0 there is none;
 * -1 could not tell.
 */
int worker_secret(struct worker *worker, const char **sealed_r,
	const char **system_r, struct error *error);
/* Whether everybody is logged out, as far as the strategy waits for that before
 * the freeze: 1, 0, -1 it cannot be told. */
int worker_is_quiet(struct worker *worker, struct error *error);
/* Gives the lease back; due is when to come again. */
int worker_release(struct worker *worker, int64_t due, const char *failure,
	struct error *error);

#endif

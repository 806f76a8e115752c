/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections to policyd's policy socket, kept open and lent to the worker
 * threads one question at a time. policyd may be restarted at any moment: what
 * it closed is replaced, and the next question is answered again.
 */
#ifndef REHOME_POLICYD_POOL_H
#define REHOME_POLICYD_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "milter/decision.h"

struct policyd_pool;

/* Connects to the endpoint when needed, at most limit connections at once. */
struct policyd_pool *policyd_pool_new(const char *endpoint, size_t limit);
/* Nobody may be asking any more. */
void policyd_pool_free(struct policyd_pool **pool);

/*
 * Asks policyd about a recipient of outside mail, and waits no longer than to
 * the deadline (of instant_monotonic). Returns 0 with the decision; -1 with
 * DECISION_LATER and an error that tells why when there was no answer in time,
 * or policyd itself could not tell. While policyd stands still this is found
 * out by one question at a time; the others are told at once. Any thread.
 */
int policyd_pool_ask(struct policyd_pool *pool, const char *recipient,
	int64_t deadline, struct decision *decision_r, struct error *error);

#endif

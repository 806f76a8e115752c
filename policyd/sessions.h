/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which sessions and deliveries of which account are under way in which
 * gateway: an account may change its home only when none is. In memory; a
 * gateway tells all of its own again when policyd was started anew. Any thread.
 */
#ifndef REHOME_SESSIONS_H
#define REHOME_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sessions;
/* A gateway's connection. */
struct sessions_gateway;

/* What is known of one; the strings are copied. */
struct sessions_entry {
	const char *address; /* of the account: primary */
	const char *protocol;
	const char *system; /* where it goes */
	const char *client; /* address, or "" */
	int64_t since;	    /* instant */
};

/* lease: ms for which the sessions of a gateway that is gone may go on. */
struct sessions *sessions_new(int64_t lease);
/* All gateways have left. */
void sessions_free(struct sessions **sessions);

/*
 * A gateway of that name was there in a former run: until it is ready, or the
 * lease has run out since now (monotonic ms), nothing is over.
 */
void sessions_expect(struct sessions *sessions, const char *name, int64_t now);

/* A gateway has come. It counts what it tells from now on; what a former
 * connection of that name has told goes on to count until it is ready. */
struct sessions_gateway *sessions_join(
	struct sessions *sessions, const char *name);
/* It has told all that is under way. */
void sessions_ready(struct sessions_gateway *gateway);
/* Its connection is lost: what is under way there may go on for the lease. */
void sessions_leave(struct sessions_gateway **gateway, int64_t now);

/* Numbers are the gateway's own. Returns 0, or -1 when it has that already. */
int sessions_open(struct sessions_gateway *gateway, uint64_t number,
	const struct sessions_entry *entry);
/* Returns 0, or -1 when there is no such session. */
int sessions_end(struct sessions_gateway *gateway, uint64_t number);

/*
 * Whether nothing of the account is under way any more. 1 nothing; 0 with what
 * it waits for: *left_r sessions, and, or NULL, the name of a gateway that has
 * not told yet (valid until the next call by this thread).
 */
int sessions_are_over(struct sessions *sessions, const char *address,
	int64_t now, size_t *left_r, const char **gateway_r);

/* How many there are of an account; NULL: of all. */
size_t sessions_count(struct sessions *sessions, const char *address);

/* Returns false to stop. gateway is the name; number is its own. */
typedef bool sessions_fn(const struct sessions_entry *entry,
	const char *gateway, uint64_t number, void *context);
/* Those of an account (NULL: all), in no order. The registry stands still
 * meanwhile: fn calls none of these functions. */
void sessions_scan(struct sessions *sessions, const char *address,
	sessions_fn *fn, void *context);

#endif

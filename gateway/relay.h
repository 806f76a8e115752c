/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The byte phase: what the client says goes to the home, what the home says to
 * the client. Nothing is parsed. Who does not read stops the other from being
 * read; plain bulk goes through a pipe without a copy.
 */
#ifndef REHOME_GATEWAY_RELAY_H
#define REHOME_GATEWAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/stream.h"

/* What the relays of one thread share: room to read into, and pipes. */
struct relay_pool;

/* pipes: at most so many are open, two descriptors each. */
struct relay_pool *relay_pool_new(size_t pipes);
/* After the last relay. */
void relay_pool_free(struct relay_pool **pool);

/* One direction; the fields are relay.c's. */
struct relay_flow {
	struct stream *from, *to;
	char *kept; /* what could not be written yet, or NULL */
	size_t kept_at, kept_size;
	int pipe[2]; /* -1: none */
	size_t piped;
	bool bulk; /* the last read had all that fits */
	bool copy; /* never through a pipe: all of it is looked at */
	bool over; /* the end was handed on */
};

/* Sees what the client says, in pieces as they come; data is NULL where it went
 * through a pipe unseen. */
typedef void relay_observe_fn(void *context, const char *data, size_t size);

struct relay {
	struct relay_pool *pool;
	struct relay_flow up;	/* client to home */
	struct relay_flow down; /* home to client */
	int64_t active_at;	/* ms; octets came last */
	bool from_home;		/* these did, */
	bool line_end;		/* and ended a line, for all that was seen */
	bool stopped;
	relay_observe_fn *observe;
	void *context;
};

enum relay_result {
	RELAY_WAIT,   /* until one of the streams is ready */
	RELAY_AGAIN,  /* there is more to do: after all others had their turn */
	RELAY_OVER,   /* the home has ended; the client has got all of it */
	RELAY_BROKEN, /* the client is lost, or the home is */
};

/* Both streams outlive the relay and are its own meanwhile. now in ms, of a
 * clock that never goes back; as in all that follows. */
void relay_begin(struct relay *relay, struct relay_pool *pool,
	struct stream *client, struct stream *home, int64_t now);
void relay_clear(struct relay *relay);

/* all: every octet is to be seen, at the price of a copy. Before what follows,
 * which is seen, too. */
void relay_observe(struct relay *relay, relay_observe_fn *observe,
	void *context, bool all);

/* Octets that were read before the relay began go first. Copies them. */
void relay_add_up(struct relay *relay, const void *data, size_t size);
void relay_add_down(struct relay *relay, const void *data, size_t size);

/* Moves what can be moved, but not more than a turn's worth. */
enum relay_result relay_run(struct relay *relay, int64_t now);

/*
 * Nobody is in the middle of anything: the last word was the home's and a whole
 * line, ms ago, and all of it has been handed over.
 */
bool relay_is_quiet(const struct relay *relay, int64_t now, int64_t ms);

/*
 * Takes no more from the client: what was taken goes to the home, and then its
 * end. The home's last words still come down, and ours may follow: the client's
 * side stays open. It is over when the *home* has closed: it may be at work on
 * commands that came before.
 */
void relay_stop(struct relay *relay);

#endif

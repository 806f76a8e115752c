/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which sessions and deliveries of which account are under way in which
 * gateway: an account may change its home only when none is. In memory; a
 * gateway tells all of its own again when policyd was started anew. Any thread.
 *
 * A gateway is named by its name and its instance, which is another one in each
 * run of its process: of one name there may be two while the former run drains.
 */
#ifndef REHOME_SESSIONS_H
#define REHOME_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SESSIONS_NAME_SIZE 96

struct sessions;
/* A gateway's connection. */
struct sessions_gateway;

/* Who a gateway is. */
struct sessions_identity {
	char name[SESSIONS_NAME_SIZE];
	char instance[SESSIONS_NAME_SIZE];
	pid_t pid; /* 0: not known */
};

/* What is known of a session; the strings are copied. */
struct sessions_entry {
	const char *address; /* of the account: primary */
	const char *protocol;
	const char *system; /* where it goes */
	const char *client; /* address, or "" */
	int64_t since;	    /* instant */
};

/*
 * lease: ms for which the sessions of a gateway that is gone may go on. grace:
 * ms for which those of a process that has ended may, for its homes may still
 * be at what they had read from it.
 */
struct sessions *sessions_new(int64_t lease, int64_t grace);
/* All gateways have left. */
void sessions_free(struct sessions **sessions);

/*
 * That gateway was there in a former run: until it is ready, or the lease has
 * run out since now (monotonic ms), nothing is over.
 */
void sessions_expect(struct sessions *sessions,
	const struct sessions_identity *identity, int64_t now);

/*
 * A gateway has come. It counts what it tells from now on; what a former
 * connection of the same instance has told goes on to count until it is ready.
 * link is the connection, for those who push to it; not NULL.
 */
struct sessions_gateway *sessions_join(struct sessions *sessions,
	const struct sessions_identity *identity, void *link);
/*
 * It has told all that is under way; its own former connections are forgotten.
 * Those of former runs under its name whose process has ended are forgotten
 * after the grace.
 */
void sessions_ready(struct sessions_gateway *gateway, int64_t now);
bool sessions_is_ready(const struct sessions_gateway *gateway);
/* Its connection is lost: what is under way there may go on for the lease. */
void sessions_leave(struct sessions_gateway **gateway, int64_t now);

/* Numbers are the gateway's own. Returns 0, or -1 when it has that already. */
int sessions_open(struct sessions_gateway *gateway, uint64_t number,
	const struct sessions_entry *entry);
/*
 * Returns 0, or -1 when there is no such session. *left_r (or NULL) is how many
 * of the account are not quiet after it; address_r (ADDRESS_SIZE, or NULL) is
 * the account.
 */
int sessions_end(struct sessions_gateway *gateway, uint64_t number,
	size_t *left_r, char *address_r);
/*
 * The session's client is quiet since that instant, or busy (0). Returns and
 * out-parameters as of sessions_end.
 */
int sessions_set_quiet(struct sessions_gateway *gateway, uint64_t number,
	int64_t since, size_t *left_r, char *address_r);

/*
 * Whether nothing of the account is under way any more. 1 nothing; 0 with what
 * it waits for: *left_r sessions, and, or NULL, the name of a gateway that has
 * not told yet (valid until the next call by this thread).
 */
int sessions_are_over(struct sessions *sessions, const char *address,
	int64_t now, size_t *left_r, const char **gateway_r);
/*
 * Whether everybody is logged out: no session, or all quiet since that instant.
 * 1; 0; -1 when a gateway has not told yet, or is lost: nobody knows.
 */
int sessions_are_quiet(struct sessions *sessions, const char *address,
	int64_t before, int64_t now);

/* How many there are of an account; NULL: of all. */
size_t sessions_count(struct sessions *sessions, const char *address);

/* A session as others see it; valid during the call. */
struct sessions_view {
	struct sessions_entry entry;
	const char *gateway;
	const char *instance;
	uint64_t number;
	int64_t quiet_since; /* instant; 0: busy */
	void *link;	     /* NULL: its gateway is lost */
};
/* Returns false to stop. */
typedef bool sessions_fn(const struct sessions_view *view, void *context);
/* Those of an account (NULL: all), in no order. The registry stands still
 * meanwhile: fn calls none of these functions. */
void sessions_scan(struct sessions *sessions, const char *address,
	sessions_fn *fn, void *context);
/* One of a gateway; false when there is none. */
bool sessions_look(struct sessions_gateway *gateway, uint64_t number,
	sessions_fn *fn, void *context);

/*
 * Calls back for each connected gateway that has sessions of the account
 * (NULL: each one that is connected), once. As with sessions_scan.
 */
typedef void sessions_link_fn(void *link, void *context);
void sessions_each_link(struct sessions *sessions, const char *address,
	sessions_link_fn *fn, void *context);

/* The gateways, those that are expected and lost too. state: "ready",
 * "telling", "expected", "lost"; left: ms until one of the latter is
 * forgotten. As with sessions_scan. */
typedef void sessions_gateway_fn(const struct sessions_identity *identity,
	const char *state, size_t count, int64_t left, void *context);
/* Those whose time has come are forgotten first. */
void sessions_each_gateway(struct sessions *sessions, int64_t now,
	sessions_gateway_fn *fn, void *context);

#endif

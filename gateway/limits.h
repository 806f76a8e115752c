/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many connections there may be, in all and of one address, and how long a
 * login has to wait after others have failed. Any thread. Of an IPv6 address
 * its first 64 bits count: who has one has them all.
 */
#ifndef REHOME_GATEWAY_LIMITS_H
#define REHOME_GATEWAY_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/error.h"

struct limits;

/* As gateway.sessions, gateway.per_address and gateway.trusted say. NULL with
 * an error. */
struct limits *limits_new(const struct config *config, struct error *error);
/* The same, from now on; what is counted stays. 0 or -1. */
int limits_set(struct limits *limits, const struct config *config,
	struct error *error);
void limits_free(struct limits **limits);

/* ---- connections ---- */

/* One more in all. False: there are too many. */
bool limits_come(struct limits *limits);
void limits_go(struct limits *limits);
/* One more of that address. False: it has too many; "" and trusted ones never
 * have. limits_go_from for each that was true. */
bool limits_come_from(struct limits *limits, const char *client);
void limits_go_from(struct limits *limits, const char *client);

/* ---- failed logins ---- */

/*
 * ms that a login has to wait before it is looked at: grows with what failed
 * lately from that address (unless it is trusted, as a webmail server's is),
 * and less so with what failed for that user, whom anybody could shut out
 * otherwise. user as the client gave it. now: ms, as of loop_now.
 */
int64_t limits_delay(struct limits *limits, const char *client,
	const char *user, int64_t now);
/* The home has refused it: the password was wrong. */
void limits_failed(struct limits *limits, const char *client, const char *user,
	int64_t now);
/* It was right: the mistakes of that address with that user are forgiven. */
void limits_passed(struct limits *limits, const char *client, const char *user,
	int64_t now);

#endif

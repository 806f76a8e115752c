/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks homes what they can do before a login. It waits for them, each for some
 * seconds: never in a thread that serves sessions.
 */
#ifndef REHOME_GATEWAY_PROBE_H
#define REHOME_GATEWAY_PROBE_H

#include "lib/error.h"

#include "gateway/home.h"
#include "gateway/offer.h"

/*
 * A connection to the home, TLS as it is configured, its capabilities, the end.
 * offer_r is empty at first, but for its protocol. host: what we call
 * ourselves. 0, or -1: it did not answer, or not as it should.
 */
int probe_home(const struct home *home, const char *host, struct offer *offer_r,
	struct error *error);

#endif

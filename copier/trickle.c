/* SPDX-License-Identifier: BSD-2-Clause */
/* The two bounds: a rate, and an end. */
#include "config.h"

#include "copier/trickle.h"

#include <inttypes.h>

void trickle_ended(struct trickle *trickle)
{
	trickle->silence = 0;
}

int trickle_add(struct trickle *trickle, bool inside, int64_t waited_ms,
	size_t octets, int most, struct error *error)
{
	if (trickle->timeout_ms == 0)
		return 0;
	if (!inside) {
		trickle->silence += waited_ms;
		if (trickle->silence <= most * trickle->timeout_ms)
			return 0;
		error_set(error,
			"timed out: it says something now and then, but in "
			"%" PRId64 " s it has come to no end",
			trickle->silence / 1000);
		return -1;
	}
	trickle->waited += waited_ms;
	trickle->octets += octets;
	if (trickle->waited < TRICKLE_WINDOW * trickle->timeout_ms)
		return 0;
	if (trickle->octets * 1000 < (uint64_t)trickle->waited * TRICKLE_RATE) {
		error_set(error,
			"timed out: too slow, %" PRIu64 " octets in %" PRId64
			" s",
			trickle->octets, trickle->waited / 1000);
		return -1;
	}
	trickle->waited = 0;
	trickle->octets = 0;
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every home can do before a login, by protocol: clients are offered that
 * and no more, for it is not known yet whose home it will be.
 */
#ifndef REHOME_GATEWAY_OFFERS_H
#define REHOME_GATEWAY_OFFERS_H

#include <stdbool.h>

#include "lib/log.h"

#include "gateway/home.h"
#include "gateway/offer.h"

struct offers;

/*
 * Asks all homes at once, which may take some seconds. wanted: 1 << enum
 * home_service, the others are not asked. host: what we call ourselves. former
 * is what was known before, or NULL: who does not answer keeps that; and with
 * only_missing nobody is asked whose answer is in there. Who has never answered
 * is told to the log.
 */
struct offers *offers_new(const struct homes *homes, unsigned wanted,
	const char *host, const struct offers *former, bool only_missing,
	struct log *log);
void offers_free(struct offers **offers);

/* How many homes have answered. */
size_t offers_known(const struct offers *offers);
/* For a dialog: lines, NULL at the end; they live as long as the offers. None
 * while a home is unknown. */
const char *const *offers_lines(
	const struct offers *offers, enum dialog_protocol protocol);
/* Mechanisms, 1 << enum login_mechanism, that every home has. */
unsigned offers_mechanisms(
	const struct offers *offers, enum dialog_protocol protocol);

#endif

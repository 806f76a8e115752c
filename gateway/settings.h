/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the configuration means to the gateway: shared by all threads, never
 * changed, freed by its last holder.
 */
#ifndef REHOME_GATEWAY_SETTINGS_H
#define REHOME_GATEWAY_SETTINGS_H

#include <stdint.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/seal.h"

#include "gateway/dialog.h"
#include "gateway/home.h"
#include "gateway/offers.h"

struct settings {
	struct config *config;
	struct homes *homes;
	struct offers *offers;	/* what all homes can do */
	char *name;		/* of this gateway */
	unsigned mechanisms;	/* 1 << enum login_mechanism */
	struct seal_key *seal;	/* of learned passwords; NULL: none is */
	struct settings *first; /* whose the configuration is; NULL: ours */
};

/*
 * Takes over the configuration. Names are looked up and homes are asked what
 * they can do: it may take some seconds. former: those of before, or NULL. NULL
 * with an error.
 */
struct settings *settings_new(struct config *config,
	const struct settings *former, struct log *log, struct error *error);
/* The same configuration with the addresses that its names have now, and with
 * what homes can do that have not answered before; NULL: nothing has changed.
 */
struct settings *settings_look_up(struct settings *settings, struct log *log);
struct settings *settings_hold(struct settings *settings);
/* Takes NULL; the caller's pointer becomes it. */
void settings_release(struct settings **settings);

/* ms that a session of that protocol may say nothing. */
int64_t settings_idle(
	const struct settings *settings, enum dialog_protocol protocol);

#endif

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

struct settings {
	struct config *config;
	struct homes *homes;
	char *name;		/* of this gateway */
	unsigned mechanisms;	/* 1 << enum login_mechanism */
	struct seal_key *seal;	/* of learned passwords; NULL: none is */
	struct settings *first; /* whose the configuration is; NULL: ours */
};

/* Takes over the configuration. Names are looked up: it may take a while. NULL
 * with an error. */
struct settings *settings_new(
	struct config *config, struct log *log, struct error *error);
/* The same configuration with the addresses that its names have now; NULL: they
 * are what they were, as far as can be told. */
struct settings *settings_look_up(struct settings *settings, struct log *log);
struct settings *settings_hold(struct settings *settings);
/* Takes NULL; the caller's pointer becomes it. */
void settings_release(struct settings **settings);

/* ms that a session of that protocol may say nothing. */
int64_t settings_idle(
	const struct settings *settings, enum dialog_protocol protocol);

#endif

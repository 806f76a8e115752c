/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one reading of the configuration means to the milter: managed domains,
 * own networks, the way to policyd. Never changed after it was made; a reload
 * makes a new one, while messages under way keep theirs.
 */
#ifndef REHOME_MILTER_SETTINGS_H
#define REHOME_MILTER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/config.h"
#include "lib/error.h"
#include "milter/policyd_pool.h"

struct settings;

/*
 * Reads the configuration file. The caller holds the result once. Returns NULL
 * with an error for what is wrong, and also when no domain is managed: a milter
 * that watches over nothing is a mistake.
 */
struct settings *settings_load(const char *path, struct error *error);

/* Any thread: one more holder; one less (the pointer becomes NULL). */
struct settings *settings_hold(struct settings *settings);
void settings_release(struct settings **settings);

const struct config *settings_config(const struct settings *settings);
struct policyd_pool *settings_pool(const struct settings *settings);
/* The instant_monotonic at which a callback that begins now must answer. */
int64_t settings_deadline(const struct settings *settings);

bool settings_has_network(
	const struct settings *settings, const struct sockaddr *address);
/*
 * Whether the recipient's domain is one of the configuration. The local part
 * may be anything: what it means is policyd's to say.
 */
bool settings_manages(const struct settings *settings, const char *recipient);

#endif

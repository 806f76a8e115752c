/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration in force. Every thread takes the present one for the time
 * of a request or two and gives it back; a reload puts a new one in its place
 * at once for all, and the old one is freed when the last user is done.
 */
#ifndef REHOME_SETTINGS_H
#define REHOME_SETTINGS_H

#include <stdbool.h>

#include "lib/config.h"
#include "lib/error.h"

struct settings_box;

struct settings {
	const struct config *config;
};

/*
 * The box owns the configuration from now on, also when it fails: NULL with an
 * error when an own network is not well formed.
 */
struct settings_box *settings_box_new(
	struct config *config, struct error *error);
/* All settings taken must have been given back. */
void settings_box_free(struct settings_box **box);

/* Puts another one in force; owns it, also when it fails (-1: the present one
 * stays). Any thread. */
int settings_replace(
	struct settings_box *box, struct config *config, struct error *error);

/* Any thread. What was got is valid until it is put back. */
const struct settings *settings_get(struct settings_box *box);
void settings_put(struct settings_box *box, const struct settings **settings);

/* Whether the client of that IP address is one of our own. */
bool settings_is_own(const struct settings *settings, const char *address);

#endif

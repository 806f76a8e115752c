/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front's own copy of what it uses of the configuration. Hooks and
 * commands run for long, and a configuration that was replaced meanwhile may be
 * freed by its owner at once.
 */
#ifndef REHOME_FRONT_CONFIG_H
#define REHOME_FRONT_CONFIG_H

#include "lib/config.h"

/*
 * A copy that has maps, queue, the recipient delimiter, domains and systems
 * (of these what delivery, hooks and login names need); all else is zero. It
 * belongs to the caller and takes the functions of lib/config.h, but for
 * config_free.
 */
struct config *front_config_copy(const struct config *config);
void front_config_free(struct config **copy);

#endif

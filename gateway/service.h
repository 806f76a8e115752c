/* SPDX-License-Identifier: BSD-2-Clause */
/* The gateway as a whole: start, reload, drain, end. */
#ifndef REHOME_GATEWAY_SERVICE_H
#define REHOME_GATEWAY_SERVICE_H

#include "lib/config.h"
#include "lib/error.h"
#include "lib/log.h"

struct service;

/*
 * Opens the sockets, becomes the configured user, starts the threads. Takes
 * over the configuration. NULL with an error.
 */
struct service *service_start(const char *config_path, struct config *config,
	struct log *log, struct error *error);
/* Until a signal wants the end and the last session is over, or a second
 * signal will not wait. */
void service_run(struct service *service, int signals);
/* Takes NULL. */
void service_stop(struct service **service);

#endif

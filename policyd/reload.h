/* SPDX-License-Identifier: BSD-2-Clause */
/* Has the mail server take up changed maps now instead of some time later. */
#ifndef REHOME_RELOAD_H
#define REHOME_RELOAD_H

#include "lib/error.h"

/*
 * target is a command, or "unix:/path" of a service that does it with the
 * rights we do not have: connect, read until the end; a first word "ok" means
 * done, any other answer is the reason of a failure.
 *
 * Success is taken as: what the mail server routes from now on, it routes by
 * the new maps. `postfix reload` returns a moment before the old queue manager
 * is gone (a millisecond, more under load); a service that wants to be exact
 * waits until it is. 0 or -1. Any thread.
 */
int reload_run(const char *target, int timeout_ms, struct error *error);

#endif

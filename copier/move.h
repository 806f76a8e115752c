/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The move of one account, for as long as its lease is worth while: rounds
 * until the freeze is short, the freeze, the flip, sweeps. Whatever goes wrong
 * ends with the account in service and the lease given back.
 */
#ifndef REHOME_COPIER_MOVE_H
#define REHOME_COPIER_MOVE_H

#include <signal.h>
#include <stdint.h>

#include "lib/account.h"
#include "lib/config.h"
#include "lib/log.h"

struct move_order {
	const struct config *config;
	struct log *log;
	struct account *account; /* as leased; ours from now on */
	int64_t asked;		 /* when the lease was asked for, monotonic */
	int64_t lease_ms;	 /* how long it lasts */
	const volatile sig_atomic_t *stop; /* set: finish, thaw, give back */
};

/* Does what is due for the account. Returns 0, or -1 when it failed; either
 * way it is logged and told to policyd. */
int move_run(const struct move_order *order);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following moves as they go: live on a terminal, else one line per event.
 * Lives through restarts of policyd.
 */
#ifndef REHOME_FOLLOW_H
#define REHOME_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/json.h"
#include "ctl/session.h"

struct follow;

/* Begins to watch, one batch or with NULL all. Returns 0 or the exit code, the
 * error reported. */
int follow_open(
	struct session *session, const char *batch, struct follow **follow_r);
void follow_close(struct follow **follow);

/* Whether a screen will be shown, or lines. */
bool follow_is_live(const struct follow *follow);

/* Until the operator has enough. Returns the exit code. */
int follow_everything(struct follow *follow);

/*
 * Until each of the accounts is settled, has failed or will not go on by
 * itself, or the operator has enough. Each one's end is reported, with --json
 * into array, which the caller has begun. to is the home that was asked for.
 */
int follow_accounts(struct follow *follow, char *const addresses[],
	size_t count, enum account_home to, struct json_array *array);

/* An event as one line: time, address, what happened; or as JSON. */
void follow_print_event(
	const struct session *session, const struct attr_list *event);

#endif

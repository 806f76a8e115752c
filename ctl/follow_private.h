/* SPDX-License-Identifier: BSD-2-Clause */
/* What follow.c (the loop) and follow_judge.c (how each ended) share. */
#ifndef REHOME_FOLLOW_PRIVATE_H
#define REHOME_FOLLOW_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/follow.h"
#include "ctl/terminal.h"
#include "ctl/tracker.h"

struct follow_target {
	const char *address;
	bool over;
};

struct follow {
	struct session *session;
	char *batch;
	struct control_client *watch; /* NULL while policyd is away */
	struct tracker *tracker;
	struct terminal *terminal; /* NULL: lines */
	struct attr_list *status;
	struct error away; /* why there is no watch */
	int64_t next_draw, next_refresh;
	bool dirty;
	bool enough; /* the operator's word */

	struct follow_target *targets; /* NULL: everything */
	size_t targets_count, targets_open, targets_next;
	enum account_home to;
	struct json_array *array;
	int code;
};

/* A followed account has changed: if it is over, notes and reports that. On a
 * screen there is no room to tell; follow_tell_all does it afterwards. */
void follow_judge(struct follow *follow, struct follow_target *target);
/* After the screen is gone: what it could not leave behind. */
void follow_tell_all(const struct follow *follow);

#endif

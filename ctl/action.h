/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request made for several accounts, named or a whole batch: one request
 * each, one error each, the rest is still done.
 */
#ifndef REHOME_ACTION_H
#define REHOME_ACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/json.h"
#include "ctl/session.h"

struct action {
	const char *verb; /* of the protocol */
	/* Whether the request makes sense for an account of a batch; one that
	 * is there already is passed over and counted. NULL: batches cannot be
	 * named. */
	bool (*concerns)(const struct account *account);
	/* What to say of an account that is not there any more; NULL: its state
	 * is told. */
	const char *done;
};

/* Addresses, each a malloc'd text. */
struct action_targets {
	char **addresses;
	size_t count;
	size_t room;
	size_t passed; /* of the batch, but of no concern */
};

/*
 * The accounts that the line names: its arguments, or with --batch those of the
 * batch that the action concerns. Returns 0 or the exit code, reported.
 */
int action_find(struct session *session, const struct line *line,
	const struct action *action, struct action_targets *targets_r);
void action_targets_clear(struct action_targets *targets);

/*
 * Makes the request, whose attributes but verb and address stand in details,
 * for each target and reports each. Returns the exit code. When the accepted
 * are followed further, done_r is not NULL and gets their canonical addresses;
 * with
 * --json array then was begun by the caller and gets only those refused.
 */
int action_run(struct session *session, const struct action *action,
	const struct attr_list *details, const struct action_targets *targets,
	struct action_targets *done_r, struct json_array *array);

#endif

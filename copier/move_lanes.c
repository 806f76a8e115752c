/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Further pairs of connections for one account: fewer where the systems have no
 * slots to spare. Called by the threads of the lanes, while the move waits.
 */
#include "config.h"

#include "copier/move_private.h"

#include <stdlib.h>
#include <unistd.h>

#include "copier/lanes.h"
#include "copier/slot.h"

#include "lib/xalloc.h"

/* What one more connection holds. */
struct move_lane_side {
	int slot;
	bool tried; /* for a slot */
	struct move *move;
};

struct move_lane {
	struct move *move;
	struct pass_pair *pair;
	struct move_lane_side sides[2]; /* of home and other */
};

static const struct config_system *move_lane_system(
	const struct move *move, int side)
{
	return config_system(move->order->config,
		side == 0 ? account_home_system(move->account)
			  : account_other_system(move->account));
}

size_t move_lanes(const struct move *move)
{
	const struct config_system *home = move_lane_system(move, 0);
	const struct config_system *other = move_lane_system(move, 1);

	if (home == NULL || other == NULL)
		return 1;
	return (size_t)(home->lanes < other->lanes ? home->lanes
						   : other->lanes);
}

/* Slots are not waited for: the work goes on without. */
static bool move_lane_tries(void *context, struct error *error)
{
	struct move_lane_side *side = context;

	if (side->tried)
		error_set(error, "no connection is to spare");
	else if (move_goes_on(side->move, error))
		return side->tried = true;
	return false;
}

static struct mailbox *move_lane_connect(struct move *move,
	struct move_lane_side *side, const struct config_system *system,
	struct error *error)
{
	const struct config *config = move->order->config;
	const struct location *place;
	struct mailbox_target target;
	enum mailbox_failure failure;

	/* One for each account that is worked on is never taken by a lane. */
	if (system == NULL || system->connections <= config->copier.jobs) {
		error_set(error, "no connection is to spare");
		return NULL;
	}
	side->move = move;
	side->slot = slot_take(config->copier.state, system->name,
		(size_t)(system->connections - config->copier.jobs),
		move_lane_tries, side, error);
	/* The first pair has made the place. */
	place = side->slot >= 0 ? move_place(move, system, error) : NULL;
	if (place == NULL)
		return NULL;
	target = place->target;
	target.map = NULL;
	target.notes = NULL;
	return mailbox_open(&target, move->flags, &failure, error);
}

static bool move_lane_open(void *context, int side, struct error *error)
{
	struct move_lane *lane = context;
	struct mailbox *mailbox = move_lane_connect(lane->move,
		&lane->sides[side], move_lane_system(lane->move, side), error);

	if (side == 0)
		lane->pair->home = mailbox;
	else
		lane->pair->other = mailbox;
	return mailbox != NULL;
}

bool move_open_pair(void *context, struct pass_pair *pair, struct error *error)
{
	struct move_lane *lane = xcalloc(1, sizeof(*lane));

	lane->move = context;
	lane->pair = pair;
	lane->sides[0].slot = lane->sides[1].slot = -1;
	pair->own = lane;
	if (lanes_open_both(move_lane_open, lane, error))
		return true;
	move_close_pair(context, pair);
	return false;
}

void move_close_pair(void *context, struct pass_pair *pair)
{
	struct move_lane *lane = pair->own;
	int i;

	(void)context;
	mailbox_close(&pair->home);
	mailbox_close(&pair->other);
	for (i = 0; i < 2; i++) {
		if (lane->sides[i].slot >= 0)
			close(lane->sides[i].slot);
	}
	free(lane);
	pair->own = NULL;
}

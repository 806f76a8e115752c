/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the account is at its two systems, made once and shared by all its
 * connections.
 */
#include "config.h"

#include "copier/move_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "copier/account_file.h"

const struct location *move_place(struct move *move,
	const struct config_system *system, struct error *error)
{
	bool source = strcmp(system->name, move->account->source) == 0;
	struct location *place = &move->places[source ? 0 : 1];
	char *name;

	if (place->label != NULL)
		return place;
	if (location_of_account(system, move->account->address,
		    move->learned.data, place, error) == 0 &&
		location_limit(place, system, move->order->config->copier.state,
			error) == 0) {
		pace_hurry(access_pace(place->access), move->hurried);
		place->target.notes = move->pass.notes;
		if (source)
			place->target.map = move->map;
		location_spool(place, move->order->config->copier.state);
		name = account_file_name(move->account->address);
		location_keep_uids(
			place, move->order->config->copier.state, name);
		free(name);
		return place;
	}
	location_clear(place);
	return NULL;
}

void move_clear_places(struct move *move)
{
	location_clear(&move->places[0]);
	location_clear(&move->places[1]);
}

void move_hurry(struct move *move, bool hurry)
{
	move->hurried = hurry;
	pace_hurry(access_pace(move->places[0].access), hurry);
	pace_hurry(access_pace(move->places[1].access), hurry);
}

bool move_may_spend(struct move *move, struct error *error)
{
	return pace_goes_on(access_pace(move->places[0].access), error) &&
	       pace_goes_on(access_pace(move->places[1].access), error);
}

int64_t move_resumes(struct move *move)
{
	int64_t one = pace_resumes(access_pace(move->places[0].access));
	int64_t other = pace_resumes(access_pace(move->places[1].access));

	return one > other ? one : other;
}

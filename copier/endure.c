/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop of opening, working and waiting. */
#include "config.h"

#include "copier/endure.h"

#include <stdlib.h>

#include "copier/backoff.h"

#include "lib/instant.h"

/* Of tries in a row that have not got ahead. */
struct endure_row {
	uint64_t progress;
	unsigned failures;
	unsigned losses; /* of connections that were open */
	int64_t since;	 /* the first failure */
};

struct endure_state {
	bool opened; /* all connections were open once */
	bool lost;   /* the last try has lost one that was open */
	struct endure_row row;
};

/* One try. Connections that open has not made, of lanes, are told by their
 * words. */
static enum endure_result endure_try(const struct endure *endure,
	struct endure_state *state, struct error *error)
{
	enum endure_result result = endure->open(endure->context, error);

	state->lost = false;
	if (result == ENDURE_DONE) {
		state->opened = true;
		result = endure->work(endure->context, error);
		if (result == ENDURE_FAILED)
			state->lost = endure->drop(endure->context);
		return result;
	}
	endure->drop(endure->context);
	/* Never open: a wrong host or port, unless it is only busy. */
	if (!state->opened &&
		backoff_classify(error->text).kind != BACKOFF_LATER)
		return ENDURE_REFUSED;
	return result;
}

static int64_t endure_now(const struct endure *endure)
{
	return endure->now != NULL ? endure->now(endure->context)
				   : instant_monotonic();
}

/* Counts a failure; false with an error when it was one too many. */
static bool endure_count(const struct endure *endure,
	struct endure_state *state, enum backoff_kind kind, struct error *error)
{
	struct endure_row *row = &state->row;
	uint64_t progress = endure->progress(endure->context);
	int64_t now = endure_now(endure);

	if (row->failures == 0 || progress != row->progress)
		*row = (struct endure_row){ .progress = progress,
			.since = now };
	row->failures++;
	if (state->lost && kind != BACKOFF_LATER)
		row->losses++;
	if (row->losses <= endure->tries && now - row->since < endure->patience)
		return true;
	if (row->failures > 1)
		error_prefix(error,
			"given up after %u tries that brought nothing",
			row->failures);
	return false;
}

/* The pause before the next try (ms). */
static int64_t endure_pause(const struct endure *endure,
	const struct endure_state *state, const struct backoff_advice *advice)
{
	int64_t pause = backoff_delay(
		state->row.failures, endure->least, endure->most, arc4random());

	/* A server that says how long knows best; the first loss of a
	 * connection alone is none to wait for. */
	if (advice->ms > pause)
		return advice->ms;
	if (state->lost && advice->kind != BACKOFF_LATER &&
		state->row.failures == 1)
		return 0;
	return pause;
}

int endure_run(const struct endure *endure, struct error *error)
{
	struct endure_state state = { .opened = false };

	for (;;) {
		enum endure_result result = endure_try(endure, &state, error);
		struct backoff_advice advice;
		int64_t pause;

		if (result == ENDURE_DONE)
			return 0;
		advice = backoff_classify(error->text);
		if (result == ENDURE_REFUSED || advice.kind == BACKOFF_NEVER ||
			!endure->go_on(endure->context, NULL))
			return -1;
		/* Work that failed with its connections alive. */
		if (state.opened && !state.lost &&
			advice.kind == BACKOFF_UNKNOWN)
			return -1;
		if (!endure_count(endure, &state, advice.kind, error))
			return -1;
		pause = endure_pause(endure, &state, &advice);
		if (endure->told != NULL)
			endure->told(endure->context, error, pause);
		if (!endure->sleep(endure->context, pause, error))
			return -1;
	}
}

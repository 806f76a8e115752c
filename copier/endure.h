/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going on after a connection was lost: work is begun again over new ones, with
 * longer and longer pauses, for as long as it gets ahead in between. What was
 * done already is known by the journal.
 */
#ifndef REHOME_COPIER_ENDURE_H
#define REHOME_COPIER_ENDURE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

/* What the functions of struct endure answer. */
enum endure_result {
	ENDURE_DONE,
	ENDURE_FAILED,
	ENDURE_REFUSED, /* trying again cannot help: a wrong password, a server
			   that is not trusted */
};

struct endure {
	/* Opens whatever connection is not open. */
	enum endure_result (*open)(void *context, struct error *error);
	/* Does the work, or what is left of it. */
	enum endure_result (*work)(void *context, struct error *error);
	/* Closes the connections that are lost; true when there was one. */
	bool (*drop)(void *context);
	/* A number that has changed when the work has got ahead. */
	uint64_t (*progress)(void *context);
	/* False with an error when there is no point in going on. */
	bool (*go_on)(void *context, struct error *error);
	/* Told before a pause: what happened, and how long (ms). May be NULL.
	 */
	void (*told)(void *context, const struct error *error, int64_t ms);
	/* Sleeps; false when go_on said no. */
	bool (*sleep)(void *context, int64_t ms, struct error *error);
	/* A clock in ms; NULL: the monotonic one. */
	int64_t (*now)(void *context);
	void *context;
	/* Without getting ahead: so often may connections that were open be
	 * lost in a row, and so long (ms) may servers be away or too busy. */
	unsigned tries;
	int64_t patience;
	int64_t least, most; /* ms of a pause */
};

/*
 * Opens and works until it is done. 0, or -1 with an error (not NULL): of a
 * connection that could not be made in the first place (unless the server was
 * only too busy), of work that failed with its connections alive, of what no
 * try can help, or after too many tries.
 */
int endure_run(const struct endure *endure, struct error *error);

#endif

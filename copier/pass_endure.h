/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work over the two mailboxes of a pass that outlives their connections: lost
 * ones are opened again, and the work is begun again, with fewer messages in a
 * batch when nothing got through. What was done is known by the journal.
 */
#ifndef REHOME_COPIER_PASS_ENDURE_H
#define REHOME_COPIER_PASS_ENDURE_H

#include <stdbool.h>
#include <stdint.h>

#include "copier/endure.h"
#include "copier/pass.h"

struct pass_endure {
	struct pass *pass;
	bool home_only; /* the other side is not needed */
	/* Opens what of pass->home and pass->other is NULL. */
	enum endure_result (*open)(void *context, struct error *error);
	/* 0 done, -1 with an error; again when a try before was cut off. */
	int (*work)(void *context, bool again, struct error *error);
	/* As in struct endure, like all that follows. */
	uint64_t (*progress)(void *context);
	void (*told)(void *context, const struct error *error, int64_t ms);
	bool (*sleep)(void *context, int64_t ms, struct error *error);
	void *context;
	int64_t patience, least, most;
};

/* 0, or -1 with an error, as endure_run. */
int pass_endure(const struct pass_endure *endure, struct error *error);

#endif

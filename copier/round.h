/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A round: looks at both sides, plans, and makes the other side what home is
 * now. Only what changed since the last round is looked at and carried over.
 */
#ifndef REHOME_COPIER_ROUND_H
#define REHOME_COPIER_ROUND_H

#include <stdint.h>

#include "lib/buffer.h"

#include "copier/pass.h"
#include "copier/plan.h"

/* What the parts of a round took (ms). */
struct round_times {
	int64_t look; /* lists, scans and the plan */
	int64_t copy; /* all that was done then */
};

struct round_options {
	enum plan_removal removal;
	/* Haste: what came of it at the other side is not looked at, and the
	 * journal not compacted, for proof_run does the one and the next round
	 * the other. */
	bool proof_follows;
	struct round_times *times; /* added to, unless NULL */
	struct buffer *dry_run;	   /* the plan is printed there and nothing is
				      done; or NULL */
	/* Told the whole plan before anything is done, or NULL: 0 to go on,
	 * -1 with an error. */
	int (*planned)(void *context, struct pass *pass, struct plan *plan,
		struct error *error);
	void *context;
};

/*
 * Runs one round; the counts are in the pass. Returns 1, or -1 with an error:
 * the mailboxes are of no further use (close them), the journal is as good as
 * before. A folder or message that a server refuses is no error but a refusal
 * of the pass.
 */
int round_run(struct pass *pass, const struct round_options *options,
	struct error *error);

/*
 * After a crash: the other side may still be at work on what it was sent
 * before. Waits, when the journal has open intents, until nothing happens
 * there any more. Returns 1 or -1.
 */
int round_settle(struct pass *pass, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several pairs of connections at work on one account, a thread each. A folder
 * is worked on by one lane, so that its order is kept. The first lane is the
 * pair that the pass has anyway, in the calling thread; the others are opened
 * only where there is enough to be done.
 */
#ifndef REHOME_COPIER_LANES_H
#define REHOME_COPIER_LANES_H

#include "copier/pass.h"

struct lanes_job {
	void *work;
	uint64_t messages; /* to be copied: its weight */
	/* What it reads at home, to be asked for ahead; or NULL. */
	const char *folder;
	const struct uidset *uids;
};

/*
 * Does one job with the mailboxes, counts and refusals of the lane's own pass;
 * all else in it is shared. 1, or -1 with an error.
 */
typedef int lanes_job_fn(
	struct pass *lane, void *work, void *context, struct error *error);

/*
 * What must be done before any job, with the pass itself, while further lanes
 * are opened already. May mark jobs as void (work NULL). 1, or -1.
 */
typedef int lanes_prepare_fn(
	struct pass *pass, void *context, struct error *error);

/*
 * Prepares and does the jobs, the heaviest first where several lanes are at
 * work, else in their order. Returns 1 when all are done, or -1 with the error
 * of the job that failed first: the others were stopped. Counts and refusals
 * are added to the pass. A lane that cannot be opened is no error.
 */
int lanes_run(struct pass *pass, struct lanes_job *jobs, size_t count,
	lanes_prepare_fn *prepare, lanes_job_fn *run, void *context,
	struct error *error);

/*
 * Calls open for side 0 in a thread and for side 1 at the same time: logins
 * take many round trips. True when both are true; else one of their errors.
 */
bool lanes_open_both(bool (*open)(void *context, int side, struct error *error),
	void *context, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of going on that copies and moves share. */
#include "config.h"

#include "copier/pass_endure.h"

/* Connections that may be lost in a row without getting ahead. */
#define PASS_ENDURE_TRIES 4

struct pass_enduring {
	const struct pass_endure *endure;
	unsigned tries;
	uint64_t progress; /* when the last one began */
};

static enum endure_result pass_enduring_open(void *context, struct error *error)
{
	const struct pass_enduring *enduring = context;

	return enduring->endure->open(enduring->endure->context, error);
}

static uint64_t pass_enduring_progress(void *context)
{
	const struct pass_enduring *enduring = context;

	return enduring->endure->progress(enduring->endure->context);
}

static enum endure_result pass_enduring_work(void *context, struct error *error)
{
	struct pass_enduring *enduring = context;
	const struct pass_endure *endure = enduring->endure;
	uint64_t progress = pass_enduring_progress(enduring);
	bool again = enduring->tries++ > 0;

	if (again && enduring->progress == progress)
		pass_shrink(endure->pass);
	enduring->progress = progress;
	return endure->work(endure->context, again, error) == 0 ? ENDURE_DONE
								: ENDURE_FAILED;
}

static bool pass_is_lost(struct mailbox *mailbox)
{
	return mailbox == NULL || mailbox_keep_alive(mailbox, NULL) < 0;
}

/* Home first: when it is alive no message is half under way to the other
 * side, and a NOOP does no harm there. */
static bool pass_enduring_drop(void *context)
{
	const struct pass_enduring *enduring = context;
	struct pass *pass = enduring->endure->pass;
	bool lost = pass_is_lost(pass->home) ||
		    (!enduring->endure->home_only && pass_is_lost(pass->other));

	if (lost) {
		mailbox_close(&pass->home);
		mailbox_close(&pass->other);
	}
	return lost;
}

static bool pass_enduring_goes_on(void *context, struct error *error)
{
	const struct pass_enduring *enduring = context;

	return pass_goes_on(enduring->endure->pass, error);
}

static void pass_enduring_told(
	void *context, const struct error *error, int64_t ms)
{
	const struct pass_enduring *enduring = context;

	enduring->endure->told(enduring->endure->context, error, ms);
}

static bool pass_enduring_sleep(void *context, int64_t ms, struct error *error)
{
	const struct pass_enduring *enduring = context;

	return enduring->endure->sleep(enduring->endure->context, ms, error);
}

int pass_endure(const struct pass_endure *endure, struct error *error)
{
	struct pass_enduring enduring = { .endure = endure };
	const struct endure loop = {
		.open = pass_enduring_open,
		.work = pass_enduring_work,
		.drop = pass_enduring_drop,
		.progress = pass_enduring_progress,
		.go_on = pass_enduring_goes_on,
		.told = pass_enduring_told,
		.sleep = pass_enduring_sleep,
		.context = &enduring,
		.tries = PASS_ENDURE_TRIES,
		.patience = endure->patience,
		.least = endure->least,
		.most = endure->most,
	};

	return endure_run(&loop, error);
}

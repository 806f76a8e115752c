/* SPDX-License-Identifier: BSD-2-Clause */
/* A stand-alone copy that outlives its connections. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "copier/copy_private.h"
#include "copier/endure.h"

#include "lib/instant.h"

/* See struct endure. */
#define COPY_TRIES	 4
#define COPY_PAUSE_LEAST 500
#define COPY_PAUSE_MOST	 60000
#define COPY_NAP	 100

static enum endure_result copy_open_side(struct copy *copy, bool source,
	struct mailbox **mailbox, struct error *error)
{
	const struct location *location =
		source ? &copy->source : &copy->destination;
	bool denied = false;

	if (*mailbox == NULL)
		*mailbox = copy_open_mailbox(copy, location,
			source ? "source" : "destination", &denied, error);
	if (*mailbox != NULL)
		return ENDURE_DONE;
	copy->code = denied ? EX_NOPERM : EX_TEMPFAIL;
	return denied ? ENDURE_REFUSED : ENDURE_FAILED;
}

static enum endure_result copy_open(void *context, struct error *error)
{
	struct copy *copy = context;
	enum endure_result result =
		copy_open_side(copy, true, &copy->pass.home, error);

	if (result == ENDURE_DONE)
		result = copy_open_side(copy, false, &copy->pass.other, error);
	if (result == ENDURE_DONE && copy->pass.identity == NULL &&
		copy_open_identity(copy, error) < 0) {
		copy->code = EX_TEMPFAIL;
		result = ENDURE_FAILED;
	}
	return result;
}

/* What a dry run has found before its connection was lost is found anew. */
static void copy_forget_plan(struct copy *copy)
{
	buffer_clear(&copy->plan);
	while (copy->estimates_count > 0)
		free(copy->estimates[--copy->estimates_count].folder);
}

static enum endure_result copy_work(void *context, struct error *error)
{
	struct copy *copy = context;

	copy_forget_plan(copy);
	if (copy_rounds(copy, error) == 0)
		return ENDURE_DONE;
	copy->code = EX_TEMPFAIL;
	return ENDURE_FAILED;
}

/* Home first: when it is alive no message is half under way to the other
 * side, and a NOOP does no harm there. */
static bool copy_drop(void *context)
{
	struct copy *copy = context;
	struct pass *pass = &copy->pass;
	bool lost = pass->home == NULL || pass->other == NULL ||
		    mailbox_keep_alive(pass->home, NULL) < 0 ||
		    mailbox_keep_alive(pass->other, NULL) < 0;

	if (lost) {
		mailbox_close(&pass->home);
		mailbox_close(&pass->other);
	}
	return lost;
}

static uint64_t copy_progressed(void *context)
{
	const struct copy *copy = context;

	return copy->copied + copy->adopted + copy->removed + copy->changed;
}

static bool copy_may_go_on(void *context, struct error *error)
{
	struct copy *copy = context;

	return pass_goes_on(&copy->pass, error);
}

static void copy_told(void *context, const struct error *error, int64_t ms)
{
	copy_tell_reconnect(context, error->text, ms);
}

static bool copy_sleep(void *context, int64_t ms, struct error *error)
{
	struct copy *copy = context;
	int64_t end = instant_monotonic() + ms, left;

	while ((left = end - instant_monotonic()) > 0) {
		struct timespec nap = { 0,
			(long)(left < COPY_NAP ? left : COPY_NAP) * 1000000 };

		if (!pass_goes_on(&copy->pass, error))
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

int copy_endure(struct copy *copy, struct error *error)
{
	const struct endure endure = {
		.open = copy_open,
		.work = copy_work,
		.drop = copy_drop,
		.progress = copy_progressed,
		.go_on = copy_may_go_on,
		.told = copy_told,
		.sleep = copy_sleep,
		.context = copy,
		.tries = COPY_TRIES,
		.patience = copy->options->patience,
		.least = COPY_PAUSE_LEAST,
		.most = COPY_PAUSE_MOST,
	};

	return endure_run(&endure, error);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A stand-alone copy that outlives its connections. */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "copier/copy_private.h"
#include "copier/lanes.h"
#include "copier/pass_endure.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

/* See struct endure. */
#define COPY_PAUSE_LEAST 500
#define COPY_PAUSE_MOST	 60000
#define COPY_NAP	 100

/* Both sides are logged in to at the same time. */
struct copy_logins {
	struct copy *copy;
	enum mailbox_failure failures[2]; /* of the source, of the other */
	struct error errors[2];
	bool open;
	struct error error;
};

static bool copy_open_side(void *context, int side, struct error *error)
{
	struct copy_logins *logins = context;
	struct copy *copy = logins->copy;
	struct mailbox **mailbox =
		side == 0 ? &copy->pass.home : &copy->pass.other;

	if (*mailbox == NULL)
		*mailbox = copy_open_mailbox(copy,
			side == 0 ? &copy->source : &copy->destination,
			side == 0 ? "source" : "destination",
			&logins->failures[side], error);
	if (*mailbox == NULL)
		logins->errors[side] = *error;
	return *mailbox != NULL;
}

static void *copy_log_in(void *context)
{
	struct copy_logins *logins = context;

	logins->open = lanes_open_both(copy_open_side, logins, &logins->error);
	return NULL;
}

void copy_login_begin(struct copy *copy)
{
	sigset_t all, before;

	copy->first = xcalloc(1, sizeof(*copy->first));
	copy->first->copy = copy;
	/* Signals are for the thread that began. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	copy->logging_in = pthread_create(&copy->logins, NULL, copy_log_in,
				   copy->first) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void copy_login_end(struct copy *copy)
{
	if (copy->logging_in)
		pthread_join(copy->logins, NULL);
	copy->logging_in = false;
	free(copy->first);
	copy->first = NULL;
}

/* Takes the logins that have been begun, or logs in now. */
static struct copy_logins copy_take_logins(struct copy *copy)
{
	struct copy_logins logins = { .copy = copy };

	if (copy->logging_in) {
		pthread_join(copy->logins, NULL);
		copy->logging_in = false;
		logins = *copy->first;
	} else {
		copy_log_in(&logins);
	}
	copy_login_end(copy);
	return logins;
}

static enum endure_result copy_open(void *context, struct error *error)
{
	struct copy *copy = context;
	struct copy_logins logins = copy_take_logins(copy);
	/* What no other try can help says more than what one might. */
	enum mailbox_failure failure = logins.failures[0] != MAILBOX_LATER
					       ? logins.failures[0]
					       : logins.failures[1];

	if (!logins.open) {
		*error = logins.failures[0] == MAILBOX_LATER &&
					 failure != MAILBOX_LATER
				 ? logins.errors[1]
				 : logins.error;
		copy->code = mailbox_failure_code(failure);
		return failure != MAILBOX_LATER ? ENDURE_REFUSED
						: ENDURE_FAILED;
	}
	if (copy->pass.identity != NULL ||
		copy_open_identity(copy, &failure, error) == 0)
		return ENDURE_DONE;
	copy->code = mailbox_failure_code(failure);
	return failure != MAILBOX_LATER ? ENDURE_REFUSED : ENDURE_FAILED;
}

/* What a dry run has found before its connection was lost is found anew. */
static void copy_forget_plan(struct copy *copy)
{
	buffer_clear(&copy->plan);
	while (copy->estimates_count > 0)
		free(copy->estimates[--copy->estimates_count].folder);
}

static uint64_t copy_progressed(void *context)
{
	const struct copy *copy = context;

	return copy->copied + copy->adopted + copy->removed + copy->changed;
}

static int copy_work(void *context, bool again, struct error *error)
{
	struct copy *copy = context;
	int result;

	(void)again; /* the rounds begin with what may still be coming in */
	copy_forget_plan(copy);
	result = copy_rounds(copy, error);
	copy->code = copy->pass.misfit ? EX_DATAERR : EX_TEMPFAIL;
	return result;
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
	const struct pass_endure endure = {
		.pass = &copy->pass,
		.open = copy_open,
		.work = copy_work,
		.progress = copy_progressed,
		.told = copy_told,
		.sleep = copy_sleep,
		.context = copy,
		.patience = copy->options->patience,
		.least = COPY_PAUSE_LEAST,
		.most = COPY_PAUSE_MOST,
	};

	return pass_endure(&endure, error);
}

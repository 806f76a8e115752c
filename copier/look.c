/* SPDX-License-Identifier: BSD-2-Clause */
/* The two threads of a look. */
#include "config.h"

#include "copier/look.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

/* A side that has finished says so often to its server that it is still there
 * (ms); none may end an idle session before 30 minutes (RFC 3501 section 5.4),
 * but some do. */
#define LOOK_IDLE 60000

/* How many sides have finished. */
struct look_pair {
	pthread_mutex_t mutex;
	pthread_cond_t finished;
	int count;
};

struct look {
	struct look_pair *pair;
	struct view *view;
	struct mailbox *mailbox;
	struct view_order order;
	const char *who;
	int result;
	struct error error;
};

static int look_list(struct look *look)
{
	/* Silence about folders is not their absence. */
	if (view_list(look->view, look->mailbox, &look->error) == 1)
		return 1;
	error_prefix(&look->error, "%s: list folders", look->who);
	return -1;
}

/* Keeps the session of a side that has finished alive until the other has. A
 * session that is lost meanwhile is told by whoever uses it next. */
static void look_stay(struct look *look)
{
	struct look_pair *pair = look->pair;
	bool alive = look->result >= 0;

	pthread_mutex_lock(&pair->mutex);
	pair->count++;
	pthread_cond_broadcast(&pair->finished);
	while (pair->count < 2) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LOOK_IDLE / 1000;
		if (pthread_cond_timedwait(&pair->finished, &pair->mutex,
			    &until) != ETIMEDOUT ||
			!alive)
			continue;
		pthread_mutex_unlock(&pair->mutex);
		alive = mailbox_keep_alive(look->mailbox, NULL) >= 0;
		pthread_mutex_lock(&pair->mutex);
	}
	pthread_mutex_unlock(&pair->mutex);
}

static void *look_run(void *context)
{
	struct look *look = context;

	look->result = look_list(look);
	if (look->result == 1) {
		look->result = view_read(
			look->view, look->mailbox, &look->order, &look->error);
		if (look->result < 0)
			error_prefix(&look->error, "%s: scan", look->who);
	}
	look_stay(look);
	return NULL;
}

int look_at_both(struct pass *pass, struct view *home, struct view *other,
	bool write, struct error *error)
{
	struct look_pair pair = { .mutex = PTHREAD_MUTEX_INITIALIZER,
		.finished = PTHREAD_COND_INITIALIZER };
	struct look sides[2] = {
		{ .pair = &pair,
			.view = home,
			.mailbox = pass->home,
			.order = { .journal = pass->journal,
				.side = pass->side,
				.strict = true,
				.go_on = pass->go_on,
				.context = pass->context },
			.who = "home" },
		{ .pair = &pair,
			.view = other,
			.mailbox = pass->other,
			.order = { .journal = pass->journal,
				.side = journal_other(pass->side),
				.write = write,
				.counted = !write,
				.go_on = pass->go_on,
				.context = pass->context },
			.who = "other side" },
	};
	sigset_t all, before;
	pthread_t thread;
	bool started;
	int i;

	/* Signals are for the calling thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	started = pthread_create(&thread, NULL, look_run, &sides[1]) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* One after the other, nobody waits. */
	if (!started)
		pair.count = 1;
	look_run(&sides[0]);
	if (started)
		pthread_join(thread, NULL);
	else
		look_run(&sides[1]);
	for (i = 0; i < 2; i++)
		if (sides[i].result != 1) {
			error_set(error, "%s", sides[i].error.text);
			return -1;
		}
	return 1;
}

int look_at_other(struct pass *pass, struct view *other, struct error *error)
{
	struct look look = {
		.view = other, .mailbox = pass->other, .who = "other side"
	};
	int result = look_list(&look);

	if (result != 1)
		error_set(error, "%s", look.error.text);
	return result;
}

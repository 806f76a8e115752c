/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread that renews a lease. */
#include "config.h"

#include "copier/lease.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copier/cutoff.h"

#include "lib/attr.h"
#include "lib/control_client.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

/* After a failure to reach policyd it is tried again so soon (ms). */
#define LEASE_RETRY 100
/* policyd may take this part of the lease to answer: by then we must know that
 * it does not. */
#define LEASE_PATIENCE 3
/* Progress is told this often at least (ms). */
#define LEASE_PROGRESS 500

struct lease {
	char *control;
	char address[ADDRESS_SIZE];
	uint64_t epoch;
	int64_t ms;

	pthread_t thread;
	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t wake;
	bool stop;
	bool lost;
	struct error why;
	int64_t expires; /* monotonic */
	bool on_hold;
	enum account_phase phase;
	uint64_t phase_set; /* how often the worker has set it */
	char round[16];
	char folder[128];
	uint64_t messages;
	uint64_t total;
	uint64_t bytes;
	bool progressed;
};

static void lease_print(struct lease *lease, struct attr_list *request)
{
	attr_list_add(request, "request", "renew");
	attr_list_add(request, "address", lease->address);
	attr_list_printf(request, "epoch", "%" PRIu64, lease->epoch);
	if (!lease->progressed)
		return;
	attr_list_add(request, "round", lease->round);
	attr_list_add(request, "folder", lease->folder);
	attr_list_printf(request, "messages_done", "%" PRIu64, lease->messages);
	attr_list_printf(request, "messages_total", "%" PRIu64, lease->total);
	attr_list_printf(request, "bytes_done", "%" PRIu64, lease->bytes);
	lease->progressed = false;
}

static void lease_learn(struct lease *lease, const struct attr_list *reply,
	int64_t asked, uint64_t phase_set)
{
	const char *phase = attr_list_get(reply, "phase");
	const char *held = attr_list_get(reply, "held");
	enum account_phase now;
	int64_t left;

	/* Not each renewal makes the lease longer: policyd says what is left.
	 */
	if (attr_list_get_number(reply, "lease_ms", &left, NULL) == 1 &&
		left < lease->ms)
		lease->expires = asked + left;
	else
		lease->expires = asked + lease->ms;
	lease->on_hold = held != NULL && strcmp(held, "yes") == 0;
	/* An answer that was under way when the worker changed the phase is
	 * older than what the worker knows. */
	if (phase != NULL && phase_set == lease->phase_set &&
		account_phase_parse(phase, &now) == 0)
		lease->phase = now;
}

/* One renewal. False when policyd could not be asked. */
static bool lease_renew(struct lease *lease, struct control_client **client)
{
	struct attr_list *request = attr_list_new();
	const struct attr_list *reply = NULL;
	int64_t asked = instant_monotonic();
	struct error error = { "" };
	enum control_status status;
	uint64_t phase_set;
	bool answered;

	pthread_mutex_lock(&lease->mutex);
	lease_print(lease, request);
	phase_set = lease->phase_set;
	pthread_mutex_unlock(&lease->mutex);
	if (*client == NULL)
		*client = control_connect(lease->control,
			(int)(lease->ms / LEASE_PATIENCE), &error);
	answered = *client != NULL &&
		   control_call(*client, request, &reply, &error) == 0;
	attr_list_free(&request);
	if (!answered) {
		control_close(client);
		return false;
	}
	status = control_status(reply, &error);
	pthread_mutex_lock(&lease->mutex);
	if (status == CONTROL_OK) {
		lease_learn(lease, reply, asked, phase_set);
	} else if (status != CONTROL_ERROR) {
		lease->lost = true;
		lease->why = error;
	}
	pthread_mutex_unlock(&lease->mutex);
	return status != CONTROL_ERROR;
}

/* False when there is nothing more to renew. */
static bool lease_sleep(struct lease *lease, int64_t ms)
{
	struct timespec until;
	bool goes_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&lease->mutex);
	while (!lease->stop && pthread_cond_timedwait(&lease->wake,
				       &lease->mutex, &until) == 0)
		;
	goes_on = !lease->stop && !lease->lost;
	pthread_mutex_unlock(&lease->mutex);
	return goes_on;
}

static void *lease_run(void *context)
{
	struct lease *lease = context;
	struct control_client *client = NULL;
	int64_t usual =
		lease->ms / 3 < LEASE_PROGRESS ? lease->ms / 3 : LEASE_PROGRESS;
	int64_t pause = usual;

	while (lease_sleep(lease, pause)) {
		pause = lease_renew(lease, &client) ? usual : LEASE_RETRY;
		/* Also what waits in a write is not to be sent any more. */
		if (!lease_is_held(lease, NULL))
			cutoff_all();
	}
	control_close(&client);
	return NULL;
}

struct lease *lease_start(const char *control, const char *address,
	uint64_t epoch, int64_t asked, int64_t ms)
{
	struct lease *lease = xcalloc(1, sizeof(*lease));
	pthread_condattr_t clock;

	lease->control = xstrdup(control);
	snprintf(lease->address, sizeof(lease->address), "%s", address);
	lease->epoch = epoch;
	lease->ms = ms;
	lease->expires = asked + ms;
	pthread_mutex_init(&lease->mutex, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&lease->wake, &clock);
	pthread_condattr_destroy(&clock);
	if (pthread_create(&lease->thread, NULL, lease_run, lease) != 0)
		abort();
	return lease;
}

void lease_free(struct lease **lease)
{
	struct lease *old = *lease;

	if (old == NULL)
		return;
	pthread_mutex_lock(&old->mutex);
	old->stop = true;
	pthread_cond_signal(&old->wake);
	pthread_mutex_unlock(&old->mutex);
	pthread_join(old->thread, NULL);
	pthread_cond_destroy(&old->wake);
	pthread_mutex_destroy(&old->mutex);
	free(old->control);
	free(old);
	*lease = NULL;
}

bool lease_is_held(struct lease *lease, struct error *error)
{
	bool held;

	pthread_mutex_lock(&lease->mutex);
	if (lease->lost)
		error_set(error, "the lease is lost: %s", lease->why.text);
	else if (instant_monotonic() >= lease->expires)
		error_set(error, "the lease has run out");
	held = !lease->lost && instant_monotonic() < lease->expires;
	pthread_mutex_unlock(&lease->mutex);
	return held;
}

bool lease_is_on_hold(struct lease *lease)
{
	bool on_hold;

	pthread_mutex_lock(&lease->mutex);
	on_hold = lease->on_hold;
	pthread_mutex_unlock(&lease->mutex);
	return on_hold;
}

enum account_phase lease_phase(struct lease *lease)
{
	enum account_phase phase;

	pthread_mutex_lock(&lease->mutex);
	phase = lease->phase;
	pthread_mutex_unlock(&lease->mutex);
	return phase;
}

void lease_set_phase(struct lease *lease, enum account_phase phase)
{
	pthread_mutex_lock(&lease->mutex);
	lease->phase = phase;
	lease->phase_set++;
	pthread_mutex_unlock(&lease->mutex);
}

void lease_progress(struct lease *lease, const char *round, const char *folder,
	uint64_t messages, uint64_t total, uint64_t bytes)
{
	char *at;

	pthread_mutex_lock(&lease->mutex);
	snprintf(lease->round, sizeof(lease->round), "%s", round);
	snprintf(lease->folder, sizeof(lease->folder), "%s", folder);
	/* A server's word: the protocol takes no control characters. */
	for (at = lease->folder; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	lease->messages = messages;
	lease->total = total;
	lease->bytes = bytes;
	lease->progressed = true;
	pthread_mutex_unlock(&lease->mutex);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes of logins: a tree by address, emptied by the thread. */
#include "config.h"

#include "policyd/logins.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/instant.h"
#include "lib/xalloc.h"

#define LOGINS_PASS_MS 1000
/* A login that is no news is written when it is so much later. */
#define LOGINS_PRECISION_MS 60000
/* Accounts that wait to be written; of more only what a move waits for. */
#define LOGINS_NOTES_MAX 200000
/* Accounts in one transaction: others want to write, too. */
#define LOGINS_BATCH 64
#define LOGINS_TRIES 5

struct logins_note {
	char address[ADDRESS_SIZE]; /* first: compared */
	struct logins_note *next;
	struct seen *seen; /* or NULL */
	bool moving;
	bool look;
	char system[ACCOUNT_NAME_SIZE];
	char *sealed;
};

struct logins {
	struct settings_box *settings;
	struct store *store;
	struct machine *machine;
	struct gateways *gateways;
	struct log *log;
	int64_t idle_pass; /* instant of the former one; the thread's */

	pthread_mutex_t writing; /* one writes at a time */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	void *tree;
	struct logins_note *first;
	size_t count;
	bool urgent;
	bool ending;
	bool started;
	pthread_t thread;
};

static int logins_compare(const void *left, const void *right)
{
	return strcmp(left, right);
}

struct logins *logins_new(struct settings_box *settings, struct store *store,
	struct machine *machine, struct gateways *gateways, struct log *log)
{
	struct logins *logins = xcalloc(1, sizeof(*logins));
	pthread_condattr_t attributes;

	logins->settings = settings;
	logins->store = store;
	logins->machine = machine;
	logins->gateways = gateways;
	logins->log = log;
	logins->idle_pass = instant_now();
	pthread_mutex_init(&logins->writing, NULL);
	pthread_mutex_init(&logins->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&logins->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	return logins;
}

static void logins_drop_sealed(struct logins_note *note)
{
	if (note->sealed != NULL)
		explicit_bzero(note->sealed, strlen(note->sealed));
	free(note->sealed);
	note->sealed = NULL;
}

static void logins_note_free(struct logins_note *note)
{
	logins_drop_sealed(note);
	free(note->seen);
	free(note);
}

/* ---- notes ---- */

/* With the lock. NULL when there are too many and it is not urgent. */
static struct logins_note *logins_get(
	struct logins *logins, const char *address, bool urgent)
{
	struct logins_note *note, **found;

	found = tfind(address, &logins->tree, logins_compare);
	if (found != NULL)
		return *found;
	if (logins->count >= LOGINS_NOTES_MAX && !urgent)
		return NULL;
	note = xcalloc(1, sizeof(*note));
	memcpy(note->address, address,
		strnlen(address, sizeof(note->address) - 1));
	if (tsearch(note, &logins->tree, logins_compare) == NULL)
		abort();
	note->next = logins->first;
	logins->first = note;
	logins->count++;
	return note;
}

/* With the lock. */
static void logins_hurry(struct logins *logins)
{
	logins->urgent = true;
	pthread_cond_signal(&logins->wake);
}

void logins_note(struct logins *logins, const struct login *login)
{
	struct logins_note *note;

	pthread_mutex_lock(&logins->lock);
	note = logins_get(logins, login->address, login->moving);
	if (note != NULL) {
		if (note->seen == NULL)
			note->seen = xcalloc(1, sizeof(*note->seen));
		(void)seen_add(note->seen, &login->way, 0);
	}
	if (note != NULL && login->moving) {
		note->moving = true;
		memset(note->system, 0, sizeof(note->system));
		memcpy(note->system, login->system,
			strnlen(login->system, sizeof(note->system) - 1));
		if (login->sealed != NULL) {
			logins_drop_sealed(note);
			note->sealed = xstrdup(login->sealed);
		}
		logins_hurry(logins);
	}
	pthread_mutex_unlock(&logins->lock);
}

void logins_look(struct logins *logins, const char *address)
{
	pthread_mutex_lock(&logins->lock);
	logins_get(logins, address, true)->look = true;
	logins_hurry(logins);
	pthread_mutex_unlock(&logins->lock);
}

/* ---- writing; with `writing` ---- */

/* Puts what was seen of one account. 0 or -1. */
static int logins_put(struct store_txn *txn, struct logins_note *note,
	int64_t now, bool *changed, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	struct account account;
	struct seen *seen;
	bool news = false;
	int found = store_txn_get_account(txn, note->address, &account, error);

	if (found <= 0)
		return found;
	account_clear(&account);
	if (store_txn_get_document(
		    txn, note->address, SEEN_DOCUMENT, &text, error) < 0)
		return -1;
	seen = xcalloc(1, sizeof(*seen));
	seen_read(seen, text.data != NULL ? text.data : "");
	for (size_t i = 0; i < note->seen->count; i++)
		news = seen_add(seen, &note->seen->ways[i],
			       LOGINS_PRECISION_MS) ||
		       news;
	buffer_clear(&text);
	seen_print(seen, &text);
	free(seen);
	if (news) {
		const struct store_document document = { SEEN_DOCUMENT, now,
			text.data };

		*changed = true;
		found = store_txn_put_document(
			txn, note->address, &document, error);
	}
	buffer_free(&text);
	return found < 0 ? -1 : 0;
}

/* One transaction for the notes from first on, up to end. As a commit. */
static enum store_commit logins_write(struct logins *logins,
	struct logins_note *first, const struct logins_note *end,
	struct error *error)
{
	int64_t now = instant_now();
	struct store_txn *txn;
	bool changed = false;
	int result = 0;

	if (store_begin(logins->store, &txn, error) < 0)
		return STORE_FAILED;
	for (; first != end && result == 0; first = first->next)
		if (first->seen != NULL)
			result = logins_put(txn, first, now, &changed, error);
	if (result == 0 && !changed) {
		store_abort(&txn);
		return STORE_DONE;
	}
	return store_commit(&txn, error);
}

static void logins_write_all(struct logins *logins, struct logins_note *first)
{
	struct error error = { "" };

	while (first != NULL) {
		struct logins_note *end = first;
		enum store_commit result = STORE_CONFLICT;

		for (int i = 0; end != NULL && i < LOGINS_BATCH; i++)
			end = end->next;
		for (int try = 0;
			result == STORE_CONFLICT && try < LOGINS_TRIES; try++)
			result = logins_write(logins, first, end, &error);
		if (result != STORE_DONE)
			log_write(logins->log, LOG_WARNING,
				"keep what was seen of logins: %s", error.text);
		first = end;
	}
}

/* What a move waits for. */
static void logins_move(struct logins *logins, const struct logins_note *note)
{
	const struct machine_login login = { note->system, note->sealed };
	struct error error = { "" };
	enum control_status status = CONTROL_OK;

	if (note->moving)
		status = machine_logged_in(
			logins->machine, note->address, &login, &error);
	if (note->look && status == CONTROL_OK)
		status = machine_logged_out(
			logins->machine, note->address, &error);
	if (status != CONTROL_OK && status != CONTROL_NOT_FOUND)
		log_account(logins->log, LOG_WARNING, note->address,
			"logins: %s", error.text);
}

static void logins_keep_tree(void *note)
{
	(void)note; /* the list has them */
}

void logins_flush(struct logins *logins)
{
	struct logins_note *first, *note;

	pthread_mutex_lock(&logins->writing);
	pthread_mutex_lock(&logins->lock);
	first = logins->first;
	tdestroy(logins->tree, logins_keep_tree);
	logins->tree = NULL;
	logins->first = NULL;
	logins->count = 0;
	logins->urgent = false;
	pthread_mutex_unlock(&logins->lock);
	for (note = first; note != NULL; note = note->next)
		logins_move(logins, note);
	logins_write_all(logins, first);
	while ((note = first) != NULL) {
		first = note->next;
		logins_note_free(note);
	}
	pthread_mutex_unlock(&logins->writing);
}

/* ---- idleness ---- */

struct logins_idle {
	struct logins *logins;
	int64_t from, to; /* quiet since then */
};

static bool logins_idle_session(const struct sessions_view *view, void *context)
{
	struct logins_idle *idle = context;

	if (view->quiet_since != 0 && view->quiet_since > idle->from &&
		view->quiet_since <= idle->to)
		logins_look(idle->logins, view->entry.address);
	return true;
}

/* Sessions that count as logged out since the former pass. */
static void logins_pass_idle(struct logins *logins)
{
	const struct settings *settings = settings_get(logins->settings);
	int64_t now = instant_now();
	struct logins_idle idle = {
		.logins = logins,
		.from = logins->idle_pass -
			settings->config->policyd.gateway_idle,
		.to = now - settings->config->policyd.gateway_idle,
	};

	settings_put(logins->settings, &settings);
	sessions_scan(gateways_sessions(logins->gateways), NULL,
		logins_idle_session, &idle);
	logins->idle_pass = now;
}

/* ---- the thread ---- */

/* With the lock: until something is urgent, a pass at most. */
static void logins_sleep(struct logins *logins)
{
	int64_t end = instant_monotonic() + LOGINS_PASS_MS;
	struct timespec until = {
		.tv_sec = (time_t)(end / 1000),
		.tv_nsec = (long)(end % 1000) * 1000000,
	};

	if (!logins->urgent && !logins->ending)
		pthread_cond_timedwait(&logins->wake, &logins->lock, &until);
}

static void *logins_run(void *context)
{
	struct logins *logins = context;
	int64_t idle_at = 0;
	bool on = true;

	while (on) {
		if (instant_monotonic() >= idle_at) {
			logins_pass_idle(logins);
			idle_at = instant_monotonic() + LOGINS_PASS_MS;
		}
		logins_flush(logins);
		pthread_mutex_lock(&logins->lock);
		logins_sleep(logins);
		on = !logins->ending;
		pthread_mutex_unlock(&logins->lock);
	}
	return NULL;
}

void logins_start(struct logins *logins)
{
	if (pthread_create(&logins->thread, NULL, logins_run, logins) != 0)
		abort();
	logins->started = true;
}

void logins_free(struct logins **logins_pointer)
{
	struct logins *logins = *logins_pointer;

	if (logins == NULL)
		return;
	if (logins->started) {
		pthread_mutex_lock(&logins->lock);
		logins->ending = true;
		pthread_cond_signal(&logins->wake);
		pthread_mutex_unlock(&logins->lock);
		pthread_join(logins->thread, NULL);
	}
	logins_flush(logins);
	pthread_cond_destroy(&logins->wake);
	pthread_mutex_destroy(&logins->lock);
	pthread_mutex_destroy(&logins->writing);
	free(logins);
	*logins_pointer = NULL;
}

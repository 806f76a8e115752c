/* SPDX-License-Identifier: BSD-2-Clause */
/* The known gateways in the store, the barrier, and pushes. */
#include "config.h"

#include "policyd/gateways.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/attr.h"
#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/gateway_link.h"

#define GATEWAYS_NOTE	   "gateways"
#define GATEWAYS_KNOWN_MAX 1000
#define GATEWAYS_TRIES	   5
#define GATEWAYS_PASS_MS   1000
/* One that was admitted joins in a moment. */
#define GATEWAYS_FRESH_MS 60000
/* What a home may still be at when its gateway's process has ended. */
#define GATEWAYS_GRACE_MS 5000

struct gateways_known {
	struct sessions_identity identity;
	int64_t since; /* monotonic */
	bool seen;     /* by the present pass */
};

struct gateways {
	struct settings_box *settings;
	struct store *store;
	struct log *log;
	struct sessions *sessions;
	int64_t lease;

	pthread_mutex_t known_lock; /* also held while they are stored */
	struct gateways_known *known;
	size_t known_count;

	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ending;
};

static int64_t gateways_config_lease(struct settings_box *box)
{
	const struct settings *settings = settings_get(box);
	int64_t lease = settings->config->policyd.gateway_lease;

	settings_put(box, &settings);
	return lease;
}

struct gateways *gateways_new(
	struct settings_box *settings, struct store *store, struct log *log)
{
	struct gateways *gateways = xcalloc(1, sizeof(*gateways));
	pthread_condattr_t attributes;

	gateways->settings = settings;
	gateways->store = store;
	gateways->log = log;
	gateways->lease = gateways_config_lease(settings);
	gateways->sessions = sessions_new(gateways->lease, GATEWAYS_GRACE_MS);
	pthread_mutex_init(&gateways->known_lock, NULL);
	pthread_mutex_init(&gateways->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&gateways->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	return gateways;
}

static void gateways_stop(struct gateways *gateways)
{
	if (!gateways->started)
		return;
	pthread_mutex_lock(&gateways->lock);
	gateways->ending = true;
	pthread_cond_signal(&gateways->wake);
	pthread_mutex_unlock(&gateways->lock);
	pthread_join(gateways->thread, NULL);
	gateways->started = false;
}

void gateways_free(struct gateways **gateways_pointer)
{
	struct gateways *gateways = *gateways_pointer;

	if (gateways == NULL)
		return;
	gateways_stop(gateways);
	sessions_free(&gateways->sessions);
	pthread_cond_destroy(&gateways->wake);
	pthread_mutex_destroy(&gateways->lock);
	pthread_mutex_destroy(&gateways->known_lock);
	free(gateways->known);
	free(gateways);
	*gateways_pointer = NULL;
}

struct sessions *gateways_sessions(struct gateways *gateways)
{
	return gateways->sessions;
}

int64_t gateways_lease(const struct gateways *gateways)
{
	return gateways->lease - gateways->lease / 4;
}

/* ---- the known ones; with known_lock ---- */

static bool gateways_same(const struct sessions_identity *one,
	const struct sessions_identity *other)
{
	return strcmp(one->name, other->name) == 0 &&
	       strcmp(one->instance, other->instance) == 0 &&
	       one->pid == other->pid;
}

static struct gateways_known *gateways_find(
	struct gateways *gateways, const struct sessions_identity *identity)
{
	for (size_t i = 0; i < gateways->known_count; i++)
		if (gateways_same(&gateways->known[i].identity, identity))
			return &gateways->known[i];
	return NULL;
}

static void gateways_add(struct gateways *gateways,
	const struct sessions_identity *identity, int64_t now)
{
	struct gateways_known *known;

	gateways->known = xreallocarray(gateways->known,
		gateways->known_count + 1, sizeof(gateways->known[0]));
	known = &gateways->known[gateways->known_count++];
	*known = (struct gateways_known){ .identity = *identity, .since = now };
}

/* One try to put the note; as a commit. */
static enum store_commit gateways_put(
	struct gateways *gateways, const char *text, struct error *error)
{
	struct store_txn *txn;

	if (store_begin(gateways->store, &txn, error) < 0)
		return STORE_FAILED;
	/* a failure dooms the transaction, which its commit tells */
	(void)store_txn_put_note(txn, GATEWAYS_NOTE, text, error);
	return store_commit(&txn, error);
}

/* Stores them, durably. 0 or -1. */
static int gateways_store(struct gateways *gateways, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	enum store_commit result = STORE_CONFLICT;

	buffer_add_text(&text, "");
	for (size_t i = 0; i < gateways->known_count; i++) {
		const struct sessions_identity *identity =
			&gateways->known[i].identity;

		buffer_printf(&text, "%s %s %ld\n", identity->name,
			identity->instance, (long)identity->pid);
	}
	for (int try = 0; result == STORE_CONFLICT && try < GATEWAYS_TRIES;
		try++)
		result = gateways_put(gateways, text.data, error);
	buffer_free(&text);
	if (result == STORE_DONE)
		return 0;
	error_prefix(error, "keep the list of gateways");
	return -1;
}

bool gateways_knows(
	struct gateways *gateways, const struct sessions_identity *identity)
{
	struct gateways_known *known;

	pthread_mutex_lock(&gateways->known_lock);
	known = gateways_find(gateways, identity);
	if (known != NULL)
		known->since = instant_monotonic();
	pthread_mutex_unlock(&gateways->known_lock);
	return known != NULL;
}

int gateways_admit(struct gateways *gateways,
	const struct sessions_identity *identity, struct error *error)
{
	int result = -1;

	pthread_mutex_lock(&gateways->known_lock);
	if (gateways_find(gateways, identity) != NULL) {
		result = 0;
	} else if (gateways->known_count >= GATEWAYS_KNOWN_MAX) {
		error_set(error, "more than %d gateways", GATEWAYS_KNOWN_MAX);
	} else {
		gateways_add(gateways, identity, instant_monotonic());
		result = gateways_store(gateways, error);
		/* unknown whether it is there: then one too many is no harm */
		if (result < 0)
			gateways->known_count--;
	}
	pthread_mutex_unlock(&gateways->known_lock);
	return result;
}

/* ---- those that are gone ---- */

static void gateways_see(const struct sessions_identity *identity,
	const char *state, size_t count, int64_t left, void *context)
{
	struct gateways_known *known = gateways_find(context, identity);

	(void)state;
	(void)count;
	(void)left;
	if (known != NULL)
		known->seen = true;
}

/* Those that the registry has forgotten need not be expected any more. */
static void gateways_forget(struct gateways *gateways)
{
	int64_t now = instant_monotonic();
	size_t kept = 0, count;
	struct error error;

	pthread_mutex_lock(&gateways->known_lock);
	for (size_t i = 0; i < gateways->known_count; i++)
		gateways->known[i].seen = false;
	sessions_each_gateway(gateways->sessions, now, gateways_see, gateways);
	count = gateways->known_count;
	for (size_t i = 0; i < count; i++)
		if (gateways->known[i].seen ||
			now - gateways->known[i].since < GATEWAYS_FRESH_MS)
			gateways->known[kept++] = gateways->known[i];
	gateways->known_count = kept;
	if (kept < count && gateways_store(gateways, &error) < 0)
		log_write(gateways->log, LOG_WARNING, "%s", error.text);
	pthread_mutex_unlock(&gateways->known_lock);
}

/* With the lock: sleeps for a pass. */
static void gateways_sleep(struct gateways *gateways)
{
	int64_t end = instant_monotonic() + GATEWAYS_PASS_MS;
	struct timespec until = {
		.tv_sec = (time_t)(end / 1000),
		.tv_nsec = (long)(end % 1000) * 1000000,
	};

	pthread_cond_timedwait(&gateways->wake, &gateways->lock, &until);
}

static void *gateways_run(void *context)
{
	struct gateways *gateways = context;

	pthread_mutex_lock(&gateways->lock);
	while (!gateways->ending) {
		pthread_mutex_unlock(&gateways->lock);
		gateways_forget(gateways);
		pthread_mutex_lock(&gateways->lock);
		if (!gateways->ending)
			gateways_sleep(gateways);
	}
	pthread_mutex_unlock(&gateways->lock);
	return NULL;
}

/* ---- the start ---- */

/* What cannot be read was a gateway all the same, and is waited for. */
static void gateways_expect(
	struct gateways *gateways, const char *line, int64_t now)
{
	struct sessions_identity identity;
	long pid = 0;

	_Static_assert(SESSIONS_NAME_SIZE == 96, "the scan below");
	memset(&identity, 0, sizeof(identity));
	if (sscanf(line, "%95s %95s %ld", identity.name, identity.instance,
		    &pid) != 3)
		snprintf(identity.name, sizeof(identity.name), "?");
	identity.pid = (pid_t)pid;
	sessions_expect(gateways->sessions, &identity, now);
	gateways_add(gateways, &identity, now - GATEWAYS_FRESH_MS);
}

int gateways_start(struct gateways *gateways, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	int64_t now = instant_monotonic();
	int found =
		store_get_note(gateways->store, GATEWAYS_NOTE, &text, error);
	char *line = text.data, *rest;

	for (; found > 0 && line != NULL && *line != '\0'; line = rest) {
		rest = strchr(line, '\n');
		if (rest != NULL)
			*rest++ = '\0';
		gateways_expect(gateways, line, now);
	}
	buffer_free(&text);
	if (found < 0)
		return -1;
	if (pthread_create(&gateways->thread, NULL, gateways_run, gateways) !=
		0)
		abort();
	gateways->started = true;
	return 0;
}

/* ---- pushes ---- */

static void gateways_push(void *link, void *message)
{
	gateway_link_push(link, message);
}

static void gateways_note(void *link, void *address)
{
	gateway_link_note(link, address);
}

/* Of that address alone. */
static void gateways_push_close(
	struct gateways *gateways, const char *address, int64_t deadline)
{
	struct attr_list *message = attr_list_new();

	attr_list_add(message, "event", "close");
	attr_list_add(message, "address", address);
	attr_list_add_number(message, "deadline", deadline);
	sessions_each_link(gateways->sessions, address, gateways_push, message);
	attr_list_free(&message);
}

/* ms that a busy session of the frozen account has. */
static int64_t gateways_deadline(
	struct gateways *gateways, const struct account *account)
{
	const struct settings *settings = settings_get(gateways->settings);
	int64_t deadline = settings->config->policyd.gateway_close;
	int64_t half = (account->frozen_until - instant_now()) / 2;

	settings_put(gateways->settings, &settings);
	if (deadline > half)
		deadline = half;
	return deadline > 0 ? deadline : 0;
}

/* The names under which sessions of an account may be registered: its own, and
 * its aliases, from before it was in the directory. */
struct gateways_names {
	struct gateways *gateways;
	int64_t deadline;
	int64_t now;
	int64_t before; /* quiet since then */
	int quiet;
	size_t left;
	bool untold;
};

static bool gateways_close_alias(
	const char *alias, const char *address, void *context)
{
	struct gateways_names *names = context;

	(void)address;
	gateways_push_close(names->gateways, alias, names->deadline);
	return true;
}

static void gateways_close_account(
	struct gateways *gateways, const struct account *account)
{
	struct gateways_names names = {
		.gateways = gateways,
		.deadline = gateways_deadline(gateways, account),
	};
	struct error error;

	gateways_push_close(gateways, account->address, names.deadline);
	if (store_scan_aliases(gateways->store, account->address,
		    gateways_close_alias, &names, &error) < 0)
		log_account(gateways->log, LOG_WARNING, account->address,
			"close its sessions: %s", error.text);
}

void gateways_close(struct gateways *gateways, const char *address)
{
	struct account account;
	struct error error;

	if (sessions_count(gateways->sessions, NULL) == 0)
		return;
	if (store_get_account(gateways->store, address, &account, &error) <= 0)
		return;
	if (account_is_frozen(&account))
		gateways_close_account(gateways, &account);
	account_clear(&account);
}

void gateways_unlocked(struct gateways *gateways, const char *address)
{
	char copy[ADDRESS_SIZE];

	snprintf(copy, sizeof(copy), "%s", address);
	sessions_each_link(gateways->sessions, NULL, gateways_note, copy);
}

void gateways_changed(struct gateways *gateways, const struct account *account)
{
	/* an older change may be told after a newer one: the store knows */
	if (account_is_frozen(account) &&
		account->front == ACCOUNT_FRONT_CLOSING)
		gateways_close(gateways, account->address);
	gateways_unlocked(gateways, account->address);
}

/* ---- the barrier ---- */

static void gateways_count_name(
	struct gateways_names *names, const char *address)
{
	const char *untold;
	size_t left;

	(void)sessions_are_over(
		names->gateways->sessions, address, names->now, &left, &untold);
	names->left += left;
	names->untold = names->untold || untold != NULL;
}

static bool gateways_count_alias(
	const char *alias, const char *address, void *context)
{
	(void)address;
	gateways_count_name(context, alias);
	return true;
}

int gateways_barrier(struct gateways *gateways, const char *address,
	const char **waiting_r, size_t *entries_r, struct error *error)
{
	struct gateways_names names = {
		.gateways = gateways,
		.now = instant_monotonic(),
	};

	gateways_count_name(&names, address);
	if (store_scan_aliases(gateways->store, address, gateways_count_alias,
		    &names, error) < 0)
		return -1;
	*entries_r = names.left;
	if (names.left > 0)
		*waiting_r = "sessions";
	else if (names.untold)
		*waiting_r = "gateways";
	else
		return 1;
	return 0;
}

/* ---- logged out ---- */

static void gateways_ask_quiet(
	struct gateways_names *names, const char *address)
{
	int quiet = sessions_are_quiet(
		names->gateways->sessions, address, names->before, names->now);

	if (quiet < names->quiet)
		names->quiet = quiet;
}

static bool gateways_quiet_alias(
	const char *alias, const char *address, void *context)
{
	(void)address;
	gateways_ask_quiet(context, alias);
	return true;
}

int gateways_quiet(
	struct gateways *gateways, const char *address, struct error *error)
{
	const struct settings *settings = settings_get(gateways->settings);
	struct gateways_names names = {
		.gateways = gateways,
		.now = instant_monotonic(),
		.before =
			instant_now() - settings->config->policyd.gateway_idle,
		.quiet = 1,
	};

	settings_put(gateways->settings, &settings);
	gateways_ask_quiet(&names, address);
	if (store_scan_aliases(gateways->store, address, gateways_quiet_alias,
		    &names, error) < 0)
		return -1;
	if (names.quiet < 0)
		error_set(error,
			"account %s: a gateway has not told its sessions",
			address);
	return names.quiet;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Two trees: accounts by address, sessions by gateway and number. */
#include "config.h"

#include "policyd/sessions.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/account.h"
#include "lib/xalloc.h"

#define SESSIONS_WORD_SIZE 64

struct sessions_account {
	char address[ADDRESS_SIZE];
	struct session *first; /* never NULL: freed with its last one */
	size_t count;
	size_t quiet; /* of them */
};

struct session {
	struct sessions_gateway *gateway;
	uint64_t number;
	struct sessions_account *account;
	struct session *next, **place;		       /* of the account */
	struct session *gateway_next, **gateway_place; /* of the gateway */
	char protocol[SESSIONS_WORD_SIZE];
	char system[ACCOUNT_NAME_SIZE];
	char client[SESSIONS_WORD_SIZE];
	int64_t since;
	int64_t quiet_since;
};

enum sessions_state {
	SESSIONS_EXPECTED, /* it was there, and has not told all */
	SESSIONS_TELLING,
	SESSIONS_READY,
	SESSIONS_GONE, /* its connection is lost */
};

struct sessions_gateway {
	struct sessions_gateway *next;
	struct sessions *sessions;
	struct sessions_identity identity;
	enum sessions_state state;
	void *link;
	int64_t until; /* of EXPECTED and GONE; monotonic */
	struct session *first;
	size_t count;
};

struct sessions {
	pthread_mutex_t lock; /* of all below */
	int64_t lease, grace;
	struct sessions_gateway *gateways;
	void *accounts, *numbers;
	size_t count;
};

static void sessions_copy(char *field, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	memcpy(field, text, length);
	field[length] = '\0';
}

static int sessions_compare_accounts(const void *left, const void *right)
{
	const struct sessions_account *a = left, *b = right;

	return strcmp(a->address, b->address);
}

static int sessions_compare_numbers(const void *left, const void *right)
{
	const struct session *a = left, *b = right;

	if (a->gateway != b->gateway)
		return (uintptr_t)a->gateway < (uintptr_t)b->gateway ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

/* ---- with the lock held ---- */

static struct sessions_account *sessions_find_account(
	struct sessions *sessions, const char *address)
{
	struct sessions_account key;
	struct sessions_account **found;

	sessions_copy(key.address, sizeof(key.address), address);
	found = tfind(&key, &sessions->accounts, sessions_compare_accounts);
	return found != NULL ? *found : NULL;
}

static struct sessions_account *sessions_make_account(
	struct sessions *sessions, const char *address)
{
	struct sessions_account *account =
		sessions_find_account(sessions, address);

	if (account != NULL)
		return account;
	account = xcalloc(1, sizeof(*account));
	sessions_copy(account->address, sizeof(account->address), address);
	if (tsearch(account, &sessions->accounts, sessions_compare_accounts) ==
		NULL)
		abort();
	return account;
}

static struct session *sessions_find(
	struct sessions_gateway *gateway, uint64_t number)
{
	const struct session key = { .gateway = gateway, .number = number };
	struct session **found = tfind(
		&key, &gateway->sessions->numbers, sessions_compare_numbers);

	return found != NULL ? *found : NULL;
}

static void sessions_link(
	struct session *session, struct sessions_account *account)
{
	struct sessions_gateway *gateway = session->gateway;

	session->account = account;
	session->next = account->first;
	session->place = &account->first;
	if (session->next != NULL)
		session->next->place = &session->next;
	account->first = session;
	account->count++;
	session->gateway_next = gateway->first;
	session->gateway_place = &gateway->first;
	if (session->gateway_next != NULL)
		session->gateway_next->gateway_place = &session->gateway_next;
	gateway->first = session;
	gateway->count++;
	gateway->sessions->count++;
}

static void sessions_drop(struct session *session)
{
	struct sessions *sessions = session->gateway->sessions;
	struct sessions_account *account = session->account;

	if (session->quiet_since != 0)
		account->quiet--;
	session->gateway->count--;
	*session->place = session->next;
	if (session->next != NULL)
		session->next->place = session->place;
	*session->gateway_place = session->gateway_next;
	if (session->gateway_next != NULL)
		session->gateway_next->gateway_place = session->gateway_place;
	tdelete(session, &sessions->numbers, sessions_compare_numbers);
	sessions->count--;
	free(session);
	if (--account->count > 0)
		return;
	tdelete(account, &sessions->accounts, sessions_compare_accounts);
	free(account);
}

static void sessions_drop_gateway(struct sessions_gateway *gateway)
{
	struct sessions_gateway **link = &gateway->sessions->gateways;

	while (gateway->first != NULL)
		sessions_drop(gateway->first);
	while (*link != gateway)
		link = &(*link)->next;
	*link = gateway->next;
	free(gateway);
}

static struct sessions_gateway *sessions_add_gateway(struct sessions *sessions,
	const struct sessions_identity *identity, enum sessions_state state)
{
	struct sessions_gateway *gateway = xcalloc(1, sizeof(*gateway));

	gateway->sessions = sessions;
	gateway->identity = *identity;
	gateway->state = state;
	gateway->next = sessions->gateways;
	sessions->gateways = gateway;
	return gateway;
}

static bool sessions_is_lost(const struct sessions_gateway *gateway)
{
	return gateway->state == SESSIONS_EXPECTED ||
	       gateway->state == SESSIONS_GONE;
}

/* Those whose time has run out are forgotten. */
static void sessions_expire(struct sessions *sessions, int64_t now)
{
	struct sessions_gateway *gateway = sessions->gateways, *next;

	for (; gateway != NULL; gateway = next) {
		next = gateway->next;
		if (sessions_is_lost(gateway) && now >= gateway->until)
			sessions_drop_gateway(gateway);
	}
}

/* One that is about to tell, or may never do so. */
static const char *sessions_untold(const struct sessions *sessions)
{
	const struct sessions_gateway *gateway;

	for (gateway = sessions->gateways; gateway != NULL;
		gateway = gateway->next)
		if (gateway->state == SESSIONS_EXPECTED ||
			gateway->state == SESSIONS_TELLING)
			return gateway->identity.name;
	return NULL;
}

/* A process that cannot be asked about counts as running. */
static bool sessions_has_ended(const struct sessions_identity *identity)
{
	return identity->pid > 0 && kill(identity->pid, 0) < 0 &&
	       errno == ESRCH;
}

/* What a gateway that is ready says about a lost one. */
static void sessions_succeed(struct sessions_gateway *lost,
	const struct sessions_gateway *gateway, int64_t now)
{
	const struct sessions *sessions = gateway->sessions;

	if (strcmp(lost->identity.name, gateway->identity.name) != 0)
		return;
	if (strcmp(lost->identity.instance, gateway->identity.instance) == 0)
		lost->until = now;
	else if (sessions_has_ended(&lost->identity) &&
		 lost->until > now + sessions->grace)
		lost->until = now + sessions->grace;
}

static void sessions_tell_left(
	const struct session *session, size_t *left_r, char *address_r)
{
	const struct sessions_account *account = session->account;

	if (left_r != NULL)
		*left_r = account->count - account->quiet;
	if (address_r != NULL)
		memcpy(address_r, account->address, sizeof(account->address));
}

/* ---- the interface ---- */

struct sessions *sessions_new(int64_t lease, int64_t grace)
{
	struct sessions *sessions = xcalloc(1, sizeof(*sessions));

	sessions->lease = lease;
	sessions->grace = grace;
	pthread_mutex_init(&sessions->lock, NULL);
	return sessions;
}

void sessions_free(struct sessions **sessions_pointer)
{
	struct sessions *sessions = *sessions_pointer;

	if (sessions == NULL)
		return;
	while (sessions->gateways != NULL)
		sessions_drop_gateway(sessions->gateways);
	pthread_mutex_destroy(&sessions->lock);
	free(sessions);
	*sessions_pointer = NULL;
}

void sessions_expect(struct sessions *sessions,
	const struct sessions_identity *identity, int64_t now)
{
	struct sessions_gateway *gateway;

	pthread_mutex_lock(&sessions->lock);
	gateway = sessions_add_gateway(sessions, identity, SESSIONS_EXPECTED);
	gateway->until = now + sessions->lease;
	pthread_mutex_unlock(&sessions->lock);
}

struct sessions_gateway *sessions_join(struct sessions *sessions,
	const struct sessions_identity *identity, void *link)
{
	struct sessions_gateway *gateway;

	pthread_mutex_lock(&sessions->lock);
	gateway = sessions_add_gateway(sessions, identity, SESSIONS_TELLING);
	gateway->link = link;
	pthread_mutex_unlock(&sessions->lock);
	return gateway;
}

void sessions_ready(struct sessions_gateway *gateway, int64_t now)
{
	struct sessions *sessions = gateway->sessions;
	struct sessions_gateway *other;

	pthread_mutex_lock(&sessions->lock);
	gateway->state = SESSIONS_READY;
	for (other = sessions->gateways; other != NULL; other = other->next)
		if (sessions_is_lost(other))
			sessions_succeed(other, gateway, now);
	sessions_expire(sessions, now);
	pthread_mutex_unlock(&sessions->lock);
}

bool sessions_is_ready(const struct sessions_gateway *gateway)
{
	struct sessions *sessions = gateway->sessions;
	bool ready;

	pthread_mutex_lock(&sessions->lock);
	ready = gateway->state == SESSIONS_READY;
	pthread_mutex_unlock(&sessions->lock);
	return ready;
}

void sessions_leave(struct sessions_gateway **gateway_pointer, int64_t now)
{
	struct sessions_gateway *gateway = *gateway_pointer;
	struct sessions *sessions;

	if (gateway == NULL)
		return;
	sessions = gateway->sessions;
	pthread_mutex_lock(&sessions->lock);
	/* What it had not told yet may be under way, too. */
	gateway->state = gateway->state == SESSIONS_READY ? SESSIONS_GONE
							  : SESSIONS_EXPECTED;
	gateway->until = now + sessions->lease;
	gateway->link = NULL;
	pthread_mutex_unlock(&sessions->lock);
	*gateway_pointer = NULL;
}

int sessions_open(struct sessions_gateway *gateway, uint64_t number,
	const struct sessions_entry *entry)
{
	struct sessions *sessions = gateway->sessions;
	struct session *session = NULL;

	pthread_mutex_lock(&sessions->lock);
	if (sessions_find(gateway, number) == NULL) {
		session = xcalloc(1, sizeof(*session));
		session->gateway = gateway;
		session->number = number;
		session->since = entry->since;
		sessions_copy(session->protocol, sizeof(session->protocol),
			entry->protocol);
		sessions_copy(session->system, sizeof(session->system),
			entry->system);
		sessions_copy(session->client, sizeof(session->client),
			entry->client);
		sessions_link(session,
			sessions_make_account(sessions, entry->address));
		if (tsearch(session, &sessions->numbers,
			    sessions_compare_numbers) == NULL)
			abort();
	}
	pthread_mutex_unlock(&sessions->lock);
	return session != NULL ? 0 : -1;
}

int sessions_end(struct sessions_gateway *gateway, uint64_t number,
	size_t *left_r, char *address_r)
{
	struct sessions *sessions = gateway->sessions;
	struct session *session;

	pthread_mutex_lock(&sessions->lock);
	session = sessions_find(gateway, number);
	if (session != NULL) {
		sessions_tell_left(session, left_r, address_r);
		if (left_r != NULL && session->quiet_since == 0)
			(*left_r)--;
		sessions_drop(session);
	}
	pthread_mutex_unlock(&sessions->lock);
	return session != NULL ? 0 : -1;
}

int sessions_set_quiet(struct sessions_gateway *gateway, uint64_t number,
	int64_t since, size_t *left_r, char *address_r)
{
	struct sessions *sessions = gateway->sessions;
	struct session *session;

	pthread_mutex_lock(&sessions->lock);
	session = sessions_find(gateway, number);
	if (session != NULL) {
		if (session->quiet_since != 0)
			session->account->quiet--;
		if (since != 0)
			session->account->quiet++;
		session->quiet_since = since;
		sessions_tell_left(session, left_r, address_r);
	}
	pthread_mutex_unlock(&sessions->lock);
	return session != NULL ? 0 : -1;
}

int sessions_are_over(struct sessions *sessions, const char *address,
	int64_t now, size_t *left_r, const char **gateway_r)
{
	static _Thread_local char name[SESSIONS_NAME_SIZE];
	const struct sessions_account *account;
	const char *untold;

	pthread_mutex_lock(&sessions->lock);
	sessions_expire(sessions, now);
	account = sessions_find_account(sessions, address);
	*left_r = account != NULL ? account->count : 0;
	untold = sessions_untold(sessions);
	if (untold != NULL)
		sessions_copy(name, sizeof(name), untold);
	*gateway_r = untold != NULL ? name : NULL;
	pthread_mutex_unlock(&sessions->lock);
	return *left_r == 0 && *gateway_r == NULL;
}

int sessions_are_quiet(struct sessions *sessions, const char *address,
	int64_t before, int64_t now)
{
	const struct sessions_account *account;
	const struct session *session = NULL;
	int result;

	pthread_mutex_lock(&sessions->lock);
	sessions_expire(sessions, now);
	result = sessions_untold(sessions) == NULL ? 1 : -1;
	account = sessions_find_account(sessions, address);
	if (account != NULL)
		session = account->first;
	for (; session != NULL && result == 1; session = session->next)
		if (sessions_is_lost(session->gateway))
			result = -1;
		else if (session->quiet_since == 0 ||
			 session->quiet_since > before)
			result = 0;
	pthread_mutex_unlock(&sessions->lock);
	return result;
}

size_t sessions_count(struct sessions *sessions, const char *address)
{
	const struct sessions_account *account;
	size_t count;

	pthread_mutex_lock(&sessions->lock);
	if (address == NULL) {
		count = sessions->count;
	} else {
		account = sessions_find_account(sessions, address);
		count = account != NULL ? account->count : 0;
	}
	pthread_mutex_unlock(&sessions->lock);
	return count;
}

static bool sessions_show(
	const struct session *session, sessions_fn *fn, void *context)
{
	const struct sessions_view view = {
		.entry = {
			.address = session->account->address,
			.protocol = session->protocol,
			.system = session->system,
			.client = session->client,
			.since = session->since,
		},
		.gateway = session->gateway->identity.name,
		.instance = session->gateway->identity.instance,
		.number = session->number,
		.quiet_since = session->quiet_since,
		.link = session->gateway->link,
	};

	return fn(&view, context);
}

void sessions_scan(struct sessions *sessions, const char *address,
	sessions_fn *fn, void *context)
{
	const struct sessions_gateway *gateway;
	const struct sessions_account *account;
	const struct session *session = NULL;
	bool on = true;

	pthread_mutex_lock(&sessions->lock);
	if (address != NULL) {
		account = sessions_find_account(sessions, address);
		if (account != NULL)
			session = account->first;
		for (; on && session != NULL; session = session->next)
			on = sessions_show(session, fn, context);
	} else {
		for (gateway = sessions->gateways; gateway != NULL;
			gateway = gateway->next)
			for (session = gateway->first; on && session != NULL;
				session = session->gateway_next)
				on = sessions_show(session, fn, context);
	}
	pthread_mutex_unlock(&sessions->lock);
}

bool sessions_look(struct sessions_gateway *gateway, uint64_t number,
	sessions_fn *fn, void *context)
{
	struct sessions *sessions = gateway->sessions;
	const struct session *session;

	pthread_mutex_lock(&sessions->lock);
	session = sessions_find(gateway, number);
	if (session != NULL)
		sessions_show(session, fn, context);
	pthread_mutex_unlock(&sessions->lock);
	return session != NULL;
}

/* Whether one of the account's sessions is the gateway's. */
static bool sessions_has(const struct sessions_account *account,
	const struct sessions_gateway *gateway)
{
	const struct session *session;

	for (session = account->first; session != NULL; session = session->next)
		if (session->gateway == gateway)
			return true;
	return false;
}

void sessions_each_link(struct sessions *sessions, const char *address,
	sessions_link_fn *fn, void *context)
{
	const struct sessions_account *account = NULL;
	const struct sessions_gateway *gateway;

	pthread_mutex_lock(&sessions->lock);
	if (address != NULL)
		account = sessions_find_account(sessions, address);
	for (gateway = sessions->gateways; gateway != NULL;
		gateway = gateway->next)
		if (gateway->link != NULL &&
			(address == NULL ||
				(account != NULL &&
					sessions_has(account, gateway))))
			fn(gateway->link, context);
	pthread_mutex_unlock(&sessions->lock);
}

void sessions_each_gateway(struct sessions *sessions, int64_t now,
	sessions_gateway_fn *fn, void *context)
{
	static const char *const states[] = {
		[SESSIONS_EXPECTED] = "expected",
		[SESSIONS_TELLING] = "telling",
		[SESSIONS_READY] = "ready",
		[SESSIONS_GONE] = "lost",
	};
	const struct sessions_gateway *gateway;

	pthread_mutex_lock(&sessions->lock);
	sessions_expire(sessions, now);
	for (gateway = sessions->gateways; gateway != NULL;
		gateway = gateway->next)
		fn(&gateway->identity, states[gateway->state], gateway->count,
			sessions_is_lost(gateway) ? gateway->until - now : 0,
			context);
	pthread_mutex_unlock(&sessions->lock);
}

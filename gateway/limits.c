/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts of connections and of failed logins. A count that is at zero takes no
 * memory; of failures no more than a fixed number of places is remembered, and
 * the one that has been quiet for the longest is forgotten first.
 */
#include "config.h"

#include "gateway/limits.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/network.h"
#include "lib/xalloc.h"

#define LIMITS_SLOTS	  4096	/* of the hash table of addresses */
#define LIMITS_SETS	  4096	/* of the table of failures, */
#define LIMITS_WAYS	  8	/* and the places of each */
#define LIMITS_HALVED	  60000 /* ms after which half of the failures count */
#define LIMITS_COUNT_MOST 1000
#define LIMITS_DELAY	  1000 /* ms, and then twice that, */
#define LIMITS_DOUBLINGS  4    /* so often at most */

/* Connections of one address. */
struct limits_address {
	struct limits_address *next;
	uint64_t key;
	size_t count;
};

/* Failed logins of one address, of one user, or of both together. */
struct limits_failure {
	uint64_t key; /* 0: free */
	int64_t at;   /* ms: when the count was right */
	unsigned count;
};

/* So many failures cost nothing, for people mistype; and the most that one can
 * have to wait then, ms. */
struct limits_patience {
	unsigned free;
	int64_t most;
};
static const struct limits_patience limits_of_address = { 5, 15000 };
static const struct limits_patience limits_of_user = { 20, 3000 };

struct limits {
	uint64_t secret; /* nobody can choose what falls into one slot */
	atomic_size_t most, count;
	pthread_mutex_t lock; /* of all below */
	size_t most_from;
	struct network_list *trusted;
	struct limits_address *addresses[LIMITS_SLOTS];
	struct limits_failure failures[LIMITS_SETS][LIMITS_WAYS];
};

struct limits *limits_new(const struct config *config, struct error *error)
{
	struct limits *limits = xcalloc(1, sizeof(*limits));

	if (getrandom(&limits->secret, sizeof(limits->secret), 0) !=
		sizeof(limits->secret))
		abort();
	pthread_mutex_init(&limits->lock, NULL);
	if (limits_set(limits, config, error) < 0)
		limits_free(&limits);
	return limits;
}

int limits_set(
	struct limits *limits, const struct config *config, struct error *error)
{
	struct network_list *trusted = network_list_new(
		config->gateway.trusted, config->gateway.trusted_count, error);

	if (trusted == NULL)
		return -1;
	atomic_store(&limits->most, (size_t)config->gateway.sessions);
	pthread_mutex_lock(&limits->lock);
	network_list_free(&limits->trusted);
	limits->trusted = trusted;
	limits->most_from = (size_t)config->gateway.per_address;
	pthread_mutex_unlock(&limits->lock);
	return 0;
}

void limits_free(struct limits **limits_pointer)
{
	struct limits *limits = *limits_pointer;

	if (limits == NULL)
		return;
	for (size_t i = 0; i < LIMITS_SLOTS; i++) {
		struct limits_address *each = limits->addresses[i], *next;

		for (; each != NULL; each = next) {
			next = each->next;
			free(each);
		}
	}
	network_list_free(&limits->trusted);
	pthread_mutex_destroy(&limits->lock);
	free(limits);
	*limits_pointer = NULL;
}

/* ---- keys ---- */

/* One more word, by the finish of MurmurHash3's kind. */
static uint64_t limits_mix(uint64_t hash, uint64_t word)
{
	hash ^= word;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 32;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 29;
}

/* An IPv4 address, or the network of an IPv6 one; 0 is neither. */
static uint64_t limits_key_of(const struct limits *limits, const char *client)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	uint64_t word = 0;

	if (inet_pton(AF_INET, client, bytes) == 1)
		memcpy(&word, bytes, sizeof(struct in_addr));
	else if (inet_pton(AF_INET6, client, bytes) == 1)
		memcpy(&word, bytes, sizeof(word));
	else
		return 0;
	return limits_mix(limits->secret, word) | 1;
}

/* Names that differ in case are one user's. */
static uint64_t limits_key_user(const struct limits *limits, const char *user)
{
	uint64_t hash = ~limits->secret;

	for (; *user != '\0'; user++)
		hash = limits_mix(
			hash, (uint64_t)tolower((unsigned char)*user));
	return hash | 1;
}

static uint64_t limits_key_both(uint64_t address, uint64_t user)
{
	return limits_mix(address, user) | 1;
}

static bool limits_is_trusted(const struct limits *limits, const char *client)
{
	return network_list_has_text(limits->trusted, client);
}

/* ---- connections ---- */

bool limits_come(struct limits *limits)
{
	if (atomic_fetch_add(&limits->count, 1) < atomic_load(&limits->most))
		return true;
	limits_go(limits);
	return false;
}

void limits_go(struct limits *limits)
{
	atomic_fetch_sub(&limits->count, 1);
}

/* Where the address is, or where its place ends. */
static struct limits_address **limits_find_address(
	struct limits *limits, uint64_t key)
{
	struct limits_address **each =
		&limits->addresses[(key >> 1) % LIMITS_SLOTS];

	while (*each != NULL && (*each)->key != key)
		each = &(*each)->next;
	return each;
}

bool limits_come_from(struct limits *limits, const char *client)
{
	uint64_t key = limits_key_of(limits, client);
	struct limits_address **place, *address;
	bool welcome = true;

	if (key == 0)
		return true;
	pthread_mutex_lock(&limits->lock);
	place = limits_find_address(limits, key);
	address = *place;
	/* Counted even without a limit: there may be one after a reload. */
	if (address == NULL) {
		address = *place = xcalloc(1, sizeof(*address));
		address->key = key;
	} else if (limits->most_from > 0 &&
		   address->count >= limits->most_from) {
		welcome = limits_is_trusted(limits, client);
	}
	address->count += welcome;
	pthread_mutex_unlock(&limits->lock);
	return welcome;
}

void limits_go_from(struct limits *limits, const char *client)
{
	uint64_t key = limits_key_of(limits, client);
	struct limits_address **place, *address;

	if (key == 0)
		return;
	pthread_mutex_lock(&limits->lock);
	place = limits_find_address(limits, key);
	address = *place;
	if (--address->count == 0) {
		*place = address->next;
		free(address);
	}
	pthread_mutex_unlock(&limits->lock);
}

/* ---- failed logins ---- */

static void limits_age(struct limits_failure *failure, int64_t now)
{
	while (failure->count > 0 && now - failure->at >= LIMITS_HALVED) {
		failure->count /= 2;
		failure->at += LIMITS_HALVED;
	}
}

/* NULL when nothing is known. */
static struct limits_failure *limits_find_failure(
	struct limits *limits, uint64_t key, int64_t now)
{
	struct limits_failure *set = limits->failures[(key >> 1) % LIMITS_SETS];

	for (size_t i = 0; i < LIMITS_WAYS; i++) {
		if (set[i].key != key)
			continue;
		limits_age(&set[i], now);
		return &set[i];
	}
	return NULL;
}

static void limits_add_failure(struct limits *limits, uint64_t key, int64_t now)
{
	struct limits_failure *set = limits->failures[(key >> 1) % LIMITS_SETS];
	struct limits_failure *failure = limits_find_failure(limits, key, now);

	if (failure == NULL) {
		failure = &set[0];
		for (size_t i = 1; i < LIMITS_WAYS; i++)
			if (set[i].at < failure->at)
				failure = &set[i];
		*failure = (struct limits_failure){ .key = key };
	}
	if (failure->count < LIMITS_COUNT_MOST)
		failure->count++;
	failure->at = now;
}

static int64_t limits_delay_of(struct limits *limits, uint64_t key,
	const struct limits_patience *patience, int64_t now)
{
	const struct limits_failure *failure =
		limits_find_failure(limits, key, now);
	unsigned doublings;
	int64_t delay;

	if (failure == NULL || failure->count <= patience->free)
		return 0;
	doublings = failure->count - patience->free - 1;
	delay = (int64_t)LIMITS_DELAY
		<< (doublings < LIMITS_DOUBLINGS ? doublings
						 : LIMITS_DOUBLINGS);
	return delay < patience->most ? delay : patience->most;
}

int64_t limits_delay(struct limits *limits, const char *client,
	const char *user, int64_t now)
{
	uint64_t address = limits_key_of(limits, client);
	int64_t delay = 0, of_user;

	pthread_mutex_lock(&limits->lock);
	if (address != 0 && !limits_is_trusted(limits, client))
		delay = limits_delay_of(
			limits, address, &limits_of_address, now);
	of_user = limits_delay_of(
		limits, limits_key_user(limits, user), &limits_of_user, now);
	pthread_mutex_unlock(&limits->lock);
	return delay > of_user ? delay : of_user;
}

void limits_failed(struct limits *limits, const char *client, const char *user,
	int64_t now)
{
	uint64_t address = limits_key_of(limits, client);
	uint64_t of_user = limits_key_user(limits, user);

	pthread_mutex_lock(&limits->lock);
	limits_add_failure(limits, of_user, now);
	if (address != 0) {
		limits_add_failure(limits, address, now);
		limits_add_failure(
			limits, limits_key_both(address, of_user), now);
	}
	pthread_mutex_unlock(&limits->lock);
}

static void limits_forgive(
	struct limits *limits, uint64_t key, unsigned count, int64_t now)
{
	struct limits_failure *failure = limits_find_failure(limits, key, now);

	if (failure != NULL)
		failure->count -=
			failure->count < count ? failure->count : count;
}

void limits_passed(struct limits *limits, const char *client, const char *user,
	int64_t now)
{
	uint64_t address = limits_key_of(limits, client);
	uint64_t of_user = limits_key_user(limits, user);
	struct limits_failure *both;

	if (address == 0)
		return;
	pthread_mutex_lock(&limits->lock);
	both = limits_find_failure(
		limits, limits_key_both(address, of_user), now);
	if (both != NULL && both->count > 0) {
		limits_forgive(limits, address, both->count, now);
		limits_forgive(limits, of_user, both->count, now);
		both->count = 0;
	}
	pthread_mutex_unlock(&limits->lock);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A short list of accounts, and two rates. */
#include "config.h"

#include "policyd/waits.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* What an account of unknown size has: a worker has to take it and list it. */
#define WAITS_UNKNOWN_MS 8000
/* Sessions, listing, freeze and proof of a move that copies nothing. */
#define WAITS_BASE_MS 1500
/* Before anything was measured, and the bounds of what is believed: us per
 * message, us per MB. */
#define WAITS_MESSAGE_US  5000
#define WAITS_MEGABYTE_US 1000000
#define WAITS_LEAST_US	  100
#define WAITS_MOST_US	  INT64_C(1000000000)
/* What a worker tells is not believed beyond this. */
#define WAITS_COUNT_MAX INT64_C(1000000000)
#define WAITS_BYTES_MAX INT64_C(1000000000000)
/* Rounds of fewer messages or bytes say nothing about a rate. */
#define WAITS_MESSAGES_MIN 50
#define WAITS_BYTES_MIN	   1000000
/* A rate moves a fourth of the way to each new measurement. */
#define WAITS_WEIGHT 4

struct wait {
	struct wait *next;
	char address[ADDRESS_SIZE];
	int64_t began, until, budget;
	int64_t paced_at, paced_from; /* the first report of progress */
};

struct waits {
	pthread_mutex_t lock;
	struct wait *first;
	int64_t message_us, megabyte_us;
};

struct waits *waits_new(void)
{
	struct waits *waits = xcalloc(1, sizeof(*waits));

	pthread_mutex_init(&waits->lock, NULL);
	waits->message_us = WAITS_MESSAGE_US;
	waits->megabyte_us = WAITS_MEGABYTE_US;
	return waits;
}

static void waits_drop(struct wait **place)
{
	struct wait *wait = *place;

	*place = wait->next;
	free(wait);
}

void waits_free(struct waits **waits)
{
	if (*waits == NULL)
		return;
	while ((*waits)->first != NULL)
		waits_drop(&(*waits)->first);
	pthread_mutex_destroy(&(*waits)->lock);
	free(*waits);
	*waits = NULL;
}

/* ---- with the lock ---- */

static int64_t waits_copy_ms(
	const struct waits *waits, int64_t messages, int64_t bytes)
{
	int64_t by_messages = messages * waits->message_us / 1000;
	int64_t by_bytes = bytes / 1000 * waits->megabyte_us / 1000000;

	return by_messages > by_bytes ? by_messages : by_bytes;
}

static int64_t waits_bound(int64_t count, int64_t most)
{
	if (count < 0)
		return 0;
	return count < most ? count : most;
}

/* What has run out is dropped. */
static struct wait **waits_find(
	struct waits *waits, const char *address, int64_t now)
{
	struct wait **place = &waits->first;

	while (*place != NULL) {
		if ((*place)->until <= now)
			waits_drop(place);
		else if (strcmp((*place)->address, address) == 0)
			break;
		else
			place = &(*place)->next;
	}
	return place;
}

static void waits_adapt(int64_t *rate, int64_t measured)
{
	if (measured < WAITS_LEAST_US)
		measured = WAITS_LEAST_US;
	if (measured > WAITS_MOST_US)
		measured = WAITS_MOST_US;
	*rate += (measured - *rate) / WAITS_WEIGHT;
}

/* ---- the interface ---- */

int64_t waits_predict(struct waits *waits, int64_t messages, int64_t bytes)
{
	int64_t ms;

	messages = waits_bound(messages, WAITS_COUNT_MAX);
	bytes = waits_bound(bytes, WAITS_BYTES_MAX);
	pthread_mutex_lock(&waits->lock);
	ms = WAITS_BASE_MS + waits_copy_ms(waits, messages, bytes);
	pthread_mutex_unlock(&waits->lock);
	return ms;
}

void waits_learn(
	struct waits *waits, int64_t messages, int64_t bytes, int64_t ms)
{
	messages = waits_bound(messages, WAITS_COUNT_MAX);
	bytes = waits_bound(bytes, WAITS_BYTES_MAX);
	ms = waits_bound(ms, WAITS_COUNT_MAX);
	pthread_mutex_lock(&waits->lock);
	if (messages >= WAITS_MESSAGES_MIN)
		waits_adapt(&waits->message_us, ms * 1000 / messages);
	if (bytes >= WAITS_BYTES_MIN)
		waits_adapt(&waits->megabyte_us, ms * 1000000 / (bytes / 1000));
	pthread_mutex_unlock(&waits->lock);
}

bool waits_may(const struct account *account)
{
	return account->strategy->login_waits && !account->held &&
	       account->attempts == 0 && account_is_moving(account) &&
	       account->phase != ACCOUNT_SWEEPING;
}

int64_t waits_begin(struct waits *waits, const struct account *account,
	int64_t budget, int64_t now, int64_t clock)
{
	bool known = account->rounds > 0;
	struct wait **place;
	int64_t until = 0;

	if (!waits_may(account) || account->not_before > clock ||
		account->complete_after > clock || budget == 0 ||
		(known && waits_predict(waits, account->messages,
				  account->bytes) > budget))
		return 0;
	pthread_mutex_lock(&waits->lock);
	place = waits_find(waits, account->address, now);
	if (*place == NULL) {
		struct wait *wait = xcalloc(1, sizeof(*wait));

		memcpy(wait->address, account->address, sizeof(wait->address));
		wait->began = now;
		wait->budget = budget;
		wait->until = now + budget;
		if (!known && budget > WAITS_UNKNOWN_MS)
			wait->until = now + WAITS_UNKNOWN_MS;
		*place = wait;
	}
	until = (*place)->until;
	pthread_mutex_unlock(&waits->lock);
	return until;
}

bool waits_apply(
	struct waits *waits, const struct account *account, int64_t now)
{
	bool applies = waits_may(account);

	if (!applies)
		return false;
	pthread_mutex_lock(&waits->lock);
	applies = *waits_find(waits, account->address, now) != NULL;
	pthread_mutex_unlock(&waits->lock);
	return applies;
}

/* ms that the rest will take at the pace since the first report. */
static int64_t waits_at_pace(struct wait *wait, int64_t messages,
	int64_t messages_total, int64_t now)
{
	if (wait->paced_at == 0) {
		wait->paced_at = now;
		wait->paced_from = messages;
	}
	if (messages <= wait->paced_from)
		return messages_total > messages ? now - wait->paced_at : 0;
	return (messages_total - messages) * (now - wait->paced_at) /
	       (messages - wait->paced_from);
}

bool waits_progress(struct waits *waits, const char *address, int64_t messages,
	int64_t messages_total, int64_t bytes, int64_t bytes_total, int64_t now)
{
	struct wait **place;
	bool over = false;

	messages_total = waits_bound(messages_total, WAITS_COUNT_MAX);
	messages = waits_bound(messages, messages_total);
	bytes = waits_bound(bytes, WAITS_BYTES_MAX);
	/* messages have the size of those before them */
	if (bytes_total < 0 && messages > 0)
		bytes_total = messages_total < WAITS_COUNT_MAX / 1000
				      ? bytes / messages * messages_total
				      : WAITS_BYTES_MAX;
	bytes_total = waits_bound(bytes_total, WAITS_BYTES_MAX);
	pthread_mutex_lock(&waits->lock);
	place = waits_find(waits, address, now);
	if (*place != NULL) {
		struct wait *wait = *place;
		int64_t left = waits_copy_ms(waits, messages_total - messages,
			bytes_total > bytes ? bytes_total - bytes : 0);
		int64_t paced =
			waits_at_pace(wait, messages, messages_total, now);

		if (left < paced)
			left = paced;
		wait->until = wait->began + wait->budget;
		over = now + WAITS_BASE_MS + left > wait->until;
		if (over)
			waits_drop(place);
	}
	pthread_mutex_unlock(&waits->lock);
	return over;
}

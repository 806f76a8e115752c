/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deferred recipients of frozen accounts. Few accounts are frozen at once, so
 * a small table of chains under one lock will do.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/xalloc.h"
#include "policyd/deferrals.h"

#define DEFERRALS_CHAINS  256
#define DEFERRALS_TELL_MS 1000

struct deferrals_entry {
	struct deferrals_entry *next;
	char address[ADDRESS_SIZE];
	int64_t count;
	int64_t told_at;
};

struct deferrals {
	pthread_mutex_t lock;
	struct deferrals_entry *chains[DEFERRALS_CHAINS];
};

struct deferrals *deferrals_new(void)
{
	struct deferrals *deferrals = xcalloc(1, sizeof(*deferrals));

	pthread_mutex_init(&deferrals->lock, NULL);
	return deferrals;
}

void deferrals_free(struct deferrals **deferrals)
{
	if (*deferrals == NULL)
		return;
	for (size_t i = 0; i < DEFERRALS_CHAINS; i++)
		while ((*deferrals)->chains[i] != NULL) {
			struct deferrals_entry *entry = (*deferrals)->chains[i];

			(*deferrals)->chains[i] = entry->next;
			free(entry);
		}
	pthread_mutex_destroy(&(*deferrals)->lock);
	free(*deferrals);
	*deferrals = NULL;
}

/* The place of the entry in its chain, or the end of the chain. */
static struct deferrals_entry **deferrals_find(
	struct deferrals *deferrals, const char *address)
{
	struct deferrals_entry **place;
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (const char *at = address; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619U;
	place = &deferrals->chains[hash % DEFERRALS_CHAINS];
	while (*place != NULL && strcmp((*place)->address, address) != 0)
		place = &(*place)->next;
	return place;
}

bool deferrals_count(struct deferrals *deferrals, const char *address,
	int64_t now, int64_t *total_r)
{
	struct deferrals_entry **place, *entry;
	bool tell;

	pthread_mutex_lock(&deferrals->lock);
	place = deferrals_find(deferrals, address);
	entry = *place;
	if (entry == NULL) {
		entry = *place = xcalloc(1, sizeof(*entry));
		memcpy(entry->address, address,
			strnlen(address, sizeof(entry->address) - 1));
	}
	*total_r = ++entry->count;
	tell = entry->count == 1 || now - entry->told_at >= DEFERRALS_TELL_MS;
	if (tell)
		entry->told_at = now;
	pthread_mutex_unlock(&deferrals->lock);
	return tell;
}

int64_t deferrals_pending(struct deferrals *deferrals, const char *address)
{
	struct deferrals_entry *entry;
	int64_t count;

	pthread_mutex_lock(&deferrals->lock);
	entry = *deferrals_find(deferrals, address);
	count = entry != NULL ? entry->count : 0;
	pthread_mutex_unlock(&deferrals->lock);
	return count;
}

void deferrals_take(
	struct deferrals *deferrals, const char *address, int64_t count)
{
	struct deferrals_entry **place, *entry;

	if (count == 0)
		return;
	pthread_mutex_lock(&deferrals->lock);
	place = deferrals_find(deferrals, address);
	entry = *place;
	if (entry != NULL) {
		entry->count -= count;
		if (entry->count <= 0) {
			*place = entry->next;
			free(entry);
		}
	}
	pthread_mutex_unlock(&deferrals->lock);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two maps. Why the pair is always right: an account in moving carries the
 * generation in which it last changed; a compaction begins a new generation,
 * then reads the store, then publishes homes, and only then drops the accounts
 * whose generation is older. What changed while it read stays in moving.
 */
#include "config.h"

#include <pthread.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "policyd/directory.h"
#include "policyd/mapfile.h"
#include "policyd/maps.h"
#include "policyd/maps_aliases.h"

/* Unknown means later: never the domain's default, which may be the wrong
 * side. */
#define MAPS_UNROUTABLE "retry:4.3.0 mail system is not configured"
#define MAPS_RETRY	"retry:4.2.1 mailbox is being moved"

struct maps_pair {
	char *key;
	char *value;
	bool gone; /* not the account's any more, but homes may still have it */
};

struct maps_pairs {
	struct maps_pair *items;
	size_t count;
};

/* An account that stands in moving. */
struct maps_entry {
	char address[ADDRESS_SIZE]; /* first: the tree compares it */
	uint64_t generation;
	bool stale; /* to be read before the next publication */
	struct maps_pairs pairs;
	struct maps_entry *next;
};

struct maps {
	struct store *store;
	pthread_mutex_t lock; /* for all below; not held while waiting */
	uint64_t generation;
	void *tree; /* of the entries, by address */
	struct maps_entry *entries;
	size_t count;
};

static int maps_compare(const void *one, const void *other)
{
	return strcmp(one, other);
}

struct maps *maps_new(struct store *store)
{
	struct maps *maps = xcalloc(1, sizeof(*maps));

	maps->store = store;
	pthread_mutex_init(&maps->lock, NULL);
	return maps;
}

static void maps_pairs_clear(struct maps_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->items[i].key);
		free(pairs->items[i].value);
	}
	free(pairs->items);
	pairs->items = NULL;
	pairs->count = 0;
}

static void maps_entry_free(struct maps_entry *entry)
{
	maps_pairs_clear(&entry->pairs);
	free(entry);
}

void maps_free(struct maps **maps_pointer)
{
	struct maps *maps = *maps_pointer;
	struct maps_entry *entry, *next;

	if (maps == NULL)
		return;
	for (entry = maps->entries; entry != NULL; entry = next) {
		next = entry->next;
		tdelete(entry->address, &maps->tree, maps_compare);
		maps_entry_free(entry);
	}
	pthread_mutex_destroy(&maps->lock);
	free(maps);
	*maps_pointer = NULL;
}

void maps_touch(struct maps *maps, const char *address)
{
	struct maps_entry **found;
	struct maps_entry *entry;

	pthread_mutex_lock(&maps->lock);
	found = tfind(address, &maps->tree, maps_compare);
	if (found != NULL) {
		entry = *found;
	} else {
		entry = xcalloc(1, sizeof(*entry));
		memcpy(entry->address, address, strlen(address) + 1);
		if (tsearch(entry, &maps->tree, maps_compare) == NULL)
			abort();
		entry->next = maps->entries;
		maps->entries = entry;
		maps->count++;
	}
	entry->generation = maps->generation;
	entry->stale = true;
	pthread_mutex_unlock(&maps->lock);
}

void maps_touch_all(struct maps *maps)
{
	struct maps_entry *entry;

	pthread_mutex_lock(&maps->lock);
	for (entry = maps->entries; entry != NULL; entry = entry->next) {
		entry->generation = maps->generation;
		entry->stale = true;
	}
	pthread_mutex_unlock(&maps->lock);
}

size_t maps_moving(struct maps *maps)
{
	size_t count;

	pthread_mutex_lock(&maps->lock);
	count = maps->count;
	pthread_mutex_unlock(&maps->lock);
	return count;
}

/* ---- the answer for a key ---- */

static const char *maps_deliver(const struct config *config, const char *name)
{
	const struct config_system *system = config_system(config, name);

	return system != NULL ? system->deliver : NULL;
}

/* The value of one of the account's addresses, NULL when the mail server is to
 * decide. */
static const char *maps_value(const struct config *config,
	const struct account *account, const char *key)
{
	struct directory_facts facts = {
		.domain = config_domain(config, strrchr(key, '@') + 1),
		.result = DIRECTORY_FOUND,
		.phase = account->phase,
		.mail = account->mail,
		.follow = config->maps.follow,
	};
	const char *retry = config->maps.retry;
	const char *value;

	if (retry == NULL)
		retry = MAPS_RETRY;
	switch (directory_decide(&facts).route) {
	case DIRECTORY_TO_NOBODY:
		return NULL;
	case DIRECTORY_TO_HOME:
		value = maps_deliver(config, account_home_system(account));
		return value != NULL ? value : MAPS_UNROUTABLE;
	case DIRECTORY_TO_PARK:
		return config->maps.park != NULL ? config->maps.park : retry;
	case DIRECTORY_TO_RETRY:
		return retry;
	case DIRECTORY_TO_DEFAULT:
	case DIRECTORY_TO_LATER:
		break;
	}
	return MAPS_UNROUTABLE;
}

/* ---- reading one account ---- */

struct maps_reading {
	const struct config *config;
	const struct account *account;
	struct maps_pairs *pairs;
};

static void maps_pairs_add(
	struct maps_pairs *pairs, const char *key, const char *value, bool gone)
{
	struct maps_pair *pair;

	pairs->items = xreallocarray(
		pairs->items, pairs->count + 1, sizeof(*pairs->items));
	pair = &pairs->items[pairs->count++];
	pair->key = xstrdup(key);
	pair->value = xstrdup(value);
	pair->gone = gone;
}

static void maps_read_key(const struct maps_reading *reading, const char *key)
{
	const char *value = maps_value(reading->config, reading->account, key);

	if (value != NULL)
		maps_pairs_add(reading->pairs, key, value, false);
}

static bool maps_read_alias(
	const char *alias, const char *address, void *context)
{
	(void)address;
	maps_read_key(context, alias);
	return true;
}

/* All keys of an account. 0 or -1. */
static int maps_read(struct store *store, const struct config *config,
	const struct account *account, struct maps_pairs *pairs_r,
	struct error *error)
{
	struct maps_reading reading = { config, account, pairs_r };
	int result;

	maps_read_key(&reading, account->address);
	result = store_scan_aliases(
		store, account->address, maps_read_alias, &reading, error);
	return result < 0 ? -1 : 0;
}

/* ---- moving ---- */

static bool maps_pairs_have(const struct maps_pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].key, key) == 0)
			return true;
	return false;
}

/* Keys that were published stay until a compaction has taken them out of homes
 * too: without them the answer would fall back to an older one. */
static void maps_keep_gone(
	const struct maps_pairs *old, struct maps_pairs *pairs)
{
	for (size_t i = 0; i < old->count; i++)
		if (!maps_pairs_have(pairs, old->items[i].key))
			maps_pairs_add(pairs, old->items[i].key,
				old->items[i].value, true);
}

static bool maps_pairs_same(
	const struct maps_pairs *one, const struct maps_pairs *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (one->items[i].gone != other->items[i].gone ||
			strcmp(one->items[i].key, other->items[i].key) != 0 ||
			strcmp(one->items[i].value, other->items[i].value) != 0)
			return false;
	return true;
}

/* Puts what was read in the place of what stood there. */
static void maps_entry_set(
	struct maps *maps, const char *address, struct maps_pairs *pairs)
{
	struct maps_entry **found;
	struct maps_entry *entry;

	pthread_mutex_lock(&maps->lock);
	found = tfind(address, &maps->tree, maps_compare);
	if (found != NULL) {
		entry = *found;
		maps_keep_gone(&entry->pairs, pairs);
		if (!maps_pairs_same(&entry->pairs, pairs)) {
			/* A compaction may have begun after the touch and read
			 * the account before this did. */
			entry->generation = maps->generation;
			maps_pairs_clear(&entry->pairs);
			entry->pairs = *pairs;
			memset(pairs, 0, sizeof(*pairs));
		}
	}
	pthread_mutex_unlock(&maps->lock);
	maps_pairs_clear(pairs);
}

static int maps_refresh_one(struct maps *maps, const struct config *config,
	const char *address, struct error *error)
{
	struct maps_pairs pairs = { NULL, 0 };
	struct account account;
	int found = store_get_account(maps->store, address, &account, error);

	if (found > 0) {
		if (maps_read(maps->store, config, &account, &pairs, error) < 0)
			found = -1;
		account_clear(&account);
	}
	if (found >= 0)
		maps_entry_set(maps, address, &pairs);
	else
		maps_pairs_clear(&pairs);
	return found < 0 ? -1 : 0;
}

/*
 * The addresses of the entries that are to be read; their marks are taken off.
 * An entry may be dropped by a compaction from now on; homes then has what the
 * touch was for.
 */
static char (*maps_take_stale(struct maps *maps, size_t *count_r))[ADDRESS_SIZE]
{
	char(*list)[ADDRESS_SIZE];
	struct maps_entry *entry;
	size_t count = 0;

	pthread_mutex_lock(&maps->lock);
	list = xcalloc(maps->count + 1, sizeof(*list));
	for (entry = maps->entries; entry != NULL; entry = entry->next)
		if (entry->stale) {
			entry->stale = false;
			memcpy(list[count++], entry->address, ADDRESS_SIZE);
		}
	pthread_mutex_unlock(&maps->lock);
	*count_r = count;
	return list;
}

static int maps_refresh(
	struct maps *maps, const struct config *config, struct error *error)
{
	size_t count, done = 0;
	char(*list)[ADDRESS_SIZE] = maps_take_stale(maps, &count);

	while (done < count &&
		maps_refresh_one(maps, config, list[done], error) == 0)
		done++;
	for (size_t i = done; i < count; i++)
		maps_touch(maps, list[i]);
	free(list);
	return done == count ? 0 : -1;
}

/* Keys that are gone come first, so that another account's key stands. */
static int maps_write_moving(
	struct maps *maps, struct mapfile *file, bool gone, struct error *error)
{
	const struct maps_entry *entry;

	for (entry = maps->entries; entry != NULL; entry = entry->next)
		for (size_t i = 0; i < entry->pairs.count; i++) {
			const struct maps_pair *pair = &entry->pairs.items[i];

			if (pair->gone == gone &&
				mapfile_add(file, pair->key, pair->value,
					error) < 0)
				return -1;
		}
	return 0;
}

static char *maps_path(const struct config *config, const char *name)
{
	return xasprintf("%s/%s.db", config->maps.directory, name);
}

int maps_stand(const struct config *config, struct error *error)
{
	static const char *const names[] = { "moving", "homes" };
	int result = 1;

	if (config->maps.directory == NULL)
		return 1;
	for (size_t i = 0; result >= 0 && i < 2; i++) {
		char *path = maps_path(config, names[i]);
		struct mapfile *file = mapfile_new(path, 0, error);

		if (file == NULL)
			result = -1;
		else if (access(path, F_OK) < 0)
			result = 0;
		mapfile_abandon(&file);
		free(path);
	}
	return result;
}

int maps_publish(
	struct maps *maps, const struct config *config, struct error *error)
{
	struct mapfile *file = NULL;
	char *path = NULL;
	int result = -1;

	if (config->maps.directory == NULL)
		return 0;
	if (maps_refresh(maps, config, error) < 0)
		goto end;
	path = maps_path(config, "moving");
	file = mapfile_new(path, maps_moving(maps), error);
	if (file == NULL)
		goto end;
	pthread_mutex_lock(&maps->lock);
	result = maps_write_moving(maps, file, true, error);
	if (result == 0)
		result = maps_write_moving(maps, file, false, error);
	pthread_mutex_unlock(&maps->lock);
	if (result == 0)
		result = mapfile_publish(&file, error);
end:
	mapfile_abandon(&file);
	if (result < 0)
		error_prefix(error, "publish the map moving");
	free(path);
	return result;
}

/* ---- homes ---- */

struct maps_scan {
	const struct config *config;
	struct maps_aliases *aliases;
	struct mapfile *file;
	struct maps_summary *summary;
	struct error *error;
	bool failed;
};

static void maps_count(
	struct maps_summary *summary, const char *key, const char *value)
{
	summary->entries++;
	if (strcmp(value, MAPS_UNROUTABLE) != 0)
		return;
	if (summary->unroutable++ == 0)
		snprintf(summary->example, ADDRESS_SIZE, "%s", key);
}

static void maps_scan_key(
	struct maps_scan *scan, const struct account *account, const char *key)
{
	const char *value = maps_value(scan->config, account, key);

	if (value == NULL || scan->failed)
		return;
	maps_count(scan->summary, key, value);
	if (mapfile_add(scan->file, key, value, scan->error) < 0)
		scan->failed = true;
}

static bool maps_scan_account(const struct account *account, void *context)
{
	struct maps_scan *scan = context;
	const char *alias;

	maps_scan_key(scan, account, account->address);
	while ((alias = maps_aliases_next(scan->aliases, account->address)) !=
		NULL)
		maps_scan_key(scan, account, alias);
	return !scan->failed;
}

static int maps_write_domains(struct maps_scan *scan)
{
	for (size_t i = 0; i < scan->config->domains_count; i++) {
		const struct config_domain *domain = &scan->config->domains[i];
		const char *value;

		if (domain->default_system == NULL)
			continue;
		value = maps_deliver(scan->config, domain->default_system);
		if (mapfile_add(scan->file, domain->name,
			    value != NULL ? value : MAPS_UNROUTABLE,
			    scan->error) < 0)
			return -1;
		scan->summary->entries++;
	}
	return 0;
}

/* Begins a generation. What was read before is not trusted any more. */
static uint64_t maps_begin_generation(struct maps *maps)
{
	uint64_t generation;

	pthread_mutex_lock(&maps->lock);
	generation = ++maps->generation;
	pthread_mutex_unlock(&maps->lock);
	return generation;
}

/* homes has all that did not change since the generation began. */
static void maps_drop_before(struct maps *maps, uint64_t generation)
{
	struct maps_entry **link, *entry;

	pthread_mutex_lock(&maps->lock);
	for (link = &maps->entries; (entry = *link) != NULL;) {
		if (entry->generation >= generation || entry->stale) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		tdelete(entry->address, &maps->tree, maps_compare);
		maps_entry_free(entry);
		maps->count--;
	}
	pthread_mutex_unlock(&maps->lock);
}

static int maps_write_homes(struct maps *maps, const struct config *config,
	const char *path, struct maps_summary *summary, struct error *error)
{
	struct maps_scan scan = {
		.config = config,
		.summary = summary,
		.error = error,
	};
	struct store_filter all = { .by_phase = false };
	struct store_counts counts;
	int result = -1;

	if (store_count(maps->store, &counts, error) < 0)
		return -1;
	scan.file = mapfile_new(path,
		counts.accounts + counts.aliases + config->domains_count,
		error);
	if (scan.file == NULL)
		return -1;
	scan.aliases = maps_aliases_read(maps->store, error);
	if (scan.aliases != NULL &&
		store_scan_accounts(maps->store, &all, maps_scan_account, &scan,
			error) == 0 &&
		!scan.failed && maps_write_domains(&scan) == 0)
		result = mapfile_publish(&scan.file, error);
	maps_aliases_free(&scan.aliases);
	mapfile_abandon(&scan.file);
	return result;
}

int maps_compact(struct maps *maps, const struct config *config,
	struct maps_summary *summary_r, struct error *error)
{
	struct maps_summary summary = { .entries = 0 };
	uint64_t generation;
	char *path;
	int result;

	if (config->maps.directory == NULL) {
		if (summary_r != NULL)
			*summary_r = summary;
		return 0;
	}
	generation = maps_begin_generation(maps);
	path = maps_path(config, "homes");
	result = maps_write_homes(maps, config, path, &summary, error);
	free(path);
	if (result < 0) {
		error_prefix(error, "publish the map homes");
		return -1;
	}
	maps_drop_before(maps, generation);
	if (summary_r != NULL)
		*summary_r = summary;
	return 0;
}

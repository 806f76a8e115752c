/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of flag sets: a hash table of texts in canonical order. Servers
 * choose the texts: the table grows, and its hash has a key of its own. */
#include "config.h"

#include "copier/flags.h"

#include <ctype.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

#define FLAGS_BUCKETS 512 /* at first; a power of two */

/* A text that was asked for, and the set that it means. */
struct flags_entry {
	struct flags_entry *next;
	uint64_t hash;
	char *key;
	size_t key_size;
	const struct flagset *set;
};

struct flags_owned {
	struct flags_owned *next;
	struct flagset set;
};

struct flagpool {
	pthread_mutex_t mutex;
	struct flags_entry **buckets;
	size_t room, count; /* of buckets; of entries */
	uint64_t key;
	struct flags_owned *sets;
};

struct flags_word {
	const char *text;
	size_t size;
};

struct flagpool *flagpool_new(void)
{
	struct flagpool *pool = xcalloc(1, sizeof(*pool));

	pthread_mutex_init(&pool->mutex, NULL);
	pool->room = FLAGS_BUCKETS;
	pool->buckets = xcalloc(pool->room, sizeof(struct flags_entry *));
	arc4random_buf(&pool->key, sizeof(pool->key));
	return pool;
}

void flagpool_free(struct flagpool **pool)
{
	struct flags_entry *entry;
	struct flags_owned *owned;
	size_t i;

	if (*pool == NULL)
		return;
	for (i = 0; i < (*pool)->room; i++) {
		while ((entry = (*pool)->buckets[i]) != NULL) {
			(*pool)->buckets[i] = entry->next;
			free(entry->key);
			free(entry);
		}
	}
	while ((owned = (*pool)->sets) != NULL) {
		(*pool)->sets = owned->next;
		free((char *)owned->set.text);
		free(owned);
	}
	pthread_mutex_destroy(&(*pool)->mutex);
	free((*pool)->buckets);
	free(*pool);
	*pool = NULL;
}

static uint64_t flags_hash(
	const struct flagpool *pool, const char *text, size_t size)
{
	uint64_t hash = pool->key;
	size_t i;

	for (i = 0; i < size; i++) {
		hash = (hash ^ (unsigned char)text[i]) *
		       UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash;
}

static const struct flagset *flags_find(
	struct flagpool *pool, const char *text, size_t size)
{
	uint64_t hash = flags_hash(pool, text, size);
	struct flags_entry *entry = pool->buckets[hash & (pool->room - 1)];

	for (; entry != NULL; entry = entry->next)
		if (entry->hash == hash && entry->key_size == size &&
			memcmp(entry->key, text, size) == 0)
			return entry->set;
	return NULL;
}

static void flags_link(struct flagpool *pool, struct flags_entry *entry)
{
	struct flags_entry **bucket =
		&pool->buckets[entry->hash & (pool->room - 1)];

	entry->next = *bucket;
	*bucket = entry;
}

static void flags_grow(struct flagpool *pool)
{
	struct flags_entry **old = pool->buckets, *entry;
	size_t room = pool->room, i;

	pool->room = 2 * room;
	pool->buckets = xcalloc(pool->room, sizeof(struct flags_entry *));
	for (i = 0; i < room; i++)
		while ((entry = old[i]) != NULL) {
			old[i] = entry->next;
			flags_link(pool, entry);
		}
	free(old);
}

static void flags_remember(struct flagpool *pool, const char *text, size_t size,
	const struct flagset *set)
{
	struct flags_entry *entry = xmalloc(sizeof(*entry));

	/* Not a string: a server's text may hold a NUL. */
	entry->key = xmalloc(size + 1);
	memcpy(entry->key, text, size);
	entry->key_size = size;
	entry->hash = flags_hash(pool, text, size);
	entry->set = set;
	if (pool->count++ >= pool->room)
		flags_grow(pool);
	flags_link(pool, entry);
}

static int flags_compare(const void *left, const void *right)
{
	const struct flags_word *a = left, *b = right;
	size_t size = a->size < b->size ? a->size : b->size;
	int order = strncasecmp(a->text, b->text, size);

	if (order != 0)
		return order;
	return (a->size > b->size) - (a->size < b->size);
}

/* The RFC's spelling of a system flag; keywords stay as they are. */
static struct flags_word flags_spell(struct flags_word word)
{
	static const char *const system[] = { "\\Answered", "\\Deleted",
		"\\Draft", "\\Flagged", "\\Seen" };
	size_t i;

	for (i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		if (word.size == strlen(system[i]) &&
			strncasecmp(word.text, system[i], word.size) == 0)
			word.text = system[i];
	return word;
}

static bool flags_unwanted(const struct flags_word *word)
{
	return (word->size == 7 &&
		       strncasecmp(word->text, "\\Recent", 7) == 0) ||
	       (word->size == 2 && memcmp(word->text, "\\*", 2) == 0);
}

/* Splits text into words at blanks and control characters; the array is the
 * caller's. */
static struct flags_word *flags_split(
	const char *text, size_t size, size_t *count_r)
{
	struct flags_word *words =
		xreallocarray(NULL, size / 2 + 1, sizeof(*words));
	size_t at = 0, count = 0;

	while (at < size) {
		struct flags_word word = { text + at, 0 };

		while (at < size && (unsigned char)text[at] > ' ') {
			word.size++;
			at++;
		}
		at++;
		if (word.size > 0 && !flags_unwanted(&word))
			words[count++] = flags_spell(word);
	}
	*count_r = count;
	return words;
}

static const struct flagset *flags_make(
	struct flagpool *pool, const struct buffer *text)
{
	struct flags_owned *owned = xcalloc(1, sizeof(*owned));
	char *folded = xstrndup(text->data, text->size);
	size_t i;

	owned->set.text = xstrndup(text->data, text->size);
	owned->next = pool->sets;
	pool->sets = owned;
	flags_remember(pool, text->data, text->size, &owned->set);
	for (i = 0; i < text->size; i++)
		folded[i] = (char)tolower((unsigned char)folded[i]);
	owned->set.folded = &owned->set;
	if (memcmp(folded, text->data, text->size) != 0) {
		struct buffer lower = { folded, text->size, 0 };
		const struct flagset *set =
			flags_find(pool, folded, text->size);

		if (set == NULL)
			set = flags_make(pool, &lower);
		owned->set.folded = set;
	}
	free(folded);
	return &owned->set;
}

static const struct flagset *flags_get(
	struct flagpool *pool, const char *text, size_t size)
{
	const struct flagset *set = flags_find(pool, text, size);
	struct buffer canonical = BUFFER_EMPTY;
	struct flags_word *words;
	size_t count, i;

	if (set != NULL)
		return set;
	words = flags_split(text, size, &count);
	qsort(words, count, sizeof(*words), flags_compare);
	buffer_add(&canonical, "", 0);
	for (i = 0; i < count; i++) {
		if (i > 0 && flags_compare(&words[i], &words[i - 1]) == 0)
			continue;
		if (canonical.size > 0)
			buffer_add(&canonical, " ", 1);
		buffer_add(&canonical, words[i].text, words[i].size);
	}
	free(words);
	set = flags_find(pool, canonical.data, canonical.size);
	if (set == NULL)
		set = flags_make(pool, &canonical);
	if (flags_find(pool, text, size) == NULL)
		flags_remember(pool, text, size, set);
	buffer_free(&canonical);
	return set;
}

const struct flagset *flagpool_get(
	struct flagpool *pool, const char *text, size_t size)
{
	const struct flagset *set;

	pthread_mutex_lock(&pool->mutex);
	set = flags_get(pool, text, size);
	pthread_mutex_unlock(&pool->mutex);
	return set;
}

static bool flags_has(const struct flags_word *words, size_t count,
	const struct flags_word *word)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (flags_compare(&words[i], word) == 0)
			return true;
	return false;
}

const struct flagset *flagpool_filter(struct flagpool *pool,
	const struct flagset *set, const struct flagset *permanent,
	bool any_keyword)
{
	struct buffer kept = BUFFER_EMPTY;
	struct flags_word *words, *allowed;
	size_t count, allowed_count, i;
	const struct flagset *result;

	if (permanent == NULL)
		return set;
	words = flags_split(set->text, strlen(set->text), &count);
	allowed = flags_split(
		permanent->text, strlen(permanent->text), &allowed_count);
	buffer_add(&kept, "", 0);
	for (i = 0; i < count; i++) {
		if (!(any_keyword && words[i].text[0] != '\\') &&
			!flags_has(allowed, allowed_count, &words[i]))
			continue;
		buffer_add(&kept, words[i].text, words[i].size);
		buffer_add(&kept, " ", 1);
	}
	result = flagpool_get(pool, kept.data, kept.size);
	free(words);
	free(allowed);
	buffer_free(&kept);
	return result;
}

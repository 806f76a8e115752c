/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the folder map. */
#include "config.h"

#include "copier/foldermap_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

const char *foldermap_wildcard(const char *pattern)
{
	static const char wildcards[] = { FOLDERMAP_ANY, FOLDERMAP_IN, '\0' };

	return strpbrk(pattern, wildcards);
}

void foldermap_free(struct foldermap **map)
{
	size_t i;

	if (*map == NULL)
		return;
	for (i = 0; i < (*map)->count; i++) {
		free((*map)->rules[i].pattern);
		free((*map)->rules[i].target);
	}
	free((*map)->rules);
	free(*map);
	*map = NULL;
}

/* A path in the form of a pattern, malloc'd. */
static char *foldermap_key(const struct naming_path *path)
{
	struct buffer key = BUFFER_EMPTY;
	size_t i;

	for (i = 0; i < path->count; i++) {
		if (i > 0)
			buffer_add(&key, &(char){ FOLDERMAP_LEVEL }, 1);
		buffer_add_text(&key, path->levels[i]);
	}
	return key.data;
}

/*
 * Whether the key fits the pattern. reach[j] says whether the pattern so far
 * fits the first j octets: the time is their product, whatever the wildcards.
 */
static bool foldermap_fits(const char *pattern, const char *key)
{
	size_t size = strlen(key), j;
	bool *reach = xcalloc(size + 1, sizeof(*reach));
	bool fits;

	reach[0] = true;
	for (; *pattern != '\0'; pattern++) {
		bool any = *pattern == FOLDERMAP_ANY;

		if (any || *pattern == FOLDERMAP_IN) {
			for (j = 1; j <= size; j++)
				if (reach[j - 1] &&
					(any || key[j - 1] != FOLDERMAP_LEVEL))
					reach[j] = true;
			continue;
		}
		for (j = size; j > 0; j--)
			reach[j] = reach[j - 1] && key[j - 1] == *pattern;
		reach[0] = false;
	}
	fits = reach[size];
	free(reach);
	return fits;
}

/* INBOX is INBOX in any case. */
static bool foldermap_is_inbox(const struct naming_path *path)
{
	return path->count == 1 && strcasecmp(path->levels[0], "INBOX") == 0;
}

static bool foldermap_rule_fits(const struct foldermap_rule *rule,
	const char *key, enum special_use use, bool inbox)
{
	if (rule->from != SPECIAL_USE_NONE)
		return rule->from == use;
	/* Nobody means his INBOX when he writes a wildcard. */
	if (inbox)
		return strcasecmp(rule->pattern, "INBOX") == 0;
	return foldermap_fits(rule->pattern, key);
}

/* The levels of a target with the wildcard's text put in. */
static void foldermap_fill(const struct foldermap_rule *rule, const char *key,
	struct naming_path *path_r)
{
	const char *from = rule->pattern != NULL
				   ? foldermap_wildcard(rule->pattern)
				   : NULL;
	const char *hole = foldermap_wildcard(rule->target), *at, *end;
	struct buffer name = BUFFER_EMPTY;

	if (from == NULL || hole == NULL) {
		buffer_add_text(&name, rule->target);
	} else {
		size_t before = (size_t)(from - rule->pattern);
		size_t behind = strlen(from + 1);

		buffer_add(&name, rule->target, (size_t)(hole - rule->target));
		buffer_add(&name, key + before, strlen(key) - before - behind);
		buffer_add_text(&name, hole + 1);
	}
	memset(path_r, 0, sizeof(*path_r));
	for (at = name.data; at != NULL; at = end != NULL ? end + 1 : NULL) {
		size_t size;

		end = strchr(at, FOLDERMAP_LEVEL);
		size = end != NULL ? (size_t)(end - at) : strlen(at);
		/* The wildcard may have stood for nothing. */
		if (size > 0)
			naming_path_add(path_r, at, size);
	}
	if (path_r->count == 0)
		naming_path_add(path_r, "_", 1);
	buffer_free(&name);
}

void foldermap_find(const struct foldermap *map, const struct naming_path *path,
	enum special_use use, struct foldermap_answer *answer_r)
{
	char *key = foldermap_key(path);
	bool inbox = foldermap_is_inbox(path);
	size_t i;

	memset(answer_r, 0, sizeof(*answer_r));
	for (i = 0; map != NULL && i < map->count; i++) {
		const struct foldermap_rule *rule = &map->rules[i];

		if (!foldermap_rule_fits(rule, key, use, inbox))
			continue;
		answer_r->verdict = rule->verdict;
		answer_r->line = rule->line;
		answer_r->use = rule->use;
		if (rule->verdict == FOLDERMAP_NAME)
			foldermap_fill(rule, key, &answer_r->path);
		break;
	}
	free(key);
}

bool foldermap_reverse(const struct foldermap *map,
	const struct naming_path *path, struct naming_path *path_r)
{
	char *key = foldermap_key(path);
	bool found = false;
	size_t i;

	for (i = 0; map != NULL && !found && i < map->count; i++) {
		const struct foldermap_rule *rule = &map->rules[i];
		struct foldermap_rule back = { .target = rule->pattern };

		if (rule->verdict != FOLDERMAP_NAME || rule->pattern == NULL ||
			foldermap_wildcard(rule->pattern) != NULL ||
			strcmp(rule->target, key) != 0)
			continue;
		foldermap_fill(&back, key, path_r);
		found = true;
	}
	free(key);
	return found;
}

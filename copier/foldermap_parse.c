/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the folder map, line by line; what is not understood is an error. */
#include "config.h"

#include "copier/foldermap_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <unistr.h>

#include "lib/xalloc.h"

struct foldermap_line {
	const char *at, *end;
	unsigned number;
	const char *cause; /* of the failure */
};

/* A name as it stands in the file: a pattern, or a special use. */
struct foldermap_name {
	char *pattern; /* NULL: a special use */
	enum special_use use;
	bool quoted;
};

static int foldermap_bad(struct foldermap_line *line, const char *cause)
{
	line->cause = cause;
	return -1;
}

static void foldermap_blanks(struct foldermap_line *line)
{
	while (line->at < line->end && (*line->at == ' ' || *line->at == '\t'))
		line->at++;
}

/* One character of a name, added to the pattern; escaped: it means itself. */
static void foldermap_add(struct buffer *pattern, char c, bool escaped)
{
	if (!escaped && c == '/')
		c = FOLDERMAP_LEVEL;
	else if (!escaped && c == '*')
		c = FOLDERMAP_ANY;
	else if (!escaped && c == '%')
		c = FOLDERMAP_IN;
	buffer_add(pattern, &c, 1);
}

/* A name up to the blank, or the quote, behind it. */
static int foldermap_text(
	struct foldermap_line *line, struct foldermap_name *name_r)
{
	struct buffer pattern = BUFFER_EMPTY;
	bool quoted = line->at < line->end && *line->at == '"';
	int result = -1;

	line->at += quoted;
	name_r->quoted = quoted;
	for (; line->at < line->end; line->at++) {
		char c = *line->at;
		bool escaped = c == '\\';

		if (quoted ? c == '"' : c == ' ' || c == '\t')
			break;
		if (!quoted && c == '"') {
			foldermap_bad(line, "a quote inside a name");
			goto out;
		}
		if (escaped && ++line->at == line->end) {
			foldermap_bad(line, "a backslash at the end");
			goto out;
		}
		foldermap_add(&pattern, *line->at, escaped);
	}
	if (quoted && line->at == line->end)
		foldermap_bad(line, "a quote is not closed");
	else if (pattern.size == 0)
		foldermap_bad(line, "a name is missing");
	else
		result = 0;
	line->at += quoted && result == 0;
out:
	if (result == 0)
		name_r->pattern = pattern.data;
	else
		buffer_free(&pattern);
	return result;
}

/* No level is empty. */
static bool foldermap_has_levels(const char *pattern)
{
	static const char empty[] = { FOLDERMAP_LEVEL, FOLDERMAP_LEVEL, '\0' };
	size_t size = strlen(pattern);

	return pattern[0] != FOLDERMAP_LEVEL &&
	       pattern[size - 1] != FOLDERMAP_LEVEL &&
	       strstr(pattern, empty) == NULL;
}

/* "\Sent" unquoted, or a name. */
static int foldermap_name(
	struct foldermap_line *line, struct foldermap_name *name_r)
{
	const char *from, *blank;

	memset(name_r, 0, sizeof(*name_r));
	foldermap_blanks(line);
	from = line->at;
	blank = from;
	while (blank < line->end && *blank != ' ' && *blank != '\t')
		blank++;
	name_r->use = special_use_parse(from, (size_t)(blank - from));
	if (name_r->use != SPECIAL_USE_NONE) {
		line->at = blank;
		return 0;
	}
	if (foldermap_text(line, name_r) < 0)
		return -1;
	if (foldermap_has_levels(name_r->pattern))
		return 0;
	free(name_r->pattern);
	name_r->pattern = NULL;
	return foldermap_bad(line, "a level without a name");
}

static size_t foldermap_wildcards(const char *pattern)
{
	size_t count = 0;

	while (pattern != NULL &&
		(pattern = foldermap_wildcard(pattern)) != NULL) {
		count++;
		pattern++;
	}
	return count;
}

/* "-> NAME" behind the source's name. */
static int foldermap_target(
	struct foldermap_line *line, struct foldermap_rule *rule)
{
	struct foldermap_name target;
	size_t holes = foldermap_wildcards(rule->pattern);

	foldermap_blanks(line);
	if (line->end - line->at < 2 || memcmp(line->at, "->", 2) != 0)
		return foldermap_bad(line, "\"->\" is missing");
	line->at += 2;
	if (foldermap_name(line, &target) < 0)
		return -1;
	rule->verdict = target.pattern != NULL ? FOLDERMAP_NAME : FOLDERMAP_USE;
	rule->target = target.pattern;
	rule->use = target.use;
	if (holes > 1)
		return foldermap_bad(line, "more than one wildcard in a name "
					   "that becomes another");
	if (holes != foldermap_wildcards(rule->target))
		return foldermap_bad(
			line, rule->target == NULL || holes == 1
				      ? "many folders would become one"
				      : "nothing to put in the place of the "
					"wildcard");
	return 0;
}

/* The rest of a line that is not empty. */
static int foldermap_rule(
	struct foldermap_line *line, struct foldermap_rule *rule)
{
	struct foldermap_line ahead = *line;
	struct foldermap_name name;

	if (foldermap_name(line, &name) < 0)
		return -1;
	foldermap_blanks(line);
	ahead = *line;
	/* A folder may be called "exclude": an arrow follows it then. */
	if (name.pattern != NULL && !name.quoted &&
		(line->end - line->at < 2 || memcmp(line->at, "->", 2) != 0)) {
		if (strcmp(name.pattern, "exclude") == 0)
			rule->verdict = FOLDERMAP_EXCLUDE;
		else if (strcmp(name.pattern, "keep") == 0)
			rule->verdict = FOLDERMAP_KEEP;
	}
	if (rule->verdict != FOLDERMAP_NONE) {
		free(name.pattern);
		*line = ahead;
		if (foldermap_name(line, &name) < 0)
			return -1;
	}
	rule->pattern = name.pattern;
	rule->from = name.use;
	if (rule->verdict == FOLDERMAP_NONE && foldermap_target(line, rule) < 0)
		return -1;
	foldermap_blanks(line);
	return line->at == line->end
		       ? 0
		       : foldermap_bad(line, "something behind the name");
}

/* Two lines that fill one folder: the later one is wrong. */
static const struct foldermap_rule *foldermap_double(
	const struct foldermap *map, const struct foldermap_rule *rule)
{
	size_t i;

	for (i = 0; i < map->count; i++) {
		const struct foldermap_rule *other = &map->rules[i];

		/* With wildcards it depends on what folders there are. */
		if (rule->verdict != other->verdict ||
			(rule->target != NULL &&
				foldermap_wildcard(rule->target) != NULL))
			continue;
		if ((rule->verdict == FOLDERMAP_USE &&
			    rule->use == other->use) ||
			(rule->verdict == FOLDERMAP_NAME &&
				strcmp(rule->target, other->target) == 0))
			return other;
	}
	return NULL;
}

/* One line without its end. 0, or -1 with line->cause. */
static int foldermap_take(
	struct foldermap *map, struct foldermap_line *line, char *text)
{
	struct foldermap_rule rule = { .line = line->number };
	const struct foldermap_rule *other;
	size_t size = (size_t)(line->end - line->at);

	if (size > FOLDERMAP_LINE_MAX)
		return foldermap_bad(line, "the line is too long");
	if (memchr(line->at, '\0', size) != NULL ||
		u8_check((const uint8_t *)line->at, size) != NULL)
		return foldermap_bad(line, "it is not UTF-8");
	foldermap_blanks(line);
	while (line->end > line->at &&
		(line->end[-1] == ' ' || line->end[-1] == '\t' ||
			line->end[-1] == '\r') &&
		(line->end - 1 == line->at || line->end[-2] != '\\'))
		line->end--;
	if (line->at == line->end || *line->at == '#')
		return 0;
	if (map->count == FOLDERMAP_LINES_MAX)
		return foldermap_bad(line, "too many lines");
	map->rules =
		xreallocarray(map->rules, map->count + 1, sizeof(*map->rules));
	if (foldermap_rule(line, &rule) < 0) {
		free(rule.pattern);
		free(rule.target);
		return -1;
	}
	other = foldermap_double(map, &rule);
	map->rules[map->count++] = rule;
	if (other == NULL)
		return 0;
	snprintf(text, 64, "two folders would become one, see line %u",
		other->line);
	return foldermap_bad(line, text);
}

struct foldermap *foldermap_parse(
	const char *text, size_t size, const char *name, struct error *error)
{
	struct foldermap *map = xcalloc(1, sizeof(*map));
	struct foldermap_line line = { .number = 1 };
	const char *at = text, *end = text + size;
	char words[64];

	for (; at < end; line.number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		line.at = at;
		line.end = stop != NULL ? stop : end;
		at = stop != NULL ? stop + 1 : end;
		if (foldermap_take(map, &line, words) < 0) {
			error_set(error, "%s:%u: %s", name, line.number,
				line.cause);
			foldermap_free(&map);
			return NULL;
		}
	}
	return map;
}

struct foldermap *foldermap_load(const char *file, struct error *error)
{
	struct foldermap *map = NULL;
	struct buffer text = BUFFER_EMPTY;
	FILE *in = fopen(file, "re");
	char piece[4096];
	size_t got;

	if (in == NULL) {
		error_set(error, "open %s: %s", file, strerror(errno));
		return NULL;
	}
	buffer_add(&text, "", 0);
	while ((got = fread(piece, 1, sizeof(piece), in)) > 0 &&
		text.size < (size_t)FOLDERMAP_LINES_MAX * FOLDERMAP_LINE_MAX)
		buffer_add(&text, piece, got);
	if (ferror(in))
		error_set(error, "read %s: %s", file, strerror(errno));
	else
		map = foldermap_parse(text.data, text.size, file, error);
	fclose(in);
	buffer_free(&text);
	return map;
}

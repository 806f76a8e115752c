/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forms of UIDLs as servers make them: Dovecot (%08Xu%08Xv, before 2.0
 * %08Xv%08Xu, before 1.0 %v.%u), Cyrus (%v.%u, before 2.1.4 %u), Courier
 * (UID%u-%v).
 */
#include "config.h"

#include "copier/uidl.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

static const char *const uidl_formats[] = { "%08Xu%08Xv", "%08Xv%08Xu", "%v.%u",
	"%u.%v", "%v-%u", "%u-%v", "UID%u-%v", "%u" };

/* A number of that base: with width digits, or without a leading zero. NULL
 * when there is none. */
static const char *uidl_number(
	const char *text, unsigned base, size_t width, uint32_t *number_r)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t number = 0;
	size_t count;

	for (count = 0; width == 0 || count < width; count++) {
		const char *digit = text[count] != '\0'
					    ? strchr(digits, text[count])
					    : NULL;

		if (digit == NULL || (unsigned)(digit - digits) >= base)
			break;
		number = number * base + (unsigned)(digit - digits);
		if (number > UINT32_MAX)
			return NULL;
	}
	if (count == 0 || (width > 0 && count < width) ||
		(width == 0 && text[0] == '0'))
		return NULL;
	*number_r = (uint32_t)number;
	return text + count;
}

/* Reads a UIDL by a format; what it does not have stays. */
static bool uidl_parse(const char *uidl, const char *format,
	uint32_t *uidvalidity_r, uint32_t *uid_r)
{
	while (*format != '\0' && uidl != NULL) {
		bool hex = strncmp(format, "%08X", 4) == 0;
		const char *name = format + (hex ? 4 : 1);

		if (*format != '%') {
			if (*uidl++ != *format++)
				return false;
			continue;
		}
		uidl = uidl_number(uidl, hex ? 16 : 10, hex ? 8 : 0,
			*name == 'v' ? uidvalidity_r : uid_r);
		format = name + 1;
	}
	return uidl != NULL && *uidl == '\0';
}

static bool uidl_is_all(const struct uidl_list *list, const char *format,
	uint32_t uidvalidity, uint32_t uidnext)
{
	uint32_t last = 0;
	size_t i;

	for (i = 0; i < list->count; i++) {
		uint32_t validity = uidvalidity, uid = 0;

		if (!uidl_parse(list->uidls[i], format, &validity, &uid) ||
			validity != uidvalidity || uid <= last ||
			(uidnext != 0 && uid >= uidnext))
			return false;
		last = uid;
	}
	return true;
}

const char *uidl_format(
	const struct uidl_list *list, uint32_t uidvalidity, uint32_t uidnext)
{
	size_t i;

	if (list->count == 0)
		return NULL;
	for (i = 0; i < sizeof(uidl_formats) / sizeof(uidl_formats[0]); i++)
		if (uidl_is_all(list, uidl_formats[i], uidvalidity, uidnext))
			return uidl_formats[i];
	return NULL;
}

struct uidl_place {
	const char *uidl;
	size_t index;
};

static int uidl_place_compare(const void *left, const void *right)
{
	const struct uidl_place *a = left, *b = right;
	int order = strcmp(a->uidl, b->uidl);

	return order != 0 ? order
			  : (a->index > b->index) - (a->index < b->index);
}

static struct uidl_place *uidl_places(const struct uidl_list *list)
{
	struct uidl_place *places = xcalloc(list->count + 1, sizeof(*places));
	size_t i;

	for (i = 0; i < list->count; i++)
		places[i] = (struct uidl_place){ list->uidls[i], i };
	qsort(places, list->count, sizeof(*places), uidl_place_compare);
	return places;
}

/* Where each of list stands in the other list, SIZE_MAX for nowhere; of those
 * that stand there twice each is found once. */
static size_t *uidl_match(
	const struct uidl_list *list, const struct uidl_list *other)
{
	struct uidl_place *mine = uidl_places(list);
	struct uidl_place *theirs = uidl_places(other);
	size_t *where = xcalloc(list->count + 1, sizeof(*where));
	size_t i = 0, j = 0;

	while (i < list->count) {
		int order = j < other->count
				    ? strcmp(mine[i].uidl, theirs[j].uidl)
				    : -1;

		if (order > 0) {
			j++;
			continue;
		}
		where[mine[i].index] =
			order == 0 ? theirs[j++].index : SIZE_MAX;
		i++;
	}
	free(mine);
	free(theirs);
	return where;
}

enum uidl_change uidl_compare(const struct uidl_list *home,
	const struct uidl_list *other, struct error *words_r)
{
	size_t *where = uidl_match(home, other);
	size_t found = 0, missing = 0, last = 0, behind = 0, first = 0, i;
	bool ordered = true;
	enum uidl_change change = UIDL_CHANGED;

	for (i = 0; i < home->count; i++) {
		if (where[i] == SIZE_MAX) {
			if (missing++ == 0)
				first = i;
			continue;
		}
		if (found > 0 && where[i] < last)
			ordered = false;
		last = where[i];
		found++;
		behind = missing;
	}
	free(where);
	if (home->count == other->count && missing == 0 && ordered)
		change = UIDL_SAME;
	else if (!ordered)
		error_set(words_r,
			"POP3 clients find the messages in another order");
	else if (behind > 0 || (found == 0 && home->count > 0))
		error_set(words_r,
			"POP3 clients download %zu of %zu messages again: "
			"their identifiers (UIDL) change, the first of them is "
			"%s now",
			missing, home->count, home->uidls[first]);
	else
		change = UIDL_BEHIND;
	return change;
}

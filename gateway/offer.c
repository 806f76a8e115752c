/* SPDX-License-Identifier: BSD-2-Clause */
/* Capabilities by name and value, and how two of a name are joined. */
#include "config.h"

#include "gateway/offer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

/* Longest text that is kept of a capability. */
#define OFFER_TEXT_MAX 1024

static bool offer_is_among(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(word, *words) == 0)
			return true;
	return false;
}

/*
 * Of POP3 and SMTP what is known to need nothing of us, of IMAP all but what
 * the dialog says by itself or could not do; ManageSieve's are texts.
 */
static bool offer_is_for_clients(
	enum dialog_protocol protocol, const char *name)
{
	static const char *const imap_ours[] = { "IMAP4REV1", "IMAP4REV2",
		"IMAP4", "SASL-IR", "ID", "LITERAL+", "LITERAL-", "STARTTLS",
		"LOGINDISABLED", "LOGIN-REFERRALS", "COMPRESS=DEFLATE",
		"UNAUTHENTICATE", NULL };
	static const char *const pop3[] = { "TOP", "UIDL", "UTF8", NULL };
	static const char *const smtp[] = { "PIPELINING", "SIZE", "8BITMIME",
		"SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME", "DELIVERBY",
		"FUTURERELEASE", NULL };
	static const char *const sieve[] = { "SIEVE", "NOTIFY", "MAXREDIRECTS",
		"EXTLISTS", NULL };

	switch (protocol) {
	case DIALOG_IMAP:
		return !offer_is_among(name, imap_ours);
	case DIALOG_POP3:
		return offer_is_among(name, pop3);
	case DIALOG_SMTP:
		return offer_is_among(name, smtp);
	case DIALOG_SIEVE:
		break;
	}
	return offer_is_among(name, sieve);
}

/* ---- one home ---- */

/* "PLAIN LOGIN" */
static void offer_learn_mechanisms(struct offer *offer, const char *names)
{
	while (*names != '\0') {
		size_t size = strcspn(names, " ");
		int mechanism = login_mechanism_find(names, size);

		if (mechanism >= 0)
			offer->mechanisms |= 1u << mechanism;
		names += size + strspn(names + size, " ");
	}
}

static void offer_add(struct offer *offer, const char *name, const char *value)
{
	if (!offer_is_for_clients(offer->protocol, name) ||
		offer->count == OFFER_ITEMS_MAX)
		return;
	offer->items[offer->count].name = xstrdup(name);
	offer->items[offer->count++].value =
		value != NULL ? xstrdup(value) : NULL;
}

/* `"SIEVE" "fileinto reject"`: both without quotes, in place. */
static void offer_unquote(char *text, char **value_r)
{
	size_t size = strlen(text);
	char *end = strchr(text + 1, '"');

	*value_r = NULL;
	if (end == NULL)
		return;
	*end = '\0';
	memmove(text, text + 1, (size_t)(end - text));
	if (end[1] == ' ' && end[2] == '"' && text + size > end + 3) {
		*value_r = end + 3;
		(*value_r)[strcspn(*value_r, "\"")] = '\0';
	}
}

void offer_learn(struct offer *offer, const char *text)
{
	char copy[OFFER_TEXT_MAX + 1];
	char *value = NULL;
	size_t size = strlen(text);

	if (size == 0 || size > OFFER_TEXT_MAX)
		return;
	memcpy(copy, text, size + 1);
	if (copy[0] == '"' && offer->protocol == DIALOG_SIEVE) {
		offer_unquote(copy, &value);
	} else if (offer->protocol != DIALOG_IMAP) {
		value = strchr(copy, ' ');
		if (value != NULL)
			*value++ = '\0';
	}
	if (strncasecmp(copy, "AUTH=", 5) == 0)
		offer_learn_mechanisms(offer, copy + 5);
	else if (value != NULL && (strcasecmp(copy, "SASL") == 0 ||
					  strcasecmp(copy, "AUTH") == 0))
		offer_learn_mechanisms(offer, value);
	else
		offer_add(offer, copy, value);
}

/* ---- several ---- */

static const struct offer_item *offer_find(
	const struct offer *offer, const char *name)
{
	for (size_t i = 0; i < offer->count; i++)
		if (strcasecmp(offer->items[i].name, name) == 0)
			return &offer->items[i];
	return NULL;
}

static bool offer_has_word(const char *words, const char *word, size_t size)
{
	while (*words != '\0') {
		size_t length = strcspn(words, " ");

		if (length == size && strncasecmp(words, word, size) == 0)
			return true;
		words += length + strspn(words + length, " ");
	}
	return false;
}

/* The words that both have. malloc'd. */
static char *offer_common_words(const char *words, const char *others)
{
	struct buffer common = BUFFER_EMPTY;

	buffer_add(&common, "", 0);
	while (*words != '\0') {
		size_t size = strcspn(words, " ");

		if (offer_has_word(others, words, size))
			buffer_printf(&common, "%s%.*s",
				common.size > 0 ? " " : "", (int)size, words);
		words += size + strspn(words + size, " ");
	}
	return common.data;
}

/* The smaller one; 0 and nothing mean that there is no limit (RFC 1870). */
static bool offer_meet_size(struct offer_item *item, const char *other)
{
	unsigned long size =
		item->value != NULL ? strtoul(item->value, NULL, 10) : 0;
	unsigned long size_other = other != NULL ? strtoul(other, NULL, 10) : 0;

	if (size_other == 0 || (size != 0 && size <= size_other))
		return true;
	free(item->value);
	item->value = xstrdup(other);
	return true;
}

/* False: they have nothing in common. */
static bool offer_meet_item(
	struct offer_item *item, const struct offer_item *other)
{
	char *words;

	if (other == NULL)
		return false;
	if (strcasecmp(item->name, "SIZE") == 0)
		return offer_meet_size(item, other->value);
	if (item->value == NULL || other->value == NULL)
		return item->value == other->value;
	if (strcasecmp(item->name, "SIEVE") != 0)
		return strcasecmp(item->value, other->value) == 0;
	words = offer_common_words(item->value, other->value);
	free(item->value);
	item->value = words;
	return true;
}

void offer_meet(struct offer *offer, const struct offer *other)
{
	size_t kept = 0;

	offer->mechanisms &= other->mechanisms;
	for (size_t i = 0; i < offer->count; i++) {
		struct offer_item *item = &offer->items[i];

		if (offer_meet_item(item, offer_find(other, item->name))) {
			offer->items[kept++] = *item;
			continue;
		}
		free(item->name);
		free(item->value);
	}
	offer->count = kept;
}

void offer_copy(struct offer *offer, const struct offer *from)
{
	offer_clear(offer);
	offer->protocol = from->protocol;
	offer->mechanisms = from->mechanisms;
	for (size_t i = 0; i < from->count; i++)
		offer_add(offer, from->items[i].name, from->items[i].value);
}

void offer_clear(struct offer *offer)
{
	while (offer->count > 0) {
		free(offer->items[--offer->count].name);
		free(offer->items[offer->count].value);
	}
	offer->mechanisms = 0;
}

/* ---- in words ---- */

char **offer_lines(const struct offer *offer)
{
	char **lines = xcalloc(offer->count + 1, sizeof(*lines));

	for (size_t i = 0; i < offer->count; i++) {
		const struct offer_item *item = &offer->items[i];
		const char *value = item->value != NULL ? item->value : "";

		if (offer->protocol == DIALOG_SIEVE)
			lines[i] = item->value != NULL
					   ? xasprintf("\"%s\" \"%s\"",
						     item->name, value)
					   : xasprintf("\"%s\"", item->name);
		else
			lines[i] = xasprintf("%s%s%s", item->name,
				item->value != NULL ? " " : "", value);
	}
	return lines;
}

void offer_lines_free(char ***lines)
{
	if (*lines == NULL)
		return;
	for (size_t i = 0; (*lines)[i] != NULL; i++)
		free((*lines)[i]);
	free(*lines);
	*lines = NULL;
}

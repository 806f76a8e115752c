/* SPDX-License-Identifier: BSD-2-Clause */
/* Extensions by name. */
#include "config.h"

#include "gateway/lmtp_offer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	unsigned bit;
} lmtp_offer_names[] = {
	{ "PIPELINING", LMTP_PIPELINING },
	{ "8BITMIME", LMTP_8BITMIME },
	{ "SMTPUTF8", LMTP_SMTPUTF8 },
	{ "SIZE", LMTP_SIZE },
	{ "CHUNKING", LMTP_CHUNKING },
	{ "BINARYMIME", LMTP_BINARYMIME },
	{ "DSN", LMTP_DSN },
	{ "ENHANCEDSTATUSCODES", LMTP_ENHANCED },
	{ "STARTTLS", LMTP_STARTTLS },
	{ "XCLIENT", LMTP_XCLIENT },
};

/* The bit of a name, or 0. */
static unsigned lmtp_offer_find(const char *name, size_t size)
{
	for (size_t i = 0;
		i < sizeof(lmtp_offer_names) / sizeof(lmtp_offer_names[0]); i++)
		if (strlen(lmtp_offer_names[i].name) == size &&
			strncasecmp(lmtp_offer_names[i].name, name, size) == 0)
			return lmtp_offer_names[i].bit;
	return 0;
}

void lmtp_offer_learn(struct lmtp_offer *offer, const char *line)
{
	size_t size = strcspn(line, " ");
	unsigned bit = lmtp_offer_find(line, size);

	offer->extensions |= bit;
	/* a size that is no number is as good as none */
	if (bit == LMTP_SIZE && line[size] == ' ' &&
		isdigit((unsigned char)line[size + 1]))
		offer->size = strtoull(line + size + 1, NULL, 10);
}

int lmtp_offer_parse(
	const char *text, struct lmtp_offer *offer_r, struct error *error)
{
	struct lmtp_offer offer = { 0, 0 };

	for (text += strspn(text, " "); *text != '\0';) {
		size_t size = strcspn(text, " ");
		unsigned bit = lmtp_offer_find(text, size) & LMTP_OF_HOMES;

		if (bit == 0) {
			error_set(error, "\"%.*s\": no extension of a home",
				(int)(size < 64 ? size : 64), text);
			return -1;
		}
		offer.extensions |= bit;
		text += size;
		text += strspn(text, " ");
	}
	*offer_r = offer;
	return 0;
}

void lmtp_offer_limit(struct lmtp_offer *offer, const struct lmtp_offer *other)
{
	offer->extensions &= other->extensions;
	if (other->size == 0 || offer->size == 0)
		offer->size = 0;
	else if (other->size > offer->size)
		offer->size = other->size;
}

void lmtp_offer_print(const struct lmtp_offer *offer, struct buffer *out)
{
	for (size_t i = 0;
		i < sizeof(lmtp_offer_names) / sizeof(lmtp_offer_names[0]);
		i++) {
		if ((offer->extensions & lmtp_offer_names[i].bit) == 0)
			continue;
		buffer_printf(out, "250-%s", lmtp_offer_names[i].name);
		if (lmtp_offer_names[i].bit == LMTP_SIZE && offer->size > 0)
			buffer_printf(
				out, " %llu", (unsigned long long)offer->size);
		buffer_add_text(out, "\r\n");
	}
}

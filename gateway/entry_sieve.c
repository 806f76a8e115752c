/* SPDX-License-Identifier: BSD-2-Clause */
/* Into a ManageSieve home: capabilities, STARTTLS, AUTHENTICATE. */
#include "config.h"

#include "gateway/entry_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

/* The human words of an answer: its last quoted string. malloc'd. */
static char *entry_sieve_words(const char *line)
{
	const char *end = strrchr(line, '"'), *from;
	char *words;
	size_t size = 0;

	for (from = line; from != end && *from != '"'; from++)
		if (*from == '\0')
			return xstrdup("");
	words = xcalloc((size_t)(end - from) + 1, 1);
	for (from++; from < end; from++) {
		if (*from == '\\' && from + 1 < end)
			from++;
		words[size++] = *from;
	}
	return words;
}

static enum entry_result entry_sieve_end(
	struct entry *entry, enum entry_result result)
{
	char *words = entry_sieve_words(entry->line.data);

	entry_end(entry, result, words, strlen(words));
	free(words);
	return result;
}

static enum entry_result entry_sieve_login(
	struct entry *entry, struct buffer *out)
{
	buffer_printf(out, "AUTHENTICATE \"%s\" \"%s\"\r\n",
		entry_mechanism(entry), entry->initial);
	entry->step = ENTRY_AT_LOGIN;
	return ENTRY_MORE;
}

static enum entry_result entry_sieve_begin(
	struct entry *entry, struct buffer *out)
{
	return entry_begin_forward(entry, out) ? ENTRY_MORE
					       : entry_sieve_login(entry, out);
}

/* The home tells its capabilities again, and an OK behind them. */
static void entry_sieve_secured(struct entry *entry, struct buffer *out)
{
	(void)out;
	entry->step = ENTRY_AT_GREETING;
}

static enum entry_result entry_sieve_good(
	struct entry *entry, struct buffer *out)
{
	switch (entry->step) {
	case ENTRY_AT_GREETING:
		if (!entry->terms.starttls || entry->secure)
			return entry_sieve_begin(entry, out);
		buffer_add_text(out, "STARTTLS\r\n");
		entry->step = ENTRY_AT_STARTTLS;
		return ENTRY_MORE;
	case ENTRY_AT_STARTTLS:
		entry->step = ENTRY_AT_HANDSHAKE;
		return ENTRY_STARTTLS;
	case ENTRY_AT_FORWARD:
		return entry_sieve_login(entry, out);
	case ENTRY_AT_LOGIN:
		return entry_sieve_end(entry, ENTRY_ACCEPTED);
	case ENTRY_AT_HANDSHAKE:
	case ENTRY_AT_CAPABILITY:
	case ENTRY_AT_USER:
	case ENTRY_AT_LAST:
		break;
	}
	return entry_end(entry, ENTRY_LATER, "", 0);
}

static bool entry_sieve_is(const char *line, const char *word)
{
	size_t size = strlen(word);

	return strncasecmp(line, word, size) == 0 &&
	       (line[size] == '\0' || line[size] == ' ');
}

static enum entry_result entry_sieve_line(
	struct entry *entry, struct buffer *out)
{
	const char *line = entry->line.data;

	if (entry_sieve_is(line, "OK"))
		return entry_sieve_good(entry, out);
	if (entry_sieve_is(line, "NO"))
		return entry_sieve_end(
			entry, entry->step == ENTRY_AT_LOGIN &&
					       strstr(line, "TRYLATER") == NULL
				       ? ENTRY_DENIED
				       : ENTRY_LATER);
	if (entry_sieve_is(line, "BYE"))
		return entry_sieve_end(entry, ENTRY_LATER);
	if (line[0] != '"')
		return entry_end(entry, ENTRY_LATER, "", 0);
	return entry->step == ENTRY_AT_LOGIN
		       ? entry_sieve_end(entry, ENTRY_CHALLENGE)
		       : ENTRY_MORE; /* a capability */
}

static void entry_sieve_answer(
	struct entry *entry, const char *answer, struct buffer *out)
{
	(void)entry;
	buffer_printf(out, "\"%s\"\r\n", answer);
}

const struct entry_ops entry_sieve = {
	.secured = entry_sieve_secured,
	.line = entry_sieve_line,
	.answer = entry_sieve_answer,
};

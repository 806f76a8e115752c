/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into an IMAP home: capabilities (the greeting's, or asked for), STARTTLS, ID
 * with the client's address, AUTHENTICATE or LOGIN, and the capabilities behind
 * it, which the client is told.
 */
#include "config.h"

#include "gateway/entry_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

static bool entry_imap_has(const char *capabilities, const char *name)
{
	size_t size = strlen(name);

	while (capabilities != NULL && *capabilities != '\0') {
		size_t word = strcspn(capabilities, " ");

		if (word == size && strncasecmp(capabilities, name, size) == 0)
			return true;
		capabilities += word + strspn(capabilities + word, " ");
	}
	return false;
}

/* Takes a list of capabilities, up to a "]" if it is a response code. */
static void entry_imap_learn(struct entry *entry, const char *list)
{
	const char *end = strchr(list, ']');

	free(entry->capabilities);
	entry->capabilities = end != NULL ? xstrndup(list, (size_t)(end - list))
					  : xstrdup(list);
	entry->sasl_ir = entry_imap_has(entry->capabilities, "SASL-IR");
	entry->plain = entry_imap_has(entry->capabilities, "AUTH=PLAIN");
}

/* "[CAPABILITY ...]" at the beginning of a text. */
static bool entry_imap_learn_code(struct entry *entry, const char *text)
{
	if (strncasecmp(text, "[CAPABILITY ", 12) != 0)
		return false;
	entry_imap_learn(entry, text + 12);
	return true;
}

/* The text behind a response code. */
static const char *entry_imap_text(const char *text)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;

	if (end == NULL)
		return text;
	return end + 1 + strspn(end + 1, " ");
}

static void entry_imap_quote(const char *text, struct buffer *out)
{
	bool plain = true;

	for (const char *at = text; *at != '\0'; at++)
		plain = plain && (unsigned char)*at >= ' ' &&
			(unsigned char)*at < 0x7f;
	if (!plain) {
		buffer_printf(out, "{%zu+}\r\n%s", strlen(text), text);
		return;
	}
	buffer_add_text(out, "\"");
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buffer_add_text(out, "\\");
		buffer_add(out, text, 1);
	}
	buffer_add_text(out, "\"");
}

/* ---- what is sent ---- */

static void entry_imap_forward(struct entry *entry, struct buffer *out)
{
	const struct entry_terms *terms = &entry->terms;

	if (terms->forward != ENTRY_ID ||
		!entry_imap_has(entry->capabilities, "ID"))
		return;
	buffer_printf(out,
		"I ID (\"x-originating-ip\" \"%s\" \"x-originating-port\" "
		"\"%u\")\r\n",
		terms->client_address, terms->client_port);
}

/* The address goes ahead of the login without waiting for an answer. */
static enum entry_result entry_imap_login(
	struct entry *entry, struct buffer *out)
{
	const struct login *login = entry->terms.login;
	bool relayed = login_is_relayed(login->mechanism);

	entry_imap_forward(entry, out);
	entry->step = ENTRY_AT_LOGIN;
	if (entry->plain || relayed || entry->terms.master != NULL ||
		login->authority != NULL) {
		buffer_printf(out, "L AUTHENTICATE %s", entry_mechanism(entry));
		entry->sent_initial = entry->sasl_ir;
		if (entry->sasl_ir)
			buffer_printf(out, " %s", entry->initial);
	} else {
		buffer_add_text(out, "L LOGIN ");
		entry_imap_quote(entry->terms.user, out);
		buffer_add_text(out, " ");
		entry_imap_quote(login->password, out);
	}
	buffer_add_text(out, "\r\n");
	return ENTRY_MORE;
}

static enum entry_result entry_imap_ask(
	struct entry *entry, enum entry_step step, struct buffer *out)
{
	buffer_add_text(out, "C CAPABILITY\r\n");
	entry->step = step;
	return ENTRY_MORE;
}

static void entry_imap_secured(struct entry *entry, struct buffer *out)
{
	free(entry->capabilities);
	entry->capabilities = NULL;
	entry_imap_ask(entry, ENTRY_AT_CAPABILITY, out);
}

/* ---- what is heard ---- */

static enum entry_result entry_imap_later(struct entry *entry, const char *text)
{
	text = entry_imap_text(text);
	return entry_end(entry, ENTRY_LATER, text, strlen(text));
}

static enum entry_result entry_imap_greeting(
	struct entry *entry, const char *text, struct buffer *out)
{
	bool known;

	if (strncasecmp(text, "OK", 2) != 0 || (text[2] != ' ' && text[2]))
		return entry_imap_later(entry, text);
	known = entry_imap_learn_code(entry, text + 2 + (text[2] == ' '));
	if (entry->terms.starttls && !entry->secure) {
		buffer_add_text(out, "S STARTTLS\r\n");
		entry->step = ENTRY_AT_STARTTLS;
		return ENTRY_MORE;
	}
	return known ? entry_imap_login(entry, out)
		     : entry_imap_ask(entry, ENTRY_AT_CAPABILITY, out);
}

static enum entry_result entry_imap_untagged(
	struct entry *entry, const char *text, struct buffer *out)
{
	if (entry->step == ENTRY_AT_GREETING)
		return entry_imap_greeting(entry, text, out);
	if (strncasecmp(text, "BYE", 3) == 0)
		return entry_imap_later(
			entry, text + 3 + strspn(text + 3, " "));
	if (strncasecmp(text, "CAPABILITY ", 11) == 0)
		entry_imap_learn(entry, text + 11);
	return ENTRY_MORE;
}

/* An answer to the login. A refusal for now says so in its code (RFC 5530);
 * what is no refusal of the password is none for good. */
static enum entry_result entry_imap_decide(struct entry *entry,
	const char *word, const char *text, struct buffer *out)
{
	static const char *const later[] = { "[UNAVAILABLE]", "[INUSE]",
		"[LIMIT]", "[SERVERBUG]", "[CONTACTADMIN]",
		"[PRIVACYREQUIRED]" };
	const char *words = entry_imap_text(text);

	if (strcasecmp(word, "OK") == 0) {
		bool known;

		entry_end(entry, ENTRY_ACCEPTED, words, strlen(words));
		known = entry_imap_learn_code(entry, text);
		return known ? ENTRY_ACCEPTED
			     : entry_imap_ask(entry, ENTRY_AT_LAST, out);
	}
	if (strcasecmp(word, "NO") != 0)
		return entry_imap_later(entry, text);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (strncasecmp(text, later[i], strlen(later[i])) == 0)
			return entry_imap_later(entry, text);
	return entry_end(entry, ENTRY_DENIED, words, strlen(words));
}

static enum entry_result entry_imap_tagged(
	struct entry *entry, char tag, const char *line, struct buffer *out)
{
	size_t size = strcspn(line, " ");
	char *word = xstrndup(line, size);
	const char *text = line + size + strspn(line + size, " ");
	bool good = strcasecmp(word, "OK") == 0;
	enum entry_result result = ENTRY_MORE;

	if (entry->step == ENTRY_AT_LOGIN && tag == 'L')
		result = entry_imap_decide(entry, word, text, out);
	else if (tag == 'I')
		result = ENTRY_MORE; /* it may not want to know */
	else if (!good)
		result = entry_imap_later(entry, text);
	else if (entry->step == ENTRY_AT_STARTTLS && tag == 'S')
		result = ENTRY_STARTTLS;
	else if (entry->step == ENTRY_AT_CAPABILITY && tag == 'C')
		result = entry_imap_login(entry, out);
	else if (entry->step == ENTRY_AT_LAST && tag == 'C')
		result = ENTRY_ACCEPTED;
	else
		result = entry_imap_later(entry, text);
	if (result == ENTRY_STARTTLS)
		entry->step = ENTRY_AT_HANDSHAKE;
	free(word);
	return result;
}

static enum entry_result entry_imap_continue(
	struct entry *entry, const char *text, struct buffer *out)
{
	if (entry->step != ENTRY_AT_LOGIN)
		return entry_end(entry, ENTRY_LATER, "", 0);
	if (entry->sent_initial)
		return entry_end(entry, ENTRY_CHALLENGE, text, strlen(text));
	entry->sent_initial = true;
	buffer_printf(out, "%s\r\n", entry->initial);
	return ENTRY_MORE;
}

static enum entry_result entry_imap_line(
	struct entry *entry, struct buffer *out)
{
	const char *line = entry->line.data;

	if (strncmp(line, "* ", 2) == 0)
		return entry_imap_untagged(entry, line + 2, out);
	if (line[0] == '+')
		return entry_imap_continue(
			entry, line + 1 + (line[1] == ' '), out);
	if (line[0] != '\0' && line[1] == ' ')
		return entry_imap_tagged(entry, line[0], line + 2, out);
	return entry_end(entry, ENTRY_LATER, "", 0);
}

static void entry_imap_answer(
	struct entry *entry, const char *answer, struct buffer *out)
{
	(void)entry;
	buffer_printf(out, "%s\r\n", answer);
}

const struct entry_ops entry_imap = {
	.secured = entry_imap_secured,
	.line = entry_imap_line,
	.answer = entry_imap_answer,
};

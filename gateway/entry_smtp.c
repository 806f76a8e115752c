/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into a home's submission: EHLO as the client calls itself, STARTTLS,
 * XCLIENT, AUTH. Behind it the client goes on as if it had said so itself.
 */
#include "config.h"

#include "gateway/entry_private.h"

#include <string.h>
#include <strings.h>

static void entry_smtp_ehlo(struct entry *entry, struct buffer *out)
{
	const char *name = entry->terms.client_name;

	buffer_printf(out, "EHLO %s\r\n", name != NULL ? name : "localhost");
	entry->step = ENTRY_AT_CAPABILITY;
	entry->sasl_ir = true; /* RFC 4954 has it always */
	entry->xclient = false;
}

static void entry_smtp_secured(struct entry *entry, struct buffer *out)
{
	entry_smtp_ehlo(entry, out);
}

/* A line of the answer to EHLO. */
static void entry_smtp_learn(struct entry *entry, const char *text)
{
	if (strncasecmp(text, "XCLIENT ", 8) == 0)
		entry->xclient = true;
}

static enum entry_result entry_smtp_auth(
	struct entry *entry, struct buffer *out)
{
	buffer_printf(
		out, "AUTH %s %s\r\n", entry_mechanism(entry), entry->initial);
	entry->step = ENTRY_AT_LOGIN;
	return ENTRY_MORE;
}

/* The capabilities are all there. */
static enum entry_result entry_smtp_next(
	struct entry *entry, struct buffer *out)
{
	if (entry->terms.starttls && !entry->secure) {
		buffer_add_text(out, "STARTTLS\r\n");
		entry->step = ENTRY_AT_STARTTLS;
		return ENTRY_MORE;
	}
	/* A server that has taken it does not offer it again. */
	if (entry->terms.forward == ENTRY_XCLIENT && entry->xclient) {
		entry_add_xclient(entry, out);
		buffer_add_text(out, "\r\n");
		entry->step = ENTRY_AT_FORWARD;
		entry->terms.forward = ENTRY_NOTHING;
		return ENTRY_MORE;
	}
	return entry_smtp_auth(entry, out);
}

static enum entry_result entry_smtp_good(
	struct entry *entry, const char *text, struct buffer *out)
{
	switch (entry->step) {
	case ENTRY_AT_GREETING:
	case ENTRY_AT_FORWARD: /* greets again */
		entry_smtp_ehlo(entry, out);
		return ENTRY_MORE;
	case ENTRY_AT_CAPABILITY:
		return entry_smtp_next(entry, out);
	case ENTRY_AT_STARTTLS:
		entry->step = ENTRY_AT_HANDSHAKE;
		return ENTRY_STARTTLS;
	case ENTRY_AT_LOGIN:
		return entry_end(entry, ENTRY_ACCEPTED, text, strlen(text));
	case ENTRY_AT_HANDSHAKE:
	case ENTRY_AT_USER:
	case ENTRY_AT_LAST:
		break;
	}
	return entry_end(entry, ENTRY_LATER, "", 0);
}

/* "5.7.8 text": the enhanced code is ours to say. */
static const char *entry_smtp_text(const char *text)
{
	size_t size = strspn(text, "0123456789.");

	if (size >= 5 && text[size] == ' ')
		return text + size + 1;
	return text;
}

static enum entry_result entry_smtp_line(
	struct entry *entry, struct buffer *out)
{
	const char *line = entry->line.data, *text = "";
	bool last;

	if (entry->line.size < 3 || strspn(line, "0123456789") != 3)
		return entry_end(entry, ENTRY_LATER, "", 0);
	last = line[3] != '-';
	if (entry->line.size > 4)
		text = line + 4;
	if (entry->step == ENTRY_AT_CAPABILITY)
		entry_smtp_learn(entry, text);
	if (!last)
		return ENTRY_MORE;
	if (line[0] == '2')
		return entry_smtp_good(entry, entry_smtp_text(text), out);
	if (line[0] == '3' && entry->step == ENTRY_AT_LOGIN)
		return entry_end(entry, ENTRY_CHALLENGE, text, strlen(text));
	text = entry_smtp_text(text);
	if (strncmp(line, "535", 3) == 0 && entry->step == ENTRY_AT_LOGIN)
		return entry_end(entry, ENTRY_DENIED, text, strlen(text));
	return entry_end(entry, ENTRY_LATER, text, strlen(text));
}

static void entry_smtp_answer(
	struct entry *entry, const char *answer, struct buffer *out)
{
	(void)entry;
	buffer_printf(out, "%s\r\n", answer);
}

const struct entry_ops entry_smtp = {
	.secured = entry_smtp_secured,
	.line = entry_smtp_line,
	.answer = entry_smtp_answer,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into a POP3 home: STLS, XCLIENT where it is configured, USER and PASS, or
 * AUTH where somebody logs in for another or the client's words are relayed.
 */
#include "config.h"

#include "gateway/entry_private.h"

#include <string.h>
#include <strings.h>

static enum entry_result entry_pop3_login(
	struct entry *entry, struct buffer *out)
{
	const struct login *login = entry->terms.login;

	if (entry->terms.master != NULL || login->authority != NULL ||
		login_is_relayed(login->mechanism)) {
		buffer_printf(out, "AUTH %s %s\r\n", entry_mechanism(entry),
			entry->initial);
		entry->sent_initial = true;
		entry->step = ENTRY_AT_LOGIN;
	} else {
		buffer_printf(out, "USER %s\r\n", entry->terms.user);
		entry->step = ENTRY_AT_USER;
	}
	return ENTRY_MORE;
}

static enum entry_result entry_pop3_begin(
	struct entry *entry, struct buffer *out)
{
	return entry_begin_forward(entry, out) ? ENTRY_MORE
					       : entry_pop3_login(entry, out);
}

static void entry_pop3_secured(struct entry *entry, struct buffer *out)
{
	entry_pop3_begin(entry, out);
}

/* The text behind "-ERR" and a response code (RFC 2449, 3206). */
static const char *entry_pop3_text(const char *line)
{
	const char *end;

	line += strcspn(line, " ");
	line += strspn(line, " ");
	end = line[0] == '[' ? strchr(line, ']') : NULL;
	return end != NULL ? end + 1 + strspn(end + 1, " ") : line;
}

static enum entry_result entry_pop3_refused(struct entry *entry)
{
	static const char *const later[] = { "[SYS", "[IN-USE]",
		"[LOGIN-DELAY]" };
	const char *line = entry->line.data, *text = entry_pop3_text(line);
	bool login =
		entry->step == ENTRY_AT_LOGIN || entry->step == ENTRY_AT_USER;
	enum entry_result result = login ? ENTRY_DENIED : ENTRY_LATER;

	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (strncasecmp(line, "-ERR ", 5) == 0 &&
			strncasecmp(line + 5, later[i], strlen(later[i])) == 0)
			result = ENTRY_LATER;
	if (strncasecmp(line, "-ERR", 4) != 0)
		result = ENTRY_LATER;
	return entry_end(entry, result, text, strlen(text));
}

static enum entry_result entry_pop3_good(
	struct entry *entry, struct buffer *out)
{
	const char *text;

	switch (entry->step) {
	case ENTRY_AT_GREETING:
		if (!entry->terms.starttls || entry->secure)
			return entry_pop3_begin(entry, out);
		buffer_add_text(out, "STLS\r\n");
		entry->step = ENTRY_AT_STARTTLS;
		return ENTRY_MORE;
	case ENTRY_AT_STARTTLS:
		entry->step = ENTRY_AT_HANDSHAKE;
		return ENTRY_STARTTLS;
	case ENTRY_AT_FORWARD:
		return entry_pop3_login(entry, out);
	case ENTRY_AT_USER:
		buffer_printf(out, "PASS %s\r\n", entry->terms.login->password);
		entry->step = ENTRY_AT_LOGIN;
		return ENTRY_MORE;
	case ENTRY_AT_LOGIN:
		text = entry_pop3_text(entry->line.data);
		return entry_end(entry, ENTRY_ACCEPTED, text, strlen(text));
	case ENTRY_AT_HANDSHAKE:
	case ENTRY_AT_CAPABILITY:
	case ENTRY_AT_LAST:
		break;
	}
	return entry_end(entry, ENTRY_LATER, "", 0);
}

static enum entry_result entry_pop3_line(
	struct entry *entry, struct buffer *out)
{
	const char *line = entry->line.data;

	if (strncasecmp(line, "+OK", 3) == 0)
		return entry_pop3_good(entry, out);
	if (line[0] != '+')
		return entry_pop3_refused(entry);
	if (entry->step != ENTRY_AT_LOGIN)
		return entry_end(entry, ENTRY_LATER, "", 0);
	line += 1 + (line[1] == ' ');
	return entry_end(entry, ENTRY_CHALLENGE, line, strlen(line));
}

static void entry_pop3_answer(
	struct entry *entry, const char *answer, struct buffer *out)
{
	(void)entry;
	buffer_printf(out, "%s\r\n", answer);
}

const struct entry_ops entry_pop3 = {
	.secured = entry_pop3_secured,
	.line = entry_pop3_line,
	.answer = entry_pop3_answer,
};

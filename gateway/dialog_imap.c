/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IMAP before the login (RFC 3501, 9051): CAPABILITY, ID, NOOP, LOGOUT,
 * STARTTLS, LOGIN and AUTHENTICATE with their literals; nothing else.
 */
#include "config.h"

#include "gateway/dialog_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "lib/xalloc.h"

/* Where the parser stands in a complete command. */
struct imap_reader {
	const char *at;
	const char *end;
};

struct imap_text {
	char *data; /* malloc'd where it had to be unquoted, else NULL */
	const char *at;
	size_t size;
};

static void dialog_imap_capabilities(
	const struct dialog *dialog, struct buffer *out)
{
	buffer_add_text(out, "CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+");
	for (size_t i = 0; dialog->offer.capabilities != NULL &&
			   dialog->offer.capabilities[i] != NULL;
		i++)
		buffer_printf(out, " %s", dialog->offer.capabilities[i]);
	if (dialog->offer.starttls && !dialog->offer.secure)
		buffer_add_text(out, " STARTTLS");
	if (!dialog_takes_passwords(dialog))
		buffer_add_text(out, " LOGINDISABLED");
	dialog_add_mechanisms(dialog, " AUTH=", "", out);
}

static void dialog_imap_greet(struct dialog *dialog, struct buffer *out)
{
	buffer_add_text(out, "* OK [");
	dialog_imap_capabilities(dialog, out);
	buffer_printf(out, "] %s ready.\r\n", dialog->offer.host);
}

static void dialog_imap_goodbye(
	struct dialog *dialog, const char *words, struct buffer *out)
{
	(void)dialog;
	buffer_printf(out, "* BYE [UNAVAILABLE] %s\r\n", words);
}

static void dialog_imap_say(
	struct dialog *dialog, const char *words, struct buffer *out)
{
	buffer_printf(out, "%s %s\r\n", dialog->tag, words);
}

/* ---- reading ---- */

static bool imap_reader_skip(struct imap_reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

/* What an atom, and with it an astring, is made of (RFC 3501 section 9). */
static bool imap_is_atom(char c)
{
	return (unsigned char)c > ' ' && (unsigned char)c < 0x7f &&
	       strchr("(){%*\"\\", c) == NULL;
}

static bool imap_read_atom(struct imap_reader *reader, struct imap_text *text)
{
	text->at = reader->at;
	while (reader->at < reader->end && imap_is_atom(*reader->at))
		reader->at++;
	text->size = (size_t)(reader->at - text->at);
	return text->size > 0;
}

static bool imap_read_quoted(struct imap_reader *reader, struct imap_text *text)
{
	size_t room = (size_t)(reader->end - reader->at);

	text->data = xcalloc(room + 1, 1);
	text->at = text->data;
	for (reader->at++; reader->at < reader->end; reader->at++) {
		if (*reader->at == '"') {
			reader->at++;
			return true;
		}
		if (*reader->at == '\\' && ++reader->at == reader->end)
			return false;
		if (*reader->at == '\r' || *reader->at == '\n')
			return false;
		text->data[text->size++] = *reader->at;
	}
	return false;
}

/* "{5}" or "{5+}", a line end, five octets. */
static bool imap_read_literal(
	struct imap_reader *reader, struct imap_text *text)
{
	char *behind;
	unsigned long size = strtoul(reader->at + 1, &behind, 10);

	if (*behind == '+')
		behind++;
	if (*behind++ != '}')
		return false;
	if (*behind == '\r')
		behind++;
	if (*behind++ != '\n' || size > (size_t)(reader->end - behind))
		return false;
	text->at = behind;
	text->size = size;
	reader->at = behind + size;
	return true;
}

/* It may have been a password. */
static void imap_text_free(struct imap_text *text)
{
	if (text->data != NULL)
		OPENSSL_cleanse(text->data, text->size);
	free(text->data);
}

/* An atom, a quoted string or a literal. */
static bool imap_read_astring(
	struct imap_reader *reader, struct imap_text *text)
{
	*text = (struct imap_text){ NULL, NULL, 0 };
	if (reader->at == reader->end)
		return false;
	if (*reader->at == '"')
		return imap_read_quoted(reader, text);
	if (*reader->at == '{')
		return imap_read_literal(reader, text);
	return imap_read_atom(reader, text);
}

static bool imap_text_is(const struct imap_text *text, const char *word)
{
	return text->size == strlen(word) &&
	       strncasecmp(text->at, word, text->size) == 0;
}

/* Nothing in it ends a line, and it is not too long. */
static bool imap_text_fits(const struct imap_text *text, size_t max)
{
	return text->size > 0 && text->size <= max &&
	       memchr(text->at, '\0', text->size) == NULL &&
	       memchr(text->at, '\r', text->size) == NULL &&
	       memchr(text->at, '\n', text->size) == NULL;
}

/* ---- literals ---- */

/*
 * Whether the last line announces a literal, which is asked for. Behind one
 * that is too long and comes unasked there is no way to the next command.
 */
static enum dialog_result dialog_imap_literal(
	struct dialog *dialog, bool *more_r, struct buffer *out)
{
	const char *line = dialog->in.data + dialog->line;
	const char *end = dialog->in.data + dialog->in.size;
	const char *open = memrchr(line, '{', (size_t)(end - line));
	unsigned long size;
	char *behind;
	bool asks;

	*more_r = false;
	if (open == NULL || end[-1] != '}' || open[1] < '0' || open[1] > '9')
		return DIALOG_MORE;
	size = strtoul(open + 1, &behind, 10);
	asks = *behind != '+';
	if (behind + (asks ? 1 : 2) != end)
		return DIALOG_MORE;
	*more_r = true;
	if (dialog_continue(dialog, size) < 0) {
		dialog_imap_goodbye(dialog, "literal too long", out);
		return DIALOG_END;
	}
	if (asks)
		buffer_add_text(out, "+ OK\r\n");
	return DIALOG_MORE;
}

/* ---- commands ---- */

static enum dialog_result dialog_imap_bad(
	struct dialog *dialog, const char *why, struct buffer *out)
{
	buffer_printf(out, "%s BAD %s\r\n", dialog->tag, why);
	return dialog_mistake(dialog, out);
}

static enum dialog_result dialog_imap_login(
	struct dialog *dialog, struct imap_reader *reader, struct buffer *out)
{
	struct imap_text user = { NULL, NULL, 0 };
	struct imap_text password = { NULL, NULL, 0 };
	enum dialog_result result;

	if (!dialog_takes_passwords(dialog)) {
		dialog_imap_say(
			dialog, "NO [PRIVACYREQUIRED] use STARTTLS first", out);
		return dialog_mistake(dialog, out);
	}
	if (!imap_reader_skip(reader, ' ') ||
		!imap_read_astring(reader, &user) ||
		!imap_reader_skip(reader, ' ') ||
		!imap_read_astring(reader, &password) ||
		reader->at != reader->end ||
		!imap_text_fits(&user, LOGIN_USER_MAX) ||
		!imap_text_fits(&password, LOGIN_PASSWORD_MAX))
		result = dialog_imap_bad(
			dialog, "LOGIN takes a user name and a password", out);
	else
		result = dialog_password_login(
			dialog, user.at, user.size, password.at, password.size);
	imap_text_free(&user);
	imap_text_free(&password);
	return result;
}

static enum dialog_result dialog_imap_authenticate(
	struct dialog *dialog, struct imap_reader *reader, struct buffer *out)
{
	struct imap_text name, initial = { NULL, NULL, 0 };
	int result;

	if (!dialog_takes_passwords(dialog)) {
		dialog_imap_say(
			dialog, "NO [PRIVACYREQUIRED] use STARTTLS first", out);
		return dialog_mistake(dialog, out);
	}
	if (!imap_reader_skip(reader, ' ') || !imap_read_atom(reader, &name))
		return dialog_imap_bad(
			dialog, "AUTHENTICATE takes a mechanism", out);
	if (imap_reader_skip(reader, ' ')) {
		initial.at = reader->at;
		initial.size = (size_t)(reader->end - reader->at);
	}
	if (initial.at == NULL && reader->at != reader->end)
		return dialog_imap_bad(dialog, "a blank is missing", out);
	result = dialog_authenticate(
		dialog, name.at, name.size, initial.at, initial.size, out);
	if (result >= 0)
		return (enum dialog_result)result;
	dialog_imap_say(dialog, "NO [CANNOT] unknown mechanism", out);
	return dialog_mistake(dialog, out);
}

static enum dialog_result dialog_imap_starttls(
	struct dialog *dialog, struct imap_reader *reader, struct buffer *out)
{
	(void)reader;
	if (!dialog->offer.starttls || dialog->offer.secure)
		return dialog_imap_bad(dialog, "STARTTLS is not offered", out);
	dialog_imap_say(dialog, "OK begin TLS now", out);
	return DIALOG_STARTTLS;
}

static enum dialog_result dialog_imap_capability(
	struct dialog *dialog, struct imap_reader *reader, struct buffer *out)
{
	(void)reader;
	buffer_add_text(out, "* ");
	dialog_imap_capabilities(dialog, out);
	buffer_add_text(out, "\r\n");
	dialog_imap_say(dialog, "OK done", out);
	return DIALOG_MORE;
}

static enum dialog_result dialog_imap_id(
	struct dialog *dialog, struct imap_reader *reader, struct buffer *out)
{
	(void)reader;
	buffer_add_text(out, "* ID NIL\r\n");
	dialog_imap_say(dialog, "OK done", out);
	return DIALOG_MORE;
}

static enum dialog_result dialog_imap_noop(
	struct dialog *dialog, struct imap_reader *reader, struct buffer *out)
{
	(void)reader;
	dialog_imap_say(dialog, "OK done", out);
	return DIALOG_MORE;
}

static enum dialog_result dialog_imap_logout(
	struct dialog *dialog, struct imap_reader *reader, struct buffer *out)
{
	(void)reader;
	buffer_add_text(out, "* BYE logging out\r\n");
	dialog_imap_say(dialog, "OK done", out);
	return DIALOG_END;
}

static const struct {
	const char *name;
	enum dialog_result (*run)(struct dialog *dialog,
		struct imap_reader *reader, struct buffer *out);
} dialog_imap_commands[] = {
	{ "LOGIN", dialog_imap_login },
	{ "AUTHENTICATE", dialog_imap_authenticate },
	{ "CAPABILITY", dialog_imap_capability },
	{ "STARTTLS", dialog_imap_starttls },
	{ "ID", dialog_imap_id },
	{ "NOOP", dialog_imap_noop },
	{ "LOGOUT", dialog_imap_logout },
};

/* Without a tag nothing can be answered but "*". */
static bool dialog_imap_tag(struct dialog *dialog, struct imap_reader *reader)
{
	struct imap_text tag = { NULL, NULL, 0 };
	bool good = imap_read_atom(reader, &tag) &&
		    tag.size <= DIALOG_TAG_MAX &&
		    memchr(tag.at, '+', tag.size) == NULL &&
		    imap_reader_skip(reader, ' ');

	strcpy(dialog->tag, "*");
	if (good) {
		memcpy(dialog->tag, tag.at, tag.size);
		dialog->tag[tag.size] = '\0';
	}
	return good;
}

static enum dialog_result dialog_imap_command(
	struct dialog *dialog, struct buffer *out)
{
	struct imap_reader reader;
	struct imap_text name = { NULL, NULL, 0 };
	enum dialog_result result;
	bool more;

	result = dialog_imap_literal(dialog, &more, out);
	if (more)
		return result;
	reader.at = dialog->in.data;
	reader.end = dialog->in.data + dialog->in.size;
	if (!dialog_imap_tag(dialog, &reader) ||
		!imap_read_atom(&reader, &name))
		return dialog_imap_bad(dialog, "no tag and command", out);
	for (size_t i = 0; i < sizeof(dialog_imap_commands) /
				       sizeof(dialog_imap_commands[0]);
		i++)
		if (imap_text_is(&name, dialog_imap_commands[i].name))
			return dialog_imap_commands[i].run(
				dialog, &reader, out);
	return dialog_imap_bad(dialog, "please log in first", out);
}

/* ---- answers ---- */

static void dialog_imap_challenge(
	struct dialog *dialog, const char *text, struct buffer *out)
{
	(void)dialog;
	buffer_printf(out, "+ %s\r\n", text);
}

static void dialog_imap_sasl_failed(
	struct dialog *dialog, const char *reason, struct buffer *out)
{
	buffer_printf(out, "%s BAD %s\r\n", dialog->tag,
		reason[0] != '\0' ? reason : "authentication aborted");
}

static void dialog_imap_hold(struct dialog *dialog, struct buffer *out)
{
	buffer_printf(out,
		"* OK [INPROGRESS (\"%s\" NIL NIL)] the mailbox is being "
		"moved, please wait\r\n",
		dialog->tag);
}

static void dialog_imap_refuse(struct dialog *dialog,
	enum dialog_refusal refusal, const char *words, struct buffer *out)
{
	static const char *const codes[] = {
		[DIALOG_DENIED] = "AUTHENTICATIONFAILED",
		[DIALOG_LATER] = "UNAVAILABLE",
		[DIALOG_LIMIT] = "LIMIT",
	};

	buffer_printf(
		out, "%s NO [%s] %s\r\n", dialog->tag, codes[refusal], words);
	if (refusal == DIALOG_LIMIT)
		dialog_imap_goodbye(dialog, words, out);
}

static void dialog_imap_accept(struct dialog *dialog, const char *capabilities,
	const char *words, struct buffer *out)
{
	buffer_printf(out, "%s OK ", dialog->tag);
	if (capabilities != NULL)
		buffer_printf(out, "[CAPABILITY %s] ", capabilities);
	buffer_printf(out, "%s\r\n", words != NULL ? words : "logged in");
}

const struct dialog_ops dialog_imap = {
	.greet = dialog_imap_greet,
	.command = dialog_imap_command,
	.challenge = dialog_imap_challenge,
	.sasl_failed = dialog_imap_sasl_failed,
	.hold = dialog_imap_hold,
	.refuse = dialog_imap_refuse,
	.accept = dialog_imap_accept,
	.goodbye = dialog_imap_goodbye,
};

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Submission before the login (RFC 6409, 5321, 4954, 3207): EHLO, STARTTLS,
 * AUTH; mail only behind it.
 */
#include "config.h"

#include "gateway/dialog_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

/* RFC 5321 section 4.5.3.1.2. */
#define DIALOG_SMTP_NAME_MAX 255

static void dialog_smtp_greet(struct dialog *dialog, struct buffer *out)
{
	buffer_printf(out, "220 %s ESMTP ready\r\n", dialog->offer.host);
}

static void dialog_smtp_goodbye(
	struct dialog *dialog, const char *words, struct buffer *out)
{
	buffer_printf(out, "421 4.3.0 %s %s\r\n", dialog->offer.host, words);
}

static enum dialog_result dialog_smtp_say(struct buffer *out, const char *words)
{
	buffer_printf(out, "%s\r\n", words);
	return DIALOG_MORE;
}

static enum dialog_result dialog_smtp_bad(
	struct dialog *dialog, const char *words, struct buffer *out)
{
	dialog_smtp_say(out, words);
	return dialog_mistake(dialog, out);
}

/* After STARTTLS the client is unknown again (RFC 3207 section 4.2). */
static void dialog_smtp_secured(struct dialog *dialog, struct buffer *out)
{
	(void)out;
	free(dialog->client_name);
	dialog->client_name = NULL;
}

/* What the client calls itself goes on to the home: one printable word. */
static bool dialog_smtp_name(struct dialog *dialog, const char *name)
{
	size_t size = strlen(name);

	if (size == 0 || size > DIALOG_SMTP_NAME_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
			return false;
	free(dialog->client_name);
	dialog->client_name = xstrdup(name);
	return true;
}

static enum dialog_result dialog_smtp_ehlo(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	if (!dialog_smtp_name(dialog, rest))
		return dialog_smtp_bad(
			dialog, "501 5.5.4 EHLO takes a host name", out);
	buffer_printf(out, "250-%s\r\n", dialog->offer.host);
	for (size_t i = 0; dialog->offer.capabilities != NULL &&
			   dialog->offer.capabilities[i] != NULL;
		i++)
		buffer_printf(out, "250-%s\r\n", dialog->offer.capabilities[i]);
	if (dialog->offer.starttls && !dialog->offer.secure)
		buffer_add_text(out, "250-STARTTLS\r\n");
	if (dialog_takes_passwords(dialog)) {
		buffer_add_text(out, "250-AUTH");
		dialog_add_mechanisms(dialog, " ", "", out);
		buffer_add_text(out, "\r\n");
	}
	return dialog_smtp_say(out, "250 ENHANCEDSTATUSCODES");
}

static enum dialog_result dialog_smtp_helo(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	if (!dialog_smtp_name(dialog, rest))
		return dialog_smtp_bad(
			dialog, "501 5.5.4 HELO takes a host name", out);
	buffer_printf(out, "250 %s\r\n", dialog->offer.host);
	return DIALOG_MORE;
}

static enum dialog_result dialog_smtp_auth(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	size_t size = strcspn(rest, " ");
	const char *initial = rest[size] != '\0' ? rest + size + 1 : NULL;
	int result;

	if (dialog->client_name == NULL)
		return dialog_smtp_bad(dialog, "503 5.5.1 EHLO first", out);
	if (!dialog_takes_passwords(dialog))
		return dialog_smtp_bad(
			dialog, "538 5.7.11 use STARTTLS first", out);
	result = dialog_authenticate(dialog, rest, size, initial,
		initial != NULL ? strlen(initial) : 0, out);
	if (result >= 0)
		return (enum dialog_result)result;
	return dialog_smtp_bad(
		dialog, "504 5.5.4 unknown authentication mechanism", out);
}

static enum dialog_result dialog_smtp_starttls(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	if (rest[0] != '\0')
		return dialog_smtp_bad(
			dialog, "501 5.5.4 STARTTLS takes no parameter", out);
	if (!dialog->offer.starttls || dialog->offer.secure)
		return dialog_smtp_bad(
			dialog, "502 5.5.1 STARTTLS is not offered", out);
	dialog_smtp_say(out, "220 2.0.0 begin TLS now");
	return DIALOG_STARTTLS;
}

static enum dialog_result dialog_smtp_mail(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	(void)rest;
	return dialog_smtp_bad(
		dialog, "530 5.7.0 authentication required", out);
}

static enum dialog_result dialog_smtp_noop(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	(void)dialog;
	(void)rest;
	return dialog_smtp_say(out, "250 2.0.0 OK");
}

static enum dialog_result dialog_smtp_quit(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	(void)dialog;
	(void)rest;
	dialog_smtp_say(out, "221 2.0.0 bye");
	return DIALOG_END;
}

static const struct {
	const char *name;
	enum dialog_result (*run)(
		struct dialog *dialog, const char *rest, struct buffer *out);
} dialog_smtp_commands[] = {
	{ "EHLO", dialog_smtp_ehlo },
	{ "HELO", dialog_smtp_helo },
	{ "AUTH", dialog_smtp_auth },
	{ "STARTTLS", dialog_smtp_starttls },
	{ "MAIL", dialog_smtp_mail },
	{ "RCPT", dialog_smtp_mail },
	{ "DATA", dialog_smtp_mail },
	{ "BDAT", dialog_smtp_mail },
	{ "VRFY", dialog_smtp_mail },
	{ "RSET", dialog_smtp_noop },
	{ "NOOP", dialog_smtp_noop },
	{ "QUIT", dialog_smtp_quit },
};

static enum dialog_result dialog_smtp_command(
	struct dialog *dialog, struct buffer *out)
{
	char *line = dialog->in.data;
	size_t size = strcspn(line, " ");

	if (strlen(line) != dialog->in.size)
		return dialog_smtp_bad(
			dialog, "500 5.5.2 a NUL is no character", out);
	while (dialog->in.size > size && line[dialog->in.size - 1] == ' ')
		line[--dialog->in.size] = '\0';
	for (size_t i = 0; i < sizeof(dialog_smtp_commands) /
				       sizeof(dialog_smtp_commands[0]);
		i++)
		if (strlen(dialog_smtp_commands[i].name) == size &&
			strncasecmp(dialog_smtp_commands[i].name, line, size) ==
				0)
			return dialog_smtp_commands[i].run(dialog,
				line[size] != '\0' ? line + size + 1 : "", out);
	return dialog_smtp_bad(dialog, "500 5.5.2 unknown command", out);
}

static void dialog_smtp_challenge(
	struct dialog *dialog, const char *text, struct buffer *out)
{
	(void)dialog;
	buffer_printf(out, "334 %s\r\n", text);
}

static void dialog_smtp_sasl_failed(
	struct dialog *dialog, const char *reason, struct buffer *out)
{
	(void)dialog;
	if (reason[0] != '\0')
		buffer_printf(out, "501 5.5.2 %s\r\n", reason);
	else
		dialog_smtp_say(out, "501 5.7.0 authentication aborted");
}

static void dialog_smtp_refuse(struct dialog *dialog,
	enum dialog_refusal refusal, const char *words, struct buffer *out)
{
	static const char *const codes[] = {
		[DIALOG_DENIED] = "535 5.7.8",
		[DIALOG_LATER] = "454 4.3.0",
		[DIALOG_LIMIT] = "421 4.7.0",
	};

	(void)dialog;
	buffer_printf(out, "%s %s\r\n", codes[refusal], words);
}

static void dialog_smtp_accept(struct dialog *dialog, const char *capabilities,
	const char *words, struct buffer *out)
{
	(void)dialog;
	(void)capabilities;
	buffer_printf(out, "235 2.7.0 %s\r\n",
		words != NULL ? words : "authentication successful");
}

const struct dialog_ops dialog_smtp = {
	.greet = dialog_smtp_greet,
	.secured = dialog_smtp_secured,
	.command = dialog_smtp_command,
	.challenge = dialog_smtp_challenge,
	.sasl_failed = dialog_smtp_sasl_failed,
	.refuse = dialog_smtp_refuse,
	.accept = dialog_smtp_accept,
	.goodbye = dialog_smtp_goodbye,
};

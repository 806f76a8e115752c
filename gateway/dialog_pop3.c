/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POP3 before the login (RFC 1939, 2449, 2595, 5034): CAPA, STLS, USER and
 * PASS, AUTH, QUIT.
 */
#include "config.h"

#include "gateway/dialog_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

static void dialog_pop3_greet(struct dialog *dialog, struct buffer *out)
{
	buffer_printf(out, "+OK %s ready.\r\n", dialog->offer.host);
}

static void dialog_pop3_goodbye(
	struct dialog *dialog, const char *words, struct buffer *out)
{
	(void)dialog;
	buffer_printf(out, "-ERR [SYS/TEMP] %s\r\n", words);
}

static enum dialog_result dialog_pop3_bad(
	struct dialog *dialog, const char *why, struct buffer *out)
{
	buffer_printf(out, "-ERR %s\r\n", why);
	return dialog_mistake(dialog, out);
}

static enum dialog_result dialog_pop3_capa(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	(void)rest;
	buffer_add_text(out, "+OK\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
			     "PIPELINING\r\n");
	for (size_t i = 0; dialog->offer.capabilities != NULL &&
			   dialog->offer.capabilities[i] != NULL;
		i++)
		buffer_printf(out, "%s\r\n", dialog->offer.capabilities[i]);
	if (dialog->offer.starttls && !dialog->offer.secure)
		buffer_add_text(out, "STLS\r\n");
	if (dialog_takes_passwords(dialog)) {
		buffer_add_text(out, "USER\r\nSASL");
		dialog_add_mechanisms(dialog, " ", "", out);
		buffer_add_text(out, "\r\n");
	}
	buffer_add_text(out, ".\r\n");
	return DIALOG_MORE;
}

static enum dialog_result dialog_pop3_insecure(
	struct dialog *dialog, struct buffer *out)
{
	return dialog_pop3_bad(dialog, "use STLS first", out);
}

/* The name is kept in the login until the password comes. */
static enum dialog_result dialog_pop3_user(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	if (!dialog_takes_passwords(dialog))
		return dialog_pop3_insecure(dialog, out);
	if (rest[0] == '\0' || strlen(rest) > LOGIN_USER_MAX)
		return dialog_pop3_bad(dialog, "USER takes a name", out);
	login_clear(&dialog->login);
	dialog->login.user = xstrdup(rest);
	buffer_add_text(out, "+OK\r\n");
	return DIALOG_MORE;
}

/* A password may have blanks in it, and at its ends. */
static enum dialog_result dialog_pop3_pass(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	enum dialog_result result;
	char *user = dialog->login.user;

	if (!dialog_takes_passwords(dialog))
		return dialog_pop3_insecure(dialog, out);
	if (user == NULL)
		return dialog_pop3_bad(dialog, "USER comes first", out);
	if (rest[0] == '\0' || strlen(rest) > LOGIN_PASSWORD_MAX)
		return dialog_pop3_bad(dialog, "PASS takes a password", out);
	dialog->login.user = NULL;
	result = dialog_password_login(
		dialog, user, strlen(user), rest, strlen(rest));
	free(user);
	return result;
}

static enum dialog_result dialog_pop3_auth(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	size_t size = strcspn(rest, " ");
	const char *initial = rest[size] != '\0' ? rest + size + 1 : NULL;
	int result;

	/* Without a name, as some clients ask what there is. */
	if (rest[0] == '\0') {
		buffer_add_text(out, "+OK\r\n");
		dialog_add_mechanisms(dialog, "", "\r\n", out);
		buffer_add_text(out, ".\r\n");
		return DIALOG_MORE;
	}
	if (!dialog_takes_passwords(dialog))
		return dialog_pop3_insecure(dialog, out);
	result = dialog_authenticate(dialog, rest, size, initial,
		initial != NULL ? strlen(initial) : 0, out);
	if (result >= 0)
		return (enum dialog_result)result;
	return dialog_pop3_bad(dialog, "unknown mechanism", out);
}

static enum dialog_result dialog_pop3_stls(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	(void)rest;
	if (!dialog->offer.starttls || dialog->offer.secure)
		return dialog_pop3_bad(dialog, "STLS is not offered", out);
	buffer_add_text(out, "+OK begin TLS now\r\n");
	return DIALOG_STARTTLS;
}

static enum dialog_result dialog_pop3_quit(
	struct dialog *dialog, const char *rest, struct buffer *out)
{
	(void)dialog;
	(void)rest;
	buffer_add_text(out, "+OK bye\r\n");
	return DIALOG_END;
}

static const struct {
	const char *name;
	enum dialog_result (*run)(
		struct dialog *dialog, const char *rest, struct buffer *out);
} dialog_pop3_commands[] = {
	{ "CAPA", dialog_pop3_capa },
	{ "USER", dialog_pop3_user },
	{ "PASS", dialog_pop3_pass },
	{ "AUTH", dialog_pop3_auth },
	{ "STLS", dialog_pop3_stls },
	{ "QUIT", dialog_pop3_quit },
};

static enum dialog_result dialog_pop3_command(
	struct dialog *dialog, struct buffer *out)
{
	const char *line = dialog->in.data;
	size_t size = strcspn(line, " ");

	if (strlen(line) != dialog->in.size)
		return dialog_pop3_bad(dialog, "a NUL is no character", out);
	for (size_t i = 0; i < sizeof(dialog_pop3_commands) /
				       sizeof(dialog_pop3_commands[0]);
		i++)
		if (strlen(dialog_pop3_commands[i].name) == size &&
			strncasecmp(dialog_pop3_commands[i].name, line, size) ==
				0)
			return dialog_pop3_commands[i].run(dialog,
				line[size] != '\0' ? line + size + 1 : "", out);
	return dialog_pop3_bad(dialog, "please log in first", out);
}

static void dialog_pop3_challenge(
	struct dialog *dialog, const char *text, struct buffer *out)
{
	(void)dialog;
	buffer_printf(out, "+ %s\r\n", text);
}

static void dialog_pop3_sasl_failed(
	struct dialog *dialog, const char *reason, struct buffer *out)
{
	(void)dialog;
	buffer_printf(out, "-ERR %s\r\n",
		reason[0] != '\0' ? reason : "authentication aborted");
}

static void dialog_pop3_refuse(struct dialog *dialog,
	enum dialog_refusal refusal, const char *words, struct buffer *out)
{
	(void)dialog;
	buffer_printf(out, "-ERR [%s] %s\r\n",
		refusal == DIALOG_DENIED ? "AUTH" : "SYS/TEMP", words);
}

static void dialog_pop3_accept(struct dialog *dialog, const char *capabilities,
	const char *words, struct buffer *out)
{
	(void)dialog;
	(void)capabilities;
	buffer_printf(out, "+OK %s\r\n", words != NULL ? words : "logged in");
}

const struct dialog_ops dialog_pop3 = {
	.greet = dialog_pop3_greet,
	.command = dialog_pop3_command,
	.challenge = dialog_pop3_challenge,
	.sasl_failed = dialog_pop3_sasl_failed,
	.refuse = dialog_pop3_refuse,
	.accept = dialog_pop3_accept,
	.goodbye = dialog_pop3_goodbye,
};

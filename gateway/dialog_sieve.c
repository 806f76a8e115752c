/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ManageSieve before the login (RFC 5804): CAPABILITY, STARTTLS, AUTHENTICATE,
 * NOOP, LOGOUT. Strings are quoted or come as "{5+}" literals.
 */
#include "config.h"

#include "gateway/dialog_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

/* A quoted string keeps within a line; words of a home may have anything. */
static void dialog_sieve_quote(const char *words, struct buffer *out)
{
	buffer_add_text(out, "\"");
	for (; *words != '\0'; words++) {
		if (*words == '"' || *words == '\\')
			buffer_add_text(out, "\\");
		buffer_add(out, words, 1);
	}
	buffer_add_text(out, "\"");
}

static void dialog_sieve_say(
	const char *answer, const char *words, struct buffer *out)
{
	buffer_printf(out, "%s ", answer);
	dialog_sieve_quote(words, out);
	buffer_add_text(out, "\r\n");
}

static void dialog_sieve_capabilities(
	const struct dialog *dialog, struct buffer *out)
{
	struct buffer names = BUFFER_EMPTY;

	dialog_add_mechanisms(dialog, "", " ", &names);
	if (names.size > 0)
		names.data[--names.size] = '\0';
	buffer_printf(out,
		"\"IMPLEMENTATION\" \"rehome\"\r\n\"SASL\" \"%s\"\r\n",
		names.size > 0 ? names.data : "");
	buffer_free(&names);
	for (size_t i = 0; dialog->offer.capabilities != NULL &&
			   dialog->offer.capabilities[i] != NULL;
		i++)
		buffer_printf(out, "%s\r\n", dialog->offer.capabilities[i]);
	if (dialog->offer.starttls && !dialog->offer.secure)
		buffer_add_text(out, "\"STARTTLS\"\r\n");
	buffer_add_text(out, "\"VERSION\" \"1.0\"\r\n");
}

static void dialog_sieve_greet(struct dialog *dialog, struct buffer *out)
{
	dialog_sieve_capabilities(dialog, out);
	buffer_printf(out, "OK \"%s ready.\"\r\n", dialog->offer.host);
}

static void dialog_sieve_goodbye(
	struct dialog *dialog, const char *words, struct buffer *out)
{
	(void)dialog;
	dialog_sieve_say("BYE (TRYLATER)", words, out);
}

static enum dialog_result dialog_sieve_bad(
	struct dialog *dialog, const char *words, struct buffer *out)
{
	dialog_sieve_say("NO", words, out);
	return dialog_mistake(dialog, out);
}

/* ---- strings ---- */

/*
 * Whether the last line ends with "{5+}": then so many octets come, unasked.
 * 1 they do, 0 there is none, -1 it is too long.
 */
static int dialog_sieve_literal(struct dialog *dialog)
{
	const char *line = dialog->in.data + dialog->line;
	const char *end = dialog->in.data + dialog->in.size;
	const char *open = memrchr(line, '{', (size_t)(end - line));
	unsigned long size;
	char *behind;

	if (open == NULL || end[-1] != '}' || open[1] < '0' || open[1] > '9')
		return 0;
	size = strtoul(open + 1, &behind, 10);
	if (behind + 2 != end || *behind != '+')
		return 0;
	return dialog_continue(dialog, size) == 0 ? 1 : -1;
}

/* A string at *at, which is put behind it; malloc'd, or NULL when there is
 * none. */
static char *dialog_sieve_string(const char **at, const char *end)
{
	const char *from = *at;
	char *text, *behind;
	size_t size;

	if (from < end && *from == '"') {
		text = xcalloc((size_t)(end - from), 1);
		size = 0;
		for (from++; from < end && *from != '"'; from++) {
			if (*from == '\\' && from + 1 < end)
				from++;
			text[size++] = *from;
		}
		*at = from + 1;
		if (from < end)
			return text;
		free(text);
		return NULL;
	}
	if (from == end || *from != '{')
		return NULL;
	size = strtoul(from + 1, &behind, 10);
	if (strncmp(behind, "+}\n", 3) != 0 ||
		size > (size_t)(end - behind) - 3)
		return NULL;
	*at = behind + 3 + size;
	return xstrndup(behind + 3, size);
}

/* ---- commands ---- */

static enum dialog_result dialog_sieve_authenticate(
	struct dialog *dialog, const char *at, struct buffer *out)
{
	const char *end = dialog->in.data + dialog->in.size;
	char *name, *initial = NULL;
	int result = -1;

	if (!dialog_takes_passwords(dialog)) {
		dialog_sieve_say(
			"NO (ENCRYPT-NEEDED)", "use STARTTLS first", out);
		return dialog_mistake(dialog, out);
	}
	name = dialog_sieve_string(&at, end);
	if (name != NULL && at < end && *at == ' ') {
		at++;
		initial = dialog_sieve_string(&at, end);
	}
	if (name != NULL && at == end)
		result = dialog_authenticate(dialog, name, strlen(name),
			initial, initial != NULL ? strlen(initial) : 0, out);
	free(name);
	free(initial);
	if (result >= 0)
		return (enum dialog_result)result;
	return dialog_sieve_bad(dialog, "unknown mechanism", out);
}

static enum dialog_result dialog_sieve_capability(
	struct dialog *dialog, const char *at, struct buffer *out)
{
	(void)at;
	dialog_sieve_capabilities(dialog, out);
	dialog_sieve_say("OK", "done", out);
	return DIALOG_MORE;
}

static enum dialog_result dialog_sieve_starttls(
	struct dialog *dialog, const char *at, struct buffer *out)
{
	(void)at;
	if (!dialog->offer.starttls || dialog->offer.secure)
		return dialog_sieve_bad(dialog, "STARTTLS is not offered", out);
	dialog_sieve_say("OK", "begin TLS now", out);
	return DIALOG_STARTTLS;
}

/* Gives back the string that it was given (RFC 5804 section 2.13). */
static enum dialog_result dialog_sieve_noop(
	struct dialog *dialog, const char *at, struct buffer *out)
{
	char *tag = dialog_sieve_string(&at, dialog->in.data + dialog->in.size);

	if (tag == NULL) {
		dialog_sieve_say("OK", "done", out);
		return DIALOG_MORE;
	}
	buffer_printf(
		out, "OK (TAG {%zu}\r\n%s) \"done\"\r\n", strlen(tag), tag);
	free(tag);
	return DIALOG_MORE;
}

static enum dialog_result dialog_sieve_logout(
	struct dialog *dialog, const char *at, struct buffer *out)
{
	(void)dialog;
	(void)at;
	dialog_sieve_say("OK", "bye", out);
	return DIALOG_END;
}

static const struct {
	const char *name;
	enum dialog_result (*run)(
		struct dialog *dialog, const char *at, struct buffer *out);
} dialog_sieve_commands[] = {
	{ "AUTHENTICATE", dialog_sieve_authenticate },
	{ "CAPABILITY", dialog_sieve_capability },
	{ "STARTTLS", dialog_sieve_starttls },
	{ "NOOP", dialog_sieve_noop },
	{ "LOGOUT", dialog_sieve_logout },
};

static enum dialog_result dialog_sieve_command(
	struct dialog *dialog, struct buffer *out)
{
	int literal = dialog_sieve_literal(dialog);
	const char *line = dialog->in.data;
	size_t size = strcspn(line, " ");

	if (literal < 0) {
		dialog_sieve_goodbye(dialog, "literal too long", out);
		return DIALOG_END;
	}
	if (literal > 0)
		return DIALOG_MORE;
	for (size_t i = 0; i < sizeof(dialog_sieve_commands) /
				       sizeof(dialog_sieve_commands[0]);
		i++)
		if (strlen(dialog_sieve_commands[i].name) == size &&
			strncasecmp(
				dialog_sieve_commands[i].name, line, size) == 0)
			return dialog_sieve_commands[i].run(dialog,
				line[size] != '\0' ? line + size + 1
						   : line + size,
				out);
	return dialog_sieve_bad(dialog, "please log in first", out);
}

/* The answer to a challenge is a string, too; "*" aborts. */
static int dialog_sieve_unwrap(struct dialog *dialog, struct buffer *out)
{
	int literal = dialog_sieve_literal(dialog);
	const char *at = dialog->in.data;
	char *text;

	(void)out;
	if (literal != 0)
		return literal > 0 ? 0 : -1;
	text = dialog_sieve_string(&at, dialog->in.data + dialog->in.size);
	if (text == NULL)
		return -1;
	buffer_clear(&dialog->in);
	buffer_add_text(&dialog->in, text);
	free(text);
	return 1;
}

/* ---- answers ---- */

static void dialog_sieve_challenge(
	struct dialog *dialog, const char *text, struct buffer *out)
{
	(void)dialog;
	dialog_sieve_quote(text, out);
	buffer_add_text(out, "\r\n");
}

static void dialog_sieve_sasl_failed(
	struct dialog *dialog, const char *reason, struct buffer *out)
{
	(void)dialog;
	dialog_sieve_say("NO",
		reason[0] != '\0' ? reason : "authentication aborted", out);
}

static void dialog_sieve_refuse(struct dialog *dialog,
	enum dialog_refusal refusal, const char *words, struct buffer *out)
{
	static const char *const answers[] = {
		[DIALOG_DENIED] = "NO",
		[DIALOG_LATER] = "NO (TRYLATER)",
		[DIALOG_LIMIT] = "BYE (TRYLATER)",
	};

	(void)dialog;
	dialog_sieve_say(answers[refusal], words, out);
}

static void dialog_sieve_accept(struct dialog *dialog, const char *capabilities,
	const char *words, struct buffer *out)
{
	(void)dialog;
	(void)capabilities;
	dialog_sieve_say("OK", words != NULL ? words : "logged in", out);
}

const struct dialog_ops dialog_sieve = {
	.greet = dialog_sieve_greet,
	.secured = dialog_sieve_greet,
	.command = dialog_sieve_command,
	.unwrap = dialog_sieve_unwrap,
	.challenge = dialog_sieve_challenge,
	.sasl_failed = dialog_sieve_sasl_failed,
	.refuse = dialog_sieve_refuse,
	.accept = dialog_sieve_accept,
	.goodbye = dialog_sieve_goodbye,
};

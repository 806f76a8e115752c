/* SPDX-License-Identifier: BSD-2-Clause */
/* What all protocols share: lines and literals, limits, the SASL exchange. */
#include "config.h"

#include "gateway/dialog_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/xalloc.h"

static const struct dialog_ops *const dialog_protocols[] = {
	[DIALOG_IMAP] = &dialog_imap,
	[DIALOG_POP3] = &dialog_pop3,
	[DIALOG_SMTP] = &dialog_smtp,
	[DIALOG_SIEVE] = &dialog_sieve,
};

struct dialog *dialog_new(
	enum dialog_protocol protocol, const struct dialog_offer *offer)
{
	struct dialog *dialog = xcalloc(1, sizeof(*dialog));

	dialog->ops = dialog_protocols[protocol];
	dialog->offer = *offer;
	return dialog;
}

/* The command is over. Passwords were in it. */
static void dialog_forget(struct dialog *dialog)
{
	if (dialog->in.data != NULL)
		OPENSSL_cleanse(dialog->in.data, dialog->in.room);
	buffer_clear(&dialog->in);
	dialog->line = 0;
	dialog->literal = 0;
	dialog->continues = false;
}

void dialog_free(struct dialog **dialog_pointer)
{
	struct dialog *dialog = *dialog_pointer;

	if (dialog == NULL)
		return;
	dialog_forget(dialog);
	buffer_free(&dialog->in);
	login_clear(&dialog->login);
	free(dialog->client_name);
	free(dialog);
	*dialog_pointer = NULL;
}

void dialog_greet(struct dialog *dialog, struct buffer *out)
{
	dialog->ops->greet(dialog, out);
}

void dialog_secured(struct dialog *dialog, struct buffer *out)
{
	dialog->offer.secure = true;
	dialog->offer.starttls = false;
	if (dialog->ops->secured != NULL)
		dialog->ops->secured(dialog, out);
}

const struct login *dialog_login(const struct dialog *dialog)
{
	return &dialog->login;
}

const char *dialog_response(const struct dialog *dialog)
{
	return dialog->in.data;
}

const char *dialog_client_name(const struct dialog *dialog)
{
	return dialog->client_name;
}

/* ---- for the protocols ---- */

bool dialog_takes_passwords(const struct dialog *dialog)
{
	return dialog->offer.secure || dialog->offer.cleartext;
}

void dialog_add_mechanisms(const struct dialog *dialog, const char *before,
	const char *behind, struct buffer *out)
{
	if (!dialog_takes_passwords(dialog))
		return;
	for (int i = 0; i < LOGIN_MECHANISMS; i++) {
		const char *name = login_mechanism_name(i);

		if (name != NULL && (dialog->offer.mechanisms & 1u << i) != 0)
			buffer_printf(out, "%s%s%s", before, name, behind);
	}
}

int dialog_continue(struct dialog *dialog, unsigned long size)
{
	if (size > DIALOG_LITERAL_MAX ||
		dialog->in.size + size > DIALOG_COMMAND_MAX)
		return -1;
	buffer_add(&dialog->in, "\n", 1);
	dialog->line = dialog->in.size;
	dialog->literal = size;
	dialog->continues = true;
	return 0;
}

enum dialog_result dialog_mistake(struct dialog *dialog, struct buffer *out)
{
	if (++dialog->mistakes < DIALOG_MISTAKES_MAX)
		return DIALOG_MORE;
	dialog->ops->goodbye(dialog, "too many errors", out);
	return DIALOG_END;
}

/* Takes an answer of the client to our own prompt. */
static enum dialog_result dialog_take_answer(struct dialog *dialog,
	const char *text, size_t size, struct buffer *out)
{
	const char *reason;
	int result =
		sasl_answer(&dialog->login, dialog->step, text, size, &reason);

	if (result == 1) {
		dialog->stage = DIALOG_WAIT;
		return DIALOG_LOGIN;
	}
	if (result == 0) {
		dialog->step++;
		dialog->stage = DIALOG_SASL;
		dialog->ops->challenge(dialog,
			sasl_prompt(dialog->login.mechanism, dialog->step),
			out);
		return DIALOG_MORE;
	}
	dialog->stage = DIALOG_COMMAND;
	dialog->ops->sasl_failed(dialog, reason, out);
	return dialog_mistake(dialog, out);
}

int dialog_authenticate(struct dialog *dialog, const char *name, size_t size,
	const char *initial, size_t initial_size, struct buffer *out)
{
	int mechanism = login_mechanism_find(name, size);

	if (mechanism < 0 || (dialog->offer.mechanisms & 1u << mechanism) == 0)
		return -1;
	login_clear(&dialog->login);
	dialog->login.mechanism = mechanism;
	dialog->step = 0;
	if (initial != NULL)
		return (int)dialog_take_answer(
			dialog, initial, initial_size, out);
	dialog->stage = DIALOG_SASL;
	dialog->ops->challenge(
		dialog, sasl_prompt(dialog->login.mechanism, 0), out);
	return DIALOG_MORE;
}

enum dialog_result dialog_password_login(struct dialog *dialog,
	const char *user, size_t user_size, const char *password,
	size_t password_size)
{
	login_clear(&dialog->login);
	dialog->login.user = xstrndup(user, user_size);
	dialog->login.password = xstrndup(password, password_size);
	dialog->stage = DIALOG_WAIT;
	return DIALOG_LOGIN;
}

/* ---- input ---- */

/* The client's line in an exchange of SASL: *, or an answer. */
static enum dialog_result dialog_sasl_line(
	struct dialog *dialog, struct buffer *out)
{
	bool relayed = dialog->stage == DIALOG_RELAY;
	enum dialog_result result;
	int whole = 1;
	bool cancelled;

	if (dialog->ops->unwrap != NULL)
		whole = dialog->ops->unwrap(dialog, out);
	if (whole == 0)
		return DIALOG_MORE;
	cancelled = dialog->in.size == 1 && dialog->in.data[0] == '*';
	/* It becomes a part of our own command to the home. */
	if (relayed && !cancelled &&
		!sasl_is_answer(dialog->in.data, dialog->in.size))
		whole = -1;
	if (whole < 0 || cancelled) {
		dialog->stage = DIALOG_COMMAND;
		dialog->ops->sasl_failed(
			dialog, whole < 0 ? "invalid answer" : "", out);
		login_clear(&dialog->login);
		result = dialog_mistake(dialog, out);
		return relayed && result == DIALOG_MORE ? DIALOG_CANCELLED
							: result;
	}
	if (!relayed)
		return dialog_take_answer(
			dialog, dialog->in.data, dialog->in.size, out);
	dialog->stage = DIALOG_WAIT;
	return DIALOG_RESPONSE;
}

static enum dialog_result dialog_line(struct dialog *dialog, struct buffer *out)
{
	enum dialog_result result;

	buffer_add(&dialog->in, "", 0); /* an empty line has data, too */
	dialog->continues = false;
	if (dialog->stage != DIALOG_COMMAND)
		result = dialog_sasl_line(dialog, out);
	else
		result = dialog->ops->command(dialog, out);
	if (dialog->continues)
		return result;
	if (result != DIALOG_RESPONSE)
		dialog_forget(dialog);
	if (result == DIALOG_MORE && dialog->stage == DIALOG_COMMAND &&
		++dialog->commands >= DIALOG_COMMANDS_MAX) {
		dialog->ops->goodbye(dialog, "too many commands", out);
		result = DIALOG_END;
	}
	return result;
}

/* Octets of a literal. Returns how many it took. */
static size_t dialog_take_literal(
	struct dialog *dialog, const char *data, size_t size)
{
	size_t take = size < dialog->literal ? size : dialog->literal;

	buffer_add(&dialog->in, data, take);
	dialog->literal -= take;
	if (dialog->literal == 0)
		dialog->line = dialog->in.size;
	return take;
}

enum dialog_result dialog_input(struct dialog *dialog, const char *data,
	size_t size, size_t *used_r, struct buffer *out)
{
	enum dialog_result result = DIALOG_MORE;
	size_t used = 0;

	while (result == DIALOG_MORE && used < size) {
		const char *end;
		size_t take;

		if (dialog->literal > 0) {
			used += dialog_take_literal(
				dialog, data + used, size - used);
			continue;
		}
		end = memchr(data + used, '\n', size - used);
		take = end != NULL ? (size_t)(end - data) - used : size - used;
		if (dialog->in.size + take > DIALOG_COMMAND_MAX) {
			dialog->ops->goodbye(dialog, "line too long", out);
			result = DIALOG_END;
			break;
		}
		buffer_add(&dialog->in, data + used, take);
		used += take;
		if (end == NULL)
			break;
		used++;
		if (dialog->in.size > dialog->line &&
			dialog->in.data[dialog->in.size - 1] == '\r')
			dialog->in.data[--dialog->in.size] = '\0';
		result = dialog_line(dialog, out);
	}
	*used_r = used;
	return result;
}

/* ---- answers ---- */

void dialog_challenge(
	struct dialog *dialog, const char *challenge, struct buffer *out)
{
	dialog_forget(dialog);
	dialog->stage = DIALOG_RELAY;
	dialog->ops->challenge(dialog, challenge, out);
}

void dialog_hold(struct dialog *dialog, struct buffer *out)
{
	if (dialog->ops->hold != NULL)
		dialog->ops->hold(dialog, out);
}

enum dialog_result dialog_refuse(struct dialog *dialog,
	enum dialog_refusal refusal, const char *words, struct buffer *out)
{
	dialog_forget(dialog);
	login_clear(&dialog->login);
	dialog->stage = DIALOG_COMMAND;
	dialog->ops->refuse(dialog, refusal, words, out);
	if (refusal == DIALOG_LIMIT)
		return DIALOG_END;
	if (++dialog->denials < DIALOG_DENIALS_MAX)
		return DIALOG_MORE;
	dialog->ops->goodbye(dialog, "too many failed logins", out);
	return DIALOG_END;
}

void dialog_accept(struct dialog *dialog, const char *capabilities,
	const char *words, struct buffer *out)
{
	dialog->ops->accept(dialog, capabilities, words, out);
}

void dialog_goodbye(
	struct dialog *dialog, const char *words, struct buffer *out)
{
	dialog->ops->goodbye(dialog, words, out);
}

void dialog_last_words(enum dialog_protocol protocol, const char *host,
	const char *words, struct buffer *out)
{
	struct dialog dialog = { .offer.host = host };

	dialog_protocols[protocol]->goodbye(&dialog, words, out);
}

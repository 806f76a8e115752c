/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths and parameters. */
#include "config.h"

#include "gateway/lmtp_command.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"

#define LMTP_BAD_PATH	   "501 5.1.3 bad address syntax"
#define LMTP_BAD_SENDER	   "501 5.1.7 bad address syntax"
#define LMTP_BAD_PARAMETER "501 5.5.4 bad parameter"
#define LMTP_NO_PARAMETER  "555 5.5.4 unknown parameter"
#define LMTP_NO_UTF8	   "553 5.6.7 SMTPUTF8 is needed for this address"

/* Ten chunks of this size are more than anybody has room for. */
#define LMTP_DIGITS_MAX 18

static bool lmtp_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Reads decimal digits up to the end or a blank. Returns their count or 0. */
static size_t lmtp_number(const char *text, uint64_t *number_r)
{
	size_t size = strspn(text, "0123456789");

	if (size == 0 || size > LMTP_DIGITS_MAX ||
		(text[size] != '\0' && !lmtp_is_blank(text[size])))
		return 0;
	*number_r = strtoull(text, NULL, 10);
	return size;
}

/*
 * Where the path that begins behind "<" ends, at its ">", quoted strings and
 * all; NULL: nowhere. Controls are in no path.
 */
static const char *lmtp_path_end(const char *text)
{
	bool quoted = false;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f || (c == ' ' && !quoted))
			return NULL;
		if (quoted && c == '\\') {
			if (*++text == '\0')
				return NULL;
			continue;
		}
		if (c == '"')
			quoted = !quoted;
		else if (c == '<' && !quoted)
			return NULL;
		else if (c == '>' && !quoted)
			return text;
	}
	return NULL;
}

/* A source route is to be accepted and ignored (RFC 5321 appendix C). */
static const char *lmtp_path_skip_route(const char *text, const char *end)
{
	const char *colon;

	if (*text != '@')
		return text;
	colon = memchr(text, ':', (size_t)(end - text));
	return colon != NULL ? colon + 1 : text;
}

static bool lmtp_is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text > 0x7f)
			return false;
	return true;
}

/* "FROM:<a@b>": the path is copied; what is behind it begins at *rest_r. */
static char *lmtp_path(
	const char *text, const char *keyword, const char **rest_r)
{
	size_t size = strlen(keyword);
	const char *end;

	if (strncasecmp(text, keyword, size) != 0)
		return NULL;
	text += size;
	text += strspn(text, " "); /* some clients put one there */
	if (*text++ != '<')
		return NULL;
	end = lmtp_path_end(text);
	if (end == NULL || (end[1] != '\0' && !lmtp_is_blank(end[1])))
		return NULL;
	text = lmtp_path_skip_route(text, end);
	if (end - text > LMTP_PATH_MAX)
		return NULL;
	*rest_r = end + 1;
	return xstrndup(text, (size_t)(end - text));
}

/* One parameter, in place. */
struct lmtp_parameter {
	const char *name, *value; /* value NULL: there is no "=" */
	size_t name_size, value_size;
};

/* The next parameter at *text. 1, 0 behind the last, -1 for nonsense. */
static int lmtp_parameter_next(
	const char **text, struct lmtp_parameter *parameter_r)
{
	const char *at = *text + strspn(*text, " \t");
	size_t size = strcspn(at, " \t"), name = 0;

	if (size == 0)
		return 0;
	while (name < size && at[name] != '=') {
		unsigned char c = (unsigned char)at[name++];

		if (c <= ' ' || c >= 0x7f)
			return -1;
	}
	for (size_t i = name; i < size; i++)
		if ((unsigned char)at[i] <= ' ' || at[i] == 0x7f)
			return -1;
	if (name == 0 || name + 1 == size)
		return -1;
	parameter_r->name = at;
	parameter_r->name_size = name;
	parameter_r->value = name < size ? at + name + 1 : NULL;
	parameter_r->value_size = name < size ? size - name - 1 : 0;
	*text = at + size;
	return 1;
}

static bool lmtp_parameter_is(
	const struct lmtp_parameter *parameter, const char *name)
{
	return strlen(name) == parameter->name_size &&
	       strncasecmp(name, parameter->name, parameter->name_size) == 0;
}

static bool lmtp_value_is(
	const struct lmtp_parameter *parameter, const char *value)
{
	return strlen(value) == parameter->value_size &&
	       strncasecmp(value, parameter->value, parameter->value_size) == 0;
}

/* Keeps a text parameter; a second one of that name is wrong. */
static bool lmtp_keep(
	const struct lmtp_parameter *parameter, size_t most, char **text_r)
{
	if (*text_r != NULL || parameter->value_size > most)
		return false;
	*text_r = xstrndup(parameter->value, parameter->value_size);
	return true;
}

static bool lmtp_body(
	const struct lmtp_parameter *parameter, enum lmtp_body *body)
{
	if (*body != LMTP_BODY_NONE)
		return false;
	if (lmtp_value_is(parameter, "7BIT"))
		*body = LMTP_BODY_7BIT;
	else if (lmtp_value_is(parameter, "8BITMIME"))
		*body = LMTP_BODY_8BITMIME;
	else if (lmtp_value_is(parameter, "BINARYMIME"))
		*body = LMTP_BODY_BINARYMIME;
	return *body != LMTP_BODY_NONE;
}

/* The reply to a bad one, or NULL. */
static const char *lmtp_mail_parameter(const struct lmtp_offer *offer,
	const struct lmtp_parameter *parameter, struct lmtp_mail *mail)
{
	const char *value = parameter->value;
	bool fine = true;

	if (lmtp_parameter_is(parameter, "SMTPUTF8") &&
		(offer->extensions & LMTP_SMTPUTF8) != 0) {
		fine = value == NULL && !mail->utf8;
		mail->utf8 = true;
		return fine ? NULL : LMTP_BAD_PARAMETER;
	}
	if (lmtp_parameter_is(parameter, "SIZE")) {
		fine = value != NULL && !mail->has_size &&
		       lmtp_number(value, &mail->size) > 0;
		mail->has_size = true;
	} else if (lmtp_parameter_is(parameter, "BODY") &&
		   (offer->extensions & (LMTP_8BITMIME | LMTP_BINARYMIME)) !=
			   0) {
		fine = value != NULL && lmtp_body(parameter, &mail->body);
	} else if (lmtp_parameter_is(parameter, "RET") &&
		   (offer->extensions & LMTP_DSN) != 0) {
		fine = value != NULL &&
		       (lmtp_value_is(parameter, "FULL") ||
			       lmtp_value_is(parameter, "HDRS")) &&
		       lmtp_keep(parameter, 4, &mail->ret);
	} else if (lmtp_parameter_is(parameter, "ENVID") &&
		   (offer->extensions & LMTP_DSN) != 0) {
		fine = value != NULL &&
		       lmtp_keep(parameter, LMTP_ENVID_MAX, &mail->envid);
	} else {
		return LMTP_NO_PARAMETER;
	}
	return fine ? NULL : LMTP_BAD_PARAMETER;
}

int lmtp_mail_parse(const char *text, const struct lmtp_offer *offer,
	struct lmtp_mail *mail_r, const char **reply_r)
{
	struct lmtp_mail mail = { .from = NULL };
	struct lmtp_parameter parameter;
	const char *reply = NULL;
	int more = 1;

	mail.from = lmtp_path(text, "FROM:", &text);
	if (mail.from == NULL) {
		*reply_r = LMTP_BAD_SENDER;
		return -1;
	}
	while (reply == NULL &&
		(more = lmtp_parameter_next(&text, &parameter)) == 1)
		reply = lmtp_mail_parameter(offer, &parameter, &mail);
	if (more < 0)
		reply = LMTP_BAD_PARAMETER;
	if (reply == NULL && (lmtp_mail_needs(&mail) & ~offer->extensions) != 0)
		reply = LMTP_NO_PARAMETER;
	if (reply == NULL && !mail.utf8 &&
		(!lmtp_is_ascii(mail.from) ||
			(mail.envid != NULL && !lmtp_is_ascii(mail.envid))))
		reply = LMTP_NO_UTF8;
	if (reply == NULL) {
		*mail_r = mail;
		return 0;
	}
	lmtp_mail_clear(&mail);
	*reply_r = reply;
	return -1;
}

/* NEVER, or some of the others (RFC 3461 section 4.1). */
static bool lmtp_is_notify(const struct lmtp_parameter *parameter)
{
	static const char *const names[] = { "SUCCESS", "FAILURE", "DELAY" };
	size_t at = 0, seen = 0;

	if (lmtp_value_is(parameter, "NEVER"))
		return true;
	for (;;) {
		const char *name = parameter->value + at;
		size_t size = 0, i = 0;

		while (at + size < parameter->value_size && name[size] != ',')
			size++;
		while (i < 3 && (strlen(names[i]) != size ||
					strncasecmp(names[i], name, size) != 0))
			i++;
		if (i == 3 || (seen & (size_t)1 << i) != 0)
			return false;
		seen |= (size_t)1 << i;
		at += size;
		if (at == parameter->value_size)
			return true;
		at++;
	}
}

/* "rfc822;ann@example.org": an address type and an address. */
static bool lmtp_is_orcpt(const struct lmtp_parameter *parameter)
{
	const char *semicolon =
		memchr(parameter->value, ';', parameter->value_size);

	return semicolon != NULL && semicolon > parameter->value &&
	       semicolon + 1 < parameter->value + parameter->value_size;
}

static const char *lmtp_recipient_parameter(const struct lmtp_offer *offer,
	const struct lmtp_parameter *parameter,
	struct lmtp_recipient *recipient)
{
	bool fine = parameter->value != NULL;

	if ((offer->extensions & LMTP_DSN) == 0)
		return LMTP_NO_PARAMETER;
	if (lmtp_parameter_is(parameter, "NOTIFY"))
		fine = fine && lmtp_is_notify(parameter) &&
		       lmtp_keep(parameter, 32, &recipient->notify);
	else if (lmtp_parameter_is(parameter, "ORCPT"))
		fine = fine && lmtp_is_orcpt(parameter) &&
		       lmtp_keep(parameter, LMTP_ORCPT_MAX, &recipient->orcpt);
	else
		return LMTP_NO_PARAMETER;
	return fine ? NULL : LMTP_BAD_PARAMETER;
}

int lmtp_recipient_parse(const char *text, const struct lmtp_offer *offer,
	bool utf8, struct lmtp_recipient *recipient_r, const char **reply_r)
{
	struct lmtp_recipient recipient = { .to = NULL };
	struct lmtp_parameter parameter;
	const char *reply = NULL;
	int more = 1;

	recipient.to = lmtp_path(text, "TO:", &text);
	if (recipient.to == NULL || recipient.to[0] == '\0')
		reply = LMTP_BAD_PATH;
	else if (!utf8 && !lmtp_is_ascii(recipient.to))
		reply = LMTP_NO_UTF8;
	while (reply == NULL &&
		(more = lmtp_parameter_next(&text, &parameter)) == 1)
		reply = lmtp_recipient_parameter(offer, &parameter, &recipient);
	if (more < 0)
		reply = LMTP_BAD_PARAMETER;
	if (reply == NULL && !utf8 && recipient.orcpt != NULL &&
		!lmtp_is_ascii(recipient.orcpt))
		reply = LMTP_NO_UTF8;
	if (reply == NULL) {
		*recipient_r = recipient;
		return 0;
	}
	lmtp_recipient_clear(&recipient);
	*reply_r = reply;
	return -1;
}

int lmtp_chunk_parse(const char *text, uint64_t *size_r, bool *last_r)
{
	size_t size;

	text += strspn(text, " ");
	size = lmtp_number(text, size_r);
	if (size == 0)
		return -1;
	text += size;
	text += strspn(text, " ");
	*last_r = strcasecmp(text, "LAST") == 0;
	return *text == '\0' || *last_r ? 0 : -1;
}

void lmtp_mail_clear(struct lmtp_mail *mail)
{
	free(mail->from);
	free(mail->ret);
	free(mail->envid);
	*mail = (struct lmtp_mail){ .from = NULL };
}

void lmtp_recipient_clear(struct lmtp_recipient *recipient)
{
	free(recipient->to);
	free(recipient->notify);
	free(recipient->orcpt);
	*recipient = (struct lmtp_recipient){ .to = NULL };
}

unsigned lmtp_mail_needs(const struct lmtp_mail *mail)
{
	unsigned needs = 0;

	if (mail->utf8)
		needs |= LMTP_SMTPUTF8;
	if (mail->body == LMTP_BODY_8BITMIME)
		needs |= LMTP_8BITMIME;
	if (mail->body == LMTP_BODY_BINARYMIME)
		needs |= LMTP_BINARYMIME | LMTP_CHUNKING | LMTP_PIPELINING;
	if (mail->ret != NULL || mail->envid != NULL)
		needs |= LMTP_DSN;
	return needs;
}

unsigned lmtp_recipient_needs(const struct lmtp_recipient *recipient)
{
	return recipient->notify != NULL || recipient->orcpt != NULL ? LMTP_DSN
								     : 0;
}

void lmtp_mail_print(const struct lmtp_mail *mail,
	const struct lmtp_offer *offer, struct buffer *out)
{
	static const char *const bodies[] = {
		[LMTP_BODY_8BITMIME] = "8BITMIME",
		[LMTP_BODY_BINARYMIME] = "BINARYMIME",
	};

	buffer_printf(out, "MAIL FROM:<%s>", mail->from);
	if (mail->has_size && (offer->extensions & LMTP_SIZE) != 0)
		buffer_printf(
			out, " SIZE=%llu", (unsigned long long)mail->size);
	/* without 8BITMIME there is but 7BIT, which is the default */
	if (mail->body > LMTP_BODY_7BIT)
		buffer_printf(out, " BODY=%s", bodies[mail->body]);
	if (mail->utf8)
		buffer_add_text(out, " SMTPUTF8");
	if (mail->ret != NULL)
		buffer_printf(out, " RET=%s", mail->ret);
	if (mail->envid != NULL)
		buffer_printf(out, " ENVID=%s", mail->envid);
	buffer_add_text(out, "\r\n");
}

void lmtp_recipient_print(
	const struct lmtp_recipient *recipient, struct buffer *out)
{
	buffer_printf(out, "RCPT TO:<%s>", recipient->to);
	if (recipient->notify != NULL)
		buffer_printf(out, " NOTIFY=%s", recipient->notify);
	if (recipient->orcpt != NULL)
		buffer_printf(out, " ORCPT=%s", recipient->orcpt);
	buffer_add_text(out, "\r\n");
}

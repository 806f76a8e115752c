/* SPDX-License-Identifier: BSD-2-Clause */
/* What all protocols share in letting a client in. */
#include "config.h"

#include "gateway/entry_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/xalloc.h"

/* user NUL authority NUL password, in base64. */
static char *entry_plain(
	const char *user, const char *authority, const char *password)
{
	struct buffer text = BUFFER_EMPTY;
	char *encoded;

	buffer_add_text(&text, user);
	buffer_add(&text, "", 1);
	buffer_add_text(&text, authority);
	buffer_add(&text, "", 1);
	buffer_add_text(&text, password);
	encoded = xcalloc(4 * ((text.size + 2) / 3) + 1, 1);
	EVP_EncodeBlock((unsigned char *)encoded,
		(const unsigned char *)text.data, (int)text.size);
	OPENSSL_cleanse(text.data, text.room);
	buffer_free(&text);
	return encoded;
}

/*
 * The first SASL answer: the master user's, the client's own as it came, or
 * what it told us as PLAIN. "" for the user means: the one that logs in.
 */
static char *entry_first_answer(const struct entry_terms *terms)
{
	const struct login *login = terms->login;

	if (terms->master != NULL)
		return entry_plain(
			terms->user, terms->master, terms->master_password);
	if (login_is_relayed(login->mechanism))
		return xstrdup(login->initial);
	if (login->authority != NULL)
		return entry_plain(
			terms->user, login->authority, login->password);
	return entry_plain("", terms->user, login->password);
}

struct entry *entry_new(const struct entry_terms *terms)
{
	static const struct entry_ops *const protocols[] = {
		[DIALOG_IMAP] = &entry_imap,
		[DIALOG_POP3] = &entry_pop3,
		[DIALOG_SMTP] = &entry_smtp,
		[DIALOG_SIEVE] = &entry_sieve,
	};
	struct entry *entry = xcalloc(1, sizeof(*entry));

	entry->ops = protocols[terms->protocol];
	entry->terms = *terms;
	entry->initial = entry_first_answer(terms);
	buffer_add_text(&entry->words, "");
	return entry;
}

void entry_free(struct entry **entry_pointer)
{
	struct entry *entry = *entry_pointer;

	if (entry == NULL)
		return;
	OPENSSL_cleanse(entry->initial, strlen(entry->initial));
	free(entry->initial);
	free(entry->capabilities);
	buffer_free(&entry->line);
	buffer_free(&entry->words);
	free(entry);
	*entry_pointer = NULL;
}

void entry_secured(struct entry *entry, struct buffer *out)
{
	entry->secure = true;
	entry->ops->secured(entry, out);
}

const char *entry_mechanism(const struct entry *entry)
{
	enum login_mechanism mechanism = entry->terms.login->mechanism;

	if (entry->terms.master != NULL || !login_is_relayed(mechanism))
		return "PLAIN";
	return login_mechanism_name(mechanism);
}

enum entry_result entry_end(struct entry *entry, enum entry_result result,
	const char *words, size_t size)
{
	buffer_clear(&entry->words);
	buffer_add(&entry->words, words, size);
	return result;
}

void entry_add_xclient(const struct entry *entry, struct buffer *out)
{
	const struct entry_terms *terms = &entry->terms;
	bool v6 = strchr(terms->client_address, ':') != NULL;
	bool smtp = terms->protocol == DIALOG_SMTP;

	buffer_printf(out, "XCLIENT ADDR=%s%s PORT=%u",
		v6 && smtp ? "IPV6:" : "", terms->client_address,
		terms->client_port);
	if (smtp && terms->client_name != NULL)
		buffer_printf(out, " HELO=%s PROTO=ESMTP", terms->client_name);
}

bool entry_begin_forward(struct entry *entry, struct buffer *out)
{
	if (entry->terms.forward != ENTRY_XCLIENT)
		return false;
	entry_add_xclient(entry, out);
	buffer_add_text(out, "\r\n");
	entry->step = ENTRY_AT_FORWARD;
	return true;
}

const char *entry_challenge(const struct entry *entry)
{
	return entry->words.data;
}

void entry_answer(struct entry *entry, const char *answer, struct buffer *out)
{
	entry->ops->answer(entry, answer != NULL ? answer : "*", out);
}

const char *entry_words(const struct entry *entry)
{
	return entry->words.data;
}

const char *entry_capabilities(const struct entry *entry)
{
	return entry->capabilities;
}

static enum entry_result entry_line(struct entry *entry, struct buffer *out)
{
	enum entry_result result;

	if (entry->line.size > 0 &&
		entry->line.data[entry->line.size - 1] == '\r')
		entry->line.data[--entry->line.size] = '\0';
	buffer_add(&entry->line, "", 0);
	if (strlen(entry->line.data) != entry->line.size)
		return entry_end(entry, ENTRY_LATER, "", 0);
	result = entry->ops->line(entry, out);
	buffer_clear(&entry->line);
	if (result == ENTRY_MORE && ++entry->lines > ENTRY_LINES_MAX)
		return entry_end(entry, ENTRY_LATER, "", 0);
	return result;
}

enum entry_result entry_input(struct entry *entry, const char *data,
	size_t size, size_t *used_r, struct buffer *out)
{
	enum entry_result result = ENTRY_MORE;
	size_t used = 0;

	while (result == ENTRY_MORE && used < size) {
		const char *end = memchr(data + used, '\n', size - used);
		size_t take =
			end != NULL ? (size_t)(end - data) - used : size - used;

		if (entry->line.size + take > ENTRY_LINE_MAX) {
			result = entry_end(entry, ENTRY_LATER, "", 0);
			break;
		}
		buffer_add(&entry->line, data + used, take);
		used += take;
		if (end == NULL)
			break;
		used++;
		result = entry_line(entry, out);
	}
	*used_r = used;
	return result;
}

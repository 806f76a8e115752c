/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of options that name servers: a scheme, which says how TLS is
 * begun, a host and perhaps a port.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/config_private.h"
#include "lib/endpoint.h"

#define ALNUM                                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                 \
	"0123456789"

bool config_type_is_port(const char *text, size_t size)
{
	long port = size > 0 && size < 6 ? strtol(text, NULL, 10) : 0;

	return strspn(text, "0123456789") == size && port > 0 && port < 65536;
}

/* "HOST", "HOST:PORT", "[::1]:PORT" */
static bool type_is_host(const char *text)
{
	size_t size;

	if (text[0] == '[') {
		size = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
		if (size == 1 || text[size] != ']')
			return false;
		size++;
	} else {
		size = strspn(text, ALNUM ".-_");
		if (size == 0)
			return false;
	}
	text += size;
	return *text == '\0' || (*text == ':' && config_type_is_port(text + 1,
							 strlen(text + 1)));
}

/* "SCHEME://HOST[:PORT]" of one of the schemes; NULL at the end. */
static int type_url(const struct config_option *option, const char *text,
	const char *const *schemes, struct error *error)
{
	const char *host = strstr(text, "://");
	size_t i;

	for (i = 0; host != NULL && schemes[i] != NULL; i++)
		if (strlen(schemes[i]) == (size_t)(host - text) &&
			config_type_begins(text, schemes[i]) &&
			type_is_host(host + 3))
			return 0;
	return config_type_refuse(option, error);
}

static int type_imap(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const schemes[] = { "imaps", "imap+starttls", "imap",
		NULL };

	(void)number_r;
	return type_url(option, text, schemes, error);
}

const struct config_type config_type_imap = {
	.name = "imaps://HOST[:PORT], imap+starttls://HOST[:PORT] or "
		"imap://HOST[:PORT]",
	.check = type_imap,
};

static int type_pop3(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const schemes[] = { "pop3s", "pop3+starttls", "pop3",
		NULL };

	(void)number_r;
	return type_url(option, text, schemes, error);
}

const struct config_type config_type_pop3 = {
	.name = "pop3s://HOST[:PORT], pop3+starttls://HOST[:PORT] or "
		"pop3://HOST[:PORT]",
	.check = type_pop3,
};

static int type_submit(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const schemes[] = { "smtps", "smtp+starttls", "smtp",
		NULL };

	(void)number_r;
	return type_url(option, text, schemes, error);
}

const struct config_type config_type_submit = {
	.name = "smtps://HOST[:PORT], smtp+starttls://HOST[:PORT] or "
		"smtp://HOST[:PORT]",
	.check = type_submit,
};

static int type_sieve(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const schemes[] = { "sieves", "sieve+starttls",
		"sieve", NULL };

	(void)number_r;
	return type_url(option, text, schemes, error);
}

const struct config_type config_type_sieve = {
	.name = "sieve+starttls://HOST[:PORT], sieves://HOST[:PORT] or "
		"sieve://HOST[:PORT]",
	.check = type_sieve,
};

static int type_lmtp(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const schemes[] = { "lmtp", "lmtp+starttls", "lmtps",
		"smtp", "smtp+starttls", "smtps", NULL };

	(void)number_r;
	if (config_type_begins(text, "unix:"))
		return endpoint_check(text, error);
	return type_url(option, text, schemes, error);
}

const struct config_type config_type_lmtp = {
	.name = "lmtp://HOST[:PORT], lmtp+starttls://..., lmtps://..., "
		"unix:/PATH, smtp://..., smtp+starttls://... or smtps://...",
	.check = type_lmtp,
};

/* Names of extensions of SMTP with blanks between. */
static int type_offers(const struct config_option *option, const char *text,
	int64_t *number_r, struct error *error)
{
	static const char *const names[] = { "8BITMIME", "SMTPUTF8",
		"BINARYMIME", "DSN", NULL };

	(void)number_r;
	for (text += strspn(text, " "); *text != '\0';) {
		size_t size = strcspn(text, " "), i = 0;

		while (names[i] != NULL &&
			(strlen(names[i]) != size ||
				strncasecmp(names[i], text, size) != 0))
			i++;
		if (names[i] == NULL)
			return config_type_refuse(option, error);
		text += size;
		text += strspn(text, " ");
	}
	return 0;
}

const struct config_type config_type_offers = {
	.name = "some of 8BITMIME, SMTPUTF8, BINARYMIME and DSN, with blanks "
		"between",
	.check = type_offers,
};

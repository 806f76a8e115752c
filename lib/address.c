/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Canonical mail addresses. Nearly every address is plain ASCII and is done in
 * one pass without a library call; the rest goes through libunistring and
 * libidn2. Both ways must give the same text for the same address, since the
 * text is the key of every record.
 */
#include <config.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <idn2.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "lib/address.h"

/* Longer texts (quoted pairs, routes, decomposed letters) are not looked at. */
#define ADDRESS_TEXT_MAX  2048
#define ADDRESS_LABEL_MAX 63

/* RFC 5321 section 4.1.2, RFC 5322 section 3.2.3: the atext of ASCII. */
static const unsigned char address_atext[256] = {
	['a' ... 'z'] = 1,
	['A' ... 'Z'] = 1,
	['0' ... '9'] = 1,
	['!'] = 1,
	['#'] = 1,
	['$'] = 1,
	['%'] = 1,
	['&'] = 1,
	['\''] = 1,
	['*'] = 1,
	['+'] = 1,
	['-'] = 1,
	['/'] = 1,
	['='] = 1,
	['?'] = 1,
	['^'] = 1,
	['_'] = 1,
	['`'] = 1,
	['{'] = 1,
	['|'] = 1,
	['}'] = 1,
	['~'] = 1,
};

static char address_lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte + 'a' - 'A') : byte;
}

static bool address_is_alnum(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z');
}

/*
 * The fast way of a domain: lower-cases letters, digits, hyphens, underscores
 * and dots into domain_r. Returns the size, or 0 for all that needs a closer
 * look, be it good or bad. A-labels do too: their punycode is to be checked.
 */
static size_t address_domain_plain(const char *text, char *domain_r)
{
	size_t label = 0; /* where the present one begins */
	size_t i;

	for (i = 0;; i++) {
		char byte = address_lower(text[i]);

		if (i > ADDRESS_DOMAIN_MAX || i - label > ADDRESS_LABEL_MAX)
			return 0;
		if (address_is_alnum(byte) || byte == '_' ||
			(byte == '-' && i > label)) {
			domain_r[i] = byte;
			continue;
		}
		if (i == label) /* empty, or a dot at the end */
			return 0;
		if (domain_r[i - 1] == '-' ||
			(i - label > 4 &&
				memcmp(domain_r + label, "xn--", 4) == 0))
			return 0;
		if (byte == '\0')
			break;
		if (byte != '.')
			return 0;
		domain_r[i] = byte;
		label = i + 1;
	}
	if (i > ADDRESS_DOMAIN_MAX)
		return 0;
	domain_r[i] = '\0';
	return i;
}

/* The fast way of a whole address; false for all that needs a closer look. */
static bool address_plain(const char *text, struct address *address_r)
{
	char *out = address_r->text;
	size_t i;

	for (i = 0; i < ADDRESS_LOCAL_MAX; i++) {
		if (address_atext[(unsigned char)text[i]])
			out[i] = address_lower(text[i]);
		else if (text[i] == '.' && i > 0 && out[i - 1] != '.')
			out[i] = '.';
		else
			break;
	}
	if (text[i] != '@' || i == 0 || out[i - 1] == '.')
		return false;
	out[i] = '@';
	address_r->local_size = i;
	return address_domain_plain(text + i + 1, out + i + 1) > 0;
}

/* Checks what the IDNA functions do not: the form of ASCII labels. */
static int address_domain_check(const char *domain, struct error *error)
{
	const char *label = domain;

	if (strlen(domain) > ADDRESS_DOMAIN_MAX) {
		error_set(error, "domain %.40s...: longer than %d bytes",
			domain, ADDRESS_DOMAIN_MAX);
		return -1;
	}
	for (;;) {
		size_t size = strcspn(label, ".");
		size_t i;

		if (size == 0 || size > ADDRESS_LABEL_MAX) {
			error_set(error, "domain %s: %s label", domain,
				size == 0 ? "empty" : "overlong");
			return -1;
		}
		for (i = 0; i < size; i++) {
			if (address_is_alnum(label[i]) || label[i] == '_' ||
				(label[i] == '-' && i > 0 && i + 1 < size))
				continue;
			error_set(error, "domain %s: '%c' is not allowed%s",
				domain, label[i],
				label[i] == '-' ? " at the end of a label"
						: "");
			return -1;
		}
		if (label[size] == '\0')
			return 0;
		label += size + 1;
	}
}

/* "[192.0.2.1]" and "[IPv6:2001:db8::1]", RFC 5321 section 4.1.3 */
static int address_domain_literal(
	const char *text, char *domain_r, struct error *error)
{
	static const char tag[] = "[ipv6:";
	unsigned char binary[sizeof(struct in6_addr)];
	char host[INET6_ADDRSTRLEN + sizeof(tag)];
	size_t size = strlen(text);
	size_t skip =
		strncasecmp(text, tag, strlen(tag)) == 0 ? strlen(tag) : 1;
	int family = skip > 1 ? AF_INET6 : AF_INET;

	if (text[size - 1] != ']' || size - skip > sizeof(host)) {
		error_set(error, "domain %.80s: no address literal", text);
		return -1;
	}
	memcpy(host, text + skip, size - skip - 1);
	host[size - skip - 1] = '\0';
	if (inet_pton(family, host, binary) != 1) {
		error_set(error, "domain %.80s: no %s address", text,
			skip > 1 ? "IPv6" : "IPv4");
		return -1;
	}
	inet_ntop(family, binary, host, sizeof(host));
	snprintf(domain_r, ADDRESS_DOMAIN_MAX + 1, "%s%s]",
		skip > 1 ? tag : "[", host);
	return 0;
}

/* Whether there is a U-label, or an A-label whose punycode is to be checked. */
static bool address_needs_idna(const char *text)
{
	const char *label = text;
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		if ((text[i] & 0x80) != 0)
			return true;
	}
	while (label != NULL) {
		if (strncasecmp(label, "xn--", 4) == 0)
			return true;
		label = strchr(label, '.');
		if (label != NULL)
			label++;
	}
	return false;
}

/* Lower-cases and checks what is ASCII by now. */
static int address_domain_ascii(
	const char *ascii, char *domain_r, struct error *error)
{
	size_t size = strlen(ascii);
	size_t i;

	if (size > 1 && ascii[size - 1] == '.')
		size--;
	if (size > ADDRESS_DOMAIN_MAX) {
		error_set(error, "domain %.40s...: longer than %d bytes", ascii,
			ADDRESS_DOMAIN_MAX);
		return -1;
	}
	for (i = 0; i < size; i++)
		domain_r[i] = address_lower(ascii[i]);
	domain_r[size] = '\0';
	return address_domain_check(domain_r, error);
}

static int address_domain_idna(
	const char *text, char *domain_r, struct error *error)
{
	char *ascii = NULL;
	int status;

	status = idn2_to_ascii_8z(
		text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (status != IDN2_OK) {
		error_set(error, "domain %.100s: %s", text,
			idn2_strerror(status));
		return -1;
	}
	status = address_domain_ascii(ascii, domain_r, error);
	idn2_free(ascii);
	return status;
}

int address_domain_parse(const char *text, char *domain_r, struct error *error)
{
	if (address_domain_plain(text, domain_r) > 0)
		return 0;
	if (strlen(text) > ADDRESS_TEXT_MAX) {
		error_set(error, "domain %.40s...: too long", text);
		return -1;
	}
	if (text[0] == '\0') {
		error_set(error, "domain: empty");
		return -1;
	}
	if (text[0] == '[')
		return address_domain_literal(text, domain_r, error);
	if (address_needs_idna(text))
		return address_domain_idna(text, domain_r, error);
	return address_domain_ascii(text, domain_r, error);
}

/* Whether the local part can stand without quotes. */
static bool address_is_dot_atom(const char *local, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (local[i] == '.' ? i == 0 || local[i - 1] == '.'
				    : !address_atext[(unsigned char)local[i]] &&
					      (local[i] & 0x80) == 0)
			return false;
	}
	return size > 0 && local[size - 1] != '.';
}

/*
 * Writes the local part and the '@', with quotes only where they are needed
 * and backslashes only before the two characters that need one.
 */
static int address_put_local(const char *local, size_t size,
	struct address *address_r, struct error *error)
{
	char text[2 * ADDRESS_LOCAL_MAX + 2];
	size_t used = 0;
	bool quoted = !address_is_dot_atom(local, size);
	size_t i;

	if (quoted)
		text[used++] = '"';
	for (i = 0; i < size && used <= ADDRESS_LOCAL_MAX; i++) {
		if (local[i] == '"' || local[i] == '\\')
			text[used++] = '\\';
		text[used++] = local[i];
	}
	if (quoted)
		text[used++] = '"';
	if (i < size || used > ADDRESS_LOCAL_MAX) {
		error_set(error, "local part %.*s...: longer than %d bytes",
			size < 40 ? (int)size : 40, local, ADDRESS_LOCAL_MAX);
		return -1;
	}
	memcpy(address_r->text, text, used);
	address_r->text[used] = '@';
	address_r->local_size = used;
	return 0;
}

/* C1 control characters are no better in a log than those of ASCII. */
static bool address_has_controls(const uint8_t *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (text[i] < 0x20 || text[i] == 0x7f)
			return true;
		if (text[i] == 0xc2 && i + 1 < size && text[i + 1] < 0xa0)
			return true;
	}
	return false;
}

/*
 * Caseless matching of Unicode (section 3.13 of its core specification).
 * u8_casefold decomposes before it folds, so that the order of the marks in the
 * input does not matter, and composes at the end.
 */
static int address_fold(const char *local, size_t size,
	struct address *address_r, struct error *error)
{
	size_t folded_size = 0;
	uint8_t *folded;
	int status;

	folded = u8_casefold((const uint8_t *)local, size, NULL, UNINORM_NFC,
		NULL, &folded_size);
	if (folded == NULL) {
		error_set(error, "local part: cannot be case-folded");
		return -1;
	}
	status = address_put_local(
		(const char *)folded, folded_size, address_r, error);
	free(folded);
	return status;
}

/* Canonicalises the local part, given without quotes. */
static int address_local(const char *local, size_t size,
	struct address *address_r, struct error *error)
{
	char lower[ADDRESS_TEXT_MAX];
	bool ascii = true;
	size_t i;

	if (size == 0) {
		error_set(error, "address: empty local part");
		return -1;
	}
	if (address_has_controls((const uint8_t *)local, size)) {
		error_set(error, "address: control character");
		return -1;
	}
	if (u8_check((const uint8_t *)local, size) != NULL) {
		error_set(error, "address: local part is not UTF-8");
		return -1;
	}
	for (i = 0; i < size; i++) {
		lower[i] = address_lower(local[i]);
		ascii = ascii && (local[i] & 0x80) == 0;
	}
	if (ascii)
		return address_put_local(lower, size, address_r, error);
	return address_fold(local, size, address_r, error);
}

static int address_join(const char *local, size_t local_size,
	const char *domain, struct address *address_r, struct error *error)
{
	struct address address;

	if (address_local(local, local_size, &address, error) < 0 ||
		address_domain_parse(domain,
			address.text + address.local_size + 1, error) < 0)
		return -1;
	*address_r = address;
	return 0;
}

/*
 * Undoes a quoted string at the front of text. Returns the size of its content
 * and where it ends, or -1.
 */
static ssize_t address_unquote(const char *text, char *content_r,
	const char **end_r, struct error *error)
{
	size_t size = 0;
	size_t i;

	for (i = 1; text[i] != '"'; i++) {
		if (text[i] == '\\')
			i++;
		if (text[i] == '\0') {
			error_set(error, "address %.80s: quotes not closed",
				text);
			return -1;
		}
		content_r[size++] = text[i];
	}
	*end_r = text + i + 1;
	return (ssize_t)size;
}

/* The local part without quotes, and where the '@' should be; or -1. */
static ssize_t address_split(const char *text, char *local_r,
	const char **end_r, struct error *error)
{
	size_t size = 0;

	if (text[0] == '"')
		return address_unquote(text, local_r, end_r, error);
	while (address_atext[(unsigned char)text[size]] || text[size] == '.' ||
		(text[size] & 0x80) != 0) {
		local_r[size] = text[size];
		size++;
	}
	*end_r = text + size;
	return (ssize_t)size;
}

/* Cuts angle brackets and a source route ("@a,@b:") off. */
static int address_strip(char **text, struct error *error)
{
	size_t size = strlen(*text);
	size_t depth = 0;
	size_t i;

	if ((*text)[0] == '<') {
		if ((*text)[size - 1] != '>') {
			error_set(error, "address %.80s: no '>' at the end",
				*text);
			return -1;
		}
		(*text)[size - 1] = '\0';
		(*text)++;
	}
	if ((*text)[0] != '@')
		return 0;
	/* colons inside an address literal do not end the route */
	for (i = 0; (*text)[i] != ':' || depth > 0; i++) {
		depth += (*text)[i] == '[';
		depth -= (*text)[i] == ']' && depth > 0;
		if ((*text)[i] == '\0') {
			error_set(error, "address %.80s: no local part", *text);
			return -1;
		}
	}
	*text += i + 1;
	return 0;
}

static int address_check_size(const char *text, struct error *error)
{
	if (strnlen(text, ADDRESS_TEXT_MAX) < ADDRESS_TEXT_MAX)
		return 0;
	error_set(error, "address %.40s...: too long", text);
	return -1;
}

int address_parse(
	const char *text, struct address *address_r, struct error *error)
{
	char copy[ADDRESS_TEXT_MAX], local[ADDRESS_TEXT_MAX];
	struct address plain;
	const char *end;
	char *rest = copy;
	ssize_t size;

	if (address_plain(text, &plain)) {
		*address_r = plain;
		return 0;
	}
	if (address_check_size(text, error) < 0)
		return -1;
	memcpy(copy, text, strlen(text) + 1);
	if (address_strip(&rest, error) < 0)
		return -1;
	size = address_split(rest, local, &end, error);
	if (size < 0)
		return -1;
	if (*end != '@') {
		error_set(error,
			*end == '\0' ? "address %.80s: no domain"
				     : "address %.80s: unexpected '%c' in the "
				       "local part",
			text, *end);
		return -1;
	}
	return address_join(local, (size_t)size, end + 1, address_r, error);
}

int address_parse_unquoted(
	const char *text, struct address *address_r, struct error *error)
{
	struct address plain;
	const char *at;

	if (address_plain(text, &plain)) {
		*address_r = plain;
		return 0;
	}
	if (address_check_size(text, error) < 0)
		return -1;
	at = strrchr(text, '@');
	if (at == NULL) {
		error_set(error, "address %.80s: no domain", text);
		return -1;
	}
	return address_join(
		text, (size_t)(at - text), at + 1, address_r, error);
}

const char *address_domain(const struct address *address)
{
	return address->text + address->local_size + 1;
}

/* Local parts that Postfix never splits (its split_addr(3)). */
static bool address_is_whole(
	const char *local, size_t size, const char *delimiters)
{
	static const char *const names[] = { "postmaster", "mailer-daemon",
		"double-bounce" };
	static const char owner[] = "owner-", request[] = "-request";
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == size &&
			memcmp(local, names[i], size) == 0)
			return true;
	}
	if (strchr(delimiters, '-') == NULL)
		return false;
	if (size >= strlen(owner) && memcmp(local, owner, strlen(owner)) == 0)
		return true;
	return size > strlen(request) && memcmp(local + size - strlen(request),
						 request, strlen(request)) == 0;
}

bool address_base(const struct address *address, const char *delimiters,
	struct address *base_r)
{
	const char *local = address->text;
	struct address base;
	size_t size = 0;

	if (delimiters == NULL || local[0] == '"' ||
		address_is_whole(local, address->local_size, delimiters))
		return false;
	while (size < address->local_size &&
		strchr(delimiters, local[size]) == NULL)
		size++;
	if (size == 0 || size == address->local_size)
		return false;
	/* "ann.+x" leaves a dot at the end, which needs quotes */
	if (address_put_local(local, size, &base, NULL) < 0)
		return false;
	memcpy(base.text + base.local_size + 1, address_domain(address),
		strlen(address_domain(address)) + 1);
	*base_r = base;
	return true;
}

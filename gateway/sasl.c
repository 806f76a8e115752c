/* SPDX-License-Identifier: BSD-2-Clause */
/* The clients' SASL answers, decoded. */
#include "config.h"

#include "gateway/sasl.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/xalloc.h"

/* A decoded answer; wiped when it is freed. */
struct sasl_text {
	char *data; /* with a NUL behind it */
	size_t size;
};

static void sasl_text_free(struct sasl_text *text)
{
	if (text->data != NULL)
		OPENSSL_cleanse(text->data, text->size);
	free(text->data);
}

static bool sasl_is_base64(const char *text, size_t size)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t padding = 0;

	while (padding < 2 && padding < size && text[size - padding - 1] == '=')
		padding++;
	if (size % 4 != 0)
		return false;
	for (size_t i = 0; i < size - padding; i++)
		if (text[i] == '\0' || strchr(alphabet, text[i]) == NULL)
			return false;
	return true;
}

bool sasl_is_answer(const char *text, size_t size)
{
	return size <= SASL_ANSWER_MAX && sasl_is_base64(text, size);
}

/* 0 or -1. */
static int sasl_decode(const char *text, size_t size, struct sasl_text *text_r)
{
	int decoded = 0;

	if (size == 1 && text[0] == '=')
		size = 0;
	if (!sasl_is_answer(text, size))
		return -1;
	text_r->data = xcalloc(size + 1, 1);
	if (size > 0)
		decoded = EVP_DecodeBlock((unsigned char *)text_r->data,
			(const unsigned char *)text, (int)size);
	if (decoded < 0)
		return -1;
	text_r->size = (size_t)decoded;
	/* what stands for the padding is decoded as zeros */
	for (size_t i = size; i > 0 && text[i - 1] == '='; i--)
		text_r->size--;
	text_r->data[text_r->size] = '\0';
	return 0;
}

/* A copy when it is a name that can be: not empty, not too long, no control
 * character; else NULL. */
static char *sasl_name(const char *text, size_t size)
{
	if (size == 0 || size > LOGIN_USER_MAX)
		return NULL;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return NULL;
	return xstrndup(text, size);
}

/* A password goes on in commands of a line: what would end one is none. */
static char *sasl_password(const char *text, size_t size)
{
	if (size == 0 || size > LOGIN_PASSWORD_MAX ||
		memchr(text, '\0', size) != NULL ||
		memchr(text, '\r', size) != NULL ||
		memchr(text, '\n', size) != NULL)
		return NULL;
	return xstrndup(text, size);
}

/* authzid NUL authcid NUL passwd */
static int sasl_plain(struct login *login, const struct sasl_text *text,
	const char **reason_r)
{
	const char *end = text->data + text->size;
	const char *authority = memchr(text->data, '\0', text->size);
	const char *password;
	size_t user;

	*reason_r = "invalid PLAIN answer";
	if (authority == NULL)
		return -1;
	user = (size_t)(authority++ - text->data);
	password = memchr(authority, '\0', (size_t)(end - authority));
	if (password == NULL)
		return -1;
	login->authority = sasl_name(authority, (size_t)(password - authority));
	password++;
	login->password = sasl_password(password, (size_t)(end - password));
	if (login->authority == NULL || login->password == NULL)
		return -1;
	if (user == 0) {
		login->user = login->authority;
		login->authority = NULL;
		return 1;
	}
	login->user = sasl_name(text->data, user);
	if (login->user == NULL)
		return -1;
	if (strcmp(login->user, login->authority) == 0) {
		free(login->authority);
		login->authority = NULL;
	}
	return 1;
}

/* The user in the first answer, the password in the second. */
static int sasl_login(struct login *login, unsigned step,
	const struct sasl_text *text, const char **reason_r)
{
	*reason_r = "invalid LOGIN answer";
	if (step == 0) {
		login->user = sasl_name(text->data, text->size);
		return login->user != NULL ? 0 : -1;
	}
	login->password = sasl_password(text->data, text->size);
	return login->user != NULL && login->password != NULL ? 1 : -1;
}

static bool sasl_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * "^Ahost=mx^Aauth=Bearer TOKEN^A^A": keys are letters (RFC 7628 section 3.1),
 * and none names a user again: a home that takes the last one would let in
 * somebody else than was routed.
 */
static bool sasl_is_pairs(const char *at, const char *end)
{
	while (at < end) {
		const char *key = ++at;

		while (at < end && sasl_is_letter(*at))
			at++;
		if (at == end || *at == '\001') {
			if (at > key)
				return false;
			continue;
		}
		if (at == key || *at != '=' ||
			(at - key == 4 && strncasecmp(key, "user", 4) == 0))
			return false;
		at = memchr(at, '\001', (size_t)(end - at));
		if (at == NULL)
			return true;
	}
	return true;
}

/* "user=ann@example.org^Aauth=Bearer TOKEN^A^A" */
static int sasl_xoauth2(struct login *login, const struct sasl_text *text,
	const char **reason_r)
{
	const char *end;

	*reason_r = "invalid XOAUTH2 answer";
	if (text->size < 5 || memcmp(text->data, "user=", 5) != 0)
		return -1;
	end = memchr(text->data, '\001', text->size);
	if (end == NULL || !sasl_is_pairs(end, text->data + text->size))
		return -1;
	login->user = sasl_name(text->data + 5, (size_t)(end - text->data) - 5);
	return login->user != NULL ? 1 : -1;
}

/* A saslname: "=2C" is a comma and "=3D" an equals sign (RFC 5802 5.1). */
static char *sasl_saslname(const char *text, size_t size)
{
	char *plain = xcalloc(size + 1, 1), *name;
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] != '=') {
			plain[count++] = text[i];
			continue;
		}
		if (size - i < 3 || (memcmp(text + i, "=2C", 3) != 0 &&
					    memcmp(text + i, "=3D", 3) != 0)) {
			free(plain);
			return NULL;
		}
		plain[count++] = text[i + 2] == 'C' ? ',' : '=';
		i += 2;
	}
	name = sasl_name(plain, count);
	free(plain);
	return name;
}

/*
 * The GS2 header (RFC 5801 section 4): "n,a=ann@example.org,". Channel binding
 * is to our own TLS session, not to the home's: it cannot be relayed. *rest_r
 * is what stands behind. 0 or -1; *name_r is NULL where there is none.
 */
static int sasl_gs2(const struct sasl_text *text, char **name_r,
	const char **rest_r, const char **reason_r)
{
	const char *from = text->data, *end = text->data + text->size, *comma;

	*name_r = NULL;
	if (text->size < 3 || from[1] != ',' ||
		(from[0] != 'n' && from[0] != 'y')) {
		if (text->size > 0 && from[0] == 'p')
			*reason_r = "channel binding is not supported";
		return -1;
	}
	from += 2;
	comma = memchr(from, ',', (size_t)(end - from));
	if (comma == NULL)
		return -1;
	*rest_r = comma + 1;
	if (comma == from)
		return 0;
	if (comma - from < 2 || from[0] != 'a' || from[1] != '=')
		return -1;
	*name_r = sasl_saslname(from + 2, (size_t)(comma - from) - 2);
	return *name_r != NULL ? 0 : -1;
}

/* The user is the GS2 header's. */
static int sasl_oauthbearer(struct login *login, const struct sasl_text *text,
	const char **reason_r)
{
	const char *rest;

	*reason_r = "invalid OAUTHBEARER answer";
	if (sasl_gs2(text, &login->user, &rest, reason_r) < 0)
		return -1;
	if (login->user == NULL) {
		*reason_r = "the OAUTHBEARER answer names no user";
		return -1;
	}
	if (*rest != '\001' || !sasl_is_pairs(rest, text->data + text->size))
		return -1;
	return 1;
}

/* "n,,n=ann,r=NONCE"; with an authorization identity that is whose it is. */
static int sasl_scram(struct login *login, const struct sasl_text *text,
	const char **reason_r)
{
	const char *end = text->data + text->size, *rest, *comma;
	char *other, *name;

	*reason_r = "invalid SCRAM answer";
	if (sasl_gs2(text, &other, &rest, reason_r) < 0)
		return -1;
	comma = memchr(rest, ',', (size_t)(end - rest));
	name = comma != NULL && comma - rest > 2 && memcmp(rest, "n=", 2) == 0
		       ? sasl_saslname(rest + 2, (size_t)(comma - rest) - 2)
		       : NULL;
	if (name == NULL || end - comma < 4 || memcmp(comma, ",r=", 3) != 0) {
		free(name);
		free(other);
		return -1;
	}
	login->user = other != NULL ? other : name;
	login->authority = other != NULL ? name : NULL;
	return 1;
}

static int sasl_take(struct login *login, unsigned step,
	const struct sasl_text *text, const char **reason_r)
{
	switch (login->mechanism) {
	case LOGIN_PLAIN:
		return sasl_plain(login, text, reason_r);
	case LOGIN_LOGIN:
		return sasl_login(login, step, text, reason_r);
	case LOGIN_XOAUTH2:
		return sasl_xoauth2(login, text, reason_r);
	case LOGIN_OAUTHBEARER:
		return sasl_oauthbearer(login, text, reason_r);
	case LOGIN_SCRAM_SHA_1:
	case LOGIN_SCRAM_SHA_256:
		return sasl_scram(login, text, reason_r);
	case LOGIN_PASSWORD:
	case LOGIN_MECHANISMS:
		break;
	}
	abort();
}

int sasl_answer(struct login *login, unsigned step, const char *text,
	size_t size, const char **reason_r)
{
	enum login_mechanism mechanism = login->mechanism;
	struct sasl_text decoded = { NULL, 0 };
	int result = -1;

	*reason_r = "invalid base64";
	if (sasl_decode(text, size, &decoded) == 0)
		result = sasl_take(login, step, &decoded, reason_r);
	sasl_text_free(&decoded);
	if (result == 1 && login_is_relayed(mechanism))
		login->initial = xstrndup(text, size);
	if (result < 0) {
		login_clear(login);
		login->mechanism = mechanism;
	}
	return result;
}

const char *sasl_prompt(enum login_mechanism mechanism, unsigned step)
{
	if (mechanism != LOGIN_LOGIN)
		return "";
	return step == 0 ? "VXNlcm5hbWU6" : "UGFzc3dvcmQ6";
}

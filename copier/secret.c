/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts that are wiped before their memory is given back, and base64 of them.
 */
#include "config.h"

#include "copier/secret.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/xalloc.h"

/* So many letters of the beginning of a secret are too many. */
#define SECRET_TORN 8

void secret_clear(struct secret *secret)
{
	if (secret->data != NULL)
		OPENSSL_cleanse(secret->data, secret->size);
	free(secret->data);
	secret->data = NULL;
	secret->size = 0;
}

void secret_make(struct secret *secret, size_t size)
{
	secret_clear(secret);
	secret->data = xcalloc(1, size + 1);
	secret->size = size;
}

void secret_set(struct secret *secret, const void *data, size_t size)
{
	secret_make(secret, size);
	memcpy(secret->data, data, size);
}

void secret_join(struct secret *secret, size_t count, const char *const *texts)
{
	size_t size = 0, i;
	char *at;

	for (i = 0; i < count; i++)
		size += strlen(texts[i]);
	secret_make(secret, size);
	at = secret->data;
	for (i = 0; i < count; i++) {
		size = strlen(texts[i]);
		memcpy(at, texts[i], size);
		at += size;
	}
}

void secret_encode(const struct secret *plain, struct secret *encoded)
{
	secret_make(encoded, (plain->size + 2) / 3 * 4);
	if (plain->size > INT_MAX / 2)
		abort();
	EVP_EncodeBlock((unsigned char *)encoded->data,
		(const unsigned char *)plain->data, (int)plain->size);
}

static bool secret_is_digit(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

int secret_decode(const char *text, size_t size, struct secret *plain)
{
	size_t padding = 0, i;
	bool fine = size % 4 == 0 && size < INT_MAX;

	while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
		padding++;
	/* OpenSSL skips blanks, and takes "=" anywhere as "A". */
	for (i = 0; fine && i < size - padding; i++)
		fine = secret_is_digit(text[i]);
	secret_make(plain, fine ? size / 4 * 3 : 0);
	if (fine && EVP_DecodeBlock((unsigned char *)plain->data,
			    (const unsigned char *)text, (int)size) >= 0) {
		plain->size -= padding;
		plain->data[plain->size] = '\0';
		return 0;
	}
	secret_clear(plain);
	return -1;
}

/* The text may have been too long for the error, which ends within it. */
static void secret_mask_torn(struct error *error, const char *text)
{
	size_t size = strlen(error->text), most = strlen(text), torn;

	for (torn = size < most ? size : most; torn >= SECRET_TORN; torn--)
		if (memcmp(error->text + size - torn, text, torn) == 0) {
			memcpy(error->text + size - torn, "*", 2);
			return;
		}
}

void secret_mask(struct error *error, const char *text)
{
	char *at;

	/* One letter is everywhere, and no secret. */
	if (text == NULL || strlen(text) < 2)
		return;
	while ((at = strstr(error->text, text)) != NULL) {
		memset(at, '*', strlen(text));
		memmove(at + 1, at + strlen(text),
			strlen(at + strlen(text)) + 1);
	}
	secret_mask_torn(error, text);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCRAM-SHA-256 over OpenSSL's primitives. No channel binding: the servers of
 * today that offer it are few, and TLS is verified here in any case.
 */
#include "config.h"

#include "copier/sasl_private.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stringprep.h>

#include "lib/xalloc.h"

#define SCRAM_SIZE 32 /* of SHA-256 */

static bool scram_is_plain(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* RFC 4013, as RFC 5802 wants it for names and passwords. */
static int scram_prepare(const char *what, const char *text,
	struct secret *prepared, struct error *error)
{
	char *made = NULL;
	int result;

	/* Nothing would be changed; and the library wipes nothing. */
	if (scram_is_plain(text)) {
		secret_set(prepared, text, strlen(text));
		return 0;
	}
	result = stringprep_profile(text, &made, "SASLprep", 0);
	if (result == STRINGPREP_OK && made[0] != '\0') {
		secret_set(prepared, made, strlen(made));
		OPENSSL_cleanse(made, strlen(made));
		free(made);
		return 0;
	}
	free(made);
	error_set(
		error, "the %s has characters that SCRAM does not allow", what);
	return -1;
}

/* A saslname: "," and "=" have another meaning in the messages. malloc'd. */
static char *scram_name(const char *what, const char *text, struct error *error)
{
	struct secret prepared = SECRET_NONE;
	char *name, *to;
	const char *at;

	if (scram_prepare(what, text, &prepared, error) < 0)
		return NULL;
	name = to = xcalloc(3, prepared.size + 1);
	for (at = prepared.data; *at != '\0'; at++) {
		if (*at == ',' || *at == '=') {
			memcpy(to, *at == ',' ? "=2C" : "=3D", 3);
			to += 3;
		} else {
			*to++ = *at;
		}
	}
	secret_clear(&prepared);
	return name;
}

static void scram_nonce(char *nonce)
{
	unsigned char bytes[SCRAM_NONCE_BYTES];

	/* Without random numbers there is no security at all. */
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		abort();
	/* Base64 has no comma. */
	EVP_EncodeBlock((unsigned char *)nonce, bytes, sizeof(bytes));
}

int scram_begin(struct scram *scram, const struct sasl_account *account,
	const char *nonce, struct secret *message, struct error *error)
{
	const char *user = account->authorizer != NULL ? account->authorizer
						       : account->login;
	char *name = scram_name("login name", user, error), *whose = NULL;
	int result = -1;

	if (nonce != NULL)
		snprintf(scram->nonce, sizeof(scram->nonce), "%s", nonce);
	else
		scram_nonce(scram->nonce);
	if (name != NULL && account->authorizer != NULL)
		whose = scram_name("login name", account->login, error);
	if (name != NULL && (account->authorizer == NULL || whose != NULL) &&
		scram_prepare("password", account->password, &scram->password,
			error) == 0) {
		secret_join(&scram->header, 4,
			(const char *const[]){ "n,", whose != NULL ? "a=" : "",
				whose != NULL ? whose : "", "," });
		secret_join(&scram->first, 4,
			(const char *const[]){
				"n=", name, ",r=", scram->nonce });
		secret_join(message, 2,
			(const char *const[]){
				scram->header.data, scram->first.data });
		scram->state = SCRAM_FIRST;
		result = 0;
	}
	free(name);
	free(whose);
	return result;
}

static void scram_hmac(const unsigned char *key, size_t key_size,
	const char *data, size_t size, unsigned char *result)
{
	if (HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)data,
		    size, result, NULL) == NULL)
		abort();
}

/* The next attribute of a message, "x=value" up to a comma. */
struct scram_attribute {
	char name;
	const char *value;
	size_t size;
};

static bool scram_next(const char **at, struct scram_attribute *attribute_r)
{
	const char *text = *at;

	if (text[0] == '\0' || text[1] != '=')
		return false;
	attribute_r->name = text[0];
	attribute_r->value = text + 2;
	attribute_r->size = strcspn(text + 2, ",");
	*at = text + 2 + attribute_r->size;
	if (**at == ',')
		(*at)++;
	return true;
}

struct scram_challenge {
	struct scram_attribute nonce;
	struct secret salt;
	int iterations;
};

static int scram_iterations(const struct scram_attribute *attribute)
{
	int number = 0;
	size_t i;

	if (attribute->size == 0 || attribute->size > 9)
		return -1;
	for (i = 0; i < attribute->size; i++) {
		if (attribute->value[i] < '0' || attribute->value[i] > '9')
			return -1;
		number = number * 10 + (attribute->value[i] - '0');
	}
	return number >= SCRAM_ITERATIONS_MIN && number <= SCRAM_ITERATIONS_MAX
		       ? number
		       : -1;
}

/* "r=NONCE,s=SALT,i=COUNT" and extensions behind; an extension in front ("m=")
 * is one that must be understood. */
static int scram_parse(const struct scram *scram, const char *text,
	struct scram_challenge *challenge_r, struct error *error)
{
	struct scram_attribute salt, count;
	size_t ours = strlen(scram->nonce);

	if (!scram_next(&text, &challenge_r->nonce) ||
		challenge_r->nonce.name != 'r' || !scram_next(&text, &salt) ||
		salt.name != 's' || !scram_next(&text, &count) ||
		count.name != 'i') {
		error_set(error, "SCRAM: the server's challenge is malformed");
		return -1;
	}
	if (challenge_r->nonce.size <= ours ||
		memcmp(challenge_r->nonce.value, scram->nonce, ours) != 0) {
		error_set(error, "SCRAM: the server's nonce is not made of "
				 "ours");
		return -1;
	}
	challenge_r->iterations = scram_iterations(&count);
	if (challenge_r->iterations < 0) {
		error_set(error,
			"SCRAM: the server asks for %.*s iterations; from %d "
			"to %d are sane",
			(int)(count.size < 20 ? count.size : 20), count.value,
			SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX);
		return -1;
	}
	if (secret_decode(salt.value, salt.size, &challenge_r->salt) == 0 &&
		challenge_r->salt.size > 0)
		return 0;
	error_set(error, "SCRAM: the server's salt is no base64");
	return -1;
}

struct scram_keys {
	unsigned char salted[SCRAM_SIZE];
	unsigned char client[SCRAM_SIZE];
	unsigned char stored[SCRAM_SIZE];
	unsigned char server[SCRAM_SIZE];
	unsigned char proof[SCRAM_SIZE];
};

/* RFC 5802 section 3: the proof for the server, and what it must prove. */
static void scram_prove(struct scram *scram,
	const struct scram_challenge *challenge, const struct secret *text,
	struct scram_keys *keys)
{
	size_t i;

	if (PKCS5_PBKDF2_HMAC(scram->password.data, (int)scram->password.size,
		    (const unsigned char *)challenge->salt.data,
		    (int)challenge->salt.size, challenge->iterations,
		    EVP_sha256(), SCRAM_SIZE, keys->salted) != 1)
		abort();
	scram_hmac(keys->salted, SCRAM_SIZE, "Client Key", 10, keys->client);
	if (!EVP_Digest(keys->client, SCRAM_SIZE, keys->stored, NULL,
		    EVP_sha256(), NULL))
		abort();
	scram_hmac(
		keys->stored, SCRAM_SIZE, text->data, text->size, keys->proof);
	for (i = 0; i < SCRAM_SIZE; i++)
		keys->proof[i] ^= keys->client[i];
	scram_hmac(keys->salted, SCRAM_SIZE, "Server Key", 10, keys->server);
	scram_hmac(keys->server, SCRAM_SIZE, text->data, text->size,
		scram->server_signature);
}

/* The client's final message for a challenge that is in order. */
static void scram_reply(struct scram *scram,
	const struct scram_challenge *challenge, const char *server_first,
	struct secret *message)
{
	struct secret binding = SECRET_NONE, bare = SECRET_NONE,
		      text = SECRET_NONE, proof = SECRET_NONE,
		      encoded = SECRET_NONE;
	struct scram_keys keys;
	char *nonce = xstrndup(challenge->nonce.value, challenge->nonce.size);

	secret_encode(&scram->header, &binding);
	secret_join(&bare, 4,
		(const char *const[]){ "c=", binding.data, ",r=", nonce });
	secret_join(&text, 5,
		(const char *const[]){
			scram->first.data, ",", server_first, ",", bare.data });
	scram_prove(scram, challenge, &text, &keys);
	secret_set(&proof, keys.proof, sizeof(keys.proof));
	secret_encode(&proof, &encoded);
	secret_join(message, 3,
		(const char *const[]){ bare.data, ",p=", encoded.data });
	OPENSSL_cleanse(&keys, sizeof(keys));
	secret_clear(&binding);
	secret_clear(&bare);
	secret_clear(&text);
	secret_clear(&proof);
	secret_clear(&encoded);
	free(nonce);
}

static int scram_first(struct scram *scram, const char *text,
	struct secret *message, struct error *error)
{
	struct scram_challenge challenge = { .salt = SECRET_NONE };
	int result = scram_parse(scram, text, &challenge, error);

	if (result == 0) {
		scram_reply(scram, &challenge, text, message);
		/* Needed no more. */
		secret_clear(&scram->password);
		scram->state = SCRAM_FINAL;
	}
	secret_clear(&challenge.salt);
	return result;
}

/* "v=SIGNATURE", or "e=" and why not. */
static int scram_final(
	struct scram *scram, const char *text, struct error *error)
{
	struct scram_attribute attribute;
	struct secret signature = SECRET_NONE;
	bool right;

	if (!scram_next(&text, &attribute) ||
		(attribute.name != 'v' && attribute.name != 'e')) {
		error_set(error, "SCRAM: the server's last message is "
				 "malformed");
		return -1;
	}
	if (attribute.name == 'e') {
		scram->refused = true;
		error_set(error, "SCRAM: the server says %.*s",
			(int)(attribute.size < 60 ? attribute.size : 60),
			attribute.value);
		return -1;
	}
	right = secret_decode(attribute.value, attribute.size, &signature) ==
			0 &&
		signature.size == SCRAM_SIZE &&
		CRYPTO_memcmp(signature.data, scram->server_signature,
			SCRAM_SIZE) == 0;
	secret_clear(&signature);
	if (right) {
		scram->state = SCRAM_DONE;
		return 0;
	}
	error_set(error, "SCRAM: the server has not proved that it knows the "
			 "password; is it the right one?");
	return -1;
}

int scram_answer(struct scram *scram, const char *challenge, size_t size,
	struct secret *message, struct error *error)
{
	char *text;
	int result;

	if (memchr(challenge, '\0', size) != NULL) {
		error_set(error, "SCRAM: the server's challenge is malformed");
		return -1;
	}
	text = xstrndup(challenge, size);
	if (scram->state == SCRAM_FIRST) {
		result = scram_first(scram, text, message, error);
	} else if (scram->state == SCRAM_FINAL) {
		secret_make(message, 0);
		result = scram_final(scram, text, error);
	} else {
		error_set(error, "SCRAM: the server does not come to an end");
		result = -1;
	}
	free(text);
	return result;
}

void scram_clear(struct scram *scram)
{
	secret_clear(&scram->header);
	secret_clear(&scram->first);
	secret_clear(&scram->password);
	OPENSSL_cleanse(scram, sizeof(*scram));
}

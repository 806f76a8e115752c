/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sealed text: version, name of the key, public key of the moment,
 * ciphertext, tag. The cipher's key and nonce are derived from what both sides
 * can compute; since the key of the moment is used once, so is the nonce. All
 * that stands before the ciphertext, and the owner, is authenticated.
 */
#include <config.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "lib/hex.h"
#include "lib/seal.h"
#include "lib/xalloc.h"

#define SEAL_VERSION 1
#define SEAL_NAME    8	/* octets of a public key's SHA-256 */
#define SEAL_POINT   32 /* a public key, a shared secret */
#define SEAL_HEAD    (1 + SEAL_NAME + SEAL_POINT)
#define SEAL_TAG     16
#define SEAL_KEY     32
#define SEAL_NONCE   12
#define SEAL_LENGTH  2 /* of the text, before it */
#define SEAL_BLOCK   64
#define SEAL_FULL    (SEAL_LENGTH + SEAL_TEXT_MAX) /* a multiple of it */
#define SEAL_INFO    "rehome sealed text"

_Static_assert(SEAL_FULL % SEAL_BLOCK == 0, "the longest text fills blocks");
_Static_assert(SEAL_SIZE_MAX > 2 * (SEAL_HEAD + SEAL_FULL + SEAL_TAG),
	"every sealed text has room");

struct seal_key {
	EVP_PKEY *pair;
	unsigned char point[SEAL_POINT]; /* its public half */
	unsigned char name[SEAL_NAME];
};

/* What both sides derive. */
struct seal_cipher {
	unsigned char key[SEAL_KEY];
	unsigned char nonce[SEAL_NONCE];
};

static bool seal_point(EVP_PKEY *pair, unsigned char point_r[SEAL_POINT])
{
	size_t size = SEAL_POINT;

	return EVP_PKEY_get_raw_public_key(pair, point_r, &size) == 1 &&
	       size == SEAL_POINT;
}

/* A file with the pair, which it takes, in it. */
static struct seal_key *seal_key_new(
	EVP_PKEY *pair, const char *file, const char *half, struct error *error)
{
	struct seal_key *key = xcalloc(1, sizeof(*key));
	unsigned char digest[EVP_MAX_MD_SIZE];

	key->pair = pair;
	if (pair == NULL || !EVP_PKEY_is_a(pair, "X25519") ||
		!seal_point(pair, key->point)) {
		error_set(error,
			"%s: holds no %s X25519 key in PEM; make one with "
			"openssl genpkey -algorithm X25519",
			file, half);
		seal_key_free(&key);
		return NULL;
	}
	if (EVP_Digest(key->point, SEAL_POINT, digest, NULL, EVP_sha256(),
		    NULL) != 1)
		abort();
	memcpy(key->name, digest, SEAL_NAME);
	return key;
}

/* A key that asks for a passphrase cannot be read: nobody is there to ask. */
static int seal_no_passphrase(char *room, int size, int writing, void *context)
{
	(void)room;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static FILE *seal_file(const char *file, struct error *error)
{
	FILE *in = fopen(file, "re");

	if (in == NULL)
		error_set(error, "open %s: %s", file, strerror(errno));
	return in;
}

struct seal_key *seal_read_public(const char *file, struct error *error)
{
	FILE *in = seal_file(file, error);
	EVP_PKEY *pair;

	if (in == NULL)
		return NULL;
	pair = PEM_read_PUBKEY(in, NULL, seal_no_passphrase, NULL);
	fclose(in);
	return seal_key_new(pair, file, "public", error);
}

struct seal_key *seal_read_private(const char *file, struct error *error)
{
	FILE *in = seal_file(file, error);
	EVP_PKEY *pair;

	if (in == NULL)
		return NULL;
	/* else a copy of the key stays in the stream's buffer */
	setvbuf(in, NULL, _IONBF, 0);
	pair = PEM_read_PrivateKey(in, NULL, seal_no_passphrase, NULL);
	fclose(in);
	return seal_key_new(pair, file, "private", error);
}

void seal_key_free(struct seal_key **key)
{
	if (*key == NULL)
		return;
	EVP_PKEY_free((*key)->pair);
	free(*key);
	*key = NULL;
}

/* The Diffie-Hellman function; refuses points of low order. */
static bool seal_agree(EVP_PKEY *own, const unsigned char point[SEAL_POINT],
	unsigned char shared_r[SEAL_POINT])
{
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(
		NULL, "X25519", NULL, point, SEAL_POINT);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
	size_t size = SEAL_POINT;
	bool agreed = peer != NULL && context != NULL &&
		      EVP_PKEY_derive_init(context) == 1 &&
		      EVP_PKEY_derive_set_peer(context, peer) == 1 &&
		      EVP_PKEY_derive(context, shared_r, &size) == 1 &&
		      size == SEAL_POINT;

	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	return agreed;
}

/* The cipher of a head and of the key that it was made for. */
static bool seal_derive(const unsigned char shared[SEAL_POINT],
	const unsigned char head[SEAL_HEAD],
	const unsigned char point[SEAL_POINT], struct seal_cipher *cipher_r)
{
	unsigned char salt[SEAL_HEAD + SEAL_POINT];
	char digest[] = "SHA256", info[] = SEAL_INFO;
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_KEY, (void *)shared, SEAL_POINT),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, salt, sizeof(salt)),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_INFO, info, sizeof(info) - 1),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	bool derived;

	memcpy(salt, head, SEAL_HEAD);
	memcpy(salt + SEAL_HEAD, point, SEAL_POINT);
	derived = context != NULL &&
		  EVP_KDF_derive(context, (unsigned char *)cipher_r,
			  sizeof(*cipher_r), parameters) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return derived;
}

/* Authenticates the head and the owner, and starts the cipher. */
static bool seal_start(EVP_CIPHER_CTX *context, bool closing,
	const struct seal_cipher *cipher, const unsigned char head[SEAL_HEAD],
	const char *owner)
{
	int size;

	return EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, cipher->key,
		       cipher->nonce, closing) == 1 &&
	       EVP_CipherUpdate(context, NULL, &size, head, SEAL_HEAD) == 1 &&
	       EVP_CipherUpdate(context, NULL, &size,
		       (const unsigned char *)owner, (int)strlen(owner)) == 1;
}

static bool seal_encrypt(const struct seal_cipher *cipher,
	const unsigned char *head, const char *owner, const unsigned char *full,
	size_t size, unsigned char *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int written;
	bool done = context != NULL &&
		    seal_start(context, true, cipher, head, owner) &&
		    EVP_CipherUpdate(context, out, &written, full, (int)size) ==
			    1 &&
		    EVP_CipherFinal_ex(context, out + size, &written) == 1 &&
		    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG,
			    SEAL_TAG, out + size) == 1;

	EVP_CIPHER_CTX_free(context);
	return done;
}

static bool seal_decrypt(const struct seal_cipher *cipher,
	const unsigned char *head, const char *owner, unsigned char *in,
	size_t size, unsigned char *full)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int written;
	bool done =
		context != NULL &&
		seal_start(context, false, cipher, head, owner) &&
		EVP_CipherUpdate(context, full, &written, in, (int)size) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG,
			in + size) == 1 &&
		EVP_CipherFinal_ex(context, full + size, &written) == 1;

	EVP_CIPHER_CTX_free(context);
	return done;
}

/* A key of the moment: its public half goes into the head. */
static bool seal_begin(const struct seal_key *key,
	unsigned char head[SEAL_HEAD], struct seal_cipher *cipher_r)
{
	EVP_PKEY *moment = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	unsigned char shared[SEAL_POINT];
	bool begun;

	head[0] = SEAL_VERSION;
	memcpy(head + 1, key->name, SEAL_NAME);
	begun = moment != NULL && seal_point(moment, head + 1 + SEAL_NAME) &&
		seal_agree(moment, key->point, shared) &&
		seal_derive(shared, head, key->point, cipher_r);
	OPENSSL_cleanse(shared, sizeof(shared));
	EVP_PKEY_free(moment);
	return begun;
}

int seal_close(const struct seal_key *key, const char *owner, const char *text,
	size_t size, char sealed_r[SEAL_SIZE_MAX], struct error *error)
{
	unsigned char out[SEAL_HEAD + SEAL_FULL + SEAL_TAG];
	unsigned char full[SEAL_FULL] = { 0 };
	struct seal_cipher cipher;
	size_t blocks;
	bool closed;

	if (size > SEAL_TEXT_MAX) {
		error_set(error,
			"a text of %zu octets is too long to be sealed", size);
		return -1;
	}
	full[0] = (unsigned char)(size >> 8);
	full[1] = (unsigned char)size;
	memcpy(full + SEAL_LENGTH, text, size);
	blocks = (SEAL_LENGTH + size + SEAL_BLOCK - 1) / SEAL_BLOCK;
	closed = seal_begin(key, out, &cipher) &&
		 seal_encrypt(&cipher, out, owner, full, blocks * SEAL_BLOCK,
			 out + SEAL_HEAD);
	OPENSSL_cleanse(full, sizeof(full));
	OPENSSL_cleanse(&cipher, sizeof(cipher));
	if (!closed) {
		error_set(error, "a text could not be sealed: OpenSSL fails");
		return -1;
	}
	hex_print(out, SEAL_HEAD + blocks * SEAL_BLOCK + SEAL_TAG, sealed_r);
	return 0;
}

/* The octets of a sealed text of a size that can be; their number, or 0. */
static size_t seal_scan(
	const char *sealed, unsigned char octets_r[SEAL_SIZE_MAX / 2])
{
	size_t digits = strlen(sealed);
	size_t least = SEAL_HEAD + SEAL_BLOCK + SEAL_TAG;

	if (digits % 2 != 0 || digits < 2 * least || digits >= SEAL_SIZE_MAX ||
		(digits / 2 - least) % SEAL_BLOCK != 0 ||
		!hex_scan(sealed, octets_r, digits / 2))
		return 0;
	return digits / 2;
}

/* Opens in, of size octets; the length and the text go to full. */
static bool seal_unlock(const struct seal_key *key, const char *owner,
	unsigned char *in, size_t size, unsigned char *full)
{
	unsigned char shared[SEAL_POINT];
	struct seal_cipher cipher;
	bool opened = seal_agree(key->pair, in + 1 + SEAL_NAME, shared) &&
		      seal_derive(shared, in, key->point, &cipher) &&
		      seal_decrypt(&cipher, in, owner, in + SEAL_HEAD,
			      size - SEAL_HEAD - SEAL_TAG, full);

	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(&cipher, sizeof(cipher));
	return opened;
}

int seal_open(const struct seal_key *key, const char *owner, const char *sealed,
	char text_r[SEAL_TEXT_MAX + 1], size_t *size_r, struct error *error)
{
	unsigned char in[SEAL_SIZE_MAX / 2], full[SEAL_FULL];
	size_t size = seal_scan(sealed, in), length = 0;
	bool opened;

	if (size == 0 || in[0] != SEAL_VERSION) {
		error_set(error,
			"what is sealed for %s: not in a form that "
			"can be opened",
			owner);
		return -1;
	}
	if (memcmp(in + 1, key->name, SEAL_NAME) != 0)
		return 0;
	opened = seal_unlock(key, owner, in, size, full);
	if (opened) {
		length = (size_t)full[0] << 8 | full[1];
		opened = length <= size - SEAL_HEAD - SEAL_TAG - SEAL_LENGTH;
	}
	if (opened) {
		memcpy(text_r, full + SEAL_LENGTH, length);
		text_r[length] = '\0';
		*size_r = length;
	} else
		error_set(error,
			"what is sealed for %s: damaged, or sealed "
			"for another",
			owner);
	OPENSSL_cleanse(full, sizeof(full));
	return opened ? 1 : -1;
}

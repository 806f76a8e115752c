/* SPDX-License-Identifier: BSD-2-Clause */
/* Sealed texts: only the private key opens them, for their owner, unchanged. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "lib/seal.h"

#define OWNER "ann@example.org old"

struct fixture {
	char directory[32];
	char private[64], public[64], other[64];
};

static void write_key(EVP_PKEY *pair, const char *file, int public)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_int_equal(public ? PEM_write_PUBKEY(out, pair)
				: PEM_write_PrivateKey(
					  out, pair, NULL, NULL, 0, NULL, NULL),
		1);
	assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
	struct fixture *at = calloc(1, sizeof(*at));
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");

	assert_non_null(at);
	strcpy(at->directory, "/tmp/rehome-seal-XXXXXX");
	assert_non_null(mkdtemp(at->directory));
	snprintf(at->private, sizeof(at->private), "%s/key", at->directory);
	snprintf(at->public, sizeof(at->public), "%s/public", at->directory);
	snprintf(at->other, sizeof(at->other), "%s/other", at->directory);
	write_key(pair, at->private, 0);
	write_key(pair, at->public, 1);
	write_key(other, at->other, 0);
	EVP_PKEY_free(pair);
	EVP_PKEY_free(other);
	*state = at;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *at = *state;

	unlink(at->private);
	unlink(at->public);
	unlink(at->other);
	rmdir(at->directory);
	free(at);
	return 0;
}

static struct seal_key *public_key(const struct fixture *at)
{
	struct seal_key *key = seal_read_public(at->public, NULL);

	assert_non_null(key);
	return key;
}

static struct seal_key *private_key(const char *file)
{
	struct seal_key *key = seal_read_private(file, NULL);

	assert_non_null(key);
	return key;
}

static void test_every_size(void **state)
{
	struct seal_key *public = public_key(*state);
	struct seal_key *private =
		private_key(((struct fixture *)*state)->private);
	char text[SEAL_TEXT_MAX + 1], got[SEAL_TEXT_MAX + 1];
	char sealed[SEAL_SIZE_MAX];
	size_t size, length;

	for (size = 0; size < sizeof(text); size++)
		text[size] = (char)(size * 7 + 1);
	for (size = 0; size <= SEAL_TEXT_MAX; size++) {
		assert_int_equal(
			seal_close(public, OWNER, text, size, sealed, NULL), 0);
		assert_int_equal(
			seal_open(private, OWNER, sealed, got, &length, NULL),
			1);
		assert_int_equal(length, size);
		assert_memory_equal(got, text, size);
		assert_int_equal(got[size], 0);
	}
	assert_int_equal(seal_close(public, OWNER, text, SEAL_TEXT_MAX + 1,
				 sealed, NULL),
		-1);
	seal_key_free(&public);
	seal_key_free(&private);
}

static void test_tells_little(void **state)
{
	struct seal_key *public = public_key(*state);
	char one[SEAL_SIZE_MAX], two[SEAL_SIZE_MAX], longer[SEAL_SIZE_MAX];

	assert_int_equal(seal_close(public, OWNER, "ab", 2, one, NULL), 0);
	assert_int_equal(seal_close(public, OWNER, "ab", 2, two, NULL), 0);
	assert_int_equal(
		seal_close(public, OWNER, "abcdefghijk", 11, longer, NULL), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), strlen(longer));
	seal_key_free(&public);
}

static void test_only_the_private_key_opens(void **state)
{
	struct fixture *at = *state;
	struct seal_key *public = public_key(at);
	struct seal_key *other = private_key(at->other);
	char sealed[SEAL_SIZE_MAX], got[SEAL_TEXT_MAX + 1];
	size_t length;

	assert_int_equal(seal_close(public, OWNER, "word", 4, sealed, NULL), 0);
	assert_int_equal(
		seal_open(public, OWNER, sealed, got, &length, NULL), -1);
	assert_int_equal(
		seal_open(other, OWNER, sealed, got, &length, NULL), 0);
	seal_key_free(&public);
	seal_key_free(&other);
}

static void test_another_owner(void **state)
{
	struct fixture *at = *state;
	struct seal_key *public = public_key(at);
	struct seal_key *private = private_key(at->private);
	char sealed[SEAL_SIZE_MAX], got[SEAL_TEXT_MAX + 1];
	size_t length;

	assert_int_equal(seal_close(public, OWNER, "word", 4, sealed, NULL), 0);
	assert_int_equal(seal_open(private, "bob@example.org old", sealed, got,
				 &length, NULL),
		-1);
	seal_key_free(&public);
	seal_key_free(&private);
}

/* Each digit changed, each size that is too short or too long. */
static void test_damage(void **state)
{
	struct fixture *at = *state;
	struct seal_key *public = public_key(at);
	struct seal_key *private = private_key(at->private);
	char sealed[SEAL_SIZE_MAX], bad[SEAL_SIZE_MAX + 200];
	char got[SEAL_TEXT_MAX + 1];
	size_t length, size, i;

	assert_int_equal(seal_close(public, OWNER, "word", 4, sealed, NULL), 0);
	size = strlen(sealed);
	for (i = 0; i < size; i++) {
		strcpy(bad, sealed);
		bad[i] = bad[i] == '0' ? '1' : '0';
		assert_int_not_equal(
			seal_open(private, OWNER, bad, got, &length, NULL), 1);
		bad[i] = 'g';
		assert_int_equal(
			seal_open(private, OWNER, bad, got, &length, NULL), -1);
		bad[i] = '\0';
		assert_int_equal(
			seal_open(private, OWNER, bad, got, &length, NULL), -1);
	}
	memset(bad, 'a', sizeof(bad) - 1);
	bad[sizeof(bad) - 1] = '\0';
	assert_int_equal(
		seal_open(private, OWNER, bad, got, &length, NULL), -1);
	seal_key_free(&public);
	seal_key_free(&private);
}

/* What no key of the right kind is, is told with the file's name. */
static void test_key_files(void **state)
{
	struct fixture *at = *state;
	struct error error = { "" };
	char file[64];
	EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	assert_null(seal_read_private(at->public, &error));
	assert_non_null(strstr(error.text, at->public));
	assert_null(seal_read_public(at->private, &error));
	snprintf(file, sizeof(file), "%s/none", at->directory);
	assert_null(seal_read_public(file, &error));
	assert_non_null(strstr(error.text, "No such file"));
	write_key(pair, file, 0);
	assert_null(seal_read_private(file, &error));
	assert_non_null(strstr(error.text, "X25519"));
	EVP_PKEY_free(pair);
	unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_every_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_tells_little, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_only_the_private_key_opens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_another_owner, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_key_files, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

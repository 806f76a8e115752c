/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins: what is one, and that hex, base64 and our own output mean the same. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "lib/pin.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* SHA-256 of no bytes at all */
#define HEX    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define BASE64 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static const unsigned char empty[PIN_SIZE] = { 0xe3, 0xb0, 0xc4, 0x42, 0x98,
	0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
	0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78,
	0x52, 0xb8, 0x55 };

static void test_forms(void **state)
{
	static const char *const lists[] = { "sha256:" HEX, "sha256:" BASE64,
		"sha256//" BASE64, "SHA256:" BASE64,
		"sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		"sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA49599"
		"1B7852B855",
		"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "
		"sha256:" HEX,
		" sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,"
		"\tsha256:" BASE64 " " };
	unsigned char other[PIN_SIZE];
	size_t i;

	(void)state;
	memcpy(other, empty, sizeof(other));
	other[PIN_SIZE - 1] ^= 1;
	for (i = 0; i < COUNT(lists); i++) {
		assert_int_equal(pin_check(lists[i], NULL), 0);
		assert_true(pin_is_among(lists[i], empty));
		assert_false(pin_is_among(lists[i], other));
	}
}

static void test_bad(void **state)
{
	static const char *const lists[] = { "", " , ", "sha256:", "sha1:" HEX,
		HEX, "sha256:" HEX "0", "sha256:" HEX "=",
		"sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca49599"
		"1b7852b855",
		/* bits behind the last byte */
		"sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
		"sha256:47DEQpj8HBSa-/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU==",
		"sha256:" HEX " x", "sha256/" BASE64 };
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(lists); i++) {
		error.text[0] = '\0';
		assert_int_equal(pin_check(lists[i], &error), -1);
		assert_string_not_equal(error.text, "");
	}
	assert_false(pin_is_among("", empty));
}

static void test_format(void **state)
{
	unsigned char pin[PIN_SIZE];
	char text[PIN_TEXT_SIZE];
	size_t i, j;

	(void)state;
	pin_format(empty, text);
	assert_string_equal(text, "sha256:" BASE64);
	for (i = 0; i < 256; i++) {
		for (j = 0; j < PIN_SIZE; j++)
			pin[j] = (unsigned char)(i * 7 + j * i);
		pin_format(pin, text);
		assert_int_equal(pin_check(text, NULL), 0);
		assert_true(pin_is_among(text, pin));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

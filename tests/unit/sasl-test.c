/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SASL messages against the examples of RFC 7677, RFC 4616 and RFC 7628, what a
 * server may not say in SCRAM, and which mechanism is chosen.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "copier/sasl_private.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The example of RFC 7677 section 3. */
#define NONCE  "rOprNGfwEbeRWgbNEkqO"
#define BOTH   NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT   "W22ZaJ0SNY7soEsUEjb6gQ=="
#define FIRST  "r=" BOTH ",s=" SALT ",i=4096"
#define PROOF  "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define PROVED "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static const struct sasl_account user = {
	.login = "user",
	.password = "pencil",
	.host = "imap.example.org",
	.port = 993,
};

static void assert_message(const struct secret *message, const char *text)
{
	assert_int_equal(message->size, strlen(text));
	assert_string_equal(message->data, text);
}

static int answer(struct scram *scram, const char *challenge,
	struct secret *message, struct error *error)
{
	return scram_answer(
		scram, challenge, strlen(challenge), message, error);
}

static void test_scram(void **state)
{
	struct scram scram = { .state = SCRAM_FIRST };
	struct secret message = SECRET_NONE;
	struct error error = { "" };

	(void)state;
	assert_int_equal(
		scram_begin(&scram, &user, NONCE, &message, &error), 0);
	assert_message(&message, "n,,n=user,r=" NONCE);
	assert_int_equal(answer(&scram, FIRST, &message, &error), 0);
	assert_message(&message, "c=biws,r=" BOTH ",p=" PROOF);
	assert_int_equal(answer(&scram, PROVED, &message, &error), 0);
	assert_message(&message, "");
	assert_int_equal(scram.state, SCRAM_DONE);
	/* and no more */
	assert_int_equal(answer(&scram, PROVED, &message, &error), -1);
	secret_clear(&message);
	scram_clear(&scram);
}

static void test_scram_names(void **state)
{
	static const struct {
		const char *login, *authorizer, *first;
	} cases[] = {
		{ "a,b=c", NULL, "n,,n=a=2Cb=3Dc,r=" NONCE },
		{ "ann@example.org", "migrator",
			"n,a=ann@example.org,n=migrator,r=" NONCE },
		{ "a,b", "x=y", "n,a=a=2Cb,n=x=3Dy,r=" NONCE },
		/* RFC 4013 section 3: soft hyphen, ordinal, roman numeral */
		{ "I\u00adX", NULL, "n,,n=IX,r=" NONCE },
		{ "\u00aa", NULL, "n,,n=a,r=" NONCE },
		{ "\u2168", NULL, "n,,n=IX,r=" NONCE },
		/* a control character, mixed directions, no UTF-8, nothing */
		{ "a\x07", NULL, NULL },
		{ "\u06271", NULL, NULL },
		{ "\xff\xfe", NULL, NULL },
		{ "", NULL, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct sasl_account account = { .login = cases[i].login,
			.authorizer = cases[i].authorizer,
			.password = "x" };
		struct scram scram = { .state = SCRAM_FIRST };
		struct secret message = SECRET_NONE;
		struct error error = { "" };
		int result =
			scram_begin(&scram, &account, NONCE, &message, &error);

		assert_int_equal(result, cases[i].first != NULL ? 0 : -1);
		if (result == 0)
			assert_message(&message, cases[i].first);
		else
			assert_string_not_equal(error.text, "");
		secret_clear(&message);
		scram_clear(&scram);
	}
}

/* What a server says first, or in the end, and must not. */
static void test_scram_bad(void **state)
{
	static const struct {
		const char *first, *final, *words;
	} cases[] = {
		{ "", NULL, "malformed" },
		{ "r=" BOTH, NULL, "malformed" },
		{ "m=x," FIRST, NULL, "malformed" },
		{ "r=" NONCE ",s=" SALT ",i=4096", NULL, "nonce" },
		{ "r=x" BOTH ",s=" SALT ",i=4096", NULL, "nonce" },
		{ "r=" BOTH ",s=,i=4096", NULL, "salt" },
		{ "r=" BOTH ",s=!!!!,i=4096", NULL, "salt" },
		{ "r=" BOTH ",s=" SALT ",i=4095", NULL, "iterations" },
		{ "r=" BOTH ",s=" SALT ",i=1", NULL, "iterations" },
		{ "r=" BOTH ",s=" SALT ",i=", NULL, "iterations" },
		{ "r=" BOTH ",s=" SALT ",i=-4096", NULL, "iterations" },
		{ "r=" BOTH ",s=" SALT ",i=2000001", NULL, "iterations" },
		{ "r=" BOTH ",s=" SALT ",i=99999999999999999999", NULL,
			"iterations" },
		{ FIRST, "", "malformed" },
		{ FIRST, "v=", "not proved" },
		{ FIRST, "v=" PROOF, "not proved" },
		{ FIRST, "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
			"not proved" },
		{ FIRST, "e=invalid-proof", "the server says invalid-proof" },
		{ FIRST, "x=y", "malformed" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct scram scram = { .state = SCRAM_FIRST };
		struct secret message = SECRET_NONE;
		struct error error = { "" };
		int result;

		scram_begin(&scram, &user, NONCE, &message, &error);
		result = answer(&scram, cases[i].first, &message, &error);
		assert_int_equal(result, cases[i].final != NULL ? 0 : -1);
		if (result == 0)
			assert_int_equal(answer(&scram, cases[i].final,
						 &message, &error),
				-1);
		if (strstr(error.text, cases[i].words) == NULL)
			fail_msg("%zu: %s", i, error.text);
		assert_null(strstr(error.text, "pencil"));
		secret_clear(&message);
		scram_clear(&scram);
	}
}

/* Each login has a nonce of its own. */
static void test_scram_nonce(void **state)
{
	struct scram one = { .state = SCRAM_FIRST }, other = one;
	struct secret message = SECRET_NONE;

	(void)state;
	scram_begin(&one, &user, NULL, &message, NULL);
	scram_begin(&other, &user, NULL, &message, NULL);
	assert_int_equal(strlen(one.nonce), 24);
	assert_null(strpbrk(one.nonce, ","));
	assert_string_not_equal(one.nonce, other.nonce);
	secret_clear(&message);
	scram_clear(&one);
	scram_clear(&other);
}

static void begin(enum sasl_mechanism mechanism,
	const struct sasl_account *account, const char *bytes, size_t size)
{
	struct sasl *sasl = sasl_new(mechanism, account);
	struct secret message = SECRET_NONE;
	struct error error = { "" };

	if (sasl_begin(sasl, &message, &error) < 0) {
		assert_null(bytes);
		assert_string_not_equal(error.text, "");
	} else {
		assert_non_null(bytes);
		assert_int_equal(message.size, size);
		assert_memory_equal(message.data, bytes, size);
	}
	secret_clear(&message);
	sasl_free(&sasl);
}

static void test_simple(void **state)
{
	static const char plain[] = "\0tim\0tanstaaftanstaaf";
	static const char master[] = "Ursel\0Kurt\0xipj3plmq";
	static const char xoauth2[] =
		"user=user@example.com\1auth=Bearer vF9dft4qmT\1\1";
	static const char bearer[] =
		"n,a=user@example.com,\1host=server.example.com\1port=143\1"
		"auth=Bearer vF9dft4qmT\1\1";
	static const char escaped[] =
		"n,a=a=2Cb=3Dc,\1host=h\1port=1\1auth=Bearer t\1\1";
	struct sasl_account one = { .login = "tim",
		.password = "tanstaaftanstaaf" };
	struct sasl_account two = {
		.login = "Ursel", .authorizer = "Kurt", .password = "xipj3plmq"
	};
	struct sasl_account three = { .login = "user@example.com",
		.token = "vF9dft4qmT",
		.host = "server.example.com",
		.port = 143 };
	struct sasl_account four = {
		.login = "a,b=c", .token = "t", .host = "h", .port = 1
	};

	(void)state;
	begin(SASL_PLAIN, &one, plain, sizeof(plain) - 1);
	begin(SASL_PLAIN, &two, master, sizeof(master) - 1);
	begin(SASL_XOAUTH2, &three, xoauth2, sizeof(xoauth2) - 1);
	begin(SASL_OAUTHBEARER, &three, bearer, sizeof(bearer) - 1);
	begin(SASL_OAUTHBEARER, &four, escaped, sizeof(escaped) - 1);
	/* A token that would end the message early is none. */
	four.token = "t\1user=root";
	begin(SASL_OAUTHBEARER, &four, NULL, 0);
	begin(SASL_XOAUTH2, &four, NULL, 0);
}

/* A refused token: the server's word, and the message it waits for. */
static void test_refused_token(void **state)
{
	static const struct {
		enum sasl_mechanism mechanism;
		const char *challenge, *message, *status;
	} cases[] = {
		{ SASL_OAUTHBEARER,
			"{\"status\":\"invalid_token\",\"scope\":\"x\"}", "\1",
			"invalid_token" },
		{ SASL_XOAUTH2, "{\"status\":\"401\",\"schemes\":\"Bearer\"}",
			"", "401" },
		{ SASL_XOAUTH2, "{\"status\":\"the token vF9\"}", "",
			"token refused" },
		{ SASL_XOAUTH2, "{\"status\":7}", "", "token refused" },
		{ SASL_XOAUTH2, "no JSON", "", "token refused" },
		{ SASL_OAUTHBEARER, "", "\1", "token refused" },
	};
	struct sasl_account account = { .login = "u", .token = "vF9" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct sasl *sasl = sasl_new(cases[i].mechanism, &account);
		struct secret message = SECRET_NONE;
		struct error error = { "" };

		account.host = "h";
		assert_string_equal(sasl_refusal(sasl), "");
		assert_int_equal(
			sasl_answer(sasl, cases[i].challenge,
				strlen(cases[i].challenge), &message, &error),
			0);
		assert_message(&message, cases[i].message);
		assert_string_equal(sasl_refusal(sasl), cases[i].status);
		assert_int_equal(
			sasl_answer(sasl, "x", 1, &message, &error), -1);
		secret_clear(&message);
		sasl_free(&sasl);
	}
}

static void test_finish(void **state)
{
	struct sasl *plain = sasl_new(SASL_PLAIN, &user);
	struct sasl *scram = sasl_new(SASL_SCRAM_SHA_256, &user);
	struct secret message = SECRET_NONE;
	struct error error = { "" };

	(void)state;
	assert_int_equal(sasl_finish(plain, &error), 0);
	/* A server that says OK without its signature is not ours. */
	assert_int_equal(sasl_begin(scram, &message, &error), 0);
	assert_int_equal(sasl_finish(scram, &error), -1);
	assert_non_null(strstr(error.text, "has not proved"));
	secret_clear(&message);
	sasl_free(&plain);
	sasl_free(&scram);
}

#define P SASL_BIT(SASL_PLAIN)
#define L SASL_BIT(SASL_LOGIN)
#define S SASL_BIT(SASL_SCRAM_SHA_256)
#define X SASL_BIT(SASL_XOAUTH2)
#define B SASL_BIT(SASL_OAUTHBEARER)

static void test_choose(void **state)
{
	static const struct {
		struct sasl_choice choice;
		enum sasl_mechanism chosen;
	} cases[] = {
		{ { .offered = P | L | S | X | B }, SASL_SCRAM_SHA_256 },
		{ { .offered = P | L | X }, SASL_PLAIN },
		{ { .offered = L }, SASL_LOGIN },
		{ { .offered = X | B }, SASL_AUTO },
		{ { .offered = 0 }, SASL_AUTO },
		{ { .offered = P | L | S, .failed = S }, SASL_PLAIN },
		{ { .offered = L, .authorizer = true }, SASL_AUTO },
		{ { .offered = P | L, .authorizer = true }, SASL_PLAIN },
		{ { .offered = P | S, .authorizer = true },
			SASL_SCRAM_SHA_256 },
		{ { .offered = P | L | S | X | B, .token = true },
			SASL_OAUTHBEARER },
		{ { .offered = P | X, .token = true }, SASL_XOAUTH2 },
		{ { .offered = P | L | S, .token = true }, SASL_AUTO },
		/* others listen */
		{ { .offered = P | L, .exposed = true }, SASL_AUTO },
		{ { .offered = P | L | S, .exposed = true },
			SASL_SCRAM_SHA_256 },
		{ { .offered = X | B, .token = true, .exposed = true },
			SASL_AUTO },
		{ { .offered = P | L | S, .failed = S, .exposed = true },
			SASL_AUTO },
		{ { .wanted = SASL_PLAIN, .offered = P, .exposed = true },
			SASL_PLAIN },
		/* named */
		{ { .wanted = SASL_LOGIN, .offered = P | L | S }, SASL_LOGIN },
		{ { .wanted = SASL_SCRAM_SHA_256, .offered = P | L },
			SASL_AUTO },
		{ { .wanted = SASL_LOGIN, .offered = L, .authorizer = true },
			SASL_AUTO },
		{ { .wanted = SASL_XOAUTH2, .offered = X, .token = true },
			SASL_XOAUTH2 },
		{ { .wanted = SASL_XOAUTH2, .offered = X }, SASL_AUTO },
		{ { .wanted = SASL_PLAIN, .offered = P, .token = true },
			SASL_AUTO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct error error = { "" };
		enum sasl_mechanism chosen =
			sasl_choose(&cases[i].choice, &error);

		if (chosen != cases[i].chosen)
			fail_msg("%zu: %s: %s", i, sasl_name(chosen),
				error.text);
		assert_int_equal(
			error.text[0] != '\0', cases[i].chosen == SASL_AUTO);
	}
}

static void test_names(void **state)
{
	enum sasl_mechanism mechanism;

	(void)state;
	assert_int_equal(sasl_parse("scram-sha-256", &mechanism), 0);
	assert_int_equal(mechanism, SASL_SCRAM_SHA_256);
	assert_string_equal(sasl_name(mechanism), "SCRAM-SHA-256");
	assert_int_equal(sasl_parse("auto", &mechanism), 0);
	assert_int_equal(mechanism, SASL_AUTO);
	assert_int_equal(sasl_parse("cram-md5", &mechanism), -1);
	assert_int_equal(sasl_parse("", &mechanism), -1);
}

static void test_secrets(void **state)
{
	static const char *const bad[] = { "=", "A", "AA", "AAA",
		"A===", "AA=A", "AAA\n", " AAA", "AA==AAAA", "AAA-" };
	struct secret plain = SECRET_NONE, encoded = SECRET_NONE,
		      again = SECRET_NONE;
	struct error error;
	char bytes[70];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 37);
	for (i = 0; i <= sizeof(bytes); i++) {
		secret_set(&plain, bytes, i);
		secret_encode(&plain, &encoded);
		assert_int_equal(
			secret_decode(encoded.data, encoded.size, &again), 0);
		assert_int_equal(again.size, i);
		assert_memory_equal(again.data, bytes, i);
	}
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(
			secret_decode(bad[i], strlen(bad[i]), &again), -1);
	error_set(&error, "LOGIN ann secret: secret is wrong");
	secret_mask(&error, "secret");
	assert_string_equal(error.text, "LOGIN ann *: * is wrong");
	secret_mask(&error, NULL);
	secret_mask(&error, "");
	assert_string_equal(error.text, "LOGIN ann *: * is wrong");
	secret_clear(&plain);
	secret_clear(&encoded);
	secret_clear(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_scram_names),
		cmocka_unit_test(test_scram_bad),
		cmocka_unit_test(test_scram_nonce),
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_refused_token),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

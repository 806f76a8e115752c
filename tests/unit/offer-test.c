/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a home's capabilities is offered to clients, and what of several. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/offer.h"

#define PLAIN  (1u << LOGIN_PLAIN)
#define LOGIN  (1u << LOGIN_LOGIN)
#define SCRAM  (1u << LOGIN_SCRAM_SHA_256)
#define BEARER (1u << LOGIN_OAUTHBEARER)

/* What is learned of a text with ';' between the lines. */
static struct offer learn(enum dialog_protocol protocol, const char *text)
{
	struct offer offer = { .protocol = protocol };
	char copy[1024], *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *line = strtok_r(copy, ";", &rest); line != NULL;
		line = strtok_r(NULL, ";", &rest))
		offer_learn(&offer, line);
	return offer;
}

/* One home, another one (NULL: there is none), and what is offered. */
static void test_offers(void **state)
{
	static const struct {
		enum dialog_protocol protocol;
		const char *one, *other, *offered;
		unsigned mechanisms;
	} rows[] = {
		{ DIALOG_IMAP,
			"IMAP4rev1;SASL-IR;IDLE;AUTH=PLAIN;LOGINDISABLED;"
			"STARTTLS;MOVE;LITERAL+;ID;COMPRESS=DEFLATE;"
			"AUTH=SCRAM-SHA-256;AUTH=GSSAPI;LOGIN-REFERRALS",
			NULL, "IDLE;MOVE;", PLAIN | SCRAM },
		{ DIALOG_IMAP, "IDLE;MOVE;AUTH=PLAIN;AUTH=LOGIN",
			"move;AUTH=LOGIN;CONDSTORE", "MOVE;", LOGIN },
		{ DIALOG_POP3, "+OK;TOP;UIDL;SASL PLAIN LOGIN;STLS;USER;.",
			"UIDL;SASL LOGIN", "UIDL;", LOGIN },
		{ DIALOG_POP3, "EXPIRE 0;LOGIN-DELAY 60;IMPLEMENTATION x", NULL,
			"", 0 },
		{ DIALOG_SMTP,
			"mx.example.net;PIPELINING;SIZE 1000;8BITMIME;XCLIENT "
			"NAME;AUTH PLAIN;AUTH=PLAIN;STARTTLS;VRFY;DSN",
			"mx;SIZE 500;PIPELINING;DSN;SMTPUTF8;AUTH PLAIN",
			"PIPELINING;SIZE 500;DSN;", PLAIN },
		{ DIALOG_SMTP, "SIZE 0", "SIZE 7", "SIZE 7;", 0 },
		{ DIALOG_SMTP, "SIZE 7", "SIZE", "SIZE 7;", 0 },
		{ DIALOG_SMTP, "SIZE", "SIZE 9", "SIZE 9;", 0 },
		{ DIALOG_SMTP, "SIZE 7", "PIPELINING", "", 0 },
		{ DIALOG_SIEVE,
			"\"IMPLEMENTATION\" \"Dovecot\";\"SIEVE\" \"fileinto "
			"reject copy\";\"SASL\" \"PLAIN OAUTHBEARER\";"
			"\"STARTTLS\";\"NOTIFY\" \"mailto\";\"VERSION\" "
			"\"1.0\"",
			NULL,
			"\"SIEVE\" \"fileinto reject copy\";\"NOTIFY\" "
			"\"mailto\";",
			PLAIN | BEARER },
		{ DIALOG_SIEVE, "\"SIEVE\" \"a b c\";\"NOTIFY\" \"mailto\"",
			"\"SIEVE\" \"c x a\";\"NOTIFY\" \"xmpp\"",
			"\"SIEVE\" \"a c\";", 0 },
		{ DIALOG_SIEVE, "\"SIEVE;\"SIEVE\" x;\";\"\"", NULL,
			"\"SIEVE\";", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct offer one = learn(rows[i].protocol, rows[i].one);
		char said[1024] = "";
		char **lines;

		if (rows[i].other != NULL) {
			struct offer other =
				learn(rows[i].protocol, rows[i].other);

			offer_meet(&one, &other);
			offer_clear(&other);
		}
		lines = offer_lines(&one);
		for (size_t at = 0; lines[at] != NULL; at++) {
			strcat(said, lines[at]);
			strcat(said, ";");
		}
		assert_string_equal(said, rows[i].offered);
		assert_int_equal(one.mechanisms, rows[i].mechanisms);
		offer_lines_free(&lines);
		offer_clear(&one);
	}
}

/* A home that has too much to say. */
static void test_bounds(void **state)
{
	struct offer offer = { .protocol = DIALOG_IMAP }, copy = { 0 };
	char text[3000];

	(void)state;
	memset(text, 'A', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	offer_learn(&offer, text);
	offer_learn(&offer, "");
	assert_int_equal(offer.count, 0);
	for (int i = 0; i < 2 * OFFER_ITEMS_MAX; i++) {
		snprintf(text, sizeof(text), "X%d", i);
		offer_learn(&offer, text);
	}
	assert_int_equal(offer.count, OFFER_ITEMS_MAX);
	offer_copy(&copy, &offer);
	assert_int_equal(copy.count, OFFER_ITEMS_MAX);
	assert_string_equal(copy.items[5].name, "X5");
	offer_clear(&copy);
	offer_clear(&offer);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

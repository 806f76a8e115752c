/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a client is let into a home: each case is what the home says, line by
 * line, and what it is told; at once, and octet by octet.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/entry.h"
#include "lib/buffer.h"

/* "\0ann\0secret", "bob\0ann\0secret", "ann\0boss\0key" */
#define PLAIN_ANN  "AGFubgBzZWNyZXQ="
#define PLAIN_BOB  "Ym9iAGFubgBzZWNyZXQ="
#define PLAIN_BOSS "YW5uAGJvc3MAa2V5"

static const struct login by_password = { .mechanism = LOGIN_PASSWORD,
	.user = (char *)"ann",
	.password = (char *)"secret" };
static const struct login odd_password = { .mechanism = LOGIN_PASSWORD,
	.user = (char *)"ann",
	.password = (char *)"a\"b\\c" };
static const struct login for_bob = { .mechanism = LOGIN_PLAIN,
	.user = (char *)"bob",
	.authority = (char *)"ann",
	.password = (char *)"secret" };
static const struct login by_scram = { .mechanism = LOGIN_SCRAM_SHA_256,
	.user = (char *)"ann",
	.initial = (char *)"biws" };

struct visit {
	enum dialog_protocol protocol;
	const struct login *login;
	const char *user, *master;
	bool starttls;
	enum entry_forward forward;
	const char *hears; /* from the home */
	const char *says;  /* to it */
	enum entry_result result;
	const char *words;
	const char *capabilities;
	size_t left;
};

static const struct visit visits[] = {
	{ DIALOG_IMAP, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n"
		"* CAPABILITY IMAP4rev1 IDLE\r\n"
		"L OK [CAPABILITY IMAP4rev1 UIDPLUS] in\r\n* 1 EXISTS\r\n",
		"L AUTHENTICATE PLAIN " PLAIN_ANN "\r\n", ENTRY_ACCEPTED, "in",
		"IMAP4rev1 UIDPLUS", 12 },
	{ DIALOG_IMAP, &odd_password, "ann", NULL, false, ENTRY_ID,
		"* OK hi\r\n* CAPABILITY IMAP4rev1 ID\r\nC OK\r\nI BAD\r\n"
		"L OK in\r\n* CAPABILITY IMAP4rev1 ID X\r\nC OK\r\n",
		"C CAPABILITY\r\nI ID (\"x-originating-ip\" \"192.0.2.1\" "
		"\"x-originating-port\" \"99\")\r\n"
		"L LOGIN \"ann\" \"a\\\"b\\\\c\"\r\nC CAPABILITY\r\n",
		ENTRY_ACCEPTED, "in", "IMAP4rev1 ID X", 0 },
	{ DIALOG_IMAP, &by_password, "ann", "boss", false, ENTRY_NOTHING,
		"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n+ \r\n"
		"L NO [AUTHENTICATIONFAILED] wrong\r\n",
		"L AUTHENTICATE PLAIN\r\n" PLAIN_BOSS "\r\n", ENTRY_DENIED,
		"wrong", NULL, 0 },
	{ DIALOG_IMAP, &by_password, "ann", NULL, true, ENTRY_NOTHING,
		"* OK [CAPABILITY STARTTLS AUTH=PLAIN] hi\r\nS OK go\r\n",
		"S STARTTLS\r\n", ENTRY_STARTTLS, "", NULL, 0 },
	{ DIALOG_IMAP, &by_password, "ann", NULL, true, ENTRY_NOTHING,
		"* OK hi\r\nS NO cannot\r\n", "S STARTTLS\r\n", ENTRY_LATER,
		"cannot", NULL, 0 },
	{ DIALOG_IMAP, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"* OK [CAPABILITY SASL-IR AUTH=PLAIN] hi\r\n"
		"L NO [UNAVAILABLE] later\r\n",
		"L AUTHENTICATE PLAIN " PLAIN_ANN "\r\n", ENTRY_LATER, "later",
		NULL, 0 },
	{ DIALOG_IMAP, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"* BYE [UNAVAILABLE] too many\r\n", "", ENTRY_LATER, NULL, NULL,
		0 },
	{ DIALOG_IMAP, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"L OK in\r\n", "", ENTRY_LATER, NULL, NULL, 0 },
	{ DIALOG_IMAP, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"* OK [CAPABILITY IMAP4rev1] hi\r\nX OK in\r\n",
		"L LOGIN \"ann\" \"secret\"\r\n", ENTRY_LATER, "in", NULL, 0 },
	{ DIALOG_IMAP, &by_scram, "ann", NULL, false, ENTRY_NOTHING,
		"* OK [CAPABILITY SASL-IR] hi\r\n+ cj1hYmM=\r\n",
		"L AUTHENTICATE SCRAM-SHA-256 biws\r\n", ENTRY_CHALLENGE,
		"cj1hYmM=", NULL, 0 },

	{ DIALOG_POP3, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"+OK hi\r\n+OK\r\n+OK in\r\nrest",
		"USER ann\r\nPASS secret\r\n", ENTRY_ACCEPTED, "in", NULL, 4 },
	{ DIALOG_POP3, &for_bob, "bob", NULL, false, ENTRY_XCLIENT,
		"+OK hi\r\n+OK\r\n-ERR [AUTH] no\r\n",
		"XCLIENT ADDR=192.0.2.1 PORT=99\r\nAUTH PLAIN " PLAIN_BOB
		"\r\n",
		ENTRY_DENIED, "no", NULL, 0 },
	{ DIALOG_POP3, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"+OK hi\r\n+OK\r\n-ERR [IN-USE] busy\r\n",
		"USER ann\r\nPASS secret\r\n", ENTRY_LATER, "busy", NULL, 0 },
	{ DIALOG_POP3, &by_password, "ann", NULL, true, ENTRY_NOTHING,
		"+OK hi\r\n+OK go\r\n", "STLS\r\n", ENTRY_STARTTLS, "", NULL,
		0 },
	{ DIALOG_POP3, &by_scram, "ann", NULL, false, ENTRY_NOTHING,
		"+OK hi\r\n+ cj1hYmM=\r\n", "AUTH SCRAM-SHA-256 biws\r\n",
		ENTRY_CHALLENGE, "cj1hYmM=", NULL, 0 },
	{ DIALOG_POP3, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"-ERR down\r\n", "", ENTRY_LATER, "down", NULL, 0 },

	{ DIALOG_SMTP, &by_password, "ann", NULL, false, ENTRY_XCLIENT,
		"220-hi\r\n220 there\r\n250-x\r\n250-XCLIENT ADDR PORT\r\n"
		"250 AUTH PLAIN\r\n220 again\r\n250-x\r\n250 AUTH PLAIN\r\n"
		"235 2.7.0 in\r\n",
		"EHLO c.example\r\nXCLIENT ADDR=192.0.2.1 PORT=99 "
		"HELO=c.example PROTO=ESMTP\r\nEHLO c.example\r\n"
		"AUTH PLAIN " PLAIN_ANN "\r\n",
		ENTRY_ACCEPTED, "in", NULL, 0 },
	{ DIALOG_SMTP, &by_password, "ann", NULL, true, ENTRY_NOTHING,
		"220 hi\r\n250 x\r\n220 2.0.0 go\r\n",
		"EHLO c.example\r\nSTARTTLS\r\n", ENTRY_STARTTLS, "", NULL, 0 },
	{ DIALOG_SMTP, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"220 hi\r\n250 x\r\n535 5.7.8 no\r\n",
		"EHLO c.example\r\nAUTH PLAIN " PLAIN_ANN "\r\n", ENTRY_DENIED,
		"no", NULL, 0 },
	{ DIALOG_SMTP, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"220 hi\r\n250 x\r\n454 4.7.0 later\r\n",
		"EHLO c.example\r\nAUTH PLAIN " PLAIN_ANN "\r\n", ENTRY_LATER,
		"later", NULL, 0 },
	{ DIALOG_SMTP, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"421 4.3.2 closing\r\n", "", ENTRY_LATER, "closing", NULL, 0 },

	{ DIALOG_SIEVE, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"\"SIEVE\" \"fileinto\"\r\nOK \"hi\"\r\nOK \"in\"\r\n",
		"AUTHENTICATE \"PLAIN\" \"" PLAIN_ANN "\"\r\n", ENTRY_ACCEPTED,
		"in", NULL, 0 },
	{ DIALOG_SIEVE, &by_password, "ann", NULL, false, ENTRY_NOTHING,
		"OK \"hi\"\r\nNO (TRYLATER) \"busy\"\r\n",
		"AUTHENTICATE \"PLAIN\" \"" PLAIN_ANN "\"\r\n", ENTRY_LATER,
		"busy", NULL, 0 },
	{ DIALOG_SIEVE, &by_scram, "ann", NULL, false, ENTRY_NOTHING,
		"OK \"hi\"\r\n\"cj1hYmM=\"\r\n",
		"AUTHENTICATE \"SCRAM-SHA-256\" \"biws\"\r\n", ENTRY_CHALLENGE,
		"cj1hYmM=", NULL, 0 },
};

static struct entry *begin(const struct visit *visit)
{
	const struct entry_terms terms = {
		.protocol = visit->protocol,
		.starttls = visit->starttls,
		.login = visit->login,
		.user = visit->user,
		.master = visit->master,
		.master_password = visit->master != NULL ? "key" : NULL,
		.forward = visit->forward,
		.client_address = "192.0.2.1",
		.client_port = 99,
		.client_name = "c.example",
	};

	return entry_new(&terms);
}

static size_t hear(struct entry *entry, const char *text, size_t piece,
	struct buffer *out, enum entry_result *result_r)
{
	size_t size = strlen(text), at = 0;

	*result_r = ENTRY_MORE;
	while (*result_r == ENTRY_MORE && at < size) {
		size_t take = size - at < piece ? size - at : piece, used;

		*result_r = entry_input(entry, text + at, take, &used, out);
		at += used;
	}
	return size - at;
}

static void pay(const struct visit *visit, size_t piece)
{
	struct entry *entry = begin(visit);
	struct buffer out = BUFFER_EMPTY;
	enum entry_result result;
	size_t left;

	buffer_add_text(&out, "");
	left = hear(entry, visit->hears, piece, &out, &result);
	assert_string_equal(out.data, visit->says);
	assert_int_equal(result, visit->result);
	assert_int_equal(left, visit->left);
	if (visit->words != NULL)
		assert_string_equal(entry_words(entry), visit->words);
	if (visit->capabilities != NULL)
		assert_string_equal(
			entry_capabilities(entry), visit->capabilities);
	buffer_free(&out);
	entry_free(&entry);
}

static void test_visits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(visits) / sizeof(visits[0]); i++) {
		pay(&visits[i], SIZE_MAX);
		pay(&visits[i], 1);
		pay(&visits[i], 5);
	}
}

/* Behind the handshake it begins anew with what the home offers then. */
static void test_starttls(void **state)
{
	static const struct {
		enum dialog_protocol protocol;
		const char *before, *behind, *says;
	} cases[] = {
		{ DIALOG_IMAP,
			"* OK [CAPABILITY SASL-IR AUTH=PLAIN] x\r\n"
			"S OK\r\n",
			"* CAPABILITY IMAP4rev1\r\nC OK\r\n",
			"C CAPABILITY\r\nL LOGIN \"ann\" \"secret\"\r\n" },
		{ DIALOG_POP3, "+OK\r\n+OK\r\n", "", "USER ann\r\n" },
		{ DIALOG_SMTP, "220 x\r\n250 x\r\n220 go\r\n", "250 x\r\n",
			"EHLO c.example\r\nAUTH PLAIN " PLAIN_ANN "\r\n" },
		{ DIALOG_SIEVE, "OK\r\nOK\r\n", "\"SASL\" \"PLAIN\"\r\nOK\r\n",
			"AUTHENTICATE \"PLAIN\" \"" PLAIN_ANN "\"\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct visit visit = { .protocol = cases[i].protocol,
			.login = &by_password,
			.user = "ann",
			.starttls = true };
		struct entry *entry = begin(&visit);
		struct buffer out = BUFFER_EMPTY;
		enum entry_result result;

		hear(entry, cases[i].before, 1, &out, &result);
		assert_int_equal(result, ENTRY_STARTTLS);
		buffer_clear(&out);
		entry_secured(entry, &out);
		hear(entry, cases[i].behind, 1, &out, &result);
		assert_string_equal(out.data, cases[i].says);
		buffer_free(&out);
		entry_free(&entry);
	}
}

static void test_relay(void **state)
{
	const struct visit visit = {
		.protocol = DIALOG_IMAP, .login = &by_scram, .user = "ann"
	};
	struct entry *entry = begin(&visit);
	struct buffer out = BUFFER_EMPTY;
	enum entry_result result;

	(void)state;
	hear(entry, "* OK [CAPABILITY IMAP4rev1] x\r\n+\r\n+ Y2g=\r\n", 1, &out,
		&result);
	assert_int_equal(result, ENTRY_CHALLENGE);
	assert_string_equal(entry_challenge(entry), "Y2g=");
	assert_string_equal(
		out.data, "L AUTHENTICATE SCRAM-SHA-256\r\nbiws\r\n");
	buffer_clear(&out);
	entry_answer(entry, "YW5z", &out);
	entry_answer(entry, NULL, &out);
	assert_string_equal(out.data, "YW5z\r\n*\r\n");
	buffer_free(&out);
	entry_free(&entry);
}

/* Endless lines, and endless lines of them. */
static void test_limits(void **state)
{
	const struct visit visit = {
		.protocol = DIALOG_IMAP, .login = &by_password, .user = "ann"
	};
	struct entry *entry = begin(&visit);
	struct buffer out = BUFFER_EMPTY;
	enum entry_result result = ENTRY_MORE;
	char text[1024];
	size_t used;
	int i;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (i = 0; result == ENTRY_MORE && i < 1000; i++)
		result = entry_input(entry, text, sizeof(text), &used, &out);
	assert_int_equal(result, ENTRY_LATER);
	assert_true(i < 20);
	entry_free(&entry);

	entry = begin(&visit);
	hear(entry, "* OK x\r\n", 9, &out, &result);
	for (i = 0; result == ENTRY_MORE && i < 9999; i++)
		hear(entry, "* OK x\r\n", 9, &out, &result);
	assert_int_equal(result, ENTRY_LATER);
	assert_true(i < 1001);
	entry_free(&entry);
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_visits),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

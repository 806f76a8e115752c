/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What clients say before the login, at once and octet by octet: the answers
 * and the login that is learned must be the same.
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

#include "gateway/dialog.h"
#include "lib/buffer.h"

#define ALL                                                                    \
	(1u << LOGIN_PLAIN | 1u << LOGIN_LOGIN | 1u << LOGIN_XOAUTH2 |         \
		1u << LOGIN_OAUTHBEARER | 1u << LOGIN_SCRAM_SHA_256)

static const char *const submission[] = { "8BITMIME", "SIZE 1000", NULL };
static const char *const filters[] = { "\"SIEVE\" \"fileinto\"", NULL };

static const struct dialog_offer open_offer = {
	.host = "mx.example.org", .starttls = true, .mechanisms = ALL
};
static const struct dialog_offer safe_offer = {
	.host = "mx.example.org", .secure = true, .mechanisms = ALL
};

struct conversation {
	enum dialog_protocol protocol;
	bool safe;
	const char *says;
	const char *hears; /* behind the greeting */
	enum dialog_result result;
	size_t left; /* octets that belong to what comes next */
	const char *user, *authority, *password;
};

/* "\0ann\0secret", "bob\0ann\0secret", "ann", "secret" */
#define PLAIN_ANN "AGFubgBzZWNyZXQ="
#define PLAIN_BOB "Ym9iAGFubgBzZWNyZXQ="
#define B64_ANN	  "YW5u"
#define B64_PW	  "c2VjcmV0"
/* "n,,n=ann,r=abc" */
#define SCRAM_ANN "biwsbj1hbm4scj1hYmM="
/* "user=ann^Aauth=Bearer t^A^A"; "n,a=ann,^Aauth=Bearer t^A^A" */
#define XOAUTH_ANN "dXNlcj1hbm4BYXV0aD1CZWFyZXIgdAEB"
#define BEARER_ANN "bixhPWFubiwBYXV0aD1CZWFyZXIgdAEB"

static const struct conversation conversations[] = {
	{ DIALOG_IMAP, true, "a LOGIN ann secret\r\n", "", DIALOG_LOGIN, 0,
		"ann", NULL, "secret" },
	{ DIALOG_IMAP, true, "a login \"a\\\"n\" \"se cret\"\r\nb SELECT x\r\n",
		"", DIALOG_LOGIN, 12, "a\"n", NULL, "se cret" },
	{ DIALOG_IMAP, true, "a LOGIN {3}\r\nann {6+}\r\nsec)et\r\n",
		"+ OK\r\n", DIALOG_LOGIN, 0, "ann", NULL, "sec)et" },
	{ DIALOG_IMAP, true, "a LOGIN {0}\r\n x\r\n",
		"+ OK\r\na BAD LOGIN takes a user name and a password\r\n",
		DIALOG_MORE, 0, NULL, NULL, NULL },
	{ DIALOG_IMAP, true, "a LOGIN {3}\r\na\nb x\r\n",
		"+ OK\r\na BAD LOGIN takes a user name and a password\r\n",
		DIALOG_MORE, 0, NULL, NULL, NULL },
	{ DIALOG_IMAP, true, "a LOGIN ann {9999999999}\r\n",
		"* BYE [UNAVAILABLE] literal too long\r\n", DIALOG_END, 0, NULL,
		NULL, NULL },
	{ DIALOG_IMAP, true, "a AUTHENTICATE PLAIN " PLAIN_BOB "\r\n", "",
		DIALOG_LOGIN, 0, "bob", "ann", "secret" },
	{ DIALOG_IMAP, true, "a authenticate plain\r\n" PLAIN_ANN "\r\nrest",
		"+ \r\n", DIALOG_LOGIN, 4, "ann", NULL, "secret" },
	{ DIALOG_IMAP, true,
		"a AUTHENTICATE LOGIN\r\n" B64_ANN "\r\n" B64_PW "\r\n",
		"+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n", DIALOG_LOGIN, 0, "ann",
		NULL, "secret" },
	{ DIALOG_IMAP, true, "a AUTHENTICATE XOAUTH2 " XOAUTH_ANN "\r\n", "",
		DIALOG_LOGIN, 0, "ann", NULL, NULL },
	{ DIALOG_IMAP, true, "a AUTHENTICATE OAUTHBEARER " BEARER_ANN "\r\n",
		"", DIALOG_LOGIN, 0, "ann", NULL, NULL },
	/* "user=ann^Auser=bob^Aauth=Bearer t^A^A" */
	{ DIALOG_IMAP, true,
		"a AUTHENTICATE XOAUTH2 "
		"dXNlcj1hbm4BdXNlcj1ib2IBYXV0aD1CZWFyZXIgdAEB\r\n",
		"a BAD invalid XOAUTH2 answer\r\n", DIALOG_MORE, 0, NULL, NULL,
		NULL },
	/* "user=ann^Aauth=Bearer t^AUSER=bob^A^A" */
	{ DIALOG_IMAP, true,
		"a AUTHENTICATE XOAUTH2 "
		"dXNlcj1hbm4BYXV0aD1CZWFyZXIgdAFVU0VSPWJvYgEB\r\n",
		"a BAD invalid XOAUTH2 answer\r\n", DIALOG_MORE, 0, NULL, NULL,
		NULL },
	/* "n,a=ann,^An,a=bob,^Aauth=Bearer t^A^A" */
	{ DIALOG_IMAP, true,
		"a AUTHENTICATE OAUTHBEARER "
		"bixhPWFubiwBbixhPWJvYiwBYXV0aD1CZWFyZXIgdAEB\r\n",
		"a BAD invalid OAUTHBEARER answer\r\n", DIALOG_MORE, 0, NULL,
		NULL, NULL },
	/* "n,a=ann,^Auser=bob^Aauth=Bearer t^A^A" */
	{ DIALOG_IMAP, true,
		"a AUTHENTICATE OAUTHBEARER "
		"bixhPWFubiwBdXNlcj1ib2IBYXV0aD1CZWFyZXIgdAEB\r\n",
		"a BAD invalid OAUTHBEARER answer\r\n", DIALOG_MORE, 0, NULL,
		NULL, NULL },
	/* "n,a=ann,^Ahost=mx^Aport=143^Aauth=Bearer t^A^A" */
	{ DIALOG_IMAP, true,
		"a AUTHENTICATE OAUTHBEARER "
		"bixhPWFubiwBaG9zdD1teAFwb3J0PTE0MwFhdXRoPUJlYXJlciB0AQE=\r\n",
		"", DIALOG_LOGIN, 0, "ann", NULL, NULL },
	{ DIALOG_IMAP, true, "a AUTHENTICATE SCRAM-SHA-256 " SCRAM_ANN "\r\n",
		"", DIALOG_LOGIN, 0, "ann", NULL, NULL },
	{ DIALOG_IMAP, true, "a AUTHENTICATE PLAIN\r\n*\r\nb NOOP\r\n",
		"+ \r\na BAD authentication aborted\r\nb OK done\r\n",
		DIALOG_MORE, 0, NULL, NULL, NULL },
	{ DIALOG_IMAP, true, "a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ\r\n",
		"a BAD invalid base64\r\n", DIALOG_MORE, 0, NULL, NULL, NULL },
	{ DIALOG_IMAP, true, "a AUTHENTICATE CRAM-MD5\r\n",
		"a NO [CANNOT] unknown mechanism\r\n", DIALOG_MORE, 0, NULL,
		NULL, NULL },
	{ DIALOG_IMAP, false, "a LOGIN ann secret\r\n",
		"a NO [PRIVACYREQUIRED] use STARTTLS first\r\n", DIALOG_MORE, 0,
		NULL, NULL, NULL },
	{ DIALOG_IMAP, false, "a STARTTLS\r\nb LOGIN ann secret\r\n",
		"a OK begin TLS now\r\n", DIALOG_STARTTLS, 20, NULL, NULL,
		NULL },
	{ DIALOG_IMAP, true, "a STARTTLS\r\n",
		"a BAD STARTTLS is not offered\r\n", DIALOG_MORE, 0, NULL, NULL,
		NULL },
	{ DIALOG_IMAP, true, "a CAPABILITY\nb ID (\"name\" \"x\")\nc LOGOUT\n",
		"* CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+ AUTH=PLAIN "
		"AUTH=LOGIN AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=SCRAM-SHA-256"
		"\r\na OK done\r\n* ID NIL\r\nb OK done\r\n"
		"* BYE logging out\r\nc OK done\r\n",
		DIALOG_END, 0, NULL, NULL, NULL },
	{ DIALOG_IMAP, true, "a SELECT INBOX\r\n\r\n(\r\n",
		"a BAD please log in first\r\n* BAD no tag and command\r\n"
		"* BAD no tag and command\r\n",
		DIALOG_MORE, 0, NULL, NULL, NULL },

	{ DIALOG_POP3, true, "USER ann\r\nPASS  se cret \r\nSTAT\r\n",
		"+OK\r\n", DIALOG_LOGIN, 6, "ann", NULL, " se cret " },
	{ DIALOG_POP3, true, "PASS secret\r\n", "-ERR USER comes first\r\n",
		DIALOG_MORE, 0, NULL, NULL, NULL },
	{ DIALOG_POP3, true, "AUTH PLAIN " PLAIN_ANN "\r\n", "", DIALOG_LOGIN,
		0, "ann", NULL, "secret" },
	{ DIALOG_POP3, true, "AUTH PLAIN\r\n=\r\nQUIT\r\n",
		"+ \r\n-ERR invalid PLAIN answer\r\n+OK bye\r\n", DIALOG_END, 0,
		NULL, NULL, NULL },
	{ DIALOG_POP3, false, "CAPA\r\nUSER ann\r\nSTLS\r\n",
		"+OK\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nSTLS\r\n"
		".\r\n-ERR use STLS first\r\n+OK begin TLS now\r\n",
		DIALOG_STARTTLS, 0, NULL, NULL, NULL },
	{ DIALOG_POP3, true, "AUTH\r\nSTAT\r\n",
		"+OK\r\nPLAIN\r\nLOGIN\r\nXOAUTH2\r\nOAUTHBEARER\r\n"
		"SCRAM-SHA-256\r\n.\r\n-ERR please log in first\r\n",
		DIALOG_MORE, 0, NULL, NULL, NULL },

	{ DIALOG_SMTP, true,
		"EHLO client.example\r\nAUTH PLAIN " PLAIN_ANN "\r\n",
		"250-mx.example.org\r\n250-8BITMIME\r\n250-SIZE 1000\r\n"
		"250-AUTH PLAIN LOGIN XOAUTH2 OAUTHBEARER SCRAM-SHA-256\r\n"
		"250 ENHANCEDSTATUSCODES\r\n",
		DIALOG_LOGIN, 0, "ann", NULL, "secret" },
	{ DIALOG_SMTP, true, "AUTH PLAIN " PLAIN_ANN "\r\nMAIL FROM:<a>\r\n",
		"503 5.5.1 EHLO first\r\n530 5.7.0 authentication required\r\n",
		DIALOG_MORE, 0, NULL, NULL, NULL },
	{ DIALOG_SMTP, false, "HELO c\r\nAUTH LOGIN\r\nSTARTTLS\r\n",
		"250 mx.example.org\r\n538 5.7.11 use STARTTLS first\r\n"
		"220 2.0.0 begin TLS now\r\n",
		DIALOG_STARTTLS, 0, NULL, NULL, NULL },
	{ DIALOG_SMTP, true,
		"HELO c\r\nAUTH LOGIN " B64_ANN "\r\n*\r\nQUIT\r\n",
		"250 mx.example.org\r\n334 UGFzc3dvcmQ6\r\n"
		"501 5.7.0 authentication aborted\r\n221 2.0.0 bye\r\n",
		DIALOG_END, 0, NULL, NULL, NULL },

	{ DIALOG_SIEVE, true,
		"AUTHENTICATE \"PLAIN\" \"" PLAIN_ANN "\"\r\nLISTSCRIPTS\r\n",
		"", DIALOG_LOGIN, 13, "ann", NULL, "secret" },
	{ DIALOG_SIEVE, true,
		"AUTHENTICATE \"PLAIN\" {16+}\r\n" PLAIN_ANN "\r\n", "",
		DIALOG_LOGIN, 0, "ann", NULL, "secret" },
	{ DIALOG_SIEVE, true,
		"Authenticate \"LOGIN\"\r\n\"" B64_ANN "\"\r\n{8+}\r\n" B64_PW
		"\r\n",
		"\"VXNlcm5hbWU6\"\r\n\"UGFzc3dvcmQ6\"\r\n", DIALOG_LOGIN, 0,
		"ann", NULL, "secret" },
	{ DIALOG_SIEVE, true, "NOOP \"x\"\r\nHAVESPACE \"a\" 1\r\nLOGOUT\r\n",
		"OK (TAG {1}\r\nx) \"done\"\r\nNO \"please log in first\"\r\n"
		"OK \"bye\"\r\n",
		DIALOG_END, 0, NULL, NULL, NULL },
	{ DIALOG_SIEVE, false, "AUTHENTICATE \"PLAIN\"\r\nSTARTTLS\r\n",
		"NO (ENCRYPT-NEEDED) \"use STARTTLS first\"\r\n"
		"OK \"begin TLS now\"\r\n",
		DIALOG_STARTTLS, 0, NULL, NULL, NULL },
	{ DIALOG_SIEVE, true, "PUTSCRIPT \"a\" {999999999+}\r\n",
		"BYE (TRYLATER) \"literal too long\"\r\n", DIALOG_END, 0, NULL,
		NULL, NULL },
};

static struct dialog *begin(enum dialog_protocol protocol, bool safe)
{
	struct dialog_offer offer = safe ? safe_offer : open_offer;

	if (protocol == DIALOG_SMTP)
		offer.capabilities = submission;
	if (protocol == DIALOG_SIEVE)
		offer.capabilities = filters;
	return dialog_new(protocol, &offer);
}

/* Feeds the text in pieces of that size; returns what is left of it. */
static size_t feed(struct dialog *dialog, const char *text, size_t piece,
	struct buffer *out, enum dialog_result *result_r)
{
	size_t size = strlen(text), at = 0;

	*result_r = DIALOG_MORE;
	while (*result_r == DIALOG_MORE && at < size) {
		size_t take = size - at < piece ? size - at : piece, used;

		*result_r = dialog_input(dialog, text + at, take, &used, out);
		if (*result_r == DIALOG_MORE)
			assert_int_equal(used, take);
		at += used;
	}
	return size - at;
}

static void expect_text(const char *text, const char *expected)
{
	if (expected == NULL)
		assert_null(text);
	else
		assert_string_equal(text, expected);
}

static void converse(const struct conversation *conversation, size_t piece)
{
	struct dialog *dialog =
		begin(conversation->protocol, conversation->safe);
	struct buffer out = BUFFER_EMPTY;
	enum dialog_result result;
	size_t left = feed(dialog, conversation->says, piece, &out, &result);

	assert_string_equal(
		out.data != NULL ? out.data : "", conversation->hears);
	assert_int_equal(result, conversation->result);
	assert_int_equal(left, conversation->left);
	if (result == DIALOG_LOGIN) {
		const struct login *login = dialog_login(dialog);

		expect_text(login->user, conversation->user);
		expect_text(login->authority, conversation->authority);
		expect_text(login->password, conversation->password);
		assert_true(login_is_relayed(login->mechanism) ==
			    (login->initial != NULL));
	}
	buffer_free(&out);
	dialog_free(&dialog);
}

static void test_conversations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(conversations) / sizeof(conversations[0]);
		i++) {
		converse(&conversations[i], SIZE_MAX);
		converse(&conversations[i], 1);
		converse(&conversations[i], 7);
	}
}

static void test_greetings(void **state)
{
	static const struct {
		enum dialog_protocol protocol;
		const char *greeting;
	} cases[] = {
		{ DIALOG_IMAP,
			"* OK [CAPABILITY IMAP4rev1 SASL-IR ID LITERAL+ "
			"STARTTLS LOGINDISABLED] mx.example.org ready.\r\n" },
		{ DIALOG_POP3, "+OK mx.example.org ready.\r\n" },
		{ DIALOG_SMTP, "220 mx.example.org ESMTP ready\r\n" },
		{ DIALOG_SIEVE,
			"\"IMPLEMENTATION\" \"rehome\"\r\n\"SASL\" \"\"\r\n"
			"\"SIEVE\" \"fileinto\"\r\n\"STARTTLS\"\r\n"
			"\"VERSION\" \"1.0\"\r\n"
			"OK \"mx.example.org ready.\"\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dialog *dialog = begin(cases[i].protocol, false);
		struct buffer out = BUFFER_EMPTY;

		dialog_greet(dialog, &out);
		assert_string_equal(out.data, cases[i].greeting);
		buffer_free(&out);
		dialog_free(&dialog);
	}
}

/* TLS is begun: what was hidden is offered, the name of EHLO is void. */
static void test_starttls(void **state)
{
	struct dialog *dialog = begin(DIALOG_SMTP, false);
	struct buffer out = BUFFER_EMPTY;
	enum dialog_result result;

	(void)state;
	feed(dialog, "EHLO c\r\nSTARTTLS\r\n", SIZE_MAX, &out, &result);
	assert_int_equal(result, DIALOG_STARTTLS);
	assert_null(strstr(out.data, "AUTH"));
	dialog_secured(dialog, &out);
	buffer_clear(&out);
	feed(dialog, "AUTH PLAIN\r\nEHLO c\r\nSTARTTLS\r\n", SIZE_MAX, &out,
		&result);
	assert_non_null(strstr(out.data, "503 5.5.1"));
	assert_non_null(strstr(out.data, "250-AUTH PLAIN"));
	assert_non_null(strstr(out.data, "502 5.5.1"));
	assert_null(strstr(out.data, "250-STARTTLS"));
	assert_string_equal(dialog_client_name(dialog), "c");
	buffer_free(&out);
	dialog_free(&dialog);
}

static void test_answers(void **state)
{
	static const struct {
		enum dialog_protocol protocol;
		const char *login;
		const char *denied, *later, *accepted, *held;
	} cases[] = {
		{ DIALOG_IMAP, "a1 LOGIN ann x\r\n",
			"a1 NO [AUTHENTICATIONFAILED] no\r\n",
			"a1 NO [UNAVAILABLE] no\r\n",
			"a1 OK [CAPABILITY IDLE] yes\r\n",
			"* OK [INPROGRESS (\"a1\" NIL NIL)] the mailbox is "
			"being moved, please wait\r\n" },
		{ DIALOG_POP3, "USER ann\r\nPASS x\r\n", "-ERR [AUTH] no\r\n",
			"-ERR [SYS/TEMP] no\r\n", "+OK yes\r\n", "" },
		{ DIALOG_SMTP, "EHLO c\r\nAUTH PLAIN " PLAIN_ANN "\r\n",
			"535 5.7.8 no\r\n", "454 4.3.0 no\r\n",
			"235 2.7.0 yes\r\n", "" },
		{ DIALOG_SIEVE, "AUTHENTICATE \"PLAIN\" \"" PLAIN_ANN "\"\r\n",
			"NO \"no\"\r\n", "NO (TRYLATER) \"no\"\r\n",
			"OK \"yes\"\r\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dialog *dialog = begin(cases[i].protocol, true);
		struct buffer out = BUFFER_EMPTY;
		enum dialog_result result;

		feed(dialog, cases[i].login, SIZE_MAX, &out, &result);
		assert_int_equal(result, DIALOG_LOGIN);
		buffer_clear(&out);
		buffer_add_text(&out, "");
		dialog_hold(dialog, &out);
		assert_string_equal(out.data, cases[i].held);
		buffer_clear(&out);
		assert_int_equal(
			dialog_refuse(dialog, DIALOG_DENIED, "no", &out),
			DIALOG_MORE);
		assert_string_equal(out.data, cases[i].denied);
		feed(dialog, cases[i].login, SIZE_MAX, &out, &result);
		assert_int_equal(result, DIALOG_LOGIN);
		buffer_clear(&out);
		dialog_refuse(dialog, DIALOG_LATER, "no", &out);
		assert_string_equal(out.data, cases[i].later);
		feed(dialog, cases[i].login, SIZE_MAX, &out, &result);
		buffer_clear(&out);
		dialog_accept(dialog, "IDLE", "yes", &out);
		assert_string_equal(out.data, cases[i].accepted);
		buffer_free(&out);
		dialog_free(&dialog);
	}
}

/* The home's challenges and the client's answers go through as they are. */
static void test_relay(void **state)
{
	struct dialog *dialog = begin(DIALOG_IMAP, true);
	struct buffer out = BUFFER_EMPTY;
	enum dialog_result result;

	(void)state;
	feed(dialog, "a AUTHENTICATE SCRAM-SHA-256 " SCRAM_ANN "\r\n", 1, &out,
		&result);
	assert_int_equal(result, DIALOG_LOGIN);
	assert_string_equal(dialog_login(dialog)->initial, SCRAM_ANN);
	dialog_challenge(dialog, "cj1hYmM=", &out);
	assert_string_equal(out.data, "+ cj1hYmM=\r\n");
	assert_int_equal(
		feed(dialog, "Yz1iaXdz\r\nb NOOP\r\n", 1, &out, &result), 8);
	assert_int_equal(result, DIALOG_RESPONSE);
	assert_string_equal(dialog_response(dialog), "Yz1iaXdz");
	dialog_challenge(dialog, "", &out);
	feed(dialog, "*\r\n", 1, &out, &result);
	assert_int_equal(result, DIALOG_CANCELLED);
	buffer_free(&out);
	dialog_free(&dialog);
}

/* An exchange that is relayed stands at its second answer. */
static struct dialog *begin_relayed(
	enum dialog_protocol protocol, struct buffer *out)
{
	static const char *const begins[] = {
		[DIALOG_IMAP] = "a AUTHENTICATE XOAUTH2 " XOAUTH_ANN "\r\n",
		[DIALOG_POP3] = "AUTH XOAUTH2 " XOAUTH_ANN "\r\n",
		[DIALOG_SMTP] = "EHLO x\r\nAUTH XOAUTH2 " XOAUTH_ANN "\r\n",
		[DIALOG_SIEVE] =
			"AUTHENTICATE \"XOAUTH2\" \"" XOAUTH_ANN "\"\r\n",
	};
	struct dialog *dialog = begin(protocol, true);
	enum dialog_result result;

	feed(dialog, begins[protocol], SIZE_MAX, out, &result);
	assert_int_equal(result, DIALOG_LOGIN);
	dialog_challenge(dialog, "cj1hYmM=", out);
	return dialog;
}

/* What goes to the home in our own command is base64, or the exchange is over:
 * nothing may end its line or its string. */
static void test_relayed_answers(void **state)
{
	static const struct {
		enum dialog_protocol protocol;
		const char *says;
		const char *response; /* NULL: refused */
	} answers[] = {
		{ DIALOG_IMAP, "AQ==\r\n", "AQ==" },
		{ DIALOG_IMAP, "\r\n", "" },
		{ DIALOG_SIEVE, "\"AQ==\"\r\n", "AQ==" },
		{ DIALOG_SIEVE, "{4+}\r\nAQ==\r\n", "AQ==" },
		{ DIALOG_SIEVE, "\"\"\r\n", "" },
		{ DIALOG_SIEVE, "{9+}\r\n\"\r\nLOGOUT\r\n", NULL },
		{ DIALOG_SIEVE, "\"\\\" \\\"\"\r\n", NULL },
		{ DIALOG_IMAP, "AQ==\rb LOGIN bob x\r\n", NULL },
		{ DIALOG_POP3, "AQ==\rUSER bob\r\n", NULL },
		{ DIALOG_SMTP, "AQ== x\r\n", NULL },
		{ DIALOG_SMTP, "\xff\xfe\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct buffer out = BUFFER_EMPTY;
		struct dialog *dialog =
			begin_relayed(answers[i].protocol, &out);
		enum dialog_result result;

		feed(dialog, answers[i].says, SIZE_MAX, &out, &result);
		assert_int_equal(result, answers[i].response != NULL
						 ? DIALOG_RESPONSE
						 : DIALOG_CANCELLED);
		if (answers[i].response != NULL)
			assert_string_equal(
				dialog_response(dialog), answers[i].response);
		buffer_free(&out);
		dialog_free(&dialog);
	}
}

/* Who begins and gives up again and again does not do so for ever. */
static void test_cancelled(void **state)
{
	struct buffer out = BUFFER_EMPTY;
	struct dialog *dialog = begin_relayed(DIALOG_IMAP, &out);
	enum dialog_result result;
	int i;

	(void)state;
	for (i = 1; i < 99; i++) {
		feed(dialog, "*\r\n", SIZE_MAX, &out, &result);
		if (result != DIALOG_CANCELLED)
			break;
		feed(dialog, "a AUTHENTICATE XOAUTH2 " XOAUTH_ANN "\r\n",
			SIZE_MAX, &out, &result);
		assert_int_equal(result, DIALOG_LOGIN);
		dialog_challenge(dialog, "", &out);
	}
	assert_int_equal(result, DIALOG_END);
	assert_int_equal(i, 10);
	buffer_free(&out);
	dialog_free(&dialog);
}

static void test_limits(void **state)
{
	struct dialog *dialog = begin(DIALOG_IMAP, true);
	struct buffer out = BUFFER_EMPTY;
	enum dialog_result result = DIALOG_MORE;
	char line[1024];
	size_t used;
	int i;

	(void)state;
	memset(line, 'x', sizeof(line));
	for (i = 0; result == DIALOG_MORE && i < 1000; i++)
		result = dialog_input(dialog, line, sizeof(line), &used, &out);
	assert_int_equal(result, DIALOG_END);
	assert_true(i < 20);
	dialog_free(&dialog);

	dialog = begin(DIALOG_POP3, true);
	for (i = 0, result = DIALOG_MORE; result == DIALOG_MORE && i < 99; i++)
		feed(dialog, "x\r\n", SIZE_MAX, &out, &result);
	assert_int_equal(i, 10);
	dialog_free(&dialog);

	dialog = begin(DIALOG_SMTP, true);
	for (i = 0, result = DIALOG_MORE; result == DIALOG_MORE && i < 999; i++)
		feed(dialog, "NOOP\r\n", SIZE_MAX, &out, &result);
	assert_int_equal(i, 200);
	dialog_free(&dialog);

	dialog = begin(DIALOG_IMAP, true);
	for (i = 0, result = DIALOG_MORE; result == DIALOG_MORE && i < 99;
		i++) {
		feed(dialog, "a LOGIN ann x\r\n", SIZE_MAX, &out, &result);
		result = dialog_refuse(dialog, DIALOG_DENIED, "no", &out);
	}
	assert_int_equal(i, 6);
	dialog_free(&dialog);
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_relayed_answers),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

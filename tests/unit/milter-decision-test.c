/* SPDX-License-Identifier: BSD-2-Clause */
/* The decisions of the milter, row by row. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <cmocka.h>

#include "milter/decision.h"

struct reply_case {
	const char *status, *action, *moving, *text; /* NULL: not sent */
	enum decision_verdict verdict;
	bool asked_again;
};

static const struct reply_case reply_cases[] = {
	/* in service, nobody is moving it */
	{ "ok", "go-on", "no", NULL, DECISION_GO_ON, false },
	/* in service in the middle of a move; or frozen and parked */
	{ "ok", "go-on", "yes", NULL, DECISION_GO_ON, true },
	{ "ok", "go-on", NULL, NULL, DECISION_GO_ON, true },
	{ "ok", "go-on", "maybe", NULL, DECISION_GO_ON, true },
	{ "ok", "defer", "yes", "gone fishing", DECISION_DEFER, true },
	{ "ok", "defer", "no", NULL, DECISION_DEFER, false },
	{ "ok", "later", "yes", NULL, DECISION_LATER, true },
	/* what is not known is never go on */
	{ "ok", NULL, "no", NULL, DECISION_LATER, false },
	{ "ok", "", "no", NULL, DECISION_LATER, false },
	{ "ok", "GO-ON", "no", NULL, DECISION_LATER, false },
	{ "ok", "dunno", "no", NULL, DECISION_LATER, false },
	{ "error", "go-on", "no", NULL, DECISION_LATER, true },
	{ "not-found", "go-on", "no", NULL, DECISION_LATER, true },
	{ "denied", NULL, NULL, NULL, DECISION_LATER, true },
	{ NULL, "go-on", "no", NULL, DECISION_LATER, true },
	{ NULL, NULL, NULL, NULL, DECISION_LATER, true },
};

static void add(struct attr_list *list, const char *name, const char *value)
{
	if (value != NULL)
		attr_list_add(list, name, value);
}

static void reads_replies(void **state)
{
	struct attr_list *list = attr_list_new();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(reply_cases) / sizeof(reply_cases[0]); i++) {
		const struct reply_case *row = &reply_cases[i];
		struct decision decision;

		attr_list_clear(list);
		add(list, "status", row->status);
		add(list, "action", row->action);
		add(list, "moving", row->moving);
		add(list, "text", row->text);
		memset(&decision, 0x55, sizeof(decision));
		decision_read(list, &decision);
		if (decision.verdict != row->verdict ||
			decision.moving != row->asked_again)
			fail_msg("row %zu: verdict %d, moving %d", i,
				decision.verdict, decision.moving);
		assert_string_equal(
			decision.text, row->text != NULL ? row->text : "");
	}
	attr_list_free(&list);
}

static void tells_own_users(void **state)
{
	struct sockaddr_in outside = { .sin_family = AF_INET,
		.sin_port = htons(40000),
		.sin_addr.s_addr = htonl(0xc0000201) };
	struct sockaddr_in loopback = { .sin_family = AF_INET,
		.sin_port = htons(40000),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in pickup = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in strange = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0xc0000201) };
	struct sockaddr_in6 pickup6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in6 loopback6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(40000),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr unix_socket = { .sa_family = AF_UNIX };
	const struct {
		const char *name;
		const void *address;
		bool in_own_networks;
		const char *login;
		bool own;
	} rows[] = {
		{ "mail.example.net", &outside, false, NULL, false },
		{ "mail.example.net", &outside, false, "", false },
		{ "mail.example.net", &outside, false, "ann", true },
		{ "mail.example.net", &outside, true, NULL, true },
		/* a name that the client chose itself proves nothing */
		{ "localhost", &outside, false, NULL, false },
		/* 127.0.0.1 is own only where the networks say so */
		{ "localhost", &loopback, false, NULL, false },
		{ "localhost", &loopback6, false, NULL, false },
		{ "localhost", &loopback, true, NULL, true },
		/* Postfix: sendmail(1), non_smtpd_milters */
		{ "localhost", &pickup, false, NULL, true },
		{ "localhost", &pickup6, false, NULL, true },
		{ "x", &strange, false, NULL, false },
		/* Sendmail: local submission */
		{ "localhost", NULL, false, NULL, true },
		/* nothing is known of the client */
		{ "unknown", NULL, false, NULL, false },
		{ NULL, NULL, false, NULL, false },
		{ NULL, NULL, false, "ann", true },
		{ "localhost", &unix_socket, false, NULL, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decision_client client = {
			.name = rows[i].name,
			.address = rows[i].address,
			.in_own_networks = rows[i].in_own_networks,
			.login = rows[i].login,
		};

		if (decision_is_own(&client) != rows[i].own)
			fail_msg("row %zu: the wrong side", i);
	}
}

static void remembers_the_moving(void **state)
{
	static const struct {
		enum decision_verdict verdict;
		bool moving;
		bool remembered;
	} rows[] = {
		{ DECISION_GO_ON, false, false },
		{ DECISION_GO_ON, true, true },
		/* refused at RCPT: no longer a recipient of the message */
		{ DECISION_DEFER, true, false },
		{ DECISION_LATER, true, false },
		{ DECISION_DEFER, false, false },
	};
	struct decision_message *message = decision_message_new();
	size_t i, count;

	(void)state;
	assert_int_equal(decision_message_count(message), 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decision decision = { .verdict = rows[i].verdict,
			.moving = rows[i].moving };

		decision_message_reset(message);
		decision_message_add(message, "ann@example.org", &decision);
		if ((decision_message_count(message) == 1) !=
			rows[i].remembered)
			fail_msg("row %zu: remembered wrongly", i);
	}
	decision_message_reset(message);
	for (count = 0; count < 100; count++) {
		struct decision decision = { .verdict = DECISION_GO_ON,
			.moving = true };
		char recipient[32] = "000@example.org";

		recipient[2] = (char)('0' + count % 10);
		recipient[1] = (char)('0' + count / 10);
		decision_message_add(message, recipient, &decision);
		recipient[0] = 'x'; /* the message keeps its own copy */
	}
	assert_int_equal(decision_message_count(message), 100);
	assert_string_equal(
		decision_message_recipient(message, 0), "000@example.org");
	assert_string_equal(
		decision_message_recipient(message, 99), "099@example.org");
	decision_message_free(&message);
	assert_null(message);
	decision_message_free(&message);
}

static void refuses_with_words(void **state)
{
	static const struct {
		enum decision_verdict verdict;
		const char *text;
		const char *enhanced; /* NULL: goes on */
		const char *reply;
	} rows[] = {
		{ DECISION_GO_ON, "said anyway", NULL, NULL },
		{ DECISION_DEFER, "", "4.2.1",
			"mailbox is being moved, try again later" },
		{ DECISION_DEFER, "<a@b> is being moved", "4.2.1",
			"<a@b> is being moved" },
		{ DECISION_LATER, "", "4.3.0",
			"temporary lookup failure, try again later" },
		/* libmilter drops a reply with a single % */
		{ DECISION_DEFER, "<50%@example.org>", "4.2.1",
			"<50%%@example.org>" },
		{ DECISION_DEFER, "a\r\nb\x7f\xc3\xa4", "4.2.1", "a??b???" },
	};
	struct decision_reply reply;
	struct decision decision;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		decision.verdict = rows[i].verdict;
		decision.moving = false;
		snprintf(decision.text, sizeof(decision.text), "%s",
			rows[i].text);
		assert_int_equal(decision_refusal(&decision, &reply),
			rows[i].enhanced != NULL);
		if (rows[i].enhanced == NULL)
			continue;
		assert_string_equal(reply.code, "451");
		assert_string_equal(reply.enhanced, rows[i].enhanced);
		assert_string_equal(reply.text, rows[i].reply);
	}
	decision.verdict = DECISION_DEFER;
	memset(decision.text, '%', sizeof(decision.text) - 1);
	decision.text[sizeof(decision.text) - 1] = '\0';
	assert_true(decision_refusal(&decision, &reply));
	assert_int_equal(strlen(reply.text), 2 * (sizeof(decision.text) - 1));
}

static void knows_nothing_at_first(void **state)
{
	struct decision decision;

	(void)state;
	memset(&decision, 0x55, sizeof(decision));
	decision_unknown(&decision);
	assert_int_equal(decision.verdict, DECISION_LATER);
	assert_true(decision.moving);
	assert_string_equal(decision.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_replies),
		cmocka_unit_test(tells_own_users),
		cmocka_unit_test(remembers_the_moving),
		cmocka_unit_test(refuses_with_words),
		cmocka_unit_test(knows_nothing_at_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

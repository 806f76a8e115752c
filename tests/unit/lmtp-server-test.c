/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a delivery agent is answered: each case is what it says and hears, at
 * once and octet by octet. Recipients that begin with "no" are refused, those
 * with "late" are answered when nothing else can go on, the last one first;
 * "old" fails after the content.
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

#include "gateway/lmtp_content.h"
#include "gateway/lmtp_server.h"
#include "lib/buffer.h"

#define LHLO "LHLO c\r\n"
#define HELLO                                                                  \
	"250-h\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"          \
	"250-SIZE 1000\r\n250-CHUNKING\r\n250-DSN\r\n"                         \
	"250-ENHANCEDSTATUSCODES\r\n250 HELP\r\n"
#define MAIL	 LHLO "MAIL FROM:<s@x>\r\n"
#define MAIL_OK	 HELLO "250 2.1.0 OK\r\n"
#define RCPT_OK	 "250 2.1.5 fine\r\n"
#define RCPT_NO	 "550-5.1.1 nobody\r\n550 5.1.1 here\r\n"
#define END_OK	 "250 2.0.0 stored\r\n"
#define END_LATE "451 4.4.1 gone\r\n"
#define GO	 "354 end with <CRLF>.<CRLF>\r\n"

struct talk {
	const char *says, *hears, *content;
	const char *log; /* one letter an event */
};

static const struct talk talks[] = {
	{ LHLO "QUIT\r\n", HELLO "221 2.0.0 bye\r\n", "", "Q" },
	{ "EHLO c\r\nMAIL FROM:<a@b>\r\nLHLO\r\nNOOP x\r\nVRFY a\r\nFOO\r\n",
		"500 5.5.1 this is LMTP: LHLO\r\n503 5.5.1 LHLO first\r\n"
		"501 5.5.4 LHLO takes a host name\r\n250 2.0.0 OK\r\n"
		"252 2.1.5 send some mail\r\n500 5.5.2 unknown command\r\n",
		"", "" },
	/* in one go, as it is pipelined */
	{ MAIL "RCPT TO:<ok@x>\r\nDATA\r\nA\r\n..b\r\n.\r\nQUIT\r\n",
		MAIL_OK RCPT_OK GO END_OK "221 2.0.0 bye\r\n", "A\r\n.b\r\n",
		"RDcCQ" },
	{ MAIL "RCPT TO:<late1@x>\r\nRCPT TO:<ok@x>\r\nRCPT TO:<no@x>\r\n"
	       "RCPT TO:<late2@x>\r\nDATA\r\n.\r\n",
		MAIL_OK RCPT_OK RCPT_OK RCPT_NO RCPT_OK GO END_OK END_OK END_OK,
		"", "RRRRDC" },
	{ MAIL "RCPT TO:<old@x>\r\nRCPT TO:<late@x>\r\nDATA\r\nx\r\n.\r\n" MAIL
	       "RSET\r\n",
		MAIL_OK RCPT_OK RCPT_OK GO END_LATE END_OK MAIL_OK
		"250 2.0.0 OK\r\n",
		"x\r\n", "RRDcCr" },
	{ MAIL "RCPT TO:<late@x>\r\nRCPT TO:<\r\nNOOP\r\nDATA\r\n.\r\n",
		MAIL_OK RCPT_OK
		"501 5.1.3 bad address syntax\r\n250 2.0.0 OK\r\n" GO END_OK,
		"", "RDC" },
	{ MAIL "RCPT TO:<no@x>\r\nDATA\r\nRSET\r\n",
		MAIL_OK RCPT_NO "503 5.5.1 no valid recipients\r\n"
				"250 2.0.0 OK\r\n",
		"", "Rr" },
	/* a new greeting gives the old transaction up */
	{ MAIL "RCPT TO:<ok@x>\r\n" LHLO "RCPT TO:<ok@x>\r\n",
		MAIL_OK RCPT_OK HELLO "503 5.5.1 MAIL first\r\n", "", "Rr" },
	{ MAIL "MAIL FROM:<>\r\n", MAIL_OK "503 5.5.1 one MAIL at a time\r\n",
		"", "" },
	/* chunks: octets as they are, lines that look like commands */
	{ MAIL "RCPT TO:<ok@x>\r\nBDAT 8\r\na\n.\r\n.\r\nBDAT 6 "
	       "LAST\r\nQUIT\r\n"
	       "NOOP\r\n",
		MAIL_OK RCPT_OK "250 2.0.0 chunk taken\r\n" END_OK
				"250 2.0.0 OK\r\n",
		"a\n.\r\n.\r\nQUIT\r\n", "RDcC" },
	{ MAIL "RCPT TO:<ok@x>\r\nBDAT 0 LAST\r\n", MAIL_OK RCPT_OK END_OK, "",
		"RDC" },
	{ MAIL "RCPT TO:<ok@x>\r\nBDAT 1\r\nxRCPT "
	       "TO:<ok@x>\r\nDATA\r\nRSET\r\n",
		MAIL_OK RCPT_OK "250 2.0.0 chunk taken\r\n"
				"503 5.5.1 RCPT comes before BDAT\r\n"
				"503 5.5.1 go on by BDAT\r\n250 2.0.0 OK\r\n",
		"x", "RDcr" },
	{ MAIL "RCPT TO:<no@x>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
		MAIL_OK RCPT_NO
		"503 5.5.1 no valid recipients\r\n250 2.0.0 OK\r\n",
		"", "R" },
	{ LHLO "BDAT x\r\nNOOP\r\n", HELLO "421 4.5.4 bad BDAT\r\n", "", "Q" },
	/* only CRLF . CRLF ends a message */
	{ MAIL "RCPT TO:<ok@x>\r\nDATA\r\na\n.\n\r.\r\n.\rQ\r\n.\r\n",
		MAIL_OK RCPT_OK GO END_OK, "a\n.\n\r.\r\n\rQ\r\n", "RDcC" },
	{ "LHLO c\r\nMAIL FROM:<a@b> SIZE=1001\r\nMAIL FROM:<a@b> "
	  "SIZE=1000\r\n",
		HELLO "552 5.3.4 message is too large for this site\r\n"
		      "250 2.1.0 OK\r\n",
		"", "" },
	{ LHLO "STARTTLS\r\n", HELLO "502 5.5.1 STARTTLS is not offered\r\n",
		"", "" },
};

struct client {
	struct lmtp_server *server;
	struct buffer hears, content;
	char log[64];
	size_t late[8], lates;
	size_t due[8], dues;
	bool old[8];
};

static void client_log(struct client *client, char what)
{
	size_t size = strlen(client->log);

	/* content in pieces counts once */
	if (what == 'c' && size > 0 && client->log[size - 1] == 'c')
		return;
	client->log[size] = what;
}

static void client_answer(
	struct client *client, size_t number, int code, const char *words)
{
	struct lmtp_reply reply = { 0, BUFFER_EMPTY };

	lmtp_reply_set(&reply, code, words);
	lmtp_server_answer(client->server, number, &reply, &client->hears);
	lmtp_reply_clear(&reply);
}

static void client_recipient(struct client *client)
{
	size_t number;
	const struct lmtp_recipient *recipient =
		lmtp_server_recipient(client->server, &number);

	if (strncmp(recipient->to, "no", 2) == 0) {
		client_answer(client, number, 550, "5.1.1 nobody\n5.1.1 here");
		return;
	}
	client->old[client->dues] = strncmp(recipient->to, "old", 3) == 0;
	client->due[client->dues++] = number;
	if (strncmp(recipient->to, "late", 4) == 0)
		client->late[client->lates++] = number;
	else
		client_answer(client, number, 250, "2.1.5 fine");
}

static void client_complete(struct client *client)
{
	while (client->dues > 0) {
		bool old = client->old[--client->dues];

		client_answer(client, client->due[client->dues],
			old ? 451 : 250, old ? "4.4.1 gone" : "2.0.0 stored");
	}
}

/* Returns false when the server cannot go on. */
static bool client_event(struct client *client, enum lmtp_server_event event)
{
	struct buffer *content;

	switch (event) {
	case LMTP_SERVER_MORE:
		if (client->lates == 0)
			return false;
		client_answer(client, client->late[--client->lates], 250,
			"2.1.5 fine");
		return true;
	case LMTP_SERVER_RCPT:
		client_log(client, 'R');
		client_recipient(client);
		return true;
	case LMTP_SERVER_DATA:
		client_log(client, 'D');
		return true;
	case LMTP_SERVER_CONTENT:
		client_log(client, 'c');
		content = lmtp_server_content(client->server);
		buffer_add(&client->content, content->data, content->size);
		buffer_clear(content);
		return true;
	case LMTP_SERVER_COMPLETE:
		client_log(client, 'C');
		client_complete(client);
		return true;
	case LMTP_SERVER_RESET:
		client_log(client, 'r');
		client->dues = 0;
		return true;
	case LMTP_SERVER_STARTTLS:
		client_log(client, 'S');
		lmtp_server_secured(client->server);
		return true;
	case LMTP_SERVER_END:
		client_log(client, 'Q');
		break;
	}
	return false;
}

static void client_says(struct client *client, const char *says, size_t piece)
{
	size_t size = strlen(says), at = 0, there = 0;
	enum lmtp_server_event event = LMTP_SERVER_MORE;

	while (event != LMTP_SERVER_END) {
		size_t used;

		if (there < size)
			there = there + piece < size ? there + piece : size;
		do {
			event = lmtp_server_input(client->server, says + at,
				there - at, &used, &client->hears);
			at += used;
		} while (client_event(client, event));
		if (there == size)
			break;
	}
}

static void talk_once(const struct talk *talk, size_t piece)
{
	const struct lmtp_offer offer = {
		LMTP_8BITMIME | LMTP_SMTPUTF8 | LMTP_DSN, 1000
	};
	struct client client = { .server = lmtp_server_new("h", false) };

	lmtp_server_offer(client.server, &offer);
	buffer_add_text(&client.hears, "");
	buffer_add_text(&client.content, "");
	client_says(&client, talk->says, piece);
	assert_string_equal(client.hears.data, talk->hears);
	assert_string_equal(client.content.data, talk->content);
	assert_string_equal(client.log, talk->log);
	lmtp_server_free(&client.server);
	buffer_free(&client.hears);
	buffer_free(&client.content);
}

static void answers_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		for (size_t piece = 1; piece < 24; piece++)
			talk_once(&talks[i], piece);
		talk_once(&talks[i], 100000);
	}
}

static void drops_what_is_injected(void **state)
{
	struct lmtp_server *server = lmtp_server_new("h", true);
	struct buffer out = BUFFER_EMPTY;
	static const char says[] = "LHLO c\r\nSTARTTLS\r\nMAIL FROM:<a@b>\r\n";
	size_t used, again;

	(void)state;
	assert_int_equal(
		lmtp_server_input(server, says, strlen(says), &used, &out),
		LMTP_SERVER_STARTTLS);
	assert_int_equal(used, strlen("LHLO c\r\nSTARTTLS\r\n"));
	lmtp_server_secured(server);
	buffer_clear(&out);
	assert_int_equal(lmtp_server_input(server, says + used,
				 strlen(says) - used, &again, &out),
		LMTP_SERVER_MORE);
	assert_string_equal(out.data, "503 5.5.1 LHLO first\r\n");
	lmtp_server_free(&server);
	buffer_free(&out);
}

static void ends_after_nonsense(void **state)
{
	struct lmtp_server *server = lmtp_server_new("h", false);
	struct buffer out = BUFFER_EMPTY, in = BUFFER_EMPTY;
	enum lmtp_server_event event = LMTP_SERVER_MORE;
	size_t used;

	(void)state;
	for (int i = 0; i < 5000; i++)
		buffer_add(&in, "x", 1);
	buffer_add(&in, "\n", 1);
	for (int i = 0; i < 100 && event == LMTP_SERVER_MORE; i++)
		event = lmtp_server_input(
			server, in.data, in.size, &used, &out);
	assert_int_equal(event, LMTP_SERVER_END);
	assert_non_null(strstr(out.data, "500 5.5.2 line is too long\r\n421 "
					 "4.7.0 too many errors\r\n"));
	lmtp_server_free(&server);
	buffer_free(&out);
	buffer_free(&in);
}

/* ---- parameters ---- */

struct parameter {
	const char *text;
	unsigned extensions;
	const char *says; /* what a home is told; or the reply */
};

static const struct parameter mails[] = {
	{ "FROM:<>", 0, "MAIL FROM:<>" },
	{ "from:<a@b> SIZE=5", LMTP_SIZE, "MAIL FROM:<a@b> SIZE=5" },
	{ "FROM: <a@b>", 0, "MAIL FROM:<a@b>" },
	{ "FROM:<@x,@y:a@b>", 0, "MAIL FROM:<a@b>" },
	{ "FROM:<\"a b>\"@c>", 0, "MAIL FROM:<\"a b>\"@c>" },
	{ "FROM:<\"a\\\"b\"@c> BODY=8bitmime", LMTP_8BITMIME,
		"MAIL FROM:<\"a\\\"b\"@c> BODY=8BITMIME" },
	{ "FROM:<a@b> BODY=7BIT", LMTP_8BITMIME, "MAIL FROM:<a@b>" },
	{ "FROM:<a@b> RET=HDRS ENVID=q+2B", LMTP_DSN,
		"MAIL FROM:<a@b> RET=HDRS ENVID=q+2B" },
	{ "FROM:<\xc3\xa4@b> SMTPUTF8", LMTP_SMTPUTF8,
		"MAIL FROM:<\xc3\xa4@b> SMTPUTF8" },
	{ "FROM:<\xc3\xa4@b>", LMTP_SMTPUTF8,
		"553 5.6.7 SMTPUTF8 is needed for this address" },
	{ "FROM:<a@b> SMTPUTF8", 0, "555 5.5.4 unknown parameter" },
	{ "FROM:<a@b> BODY=8BITMIME", 0, "555 5.5.4 unknown parameter" },
	{ "FROM:<a@b> BODY=BINARYMIME", LMTP_8BITMIME,
		"555 5.5.4 unknown parameter" },
	{ "FROM:<a@b> RET=FULL", 0, "555 5.5.4 unknown parameter" },
	{ "FROM:<a@b> SIZE=1 SIZE=2", 0, "501 5.5.4 bad parameter" },
	{ "FROM:<a@b> SIZE=99999999999999999999", 0,
		"501 5.5.4 bad parameter" },
	{ "FROM:<a@b> SIZE=1x", 0, "501 5.5.4 bad parameter" },
	{ "FROM:<a@b> =", 0, "501 5.5.4 bad parameter" },
	{ "FROM:<a@b>x", 0, "501 5.1.7 bad address syntax" },
	{ "FROM:<a b@c>", 0, "501 5.1.7 bad address syntax" },
	{ "FROM:<a<b@c>", 0, "501 5.1.7 bad address syntax" },
	{ "FROM:<\"a@c>", 0, "501 5.1.7 bad address syntax" },
	{ "FROM:a@b", 0, "501 5.1.7 bad address syntax" },
	{ "FROM:<a\x01@b>", 0, "501 5.1.7 bad address syntax" },
	{ "", 0, "501 5.1.7 bad address syntax" },
};

static const struct parameter recipients[] = {
	{ "TO:<a+x@b>", 0, "RCPT TO:<a+x@b>" },
	{ "TO:<postmaster>", 0, "RCPT TO:<postmaster>" },
	{ "TO:<a@b> NOTIFY=success,DELAY ORCPT=rfc822;a@b", LMTP_DSN,
		"RCPT TO:<a@b> NOTIFY=success,DELAY ORCPT=rfc822;a@b" },
	{ "TO:<a@b> NOTIFY=NEVER", LMTP_DSN, "RCPT TO:<a@b> NOTIFY=NEVER" },
	{ "TO:<a@b> NOTIFY=NEVER", 0, "555 5.5.4 unknown parameter" },
	{ "TO:<a@b> NOTIFY=NEVER,DELAY", LMTP_DSN, "501 5.5.4 bad parameter" },
	{ "TO:<a@b> NOTIFY=DELAY,DELAY", LMTP_DSN, "501 5.5.4 bad parameter" },
	{ "TO:<a@b> NOTIFY=DELAY,", LMTP_DSN, "501 5.5.4 bad parameter" },
	{ "TO:<a@b> ORCPT=a@b", LMTP_DSN, "501 5.5.4 bad parameter" },
	{ "TO:<a@b> FOO", LMTP_DSN, "555 5.5.4 unknown parameter" },
	{ "TO:<>", 0, "501 5.1.3 bad address syntax" },
	{ "TO:<\xc3\xa4@b>", 0,
		"553 5.6.7 SMTPUTF8 is needed for this address" },
};

static void check_text(const struct buffer *out, const char *want)
{
	size_t size = strlen(want);

	assert_memory_equal(out->data, want, size);
	assert_string_equal(out->data + size, "\r\n");
}

static void reads_parameters(void **state)
{
	struct buffer out = BUFFER_EMPTY;
	const char *reply;

	(void)state;
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		struct lmtp_offer offer = { mails[i].extensions, 0 };
		struct lmtp_mail mail = { .from = NULL };

		buffer_clear(&out);
		if (lmtp_mail_parse(mails[i].text, &offer, &mail, &reply) < 0)
			buffer_printf(&out, "%s\r\n", reply);
		else
			lmtp_mail_print(&mail, &offer, &out);
		check_text(&out, mails[i].says);
		lmtp_mail_clear(&mail);
	}
	for (size_t i = 0; i < sizeof(recipients) / sizeof(recipients[0]);
		i++) {
		struct lmtp_offer offer = { recipients[i].extensions, 0 };
		struct lmtp_recipient recipient = { .to = NULL };

		buffer_clear(&out);
		if (lmtp_recipient_parse(recipients[i].text, &offer, false,
			    &recipient, &reply) < 0)
			buffer_printf(&out, "%s\r\n", reply);
		else
			lmtp_recipient_print(&recipient, &out);
		check_text(&out, recipients[i].says);
		lmtp_recipient_clear(&recipient);
	}
	buffer_free(&out);
}

/* ---- content ---- */

static void codes_content(void **state)
{
	static const struct {
		const char *raw, *sent;
	} cases[] = {
		{ "", ".\r\n" },
		{ "a\r\n", "a\r\n.\r\n" },
		{ "a", "a\r\n.\r\n" },
		{ ".a\r\n..\r\n.", "..a\r\n...\r\n..\r\n.\r\n" },
		{ "a\n.\nb\r\n", "a\r\n..\r\nb\r\n.\r\n" },
		{ "a\r.\r\n\r\r\n", "a\r.\r\n\r\r\n.\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece < 5; piece++) {
			struct buffer out = BUFFER_EMPTY;
			enum lmtp_place place = LMTP_LINE_BEGIN;
			size_t size = strlen(cases[i].raw);

			for (size_t at = 0; at < size; at += piece)
				lmtp_encode(&place, cases[i].raw + at,
					size - at < piece ? size - at : piece,
					&out);
			lmtp_encode(&place, NULL, 0, &out);
			lmtp_encode_end(&place, &out);
			assert_string_equal(out.data, cases[i].sent);
			buffer_free(&out);
		}
}

static void knows_offers(void **state)
{
	struct lmtp_offer one = { 0, 0 }, two;
	struct buffer out = BUFFER_EMPTY;
	struct error error;

	(void)state;
	lmtp_offer_learn(&one, "size 100");
	lmtp_offer_learn(&one, "8bitmime");
	lmtp_offer_learn(&one, "DSN x");
	lmtp_offer_learn(&one, "DSNX");
	assert_int_equal(one.extensions, LMTP_SIZE | LMTP_8BITMIME | LMTP_DSN);
	assert_int_equal(lmtp_offer_parse(" DSN  SMTPUTF8 ", &two, &error), 0);
	assert_int_equal(two.extensions, LMTP_DSN | LMTP_SMTPUTF8);
	assert_int_equal(lmtp_offer_parse("DSN SIZE", &two, &error), -1);
	assert_non_null(strstr(error.text, "\"SIZE\""));
	two.size = 50;
	lmtp_offer_limit(&two, &one);
	assert_int_equal(two.extensions, LMTP_DSN);
	assert_int_equal(two.size, 100);
	one.size = 0;
	lmtp_offer_limit(&two, &one);
	assert_int_equal(two.size, 0);
	lmtp_offer_print(&two, &out);
	assert_string_equal(out.data, "250-DSN\r\n");
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_in_order),
		cmocka_unit_test(drops_what_is_injected),
		cmocka_unit_test(ends_after_nonsense),
		cmocka_unit_test(reads_parameters),
		cmocka_unit_test(codes_content),
		cmocka_unit_test(knows_offers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

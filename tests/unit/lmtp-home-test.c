/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a home is told, and what its replies mean: each case is a script. What
 * it says comes at once and octet by octet; orders are given between.
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

#include "gateway/lmtp_home.h"
#include "lib/buffer.h"

#define PIPE "250-h\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 SIZE 9\r\n"
#define UP   "220 h\r\n" PIPE
#define LHLO "LHLO we\r\n"
#define TWO  "MAIL FROM:<s@x>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\n"

/*
 * orders: t two recipients, d data, D data by chunks, c content, e end,
 * r reset, q quit, s secured. Upper-case letters in log: Up, Tls, Rcpt+code,
 * Go, Answer, Free, Lost.
 */
struct visit {
	struct lmtp_home_terms terms;
	const char *steps[16]; /* orders, then what it says, and so on */
	const char *told, *log;
};

static const struct visit visits[] = {
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n550 5.1.1 b\r\n", "d",
			"354 go\r\n", "ce", "250 2.0.0 in\r\n" },
		LHLO TWO "DATA\r\n..x\r\n.\r\n",
		"U R0:250 R1:550 G A0:250 F " },
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "d",
			"354 go\r\n", "ce", "250 a\r\n452-full\r\n452 up\r\n" },
		LHLO TWO "DATA\r\n..x\r\n.\r\n",
		"U R0:250 R1:250 G A0:250 A1:452 F " },
	/* one answer for all by SMTP */
	{ { .host = "we", .smtp = true },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "d",
			"354 go\r\n", "ce", "250 queued\r\n", "t",
			"250 ok\r\n" },
		"EHLO we\r\n" TWO "DATA\r\n..x\r\n.\r\n" TWO,
		"U R0:250 R1:250 G A0:250 A1:250 F " },
	/* one order at a time where there is no PIPELINING */
	{ { .host = "we" },
		{ "", "220 h\r\n250 h\r\n", "t", "250 ok\r\n", "", "250 a\r\n",
			"", "250 b\r\n", "d", "354 go\r\n", "ce",
			"250 a\r\n250 b\r\n" },
		LHLO TWO "DATA\r\n..x\r\n.\r\n",
		"U R0:250 R1:250 G A0:250 A1:250 F " },
	{ { .host = "we" }, { "", "220 h\r\n250 h\r\n", "t", "" },
		LHLO "MAIL FROM:<s@x>\r\n", "U " },
	/* MAIL is refused: so is everybody, and why */
	{ { .host = "we" },
		{ "", UP, "t", "552 big\r\n503 a\r\n503 b\r\n", "r",
			"250 ok\r\n" },
		LHLO TWO "RSET\r\n", "U R0:552 R1:552 F " },
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "d",
			"451 no\r\n", "", "250 reset\r\n" },
		LHLO TWO "DATA\r\nRSET\r\n",
		"U R0:250 R1:250 A0:451 A1:451 F " },
	/* chunks */
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "Dcce",
			"250 c\r\n250 c\r\n250 a\r\n250 b\r\n" },
		LHLO TWO "BDAT 3\r\n.x\nBDAT 3\r\n.x\nBDAT 0 LAST\r\n",
		"U R0:250 R1:250 A0:250 A1:250 F " },
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "Dc",
			"552 big\r\n" },
		LHLO TWO "BDAT 3\r\n.x\n", "U R0:250 R1:250 L:552 " },
	/* good words in the wrong place acknowledge nothing */
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "d",
			"354 go\r\n", "c", "250 early\r\n" },
		LHLO TWO "DATA\r\n..x\r\n", "U R0:250 R1:250 G L:451 " },
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "d",
			"250 ok\r\n" },
		LHLO TWO "DATA\r\n", "U R0:250 R1:250 L:451 " },
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "d",
			"354 go\r\n", "c", "552 full\r\n" },
		LHLO TWO "DATA\r\n..x\r\n", "U R0:250 R1:250 G L:552 " },
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "d",
			"354 go\r\n", "ce", "354 again\r\n" },
		LHLO TWO "DATA\r\n..x\r\n.\r\n", "U R0:250 R1:250 G L:451 " },
	{ { .host = "we" },
		{ "", UP, "t", "250 ok\r\n250 a\r\n250 b\r\n", "d",
			"354 go\r\n", "ce",
			"250 a\r\n250 b\r\n250 whose?\r\n" },
		LHLO TWO "DATA\r\n..x\r\n.\r\n",
		"U R0:250 R1:250 G A0:250 A1:250 F L:451 " },
	{ { .host = "we" }, { "", UP, "", "421 bye\r\n" }, LHLO, "U L:421 " },
	{ { .host = "we" }, { "", "554 go away\r\n" }, "", "L:554 " },
	{ { .host = "we" }, { "", "hello\r\n" }, "", "L:451 " },
	{ { .host = "we" }, { "", "220-a\r\n250 b\r\n" }, "", "L:451 " },
	{ { .host = "we" }, { "", UP, "q", "221 bye\r\n" }, LHLO "QUIT\r\n",
		"U L:451 " },
	/* TLS: what was said before counts no more */
	{ { .host = "we", .starttls = true },
		{ "", "220 h\r\n250-h\r\n250-DSN\r\n250 STARTTLS\r\n220 go\r\n",
			"s", "250-h\r\n250 SIZE\r\n" },
		LHLO "STARTTLS\r\n" LHLO, "T U " },
	{ { .host = "we", .starttls = true }, { "", UP }, LHLO, "L:451 " },
	{ { .host = "we", .client_address = "2001:db8::1" },
		{ "", "220 h\r\n250-h\r\n250 XCLIENT ADDR\r\n220 h\r\n" PIPE },
		LHLO "XCLIENT ADDR=IPV6:2001:db8::1\r\n" LHLO, "U " },
};

struct course {
	struct lmtp_home *home;
	struct buffer told, log;
	enum lmtp_home_event event;
};

static void course_order(struct course *course, char order)
{
	static const struct lmtp_mail mail = { .from = (char *)"s@x" };
	static const struct lmtp_recipient both[] = { { .to = (char *)"a@x" },
		{ .to = (char *)"b@x" } };
	struct lmtp_home *home = course->home;
	struct buffer *out = &course->told;

	switch (order) {
	case 't':
		lmtp_home_mail(home, &mail, out);
		lmtp_home_recipient(home, &both[0], out);
		lmtp_home_recipient(home, &both[1], out);
		break;
	case 'd':
		assert_false(lmtp_home_data(home, false, out));
		break;
	case 'D':
		assert_true(lmtp_home_data(home, true, out));
		break;
	case 'c':
		lmtp_home_content(home, ".x\n", 3, out);
		assert_false(lmtp_home_is_ending(home));
		break;
	case 'e':
		lmtp_home_end(home, out);
		assert_true(lmtp_home_is_ending(home));
		break;
	case 'r':
		lmtp_home_reset(home, out);
		break;
	case 'q':
		lmtp_home_quit(home, out);
		break;
	case 's':
		lmtp_home_secured(home, out);
		break;
	}
}

static void course_log(struct course *course)
{
	const struct lmtp_reply *reply = lmtp_home_reply(course->home);
	unsigned number = (unsigned)lmtp_home_number(course->home);

	switch (course->event) {
	case LMTP_HOME_MORE:
		break;
	case LMTP_HOME_STARTTLS:
		buffer_add_text(&course->log, "T ");
		break;
	case LMTP_HOME_READY:
		buffer_add_text(&course->log, "U ");
		break;
	case LMTP_HOME_RCPT:
		buffer_printf(&course->log, "R%u:%d ", number, reply->code);
		break;
	case LMTP_HOME_GO:
		buffer_add_text(&course->log, "G ");
		break;
	case LMTP_HOME_ANSWER:
		buffer_printf(&course->log, "A%u:%d ", number, reply->code);
		break;
	case LMTP_HOME_FREE:
		buffer_add_text(&course->log, "F ");
		assert_false(lmtp_home_is_ending(course->home));
		break;
	case LMTP_HOME_LOST:
		buffer_printf(&course->log, "L:%d ", reply->code);
		break;
	}
}

static void course_hear(struct course *course, const char *text, size_t piece)
{
	size_t size = strlen(text), used;

	for (size_t at = 0; at < size && course->event != LMTP_HOME_LOST;) {
		size_t take = size - at < piece ? size - at : piece;

		do {
			course->event = lmtp_home_input(course->home, text + at,
				take, &used, &course->told);
			at += used;
			take -= used;
			course_log(course);
		} while (course->event != LMTP_HOME_MORE &&
			 course->event != LMTP_HOME_LOST);
	}
}

static void visit_once(const struct visit *visit, size_t piece)
{
	struct course course = { .home = lmtp_home_new(&visit->terms) };

	buffer_add_text(&course.told, "");
	for (size_t i = 0; i < 16 && visit->steps[i] != NULL; i += 2) {
		for (const char *order = visit->steps[i]; *order != '\0';
			order++)
			course_order(&course, *order);
		if (visit->steps[i + 1] != NULL)
			course_hear(&course, visit->steps[i + 1], piece);
	}
	assert_string_equal(course.told.data, visit->told);
	assert_string_equal(course.log.data, visit->log);
	lmtp_home_free(&course.home);
	buffer_free(&course.told);
	buffer_free(&course.log);
}

static void speaks_to_homes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(visits) / sizeof(visits[0]); i++) {
		for (size_t piece = 1; piece < 12; piece++)
			visit_once(&visits[i], piece);
		visit_once(&visits[i], 100000);
	}
}

static void tames_replies(void **state)
{
	static const struct {
		int code;
		const char *text, *want;
	} cases[] = {
		{ 250, "2.0.0 <x> Saved", "250 2.0.0 <x> Saved\r\n" },
		{ 251, "ok", "250 2.0.0 ok\r\n" },
		{ 550, "5.1.1 a\n5.1.1 b", "550-5.1.1 a\r\n550 5.1.1 b\r\n" },
		{ 550, "5.1.1 a\nb", "550-5.1.1 a\r\n550 5.1.1 b\r\n" },
		{ 452, "5.1.1 odd", "452 4.0.0 5.1.1 odd\r\n" },
		{ 421, "4.3.2 bye", "451 4.3.2 bye\r\n" },
		{ 354, "go", "451 4.0.0 go\r\n" },
		{ 550, "x\x01\xc3\xa4", "550 5.0.0 x???\r\n" },
		{ 450, "", "450 4.0.0 \r\n" },
		{ 450, "4.1234.1", "450 4.0.0 4.1234.1\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lmtp_reply reply = { 0, BUFFER_EMPTY };
		struct buffer out = BUFFER_EMPTY;

		lmtp_reply_set(&reply, cases[i].code, cases[i].text);
		lmtp_reply_tame(&reply);
		lmtp_reply_print(&reply, &out);
		assert_string_equal(out.data, cases[i].want);
		lmtp_reply_clear(&reply);
		buffer_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speaks_to_homes),
		cmocka_unit_test(tames_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

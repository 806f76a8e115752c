/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of a session's states, and whether a mail is being submitted. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session_state.h"
#include "gateway/submission.h"

/* Every state but the last has a way out, and every one but the first a way in;
 * whoever is registered can be lost at any time. */
static void test_table(void **state)
{
	(void)state;
	for (int from = 0; from < SESSION_STATES; from++) {
		int out = 0, in = 0;

		assert_non_null(session_state_name(from));
		for (int other = 0; other < SESSION_STATES; other++) {
			out += session_state_allows(from, other);
			in += session_state_allows(other, from);
			assert_false(session_state_allows(other, SESSION_NEW));
		}
		assert_int_equal(out == 0, from == SESSION_GONE);
		assert_int_equal(in == 0, from == SESSION_NEW);
		if (from != SESSION_GONE)
			assert_true(session_state_allows(from, SESSION_GONE));
	}
}

/* Bytes pass only behind a login that the home has accepted, and a route is
 * never used again when its account is being moved. */
static void test_ways(void **state)
{
	(void)state;
	for (int from = 0; from < SESSION_STATES; from++) {
		assert_int_equal(session_state_allows(from, SESSION_RELAY),
			from == SESSION_ENTRY || from == SESSION_LET_IN);
		assert_int_equal(session_state_allows(from, SESSION_CONNECT),
			from == SESSION_ROUTE || from == SESSION_HELD);
		if (session_state_allows(SESSION_CLOSING, from))
			assert_true(from == SESSION_DRAIN ||
				    from == SESSION_FAREWELL ||
				    from == SESSION_GONE);
	}
	assert_false(session_state_allows(SESSION_DIALOG, SESSION_CONNECT));
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(session_state_limit(SESSION_RELAY), 0);
	assert_int_equal(session_state_limit(SESSION_HELD), 0);
	assert_true(session_state_limit(SESSION_DIALOG) > 0);
	assert_true(session_state_limit(SESSION_TLS) > 0);
	assert_true(session_state_limit(SESSION_CONNECT) > 0);
	assert_true(session_state_limit(SESSION_FAREWELL) > 0);
}

static void test_submission(void **state)
{
	static const struct {
		const char *said;
		bool open;
	} rows[] = {
		{ "", false },
		{ "NOOP\r\n", false },
		{ "mail FROM:<a@b>\r\n", true },
		{ "MAIL FROM:<a@b>", false }, /* not yet */
		{ "MAILX\r\n", false },
		{ "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", true },
		{ "MAIL FROM:<a@b>\r\nDATA\r\nRSET\r\n..\r\n", true },
		{ "MAIL FROM:<a@b>\r\nDATA\r\ntext\r\n.\r\n", false },
		{ "MAIL FROM:<a@b>\r\nDATA\r\n.\r\nMAIL FROM:<a@b>\r\n", true },
		{ "MAIL FROM:<a@b>\r\nRSET\r\n", false },
		{ "MAIL FROM:<a@b>\r\nEHLO x\r\n", false },
		{ "MAIL FROM:<a@b>\r\nNOOP RSET\r\n", true },
		{ "MAIL FROM:<a@b>\r\nBDAT 6\r\nRSET\r\n", true },
		{ "MAIL FROM:<a@b>\r\nBDAT 6\r\nRSET\r\nRSET\r\n", false },
		{ "MAIL FROM:<a@b>\r\nBDAT 6 LAST\r\nabcd\r", true },
		{ "MAIL FROM:<a@b>\r\nBDAT 6 LAST\r\nabcd\r\n", false },
		{ "MAIL FROM:<a@b>\r\nBDAT 0 LAST\r\n", false },
		{ "MAIL FROM:<a@b>\r\nDATA\r\n"
		  "............................................................"
		  "...\r\n",
			true },
		{ "MAIL FROM:<a@b>\r\nDATA\r\n"
		  "a line that is far longer than all that is kept of one, and "
		  "it ends so .\r\n",
			true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct submission whole = { 0 }, bytes = { 0 };
		size_t size = strlen(rows[i].said);

		submission_take(&whole, rows[i].said, size);
		for (size_t at = 0; at < size; at++)
			submission_take(&bytes, rows[i].said + at, 1);
		assert_int_equal(submission_is_open(&whole), rows[i].open);
		assert_int_equal(submission_is_open(&bytes), rows[i].open);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_submission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

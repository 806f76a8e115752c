/* SPDX-License-Identifier: BSD-2-Clause */
/* What servers say when it is too much for them, and how long we wait. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "copier/backoff.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_words(void **state)
{
	static const struct {
		const char *words;
		enum backoff_kind kind;
		int64_t ms;
	} cases[] = {
		{ "", BACKOFF_UNKNOWN, 0 },
		{ "[TRYCREATE] no such folder", BACKOFF_UNKNOWN, 0 },
		{ "[ALERT] Too many simultaneous connections. (Failure)",
			BACKOFF_LATER, 0 },
		{ "Request is throttled. Suggested Backoff Time: 291339 "
		  "milliseconds",
			BACKOFF_LATER, 291339 },
		{ "suggested backoff time:5 ms", BACKOFF_LATER, 5 },
		{ "Suggested Backoff Time: soon", BACKOFF_LATER, 0 },
		{ "Suggested Backoff Time: 99999999999999999999999",
			BACKOFF_LATER, 3600000 },
		{ "[OVERQUOTA] Account exceeded command or bandwidth limits.",
			BACKOFF_LATER, 0 },
		{ "[OVERQUOTA] Quota exceeded (mailbox for user is full)",
			BACKOFF_NEVER, 0 },
		{ "Bandwidth limit exceeded", BACKOFF_LATER, 0 },
		{ "[LIMIT] Maximum number of connections from user+IP "
		  "exceeded (mail_max_userip_connections=10)",
			BACKOFF_LATER, 0 },
		{ "[UNAVAILABLE] Temporary authentication failure.",
			BACKOFF_LATER, 0 },
		{ "too many connections", BACKOFF_LATER, 0 },
		{ "Maximum number of connections reached", BACKOFF_LATER, 0 },
		{ "12 connections from your IP", BACKOFF_LATER, 0 },
		{ "Rate limit hit", BACKOFF_LATER, 0 },
		{ "Too many requests", BACKOFF_LATER, 0 },
		{ "Too many login attempts", BACKOFF_LATER, 0 },
		{ "Too many bad auth attempts", BACKOFF_LATER, 0 },
		{ "Server Unavailable. 15", BACKOFF_LATER, 0 },
		{ "Server Busy", BACKOFF_LATER, 0 },
		{ "please try again later", BACKOFF_LATER, 0 },
		{ "Temporary failure", BACKOFF_LATER, 0 },
		{ "temporarily down", BACKOFF_LATER, 0 },
		{ "[THROTTLED] x", BACKOFF_LATER, 0 },
		{ "[LIMIT] x", BACKOFF_LATER, 0 },
		{ "[AUTHORIZATIONFAILED] x", BACKOFF_NEVER, 0 },
		{ "[PRIVACYREQUIRED] x", BACKOFF_NEVER, 0 },
		{ "[CONTACTADMIN] x", BACKOFF_NEVER, 0 },
		{ "[AUTH] x", BACKOFF_NEVER, 0 },
		{ "[NOPERM] x", BACKOFF_NEVER, 0 },
		{ "the peer closed the connection", BACKOFF_NOW, 0 },
		{ "connection broken", BACKOFF_NOW, 0 },
		{ "TLS with h: the peer does not speak TLS here", BACKOFF_NEVER,
			0 },
		{ "port 993 of h speaks TLS at once", BACKOFF_NEVER, 0 },
		{ "giving up: 1000 refused", BACKOFF_NEVER, 0 },
		{ "[INUSE] another session has it", BACKOFF_LATER, 0 },
		{ "[IN-USE] Mailbox is locked by POP server", BACKOFF_LATER,
			0 },
		{ "[SYS/TEMP] later", BACKOFF_LATER, 0 },
		{ "[LOGIN-DELAY] minimum time between mail checks",
			BACKOFF_LATER, 0 },
		{ "[SYS/PERM] never", BACKOFF_NEVER, 0 },
		{ "[AUTHENTICATIONFAILED] Authentication failed.",
			BACKOFF_NEVER, 0 },
		{ "login: PLAIN: [AUTHENTICATIONFAILED] no", BACKOFF_NEVER, 0 },
		{ "[EXPIRED] the password", BACKOFF_NEVER, 0 },
		{ "read: connection closed by the server (server: BYE "
		  "Server shutting down.)",
			BACKOFF_NOW, 0 },
		{ "read: timed out", BACKOFF_NOW, 0 },
		{ "write: Broken pipe", BACKOFF_NOW, 0 },
		{ "read: Connection reset by peer", BACKOFF_NOW, 0 },
		{ "connect to inet:h:143: Connection refused", BACKOFF_NOW, 0 },
		{ "TLS with h: certificate of h expired on 2020-01-01",
			BACKOFF_NEVER, 0 },
		{ "TLS with h: the key of h has the pin sha256:x",
			BACKOFF_NEVER, 0 },
		{ "login: SCRAM: the server has not proved", BACKOFF_NEVER, 0 },
		{ "login: the server does not offer XOAUTH2", BACKOFF_NEVER,
			0 },
		{ "old: the 5 bytes of today are spent; it goes on from x",
			BACKOFF_NEVER, 0 },
		{ "write journal /x/y: No space left on device", BACKOFF_NEVER,
			0 },
		/* a folder of that name is none of ours */
		{ "scan Journal 2020: read: timed out", BACKOFF_NOW, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct backoff_advice advice = backoff_classify(cases[i].words);

		if (advice.kind != cases[i].kind || advice.ms != cases[i].ms)
			fail_msg("%s: %d after %d", cases[i].words,
				(int)advice.kind, (int)advice.ms);
	}
}

static void test_delay(void **state)
{
	static const struct {
		unsigned failures;
		int64_t longest;
	} cases[] = { { 1, 500 }, { 2, 1000 }, { 3, 2000 }, { 6, 16000 },
		{ 7, 30000 }, { 8, 30000 }, { 4000000000u, 30000 } };
	uint32_t random;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
			backoff_delay(cases[i].failures, 500, 30000, 0),
			cases[i].longest);
		assert_int_equal(backoff_delay(cases[i].failures, 500, 30000,
					 UINT32_MAX),
			cases[i].longest / 2);
		for (random = 1; random < 4000000000u; random += 99999999) {
			int64_t ms = backoff_delay(
				cases[i].failures, 500, 30000, random);

			assert_in_range(
				ms, cases[i].longest / 2, cases[i].longest);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

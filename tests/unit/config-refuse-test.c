/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/config: every refusal with its line, and hostile texts. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "lib/config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define A10	     "aaaaaaaaaa"
#define A60	     A10 A10 A10 A10 A10 A10
#define SYSTEM	     "{ imap = imaps://h deliver = smtp:h "

static struct config *parse(const char *text, struct error *error)
{
	return config_parse(text, strlen(text), "t.conf", error);
}

/* A text that must be good. */
static struct config *parse_good(const char *text)
{
	struct error error;
	struct config *config = parse(text, &error);

	if (config == NULL)
		fail_msg("%s", error.text);
	return config;
}

static const struct {
	const char *text;
	const char *error;
} bad[] = {
	/* names */
	{ "\n\nnothing {}", "t.conf:3: no such option 'nothing'" },
	{ "threads = 2", "t.conf:1: no such option 'threads'" },
	{ "log {\n a = 1 }", "t.conf:2: log: no such option 'a'" },
	{ "log { a {} }", "log: no such option 'a'" },
	{ "log { log { level = info } }", "log: no such option 'log'" },
	{ "system s {\n\n a = 1 }",
		"t.conf:3: system \"s\": no such option 'a'" },
	{ "LOG { }", "no such option 'LOG'" },
	{ "include(\"/etc/passwd\")", "'(' outside quotes" },
	{ "# one\n# two\n/* three\n*/ x {}", "t.conf:4: no such option 'x'" },
	/* twice */
	{ "log { level = info\n level = info }",
		"t.conf:2: log: level: given twice" },
	{ "log { }\nlog { }", "t.conf:2: log: given twice" },
	{ "system s " SYSTEM "}\nsystem s " SYSTEM "}",
		"t.conf:2: found duplicate title 's'" },
	{ "system s " SYSTEM "\n imap = imaps://x }",
		"t.conf:2: system \"s\": imap: given twice" },
	{ "domain a {}\ndomain A. {}", "t.conf:2: domain \"a\": given twice" },
	/* titles */
	{ "system { }", "missing title for section 'system'" },
	{ "log x { }", "missing opening brace for section 'log'" },
	{ "system \"\" " SYSTEM "}", "system \"\": a name has letters" },
	{ "system \"a b\" " SYSTEM "}", "system \"a b\": a name has letters" },
	{ "system -a " SYSTEM "}", "system \"-a\": a name has letters" },
	{ "system pass " SYSTEM "}", "system \"pass\": a name has letters" },
	{ "system " A60 "aaaa " SYSTEM "}", "at most 63" },
	{ "domain \"a b\" { }", "domain a b: ' ' is not allowed" },
	{ "domain \"\" { }", "domain: empty" },
	{ "\ndomain \"\xff\" { }", "t.conf:2: domain ?" },
	/* what must be given */
	{ "system s { deliver = smtp:h\n}",
		"t.conf:2: system \"s\": imap: must be given" },
	{ "system s { imap = imaps://h }",
		"system \"s\": deliver: must be given" },
	{ "system s " SYSTEM "}\nsystem t { }",
		"t.conf:2: system \"t\": imap: must be given" },
	{ "system s " SYSTEM "master = x }",
		"master_password_file is missing" },
	{ "system s " SYSTEM "master_password_file = /x }",
		"master is missing" },
	{ "system s " SYSTEM "mechanism = oauthbearer }",
		"system \"s\": mechanism: token_command is missing" },
	{ "system s " SYSTEM "token_command = /t\n mechanism = plain }",
		"mechanism: it takes no token, but token_command is set" },
	{ "system s " SYSTEM "pop3 = \"imap://h\" }",
		"pop3 \"imap://h\": give pop3s://HOST[:PORT], pop3+" },
	{ "system s " SYSTEM "uidl = no }",
		"uidl \"no\": give check or ignore" },
	{ "system s " SYSTEM "doveadm_password_file = /p }",
		"doveadm_password_file: doveadm is missing" },
	{ "system s " SYSTEM "mechanism = cram-md5 }",
		"mechanism \"cram-md5\": give auto, login, plain" },
	{ "system s " SYSTEM "pin = \"sha256:AAAA\" }",
		"pin \"sha256:AAAA\": pin sha256:AAAA: not sha256: and" },
	{ "system s " SYSTEM "rate_bytes = 2X }",
		"rate_bytes \"2X\": give a number of bytes like 500k, 10M or "
		"2G, at most 1024T" },
	{ "domain a { complete = yes\n default = b }\nlog { }",
		"t.conf:2: domain \"a\": default \"b\": no such system" },
	{ "policyd { retry_min = 1h\n retry_max = 1m\n threads = 1 }",
		"t.conf:2: policyd: retry_min: longer than retry_max" },
	{ "policyd {\n retry_min = 7h }",
		"t.conf:2: policyd: retry_min: longer than retry_max" },
	/* values */
	{ "policyd { threads = 0 }",
		"policyd: threads \"0\": give a whole number from 1 to 64" },
	{ "policyd { threads = 65 }", "from 1 to 64" },
	{ "policyd { threads = -1 }", "from 1 to 64" },
	{ "policyd { threads = 2x }", "from 1 to 64" },
	{ "policyd { threads = 0x2 }", "from 1 to 64" },
	{ "policyd { threads = \"\" }", "from 1 to 64" },
	{ "policyd { threads = \" 2\" }", "from 1 to 64" },
	{ "policyd { threads = 99999999999999999999999 }", "from 1 to 64" },
	{ "policyd { lease = soon }",
		"policyd: lease \"soon\": give a duration like 250ms, 30s, "
		"15m, 2h or 3d, from 1s to 1h" },
	{ "policyd { lease = 999ms }", "from 1s to 1h" },
	{ "policyd { lease = 61m }", "from 1s to 1h" },
	{ "policyd { lease = -5s }", "from 1s to 1h" },
	{ "copier { settle = 31d }", "from 0d to 30d" },
	{ "milter { timeout = 10ms }", "from 100ms to 5m" },
	{ "policyd { control = /run/x }", "policyd: control \"/run/x\": " },
	{ "policyd { control = \"\" }", "policyd: control \"\": " },
	{ "policyd { control = unix:run }", "policyd: control \"unix:run\": " },
	{ "policyd { socketmap = inet:x }", "policyd: socketmap \"inet:x\": " },
	{ "policyd { control_mode = 0888 }", "give a file mode like 0660" },
	{ "policyd { control_mode = 1777 }", "give a file mode like 0660" },
	{ "policyd { control_mode = 66 }", "give a file mode like 0660" },
	{ "policyd { control_mode = rw }", "give a file mode like 0660" },
	{ "policyd { control_group = \"a b\" }", "give a name of letters" },
	{ "policyd { store = /var }", "give bdb:/DIRECTORY" },
	{ "policyd { store = bdb:var }", "give bdb:/DIRECTORY" },
	{ "policyd { store = \"\" }", "give bdb:/DIRECTORY" },
	{ "policyd { recipient_delimiter = a }", "give one or more of" },
	{ "policyd { recipient_delimiter = '@' }", "give one or more of" },
	{ "policyd {\n own_networks = { \"10.0.0.0/8\",\n\"x\" } }",
		"t.conf:3: policyd: own_networks \"x\": " },
	{ "policyd { own_networks = { \"10.0.0.1/8\" } }",
		"policyd: own_networks \"10.0.0.1/8\": " },
	{ "policyd { threads = { 1 } }", "unexpected token '{'" },
	{ "policyd { threads += 1 }", "attempt to append to non-list" },
	{ "maps { directory = maps }", "give an absolute path" },
	{ "maps { directory = /maps }", "maps: reload: not set" },
	{ "maps { directory = /maps }\npolicyd { freeze_budget = 40s }",
		"maps: reload: not set" },
	{ "maps { frozen = defer }", "give park or follow" },
	{ "maps { frozen = \"\" }", "give park or follow" },
	{ "maps { retry = \"error:4.2.1 x\" }", "give \"retry:4.X.Y TEXT\"" },
	{ "maps { retry = \"retry:5.2.1 x\" }", "give \"retry:4.X.Y TEXT\"" },
	{ "maps { retry = \"retry:4.\" }", "give \"retry:4.X.Y TEXT\"" },
	{ "maps { park = \"\" }", "give TRANSPORT:NEXTHOP" },
	{ "maps { reload = reload }", "give a command" },
	{ "maps { reload = unix:x }", "maps: reload \"unix:x\": " },
	{ "queue { list = \"postqueue -j\" }", "give a command" },
	{ "queue { flush = \"/usr/sbin/postqueue -i\" }", "has %i" },
	{ "milter { socket = /x }", "give unix:/PATH, inet:PORT@HOST" },
	{ "milter { socket = unix:x }", "give unix:/PATH" },
	{ "milter { socket = inet:25 }", "give unix:/PATH" },
	{ "milter { socket = inet:25@ }", "give unix:/PATH" },
	{ "milter { socket = inet:@h }", "give unix:/PATH" },
	{ "milter { socket = inet:65536@h }", "give unix:/PATH" },
	{ "milter { socket = inet:h@25 }", "give unix:/PATH" },
	{ "copier { state = \"\" }", "give an absolute path" },
	{ "log { facility = syslog }", "give stderr, or a facility" },
	{ "log { level = loud }", "give error, warning" },
	{ "system s " SYSTEM "user = ann }", "give a text with %u" },
	{ "system s " SYSTEM "user = \"%d\" }", "give a text with %u" },
	{ "system s " SYSTEM "user = \"%u%\" }", "give a text with %u" },
	{ "system s " SYSTEM "user = \"%u%x\" }", "give a text with %u" },
	{ "system s " SYSTEM "user = \"%%u\" }", "give a text with %u" },
	{ "system s " SYSTEM "user = \"\" }", "give a text with %u" },
	{ "system s " SYSTEM "submit = \"imap://h\" }", "give smtps://HOST" },
	{ "system s " SYSTEM "sieve = \"smtp://h\" }", "give sieve+starttls:" },
	{ "system s " SYSTEM "lmtp = \"imap://h\" }", "give lmtp://HOST" },
	{ "system s " SYSTEM "lmtp = \"unix:path\" }", "unix:path" },
	{ "system s " SYSTEM "lmtp_offers = \"DSN SIZE\" }",
		"give some of 8BITMIME" },
	{ "system s " SYSTEM "client_address = yes }", "give none, id, xcl" },
	{ "gateway { mechanisms = { \"CRAM-MD5\" } }", "a list of PLAIN" },
	{ "gateway { threads = 257 }", "from 0 to 256" },
	{ "system s " SYSTEM "verify = maybe }", "give yes or no" },
	{ "system s " SYSTEM "lock = lock }", "give an absolute path" },
	{ "system s { imap = h }", "system \"s\": imap \"h\": give imaps://" },
	{ "system s { imap = \"\" }", "give imaps://" },
	{ "system s { imap = http://h }", "give imaps://" },
	{ "system s { imap = imaps:// }", "give imaps://" },
	{ "system s { imap = imaps://u@h }", "give imaps://" },
	{ "system s { imap = imaps://h/INBOX }", "give imaps://" },
	{ "system s { imap = imaps://h: }", "give imaps://" },
	{ "system s { imap = imaps://h:0 }", "give imaps://" },
	{ "system s { imap = imaps://h:65536 }", "give imaps://" },
	{ "system s { imap = imaps://h:99999999999 }", "give imaps://" },
	{ "system s { imap = imaps://::1 }", "give imaps://" },
	{ "system s { imap = imaps://[::1 }", "give imaps://" },
	{ "system s { imap = imaps://[] }", "give imaps://" },
	{ "system s { deliver = h }", "give TRANSPORT:NEXTHOP" },
	{ "system s { deliver = :h }", "give TRANSPORT:NEXTHOP" },
	{ "system s { deliver = \"smtp:\" }", "give TRANSPORT:NEXTHOP" },
	{ "system s { deliver = \"smtp:a b\" }", "give TRANSPORT:NEXTHOP" },
	{ "system s { deliver = \"error:x\" }", "give TRANSPORT:NEXTHOP" },
	{ "system s { deliver = \"discard:x\" }", "give TRANSPORT:NEXTHOP" },
	{ "domain a { default = \"\" }", "give the name of a system" },
	{ "domain a { default = \"a b\" }", "give the name of a system" },
	/* grammar */
	{ "log {\n level = info", "t.conf:1: '{': not closed" },
	{ "log {\n}\n}", "t.conf:3: '}': nothing to close" },
	{ "policyd { own_networks = {\n {\n",
		"t.conf:2: '{': nested too deep" },
	{ "log { level }", "missing equal sign after option 'level'" },
	{ "log { level = }", "unexpected token '}'" },
	{ "log { level = info = }", "unexpected token '='" },
	{ "log", "premature end of file" },
	{ "log { level = \"info }\n", "t.conf:1: string: not closed" },
	{ "log { level = 'info }\n'", "t.conf:1: string: not closed" },
	{ "log { level = \"info\\\n\" }", "may be escaped" },
	{ "log { level = \"\\x69nfo\" }", "only \\\" and \\\\ may be escaped" },
	{ "log { level = \"info\\0\" }", "may be escaped" },
	{ "log { level = 'in\\fo' }", "only \\' and \\\\ may be escaped" },
	{ "log { level = \"a\tb\" }", "string: control character" },
	{ "log { level = info\x01 }", "t.conf:1: control character" },
	{ "\n\nlog\r{ }", "t.conf:3: control character" },
	{ "\n/* \n\n", "t.conf:2: comment: not closed" },
	{ "/* /", "comment: not closed" },
	{ "log { level = ${LEVEL} }", "${...} is not supported" },
	{ "log { level = a${LEVEL} }", "${...} is not supported" },
	{ "log { level = \"${LEVEL:-info}\" }", "${...} is not supported" },
	{ "log { level = *info }", "'*' outside quotes" },
	{ "policyd { recipient_delimiter = + }", "'+' outside quotes" },
	{ "log|level = info", "'|' outside quotes" },
	{ "\"log|level\" = info", "a name stands without quotes" },
	{ "log { \"level\" = info }", "a name stands without quotes" },
	{ "\"\" { }", "t.conf:1: syntax error" },
	{ "= x", "unexpected token '='" },
	{ "{", "t.conf:1: '{': not closed" },
};

static void test_bad(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		struct error error = { "" };
		struct config *config = parse(bad[i].text, &error);

		if (config != NULL)
			fail_msg("accepted: %s", bad[i].text);
		if (strstr(error.text, bad[i].error) == NULL)
			fail_msg("%s\n  gives \"%s\"", bad[i].text, error.text);
		assert_memory_equal(error.text, "t.conf:", 7);
		/* nothing of it is left for the next file */
		config = parse_good("log { level = debug }");
		assert_int_equal(config->log.level, LOG_DEBUG);
		config_free(&config);
		assert_null(parse(bad[i].text, NULL));
	}
}

/* Repeats a piece until the text has about that size. */
static void repeat(struct buffer *buffer, const char *piece, size_t size)
{
	while (buffer->size < size)
		buffer_add_text(buffer, piece);
}

static void test_hostile(void **state)
{
	static const struct {
		const char *front, *piece, *back;
	} table[] = {
		{ "log { level = \"", "x", "" },
		{ "log { level = \"", "x", "\" }" },
		{ "log { level = ", "x", " }" },
		{ "log { level = \"", "\\\"", "\" }" },
		{ "", "x", " { }" },
		{ "", "log ", "" },
		{ "", "{", "" },
		{ "", "}", "" },
		{ "", "log { ", "" },
		{ "", "system a { ", "" },
		{ "policyd { own_networks = ", "{ ", "" },
		{ "policyd { own_networks = { ", "x, ", "} }" },
		{ "", "=", "" },
		{ "", "\"", "" },
		{ "", "\"\" ", "" },
		{ "/", "*", "" },
		{ "", "\\", "" },
		{ "", "\xff", "" },
		{ "", "/* x", "" },
		{ "", "(", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		struct buffer text = BUFFER_EMPTY;
		struct error error;

		buffer_add_text(&text, table[i].front);
		repeat(&text, table[i].piece, 300000);
		buffer_add_text(&text, table[i].back);
		assert_null(
			config_parse(text.data, text.size, "t.conf", &error));
		assert_memory_equal(error.text, "t.conf:1: ", 10);
		buffer_free(&text);
	}
}

static void test_long_value(void **state)
{
	struct buffer text = BUFFER_EMPTY;
	struct config *config;
	struct error error;

	(void)state;
	buffer_add_text(&text, "copier { state = \"/");
	repeat(&text, "x", strlen("copier { state = \"") + 4096);
	buffer_add_text(&text, "\" }");
	config = parse_good(text.data);
	assert_int_equal(strlen(config->copier.state), 4096);
	config_free(&config);
	buffer_clear(&text);
	buffer_add_text(&text, "copier { state = \"/");
	repeat(&text, "x", strlen("copier { state = \"") + 4097);
	buffer_add_text(&text, "\" }");
	assert_null(config_parse(text.data, text.size, "t.conf", &error));
	assert_non_null(strstr(error.text, "longer than 4096 bytes"));
	buffer_free(&text);
}

static void test_nul(void **state)
{
	static const char text[] = "log { level = debug }\n\0x { }";
	struct error error;

	(void)state;
	assert_null(config_parse(text, sizeof(text) - 1, "t.conf", &error));
	assert_string_equal(error.text, "t.conf:2: NUL byte");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_nul),
	};

	/* would make some bad lines good if it were looked at */
	setenv("LEVEL", "info", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

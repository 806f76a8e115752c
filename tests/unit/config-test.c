/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/config: defaults, every option, every refusal with its line, hostile
 * texts. */
#include "config.h"

#include <pthread.h>
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

static void test_defaults(void **state)
{
	struct config *config = parse_good("");

	(void)state;
	assert_string_equal(
		config->policyd.control, "unix:/run/rehome/control");
	assert_int_equal(config->policyd.control_mode, 0660);
	assert_null(config->policyd.control_group);
	assert_string_equal(config->policyd.policy, "unix:/run/rehome/policy");
	assert_int_equal(config->policyd.policy_mode, 0666);
	assert_null(config->policyd.policy_group);
	assert_null(config->policyd.socketmap);
	assert_string_equal(config->policyd.store, "bdb:/var/lib/rehome/store");
	assert_string_equal(config->policyd.user, "rehome");
	assert_string_equal(config->policyd.group, "rehome");
	assert_int_equal(config->policyd.threads, 2);
	assert_int_equal(config->policyd.freeze_budget, 30000);
	assert_int_equal(config->policyd.lease, 30000);
	assert_int_equal(config->policyd.retry_min, 60000);
	assert_int_equal(config->policyd.retry_max, 6 * 3600 * 1000);
	assert_string_equal(config->policyd.recipient_delimiter, "+");
	assert_int_equal(config->policyd.own_networks_count, 2);
	assert_string_equal(config->policyd.own_networks[0], "127.0.0.0/8");
	assert_string_equal(config->policyd.own_networks[1], "[::1]/128");
	assert_int_equal(config->policyd.client_timeout, 10000);
	assert_int_equal(config->policyd.clients, 4096);
	assert_null(config->maps.directory);
	assert_false(config->maps.follow);
	assert_string_equal(config->maps.park, "rehome-park:[127.0.0.1]:1");
	assert_string_equal(
		config->maps.retry, "retry:4.2.1 mailbox is being moved");
	assert_null(config->maps.reload);
	assert_int_equal(config->maps.compact, 60000);
	assert_string_equal(config->queue.list, "/usr/sbin/postqueue -j");
	assert_string_equal(config->queue.flush, "/usr/sbin/postqueue -i %i");
	assert_int_equal(config->queue.timeout, 20000);
	assert_string_equal(config->milter.socket, "unix:/run/rehome/milter");
	assert_string_equal(config->milter.user, "rehome");
	assert_string_equal(config->milter.group, "rehome");
	assert_int_equal(config->milter.mode, 0666);
	assert_int_equal(config->milter.timeout, 5000);
	assert_string_equal(config->copier.state, "/var/lib/rehome/copier");
	assert_string_equal(config->copier.user, "rehome");
	assert_string_equal(config->copier.group, "rehome");
	assert_int_equal(config->copier.jobs, 4);
	assert_int_equal(config->copier.poll, 5000);
	assert_int_equal(config->copier.settle, 60000);
	assert_int_equal(config->log.facility, LOG_MAIL);
	assert_int_equal(config->log.level, LOG_INFO);
	assert_int_equal(config->systems_count, 0);
	assert_int_equal(config->domains_count, 0);
	config_free(&config);
	assert_null(config);
	config_free(&config);
}

static const char every_option[] =
	"# a comment, 'with \" quotes { and braces\n"
	"// another ${HOME}\n"
	"/* and a long\n one */\n"
	"policyd {\n"
	"	control = \"inet:127.0.0.1:1234\"\n"
	"	control_mode = 0600 control_group = \"ops\"\n"
	"	policy = 'inet:[::1]:1235' policy_mode = 0660\n"
	"	policy_group = postfix socketmap = \"unix:/s\" store = mem:\n"
	"	user = a group = b threads = 8 freeze_budget = 5s\n"
	"	lease = 1m retry_min = 1s retry_max = 2s\n"
	"	recipient_delimiter = \"+-\" /* here */\n"
	"	own_networks = { \"10.0.0.0/8\", # first\n"
	"		\"[2001:db8::]/32\" }\n"
	"	client_timeout = 30 clients = 10\n"
	"}\r\n"
	"maps {\n"
	"	directory = \"/m\" frozen = follow park = \"p:[h]:2\"\n"
	"	retry = \"retry:4.3.0 say \\\"x\\\" \\\\ ${\" /* */ \n"
	"	reload = \"/bin/reload me\" compact = 2h }\n";

static const char every_option_more[] =
	"queue { list = \"\" flush = \"\" timeout = 1s }\n"
	"milter { socket = \"inet:10025@localhost\" user = \"\" group = \"\"\n"
	"	mode = 660 timeout = 100ms }\n"
	"copier { state = /c user = c group = d jobs = 9 poll = 500ms\n"
	"	settle = 0 }\n"
	"log { facility = stderr level = debug }\n"
	"domain \"B\xc3\x9c"
	"CHER.example.\" { default = s-1 complete = yes }\n"
	"domain a.example { default = pass }\n"
	"system \"s-1\" {\n"
	"	imap = \"imap+starttls://[::1]:144\" deliver = 'lmtp:unix:/d'\n"
	"	user = \"%n@%d%%\" master = \"boss\"\n"
	"	master_password_file = /mp passwords = /p ca_file = /ca\n"
	"	verify = off connections = 3 timeout = 1h\n"
	"	provision = /hp lock = /hl unlock = /hu hook_timeout = 9s }\n"
	"system s2 { imap = \"imaps://h.example\" deliver = \"smtp:[h]:25\" }";

/* every_option without its ${, and more, malloc'd by the buffer */
static void join_every_option(struct buffer *buffer)
{
	char *unsupported;

	buffer_add_text(buffer, every_option);
	unsupported = strstr(strstr(buffer->data, "\\\\ "), "${");
	memcpy(unsupported, "--", 2);
	buffer_add_text(buffer, every_option_more);
}

static void check_plain_sections(const struct config *config)
{
	assert_string_equal(config->policyd.control, "inet:127.0.0.1:1234");
	assert_int_equal(config->policyd.control_mode, 0600);
	assert_string_equal(config->policyd.control_group, "ops");
	assert_string_equal(config->policyd.policy, "inet:[::1]:1235");
	assert_int_equal(config->policyd.policy_mode, 0660);
	assert_string_equal(config->policyd.policy_group, "postfix");
	assert_string_equal(config->policyd.socketmap, "unix:/s");
	assert_string_equal(config->policyd.store, "mem:");
	assert_string_equal(config->policyd.user, "a");
	assert_string_equal(config->policyd.group, "b");
	assert_int_equal(config->policyd.threads, 8);
	assert_int_equal(config->policyd.freeze_budget, 5000);
	assert_int_equal(config->policyd.lease, 60000);
	assert_int_equal(config->policyd.retry_min, 1000);
	assert_int_equal(config->policyd.retry_max, 2000);
	assert_string_equal(config->policyd.recipient_delimiter, "+-");
	assert_int_equal(config->policyd.own_networks_count, 2);
	assert_string_equal(config->policyd.own_networks[0], "10.0.0.0/8");
	assert_string_equal(config->policyd.own_networks[1], "[2001:db8::]/32");
	assert_int_equal(config->policyd.client_timeout, 30000);
	assert_int_equal(config->policyd.clients, 10);
	assert_string_equal(config->maps.directory, "/m");
	assert_true(config->maps.follow);
	assert_string_equal(config->maps.park, "p:[h]:2");
	assert_string_equal(config->maps.retry, "retry:4.3.0 say \"x\" \\ --");
	assert_string_equal(config->maps.reload, "/bin/reload me");
	assert_int_equal(config->maps.compact, 7200000);
	assert_null(config->queue.list);
	assert_null(config->queue.flush);
	assert_int_equal(config->queue.timeout, 1000);
	assert_string_equal(config->milter.socket, "inet:10025@localhost");
	assert_null(config->milter.user);
	assert_null(config->milter.group);
	assert_int_equal(config->milter.mode, 0660);
	assert_int_equal(config->milter.timeout, 100);
	assert_string_equal(config->copier.state, "/c");
	assert_string_equal(config->copier.user, "c");
	assert_string_equal(config->copier.group, "d");
	assert_int_equal(config->copier.jobs, 9);
	assert_int_equal(config->copier.poll, 500);
	assert_int_equal(config->copier.settle, 0);
	assert_int_equal(config->log.facility, -1);
	assert_int_equal(config->log.level, LOG_DEBUG);
}

static void check_titled_sections(const struct config *config)
{
	const struct config_system *system = config_system(config, "s-1");
	const struct config_domain *domain;

	assert_int_equal(config->systems_count, 2);
	assert_non_null(system);
	assert_string_equal(system->name, "s-1");
	assert_string_equal(system->imap, "imap+starttls://[::1]:144");
	assert_string_equal(system->deliver, "lmtp:unix:/d");
	assert_string_equal(system->user, "%n@%d%%");
	assert_string_equal(system->master, "boss");
	assert_string_equal(system->master_password_file, "/mp");
	assert_string_equal(system->passwords, "/p");
	assert_string_equal(system->ca_file, "/ca");
	assert_false(system->verify);
	assert_int_equal(system->connections, 3);
	assert_int_equal(system->timeout, 3600000);
	assert_string_equal(system->provision, "/hp");
	assert_string_equal(system->lock, "/hl");
	assert_string_equal(system->unlock, "/hu");
	assert_int_equal(system->hook_timeout, 9000);
	system = config_system(config, "s2");
	assert_string_equal(system->user, "%u");
	assert_null(system->master);
	assert_null(system->master_password_file);
	assert_null(system->passwords);
	assert_null(system->ca_file);
	assert_true(system->verify);
	assert_int_equal(system->connections, 8);
	assert_int_equal(system->timeout, 60000);
	assert_null(system->provision);
	assert_null(system->lock);
	assert_null(system->unlock);
	assert_int_equal(system->hook_timeout, 30000);
	assert_null(config_system(config, "S2"));
	assert_null(config_system(config, "pass"));
	assert_int_equal(config->domains_count, 2);
	domain = config_domain(config, "xn--bcher-kva.example");
	assert_string_equal(domain->name, "xn--bcher-kva.example");
	assert_string_equal(domain->default_system, "s-1");
	assert_true(domain->complete);
	domain = config_domain(config, "a.example");
	assert_null(domain->default_system);
	assert_false(domain->complete);
	assert_null(config_domain(config, "example"));
	assert_null(config_domain(config, ""));
}

static void test_every_option(void **state)
{
	struct buffer buffer = BUFFER_EMPTY;
	struct config *config;
	size_t size, good = 0;

	(void)state;
	join_every_option(&buffer);
	config = parse_good(buffer.data);
	check_plain_sections(config);
	check_titled_sections(config);
	config_free(&config);
	/* cut off anywhere: at most the ends of sections make a good file */
	for (size = 0; size < buffer.size; size++) {
		struct error error;

		config = config_parse(buffer.data, size, "t.conf", &error);
		if (config != NULL)
			good++;
		else if (strncmp(error.text, "t.conf:", 7) != 0)
			fail_msg("%zu bytes: %s", size, error.text);
		config_free(&config);
	}
	assert_in_range(good, 8, 200);
	buffer_free(&buffer);
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

static void test_lists(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		const char *last;
	} table[] = {
		{ "policyd { }", 2, "[::1]/128" },
		{ "policyd { own_networks = { } }", 0, NULL },
		{ "policyd { own_networks = 10.0.0.0/8 }", 1, "10.0.0.0/8" },
		{ "policyd { own_networks += { 10.0.0.0/8 } }", 3,
			"10.0.0.0/8" },
		{ "policyd { own_networks = { 10.0.0.0/8, } }", 1,
			"10.0.0.0/8" },
		{ "policyd { own_networks = { 10.0.0.0/8 }\n"
		  "own_networks += { 10.0.0.0/8, 192.0.2.1 } }",
			3, "192.0.2.1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		struct config *config = parse_good(table[i].text);
		size_t count = config->policyd.own_networks_count;

		assert_int_equal(count, table[i].count);
		if (count > 0)
			assert_string_equal(
				config->policyd.own_networks[count - 1],
				table[i].last);
		config_free(&config);
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

/* As many domains as a large site has. */
static void test_many_domains(void **state)
{
	struct buffer text = BUFFER_EMPTY;
	struct config *config;
	char name[64];
	size_t i;

	(void)state;
	for (i = 0; i < 2000; i++)
		buffer_printf(
			&text, "domain d%zu.example { }\n", i * 7919 % 2000);
	config = parse_good(text.data);
	assert_int_equal(config->domains_count, 2000);
	for (i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "d%zu.example", i);
		assert_string_equal(config_domain(config, name)->name, name);
	}
	assert_null(config_domain(config, "d2000.example"));
	config_free(&config);
	buffer_free(&text);
}

static void *parse_often(void *argument)
{
	size_t i, failures = 0;

	for (i = 0; i < 200; i++) {
		struct config *config =
			parse(i % 2 == 0 ? "log { level = debug }"
					 : "log { level = \"x",
				NULL);

		failures += (config == NULL) != (i % 2 == 1);
		config_free(&config);
	}
	*(size_t *)argument = failures;
	return NULL;
}

/* libconfuse's scanner is one for the whole process. */
static void test_threads(void **state)
{
	pthread_t threads[4];
	size_t failures[4];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, parse_often,
					 &failures[i]),
			0);
	for (i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(failures[i], 0);
	}
}

static void test_login_name(void **state)
{
	static const struct {
		const char *pattern, *address, *login;
	} table[] = {
		{ "%u", "ann@example.org", "ann@example.org" },
		{ "%n", "ann@example.org", "ann" },
		{ "%n%%%d", "ann@example.org", "ann%example.org" },
		{ "x-%u-y", "a@b", "x-a@b-y" },
		{ "%n", "\"a@b\"@example.org", "\"a@b\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(table); i++) {
		struct config_system system = { .user = NULL };
		char *login;

		system.user = strdup(table[i].pattern);
		login = config_login_name(&system, table[i].address);
		assert_string_equal(login, table[i].login);
		free(login);
		free(system.user);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_many_domains),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_login_name),
	};

	/* would make some bad lines good if it were looked at */
	setenv("LEVEL", "info", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

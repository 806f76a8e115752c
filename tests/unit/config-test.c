/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/config: defaults, every option, lists, lookups, threads. */
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
	assert_null(config->gateway.name);
	assert_int_equal(config->gateway.threads, 0);
	assert_int_equal(config->gateway.mechanisms_count, 2);
	assert_string_equal(config->gateway.mechanisms[1], "LOGIN");
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
	assert_int_equal(system->pop3_session, 30000);
	assert_int_equal(system->pop3_pause, 10000);
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

static void test_pop3_alone(void **state)
{
	struct config *config = parse_good(
		"system s { deliver = smtp:h pop3 = pop3s://h:1\n"
		"pop3_session = 5s pop3_pause = 1m }");
	const struct config_system *system = config_system(config, "s");

	(void)state;
	assert_null(system->imap);
	assert_string_equal(system->pop3, "pop3s://h:1");
	assert_int_equal(system->pop3_session, 5000);
	assert_int_equal(system->pop3_pause, 60000);
	config_free(&config);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_many_domains),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_login_name),
		cmocka_unit_test(test_pop3_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Queue listings: what is read, what is refused, whose the entries are. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "policyd/queue.h"
#include "policyd/queue_search.h"
#include "accounts.h"
#include "lib/xalloc.h"

/* The entries in short: "where id seconds address[!] ...;", '!' when tried. */
static int print_entry(
	const struct queue_entry *entry, void *context, struct error *error)
{
	static const char *const names[] = { "maildrop", "incoming", "active",
		"deferred", "hold" };
	struct buffer *text = context;

	if (strcmp(entry->id, "STOP") == 0) {
		error_set(error, "stopped");
		return -1;
	}
	buffer_printf(text, "%s %s %lld", names[entry->where], entry->id,
		(long long)entry->arrival / 1000);
	for (size_t i = 0; i < entry->recipients_count; i++)
		buffer_printf(text, " %s%s", entry->recipients[i].address,
			entry->recipients[i].tried ? "!" : "");
	buffer_add_text(text, ";");
	return 0;
}

#define ENTRY(where, id, recipients)                                           \
	"{\"queue_name\": \"" where "\", \"queue_id\": \"" id                  \
	"\", \"arrival_time\": 1763742000, \"message_size\": 310, "            \
	"\"forced_expire\": false, \"sender\": \"eve@example.com\", "          \
	"\"recipients\": [" recipients "]}\n"
#define TO(address)    "{\"address\": \"" address "\"}"
#define TRIED(address) "{\"address\": \"" address "\", \"delay_reason\": \"x\"}"
#define NOT_TRIED(address)                                                     \
	"{\"address\": \"" address "\", \"delay_reason\": \"\"}"

static void listings_are_read(void **state)
{
	static const struct {
		const char *listing;
		bool waiting;
		const char *text;
	} cases[] = {
		{ "", true, "" },
		{ "\n\n", true, "" },
		{ ENTRY("active", "A1", TO("a@b.c")), false,
			"active A1 1763742000 a@b.c;" },
		{ ENTRY("incoming", "A1", ""), false,
			"incoming A1 1763742000;" },
		{ ENTRY("maildrop", "A1", TO("ann")), false,
			"maildrop A1 1763742000 ann;" },
		{ ENTRY("active", "A1",
			  TRIED("a@b.c") ", " TO("d@e.f") ", " NOT_TRIED(
				  "g@h.i")),
			false, "active A1 1763742000 a@b.c! d@e.f g@h.i;" },
		{ ENTRY("deferred", "A1", TRIED("a@b.c")) ENTRY(
			  "hold", "A2", "") ENTRY("active", "A3", ""),
			true,
			"deferred A1 1763742000 a@b.c!;hold A2 1763742000;"
			"active A3 1763742000;" },
		{ ENTRY("deferred", "A1", TRIED("a@b.c")) ENTRY(
			  "hold", "A2", "") ENTRY("active", "A3", ""),
			false, "active A3 1763742000;" },
		/* Other writers, other spaces, other order. */
		{ "{\"queue_name\":\"deferred\",\"queue_id\":\"A1\","
		  "\"arrival_time\":1,\"recipients\":[]}",
			true, "deferred A1 1;" },
		{ "{\"queue_name\":\"deferred\",\"queue_id\":\"A1\","
		  "\"arrival_time\":1,\"recipients\":[]}",
			false, "" },
		/* What is not known may still be delivered. */
		{ ENTRY("retrying", "3Cz1mQ0Pz2z", TO("a@b.c")), false,
			"active 3Cz1mQ0Pz2z 1763742000 a@b.c;" },
		/* Strangers' bytes. */
		{ ENTRY("active", "A1", TO("j\xc3\xbcrgen@b.c")), false,
			"active A1 1763742000 j\xc3\xbcrgen@b.c;" },
		{ ENTRY("active", "A1",
			  TO("\xff\xc3\x28\xed\xa0\x80@b.c") ", " TO("a@b.c")),
			false,
			"active A1 1763742000 ?"
			"?(???@b.c a@b.c;" },
		{ ENTRY("active", "A1",
			  TO("\xe2\x82") ", " TO(
				  "\xf5\x80\x80\x80 \xc0\xaf \xf0\x8f\x80\x80 "
				  "j\xc3\xbc")),
			false,
			"active A1 1763742000 ?? ???? ?? ???? j\xc3\xbc;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer text = BUFFER_EMPTY;
		struct error error;

		buffer_add_text(&text, "");
		if (queue_parse(cases[i].listing, strlen(cases[i].listing),
			    cases[i].waiting, print_entry, &text, &error) < 0)
			fail_msg("%zu: %s", i, error.text);
		assert_string_equal(text.data, cases[i].text);
		buffer_free(&text);
	}
}

static void what_is_no_listing_is_refused(void **state)
{
	static const struct {
		const char *listing, *error;
	} cases[] = {
		{ "postqueue: warning: Mail system is down\n", "line 1" },
		{ "{}\n", "line 1: not an entry" },
		{ "[]\n", "not an entry" },
		{ "3\n", "line 1" },
		{ "\n{\"queue_name\": \"active\"}\n", "line 2: not an entry" },
		{ ENTRY("active", "A1", "") "{\"queue_name\": \"act",
			"line 2" },
		{ ENTRY("active", "A1", "") ENTRY("active", "", ""), "line 2" },
		{ ENTRY("active", "-f", ""), "not an entry" },
		{ ENTRY("active", "A 1", ""), "not an entry" },
		{ ENTRY("active", "../A", ""), "not an entry" },
		{ ENTRY("active",
			  "A123456789B123456789C123456789D123456789"
			  "E123456789F123456789G123",
			  ""),
			"not an entry" },
		{ ENTRY("active", "A1", "\"ann@example.org\""),
			"not an entry" },
		{ ENTRY("active", "A1", "{\"address\": 7}"), "not an entry" },
		{ ENTRY("active", "A1", "") "garbage", "line 2" },
		{ "{\"queue_name\":\"active\",\"queue_id\":\"A1\","
		  "\"arrival_time\":-1,\"recipients\":[]}",
			"not an entry" },
		{ "{\"queue_name\":\"active\",\"queue_id\":\"A1\","
		  "\"arrival_time\":9223372036854775807,\"recipients\":[]}",
			"not an entry" },
		{ "{\"queue_name\":\"active\",\"queue_id\":\"A1\","
		  "\"arrival_time\":\"1\",\"recipients\":[]}",
			"not an entry" },
		{ "{\"queue_name\":\"active\",\"queue_id\":\"A1\","
		  "\"arrival_time\":1}",
			"not an entry" },
		{ ENTRY("active", "A1", "") ENTRY("active", "STOP", ""),
			"line 2: stopped" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer text = BUFFER_EMPTY;
		struct error error = { "" };

		if (queue_parse(cases[i].listing, strlen(cases[i].listing),
			    true, print_entry, &text, &error) == 0)
			fail_msg("%zu was taken", i);
		if (strstr(error.text, cases[i].error) == NULL)
			fail_msg("%zu: %s", i, error.text);
		buffer_free(&text);
	}
}

/* A NUL and every cut of a line: no crash, and never half an entry. */
static void cut_lines_are_refused(void **state)
{
	static const char line[] = ENTRY("active", "A1", TRIED("\xc3\xbc@b.c"));
	struct buffer text = BUFFER_EMPTY;
	struct error error;
	char *copy;

	(void)state;
	for (size_t size = 1; size < sizeof(line) - 2; size++) {
		copy = malloc(size);
		memcpy(copy, line, size);
		assert_int_equal(queue_parse(copy, size, true, print_entry,
					 &text, &error),
			-1);
		copy[size / 2] = '\0';
		assert_int_equal(queue_parse(copy, size, true, print_entry,
					 &text, &error),
			-1);
		free(copy);
	}
	assert_int_equal(text.size, 0);
	buffer_free(&text);
}

/* ---- by a command ---- */

static char directory[64];
static char command[96];

static void make_command(const char *script)
{
	FILE *file;

	snprintf(command, sizeof(command), "%s/postqueue", directory);
	file = fopen(command, "w");
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	chmod(command, 0755);
}

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/queue-test.XXXXXX");
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	unlink(command);
	return rmdir(directory);
}

static void commands_are_asked(void **state)
{
	struct buffer text = BUFFER_EMPTY;
	struct error error = { "" };

	(void)state;
	make_command("cat <<'END'\n" ENTRY("active", "A1", "") "END");
	assert_int_equal(
		queue_list(command, 5000, false, print_entry, &text, &error),
		0);
	assert_string_equal(text.data, "active A1 1763742000;");
	buffer_free(&text);

	/* Half a listing of a command that failed is no listing. */
	make_command("cat <<'END'\n" ENTRY(
		"active", "A1", "") "END\n"
				    "echo mail system is down >&2; exit 69");
	assert_int_equal(
		queue_list(command, 5000, false, print_entry, &text, &error),
		-1);
	assert_non_null(strstr(error.text, "mail system is down"));
	assert_int_equal(text.size, 0);

	make_command("sleep 30");
	assert_int_equal(
		queue_list(command, 100, false, print_entry, &text, &error),
		-1);
	make_command(":");
	assert_int_equal(
		queue_list(command, 5000, false, print_entry, &text, &error),
		0);
	assert_int_equal(text.size, 0);
}

static void flushes_name_the_entry(void **state)
{
	struct error error = { "" };
	char line[128];

	(void)state;
	make_command("test \"$*\" = '-i A1'");
	snprintf(line, sizeof(line), "%s -i %%i", command);
	assert_int_equal(queue_flush(line, "A1", 5000, &error), 0);
	assert_int_equal(queue_flush(line, "A2", 5000, &error), -1);
	assert_non_null(strstr(error.text, "A2"));
}

/* ---- whose ---- */

static struct store *store;
static struct config config;
static struct config_domain domains[] = {
	{ .name = (char *)"example.org" },
};

static int search_setup(void **state)
{
	struct error error;

	(void)state;
	setup(NULL);
	memset(&config, 0, sizeof(config));
	config.queue.list = command;
	config.queue.timeout = 5000;
	config.domains = domains;
	config.domains_count = 1;
	config.policyd.recipient_delimiter = (char *)"+";
	store = store_open("mem:", &error);
	accounts_add(store, "ann@example.org", "lee@example.org");
	accounts_add(store, "bob@example.org", NULL);
	accounts_add(store, "ann+own@example.org", NULL);
	accounts_add(store, "\"odd one\"@example.org", "odd@example.net");
	return 0;
}

static int search_teardown(void **state)
{
	store_close(&store);
	return teardown(state);
}

/* Runs the search over this listing. */
static int search_listing(struct queue_search *search, const char *listing,
	bool waiting, struct error *error)
{
	char *script = xasprintf("cat <<'END'\n%sEND", listing);

	make_command(script);
	free(script);
	return queue_search_run(search, waiting, error);
}

/* What is found for ann, bob and the odd one, in short. */
static void whose_they_are(void **state)
{
	static const struct {
		const char *listing;
		const char *found; /* "account:id[!]" ... ?unseen */
	} cases[] = {
		{ ENTRY("active", "A1", TO("ann@example.org")), " 0:A1" },
		{ ENTRY("active", "A1", TO("Ann@EXAMPLE.org")), " 0:A1" },
		{ ENTRY("active", "A1", TO("lee@example.org")), " 0:A1" },
		{ ENTRY("active", "A1", TO("ann+x@example.org")), " 0:A1" },
		{ ENTRY("active", "A1", TO("lee+x+y@example.org")), " 0:A1" },
		{ ENTRY("active", "A1", TO("ann+own@example.org")), "" },
		{ ENTRY("active", "A1", TO("ann+own+x@example.org")), " 0:A1" },
		{ ENTRY("active", "A1", TO("anna@example.org")), "" },
		{ ENTRY("active", "A1", TO("ann@example.com")), "" },
		{ ENTRY("active", "A1", TO("ann")), "" },
		{ ENTRY("active", "A1", ""), "" },
		{ ENTRY("active", "A1", TO("\\\"odd one\\\"@example.org")),
			" 2:A1" },
		{ ENTRY("active", "A1", TO("odd@example.net")), " 2:A1" },
		{ ENTRY("active", "A1",
			  TRIED("ann@example.org") ", " TRIED("lee@example.org") ", " TO(
				  "eve@example.org") ", " TO("bob@example."
							     "org")),
			" 0:A1! 1:A1" },
		{ ENTRY("active", "A1",
			  TRIED("ann@example.org") ", " TO("lee@example.org")),
			" 0:A1" },
		{ ENTRY("active", "A1",
			  TO("ann@example.org") ", " TRIED("lee@example.org")),
			" 0:A1" },
		{ ENTRY("deferred", "A1", TRIED("bob@example.org"))
				ENTRY("active", "A2", TO("bob@example.org"))
					ENTRY("deferred", "A3",
						TRIED("bob@example.org")),
			" 1:A1! 1:A2 1:A3!" },
		{ ENTRY("maildrop", "A1", ""), " ?A1" },
		{ ENTRY("maildrop", "A1", TO("ann")), " ?A1" },
		{ ENTRY("maildrop", "A1", TO("eve@example.com")), "" },
		{ ENTRY("maildrop", "A1", TO("bob@example.org") ", " TO("x")),
			" 1:A1 ?A1" },
		/* A long extension is still an extension. */
		{ ENTRY("active", "A1",
			  TO("bob+0123456789012345678901234567890123456789"
			     "012345678901234567890123456789@example.org")),
			" 1:A1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct queue_search *search = queue_search_new(&config, store);
		struct buffer text = BUFFER_EMPTY;
		const struct queue_found *found;
		struct error error;
		size_t count;

		buffer_add_text(&text, "");
		queue_search_add(search, "ann@example.org", &error);
		queue_search_add(search, "bob@example.org", &error);
		queue_search_add(search, "\"odd one\"@example.org", &error);
		if (search_listing(search, cases[i].listing, true, &error) < 0)
			fail_msg("%zu: %s", i, error.text);
		for (size_t account = 0; account < 3; account++) {
			found = queue_search_found(search, account, &count);
			for (size_t j = 0; j < count; j++)
				buffer_printf(&text, " %zu:%s%s", account,
					found[j].id, found[j].tried ? "!" : "");
		}
		found = queue_search_unseen(search, &count);
		for (size_t j = 0; j < count; j++)
			buffer_printf(&text, " ?%s", found[j].id);
		if (strcmp(text.data, cases[i].found) != 0)
			fail_msg("%zu:%s", i, text.data);
		buffer_free(&text);
		queue_search_free(&search);
	}
}

static void a_search_is_run_again(void **state)
{
	static const char first[] = ENTRY("active", "A1", TO("ann@example.org"))
		ENTRY("maildrop", "A2", "");
	struct queue_search *search = queue_search_new(&config, store);
	struct error error;
	size_t count;

	(void)state;
	queue_search_add(search, "ann@example.org", &error);
	assert_int_equal(search_listing(search, first, false, &error), 0);
	queue_search_found(search, 0, &count);
	assert_int_equal(count, 1);
	assert_int_equal(search_listing(search, "", false, &error), 0);
	queue_search_found(search, 0, &count);
	assert_int_equal(count, 0);
	queue_search_unseen(search, &count);
	assert_int_equal(count, 0);
	queue_search_free(&search);
	queue_search_free(&search);
}

/* What the store cannot tell is not "somebody else's". */
static void a_store_that_cannot_tell_fails_the_search(void **state)
{
	static const char listing[] =
		ENTRY("active", "A1", TO("ann+x@example.org"));
	struct error error = { "" };
	struct store *failing = store_open("fail:all", &error);
	struct queue_search *search = queue_search_new(&config, failing);

	(void)state;
	assert_int_equal(
		queue_search_add(search, "ann@example.org", &error), -1);
	assert_int_equal(search_listing(search, listing, false, &error), -1);
	queue_search_free(&search);
	store_close(&failing);
}

int main(void)
{
#define COMMAND(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SEARCH(name)                                                           \
	cmocka_unit_test_setup_teardown(name, search_setup, search_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listings_are_read),
		cmocka_unit_test(what_is_no_listing_is_refused),
		cmocka_unit_test(cut_lines_are_refused),
		COMMAND(commands_are_asked),
		COMMAND(flushes_name_the_entry),
		SEARCH(whose_they_are),
		SEARCH(a_search_is_run_again),
		SEARCH(a_store_that_cannot_tell_fails_the_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

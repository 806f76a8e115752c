/* SPDX-License-Identifier: BSD-2-Clause */
/* CSV files of accounts: what becomes of a line, and every complaint. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl/import.h"
#include "lib/buffer.h"

#define NOW 1763748000000

/* Everything that was read, one line each. */
static void print(const struct import *import, struct buffer *seen)
{
	for (size_t i = 0; i < import->count; i++) {
		const struct import_row *row = &import->rows[i];

		buffer_printf(seen, "%zu %s", row->line, row->address);
		for (size_t j = 0; j < attr_list_count(row->entry); j++)
			buffer_printf(seen, " %s=%s",
				attr_list_name(row->entry, j),
				attr_list_value(row->entry, j));
		if (row->request != NULL)
			buffer_add_text(seen, " move");
		for (size_t j = 0; row->request != NULL &&
				   j < attr_list_count(row->request);
			j++)
			buffer_printf(seen, " %s=%s",
				attr_list_name(row->request, j),
				attr_list_value(row->request, j));
		buffer_add_text(seen, "\n");
	}
	for (size_t i = 0; i < import->problems_count; i++)
		buffer_printf(seen, "%zu:%zu %s\n", import->problems[i].line,
			import->problems[i].column, import->problems[i].text);
}

static int file_of(const char *text, size_t size)
{
	int fd = memfd_create("csv", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void check(
	const char *text, const struct config *config, const char *expected)
{
	int fd = file_of(text, strlen(text));
	struct buffer seen = BUFFER_EMPTY;
	struct import import;
	struct error error;

	assert_int_equal(import_read(fd, config, NOW, &import, &error), 0);
	buffer_add_text(&seen, "");
	print(&import, &seen);
	assert_string_equal(seen.data, expected);
	assert_int_equal(import.problems_found, import.problems_count);
	import_clear(&import);
	buffer_free(&seen);
	close(fd);
}

#define THREE "address,source,destination\n"

static void reads(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ THREE, "" },
		{ THREE "Ann@Example.ORG,old,new\n",
			"2 ann@example.org source=old destination=new\n" },
		/* any order, any case, blanks, no line end */
		{ "Destination, SOURCE ,address\r\n\r\n new , old ,"
		  "\" ann@example.org \"",
			"3 ann@example.org source=old destination=new\n" },
		{ "\xef\xbb\xbf" THREE "a@x.org,o,n\n,,\n  \nb@x.org,o,n\n",
			"2 a@x.org source=o destination=n\n"
			"5 b@x.org source=o destination=n\n" },
		{ "address,source,destination,alias,batch\n"
		  "a@x.org,o,n,  b@x.org   C@x.org ,sales\n"
		  "d@x.org,o,n,\"e@x.org\nf@x.org\",\n",
			"2 a@x.org source=o destination=n batch=sales "
			"alias=b@x.org alias=c@x.org\n"
			"3 d@x.org source=o destination=n alias=e@x.org "
			"alias=f@x.org\n" },
		{ "address,source,destination,not_before,complete_after,"
		  "strategy,mail,freeze_budget\n"
		  "a@x.org,o,n,,,,,\n"
		  "b@x.org,o,n,now,never,logout,park,10s\n"
		  "c@x.org,o,n,+2h,@1763750000,,,\n",
			"2 a@x.org source=o destination=n\n"
			"3 b@x.org source=o destination=n move "
			"not_before=1763748000000 complete_after=never "
			"strategy=logout mail=park freeze_budget=10000\n"
			"4 c@x.org source=o destination=n move "
			"not_before=1763755200000 "
			"complete_after=1763750000000\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(cases[i].text, NULL, cases[i].expected);
}

static void complains_of_titles(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "", "1:0 the file is empty; its first line names the "
		      "columns\n" },
		{ "\n\r\n", "1:0 the file is empty; its first line names the "
			    "columns\n" },
		{ "address\na@x.org\n",
			"1:0 the first line names no column source\n"
			"1:0 the first line names no column destination\n" },
		{ "address,source,destination,foo,alias,alias\na,b,c,d,e,f\n",
			"1:28 no column is called \"foo\"\n"
			"1:38 column alias stands twice\n" },
		{ "address,source,,destination\n",
			"1:16 a column without a name\n" },
		{ "address;source;destination\n",
			"1:1 save the file with commas between the fields, "
			"not semicolons\n" },
		{ "addr\"ess,source\na,b,c\n",
			"1:5 a quote inside a field that does not begin with "
			"one\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(cases[i].text, NULL, cases[i].expected);
}

#define ALL                                                                    \
	"address,source,destination,alias,batch,not_before,"                   \
	"complete_after,strategy,mail,freeze_budget\n"
#define FORMS                                                                  \
	"give now, never, +90s, +15m, +2h, +3d, @1763742000, \"2026-11-21 "    \
	"18:00[:05]\" or 2026-11-21T18:00:05Z\n"
#define NEEDS                                                                  \
	"not_before must be given too, such as now: it asks for the move\n"

static void complains_of_lines(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ THREE "a@x.org,o\n",
			"2:0 2 fields, but the first line names 3\n" },
		{ THREE "a@x.org,o,n,\n",
			"2:0 4 fields, but the first line names 3\n" },
		{ THREE ",o,n\n", "2:1 address: must not be empty\n" },
		{ THREE "a@x.org,,\n",
			"2:9 source: must not be empty\n"
			"2:10 destination: must not be empty\n" },
		{ THREE "a,o,n\n", "2:1 address: address a: no domain\n" },
		{ THREE "a@x.org,o,o\n",
			"2:11 destination: o is the source too\n" },
		/* twice in whatever form and role */
		{ THREE "a@x.org,o,n\nA@X.org,o,n\n",
			"2 a@x.org source=o destination=n\n"
			"3:1 address: a@x.org stands on line 2 already\n" },
		{ ALL "a@x.org,o,n,b@x.org a@x.org,,,,,,\n"
		      "b@x.org,o,n,,,,,,,\n",
			"2:13 alias: a@x.org stands on line 2 already\n"
			"3:1 address: b@x.org stands on line 2 already\n" },
		{ ALL "a@x.org,o,n,,,soon,,,,\n",
			"2:15 not_before: instant \"soon\": " FORMS },
		{ ALL "a@x.org,o,n,,,now,then,fast,hold,0\n",
			"2:19 complete_after: instant \"then\": " FORMS
			"2:24 strategy: no strategy \"fast\"\n"
			"2:29 mail: \"hold\" is neither defer nor park\n"
			"2:34 freeze_budget: nothing moves in no time\n" },
		/* without the order to move they would be forgotten */
		{ ALL "a@x.org,o,n,,,,now,precopy,park,5s\n",
			"2:16 complete_after: " NEEDS "2:20 strategy: " NEEDS
			"2:28 mail: " NEEDS "2:33 freeze_budget: " NEEDS },
		/* goes on behind what is no CSV */
		{ THREE "x\"y,o,n\nb@x.org,o,n\n\xff@x.org,o,n\n",
			"3 b@x.org source=o destination=n\n"
			"2:2 a quote inside a field that does not begin with "
			"one\n"
			"4:1 not UTF-8 (byte 0xff); save the file as UTF-8\n" },
		{ THREE "\"a@x.org,o,n\n", "2:1 this quote is never closed\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(cases[i].text, NULL, cases[i].expected);
}

static void knows_the_configuration(void **state)
{
	char path[] = "/tmp/import-test-XXXXXX";
	static const char text[] =
		"policyd { store = \"mem:\" }\n"
		"domain \"example.org\" { }\n"
		"system \"old\" { imap = \"imap://127.0.0.1\" "
		"deliver = \"smtp:[127.0.0.1]:25\" }\n"
		"system \"new\" { imap = \"imap://127.0.0.1\" "
		"deliver = \"smtp:[127.0.0.1]:26\" }\n";
	int fd = mkstemp(path);
	struct config *config;
	struct error error;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	config = config_load(path, &error);
	unlink(path);
	if (config == NULL)
		fail_msg("%s", error.text);
	check(THREE "a@example.org,old,new\na@example.com,old,new\n"
		    "b@example.org,odl,new\n",
		config,
		"2 a@example.org source=old destination=new\n"
		"3:1 address: domain example.com is not in the configuration\n"
		"4:15 source: system odl is not in the configuration\n");
	config_free(&config);
}

static void counts_what_it_does_not_keep(void **state)
{
	struct buffer text = BUFFER_EMPTY;
	struct import import;
	struct error error;
	int fd;

	(void)state;
	buffer_add_text(&text, THREE);
	for (int i = 0; i < IMPORT_PROBLEMS_MAX + 5; i++)
		buffer_add_text(&text, "a,o,n\n");
	fd = file_of(text.data, text.size);
	assert_int_equal(import_read(fd, NULL, NOW, &import, &error), 0);
	assert_int_equal(import.problems_count, IMPORT_PROBLEMS_MAX);
	assert_int_equal(import.problems_found, IMPORT_PROBLEMS_MAX + 5);
	import_clear(&import);
	close(fd);
	buffer_free(&text);
	/* closed meanwhile */
	assert_int_equal(import_read(fd, NULL, NOW, &import, &error), -1);
	assert_string_equal(error.text, "read: Bad file descriptor");
	import_clear(&import);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(complains_of_titles),
		cmocka_unit_test(complains_of_lines),
		cmocka_unit_test(knows_the_configuration),
		cmocka_unit_test(counts_what_it_does_not_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* UIDs that we give: kept, never given twice, whatever a crash left behind. */
#include "config.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "copier/headdate.h"
#include "copier/uidmap.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static char directory[] = "/tmp/rehome-uidmap.XXXXXX";
static char path[64];

static int begin(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/a.uidmap", directory);
	return 0;
}

static int end(void **state)
{
	char old[80];

	(void)state;
	snprintf(old, sizeof(old), "%s.old", path);
	unlink(old);
	unlink(path);
	return 0;
}

static struct uidmap *open_map(const char *source)
{
	struct error error = { "" };
	struct uidmap *map = uidmap_open(path, source, &error);

	if (map == NULL)
		print_message("%s\n", error.text);
	assert_non_null(map);
	return map;
}

static size_t read_file(char *text, size_t room)
{
	FILE *file = fopen(path, "r");
	size_t size;

	assert_non_null(file);
	size = fread(text, 1, room, file);
	fclose(file);
	return size;
}

static void write_file(const char *text, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
}

static void keeps_uids(void **state)
{
	static const char *const identities[] = { "a", "b c", "100%",
		"\xff\x01x", "", "a%20" };
	struct uidmap *map = open_map("pop3://a");
	struct uidmap_folder *folder = uidmap_folder(map, "IN BOX", 0);
	uint32_t uidvalidity = folder->uidvalidity;
	int64_t seen = 0;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(identities); i++) {
		assert_int_equal(
			uidmap_find(map, folder, identities[i], NULL), 0);
		assert_int_equal(
			uidmap_add(map, folder, identities[i], 0), i + 1);
	}
	assert_int_equal(uidmap_add(map, folder, "gap", 100), 100);
	assert_int_equal(uidmap_add(map, folder, "alias", 2), 2);
	assert_int_equal(folder->uidnext, 101);
	assert_int_equal(uidmap_save(map, NULL), 0);
	assert_int_equal(uidmap_add(map, folder, "not saved", 0), 101);
	uidmap_close(&map);
	map = open_map("pop3://a");
	folder = uidmap_folder(map, "IN BOX", 0);
	assert_int_equal(folder->uidvalidity, uidvalidity);
	assert_int_equal(folder->uidnext, 101);
	for (i = 0; i < COUNT(identities); i++)
		assert_int_equal(
			uidmap_find(map, folder, identities[i], &seen), i + 1);
	assert_true(seen > 1700000000);
	assert_int_equal(uidmap_find(map, folder, "alias", NULL), 2);
	assert_int_equal(uidmap_find(map, folder, "not saved", NULL), 0);
	uidmap_close(&map);
}

static void begins_anew(void **state)
{
	struct uidmap *map = open_map("maildir:/a");
	struct uidmap_folder *one = uidmap_folder(map, "one", 7);
	struct uidmap_folder *two = uidmap_folder(map, "two", 0);

	(void)state;
	assert_int_equal(one->uidvalidity, 7);
	uidmap_add(map, one, "a", 0);
	uidmap_add(map, two, "a", 5);
	uidmap_renew(map, one, 9);
	assert_int_equal(uidmap_find(map, one, "a", NULL), 0);
	assert_int_equal(uidmap_find(map, two, "a", NULL), 5);
	assert_int_equal(one->uidnext, 1);
	uidmap_add(map, one, "b", 3);
	uidmap_save(map, NULL);
	uidmap_close(&map);
	map = open_map("maildir:/a");
	one = uidmap_folder(map, "one", 0);
	assert_int_equal(one->uidvalidity, 9);
	assert_int_equal(uidmap_find(map, one, "a", NULL), 0);
	assert_int_equal(uidmap_find(map, one, "b", NULL), 3);
	uidmap_close(&map);
	/* Of another source: nothing of it holds. */
	map = open_map("maildir:/b");
	one = uidmap_folder(map, "one", 0);
	assert_int_not_equal(one->uidvalidity, 9);
	assert_int_equal(uidmap_find(map, one, "b", NULL), 0);
	uidmap_close(&map);
}

static void reads_beside_the_writer(void **state)
{
	struct uidmap *map = open_map("mbox:/a"), *reader;
	struct uidmap_folder *folder = uidmap_folder(map, "INBOX", 0);

	(void)state;
	uidmap_add(map, folder, "a", 0);
	uidmap_save(map, NULL);
	reader = open_map("mbox:/a");
	assert_true(uidmap_is_reader(reader));
	assert_null(uidmap_folder(reader, "other", 0));
	assert_int_equal(
		uidmap_add(reader, uidmap_folder(reader, "INBOX", 0), "c", 0),
		0);
	uidmap_add(map, folder, "b", 0);
	uidmap_save(map, NULL);
	folder = uidmap_folder(reader, "INBOX", 0);
	assert_int_equal(uidmap_find(reader, folder, "b", NULL), 0);
	assert_int_equal(uidmap_refresh(reader, NULL), 0);
	assert_int_equal(uidmap_find(reader, folder, "b", NULL), 2);
	uidmap_close(&reader);
	uidmap_close(&map);
	map = open_map("mbox:/a");
	assert_false(uidmap_is_reader(map));
	uidmap_close(&map);
}

/* Cut at every octet it knows a beginning of what was there; with one octet
 * altered it knows nothing and has another UIDVALIDITY. */
static void outlives_damage(void **state)
{
	struct uidmap *map = open_map("pop3://a");
	struct uidmap_folder *folder = uidmap_folder(map, "INBOX", 1000);
	char whole[4096], text[4096];
	uint32_t known, uid;
	size_t size, i;

	(void)state;
	for (i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "id %zu", i);
		uidmap_add(map, folder, text, 0);
	}
	uidmap_save(map, NULL);
	uidmap_close(&map);
	size = read_file(whole, sizeof(whole));
	for (i = 0; i <= size; i++) {
		write_file(whole, i);
		map = open_map("pop3://a");
		folder = uidmap_folder(map, "INBOX", 1000);
		known = folder->uidnext - 1;
		for (uid = 1; uid <= 5; uid++) {
			snprintf(
				text, sizeof(text), "id %u", (unsigned)uid - 1);
			assert_int_equal(uidmap_find(map, folder, text, NULL),
				uid <= known ? uid : 0);
		}
		assert_int_equal(uidmap_add(map, folder, "new", 0), known + 1);
		assert_int_equal(uidmap_save(map, NULL), 0);
		uidmap_close(&map);
		map = open_map("pop3://a");
		folder = uidmap_folder(map, "INBOX", 1000);
		assert_int_equal(
			uidmap_find(map, folder, "new", NULL), known + 1);
		uidmap_close(&map);
	}
	assert_int_equal(known, 5);
	for (i = 0; i + 1 < size; i++) {
		memcpy(text, whole, size);
		text[i] ^= 1;
		write_file(text, size);
		map = open_map("pop3://a");
		folder = uidmap_folder(map, "INBOX", 0);
		assert_int_not_equal(folder->uidvalidity, 1000);
		assert_int_equal(folder->uidnext, 1);
		uidmap_close(&map);
	}
}

static void finds_dates(void **state)
{
	static const struct {
		const char *head;
		const char *date; /* NULL: none */
	} cases[] = {
		{ "Received: x; Tue, 5 May 2015 10:00:01 +0200\r\n"
		  "Received: y; Tue, 5 May 2015 09:00:00 +0200\r\n"
		  "Date: Mon, 4 May 2015 08:00:00 -0500\r\n\r\n",
			" 5-May-2015 10:00:01 +0200" },
		{ "RECEIVED : from a (b; c)\n\tby d; (e) Tue,\n 15 May 2015\r\n"
		  "\t10:00:01 +0200 (CEST)\n",
			"15-May-2015 10:00:01 +0200" },
		{ "Received: no date\r\nDate: 1 Jan 99 1:02 EST\r\n",
			" 1-Jan-1999 01:02:00 -0500" },
		{ "Received: x; soon\r\nReceived: y; 5 May 2015 10:00 "
		  "+0000\r\n",
			NULL },
		{ "Received: x; soon\r\nDate: 5 May 2015 10:00 Z\r\n",
			" 5-May-2015 10:00:00 +0000" },
		{ "Date: Thu, 32 Jan 2015 10:00:00 +0000\r\n", NULL },
		{ "Date: Thu, 3 Foo 2015 10:00:00 +0000\r\n", NULL },
		{ "Date: Thu, 3 Jan 2015 25:00:00 +0000\r\n", NULL },
		{ "Date: Thu, 3 Jan 103 10.01.02 -0000\r\n",
			" 3-Jan-2003 10:01:02 +0000" },
		{ "Date: x\r\nDate: 3 Jan 2015 10:00:00 +9999\r\n",
			" 3-Jan-2015 10:00:00 +0000" },
		{ "Subject: x\r\n\r\nDate: 3 Jan 2015 10:00:00 +0000\r\n",
			NULL },
		{ "Dated: 3 Jan 2015 10:00:00 +0000\r\n", NULL },
		{ "Date:", NULL },
		{ "Date", NULL },
		{ "", NULL },
		{ "Date: ((((((", NULL },
		{ "Date: 3 Jan 2015 10:00:00", " 3-Jan-2015 10:00:00 +0000" },
	};
	char date[MAILDATE_SIZE];
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		size_t size = strlen(cases[i].head);
		int found = headdate_find(cases[i].head, size, date);

		assert_int_equal(found, cases[i].date != NULL);
		if (found)
			assert_string_equal(date, cases[i].date);
		/* Cut anywhere it reads nothing behind the cut. */
		for (cut = 0; cut < size; cut++) {
			char *copy = malloc(cut > 0 ? cut : 1);

			memcpy(copy, cases[i].head, cut);
			headdate_find(copy, cut, date);
			free(copy);
		}
	}
}

static void prints_dates(void **state)
{
	static const struct {
		int64_t seconds;
		int zone;
		const char *date;
	} cases[] = {
		{ 0, 0, " 1-Jan-1970 00:00:00 +0000" },
		{ -1, 0, "31-Dec-1969 23:59:59 +0000" },
		{ 951825600, 0, "29-Feb-2000 12:00:00 +0000" },
		{ 951825600, 840, " 1-Mar-2000 02:00:00 +1400" },
		{ 951825600, -210, "29-Feb-2000 08:30:00 -0330" },
		{ 4102444799, 0, "31-Dec-2099 23:59:59 +0000" },
		{ 1431000000, 120, " 7-May-2015 14:00:00 +0200" },
	};
	char date[MAILDATE_SIZE];
	int64_t at;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		maildate_print(cases[i].seconds, cases[i].zone, date);
		assert_string_equal(date, cases[i].date);
	}
	for (at = -2000000000; at < 5000000000; at += 86399 * 40) {
		maildate_print(at, (int)(at % 800), date);
		assert_int_equal(maildate_seconds(date), at);
	}
	maildate_print(INT64_MAX, 0, date);
	maildate_print(INT64_MIN, 0, date);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_uids, begin, end),
		cmocka_unit_test_setup_teardown(begins_anew, begin, end),
		cmocka_unit_test_setup_teardown(
			reads_beside_the_writer, begin, end),
		cmocka_unit_test_setup_teardown(outlives_damage, begin, end),
		cmocka_unit_test(finds_dates),
		cmocka_unit_test(prints_dates),
	};
	int failed;

	if (mkdtemp(directory) == NULL)
		return 99;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}

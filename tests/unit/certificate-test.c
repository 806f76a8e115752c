/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Certificates written from a journal and read again: what changes between
 * preparing and finishing, and every octet of the file damaged once.
 */
#include <config.h>

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

#include "copier/certificate.h"
#include "copier/certificate_read.h"
#include "copier/folder_notes.h"
#include "copier/refused.h"
#include "lib/xalloc.h"

struct bench {
	char directory[64];
	char *path;
	struct flagpool *flags;
	struct pass pass;
	struct certificate *certificate;
	struct error error;
};

static const struct certificate_facts facts = { .account = "ann@example.org",
	.home = "old",
	.other = "new",
	.at = INT64_C(1763742000123),
	.foreign = 3 };

static int bench_make(void **state)
{
	static const char *const systems[2] = { "old", "new" };
	bool busy;
	struct bench *bench = xcalloc(1, sizeof(*bench));

	strcpy(bench->directory, "/tmp/certificate-test.XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	bench->path = xasprintf("%s/ann.certificate", bench->directory);
	bench->flags = flagpool_new();
	bench->pass.flags = bench->flags;
	bench->pass.side = JOURNAL_SOURCE;
	bench->pass.journal = journal_open(bench->directory, "ann", systems,
		bench->flags, &busy, &bench->error);
	assert_non_null(bench->pass.journal);
	bench->certificate = certificate_new(bench->path);
	*state = bench;
	return 0;
}

static int bench_remove(void **state)
{
	static const char *const names[] = { "ann.certificate",
		"ann.certificate.new", "ann.journal", "ann.lock" };
	struct bench *bench = *state;

	certificate_free(&bench->certificate);
	journal_close(&bench->pass.journal);
	flagpool_free(&bench->flags);
	for (size_t i = 0; i < 4; i++) {
		char *path = xasprintf("%s/%s", bench->directory, names[i]);

		unlink(path);
		free(path);
	}
	assert_int_equal(rmdir(bench->directory), 0);
	free(bench->path);
	free(bench);
	return 0;
}

static struct journal_folder *add_folder(
	struct bench *bench, const char *home, const char *other)
{
	const char *const names[2] = { home, other };
	struct journal_folder *folder = journal_add(bench->pass.journal, names);

	journal_uidvalidity(bench->pass.journal, folder, JOURNAL_SOURCE, 7);
	journal_uidvalidity(
		bench->pass.journal, folder, JOURNAL_DESTINATION, 70);
	return folder;
}

static size_t add_pair(
	struct bench *bench, struct journal_folder *folder, uint32_t uid)
{
	struct journal_pair pair = { .uid = { uid, uid + 100000 },
		.origin = JOURNAL_COPIED,
		.size = 1000 + uid,
		.flags = flagpool_get(bench->flags, "", 0) };

	memset(pair.digest, (int)(uid % 251), JOURNAL_DIGEST);
	memcpy(pair.digest, &uid, sizeof(uid));
	return journal_pair(bench->pass.journal, folder, &pair);
}

static void finish(struct bench *bench)
{
	if (certificate_finish(bench->certificate, &bench->pass, &facts,
		    &bench->error) < 0)
		fail_msg("%s", bench->error.text);
}

static void check_folder(const struct bench *bench,
	const struct certificate_text *text, size_t index,
	const struct journal_folder *folder)
{
	struct certificate_message *messages;
	struct error error;
	size_t count, at = 0;

	if (certificate_messages(text, index, &messages, &count, &error) < 0)
		fail_msg("%s", error.text);
	assert_string_equal(
		attr_list_get(text->folders[index], "folder"), folder->name[0]);
	for (size_t i = 0; i < folder->pairs_count; i++) {
		const struct journal_pair *pair = &folder->pairs[i];

		if (pair->gone)
			continue;
		assert_true(at < count);
		assert_int_equal(messages[at].uid, pair->uid[0]);
		assert_int_equal(messages[at].other, pair->uid[1]);
		assert_int_equal(messages[at].size, pair->size);
		assert_memory_equal(
			messages[at].digest, pair->digest, JOURNAL_DIGEST);
		at++;
	}
	assert_int_equal(at, count);
	assert_non_null(bench);
	free(messages);
}

static void read_back(struct bench *bench, struct certificate_text *text)
{
	if (certificate_read(bench->path, text, &bench->error) < 0)
		fail_msg("%s", bench->error.text);
}

static void test_round_trip(void **state)
{
	struct bench *bench = *state;
	struct journal_folder *inbox = add_folder(bench, "INBOX", "INBOX");
	struct journal_folder *odd =
		add_folder(bench, "a\\b\n \"c\"", "Old.a b");
	struct certificate_text text;

	for (uint32_t uid = 1; uid <= 2500; uid++)
		add_pair(bench, inbox, uid);
	finish(bench);
	read_back(bench, &text);
	assert_string_equal(
		attr_list_get(text.header, "account"), "ann@example.org");
	assert_string_equal(
		attr_list_get(text.header, "at"), "2025-11-21T16:20:00.123Z");
	assert_int_equal(certificate_number(text.header, "messages"), 2500);
	assert_int_equal(certificate_number(text.header, "foreign"), 3);
	assert_int_equal(text.folders_count, 2);
	check_folder(bench, &text, 0, inbox);
	check_folder(bench, &text, 1, odd);
	assert_int_equal(
		certificate_number(text.folders[0], "other_uidvalidity"), 70);
	assert_non_null(
		strstr(certificate_summary(bench->certificate), "2,500"));
	certificate_clear(&text);
}

static off_t size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_size : -1;
}

/* What is added in the freeze depends on what has changed, not on all. */
static void test_prepared(void **state)
{
	struct bench *bench = *state;
	struct journal_folder *inbox = add_folder(bench, "INBOX", "INBOX");
	struct journal_folder *late;
	char *beside = xasprintf("%s.new", bench->path);
	struct certificate_text text;
	off_t before;

	for (uint32_t uid = 1; uid <= 20000; uid++)
		add_pair(bench, inbox, uid);
	assert_int_equal(certificate_prepare(bench->certificate, &bench->pass,
				 &bench->error),
		0);
	before = size_of(beside);
	assert_int_equal(certificate_prepare(bench->certificate, &bench->pass,
				 &bench->error),
		0);
	assert_int_equal(size_of(beside), before);
	journal_unpair(bench->pass.journal, inbox, 1500);
	add_pair(bench, inbox, 30000);
	late = add_folder(bench, "Late", "Late");
	add_pair(bench, late, 5);
	assert_int_equal(size_of(bench->path), -1);
	finish(bench);
	assert_int_equal(size_of(beside), -1);
	assert_true(size_of(bench->path) - before < 300000);
	read_back(bench, &text);
	check_folder(bench, &text, 0, inbox);
	check_folder(bench, &text, 1, late);
	assert_int_equal(certificate_number(text.header, "messages"), 20001);
	certificate_clear(&text);
	/* and again, from the beginning */
	add_pair(bench, late, 6);
	finish(bench);
	read_back(bench, &text);
	check_folder(bench, &text, 1, late);
	certificate_clear(&text);
	free(beside);
}

static void test_approvals(void **state)
{
	struct bench *bench = *state;
	struct certificate_text text;

	bench->pass.refused = refused_new(NULL,
		"item=abc\nfolder=INBOX\nuid=7\nwords=NO too large\n"
		"by=root\nreason=two\\nlines\n\n",
		&bench->error);
	assert_non_null(bench->pass.refused);
	bench->pass.notes = folder_notes_new();
	folder_notes_add(bench->pass.notes, FOLDER_NOTE_EXCLUDED, "Trash", NULL,
		7, "line 3 of the map");
	folder_notes_add(bench->pass.notes, FOLDER_NOTE_NAME, "a", "b", 0,
		"another name");
	finish(bench);
	read_back(bench, &text);
	assert_int_equal(text.approvals_count, 1);
	assert_string_equal(
		attr_list_get(text.approvals[0], "approval"), "abc");
	assert_string_equal(
		attr_list_get(text.approvals[0], "reason"), "two\nlines");
	assert_int_equal(text.excluded_count, 1);
	assert_string_equal(
		attr_list_get(text.excluded[0], "excluded"), "Trash");
	certificate_clear(&text);
	folder_notes_free(&bench->pass.notes);
	refused_free(&bench->pass.refused);
}

static char *slurp(const char *path, size_t *size_r)
{
	FILE *file = fopen(path, "r");
	char *data = xmalloc(1 << 20);

	assert_non_null(file);
	*size_r = fread(data, 1, 1 << 20, file);
	fclose(file);
	return data;
}

/* No octet can be changed, none taken away, unnoticed. */
static void test_damage(void **state)
{
	struct bench *bench = *state;
	struct journal_folder *inbox = add_folder(bench, "INBOX", "INBOX");
	struct certificate_text text;
	struct error error;
	char *whole, *copy;
	size_t size;

	for (uint32_t uid = 1; uid <= 5; uid++)
		add_pair(bench, inbox, uid);
	finish(bench);
	whole = slurp(bench->path, &size);
	for (size_t i = 0; i < size; i++) {
		copy = xmalloc(size);
		memcpy(copy, whole, size);
		copy[i] = (char)(copy[i] ^ 1);
		if (certificate_scan(copy, size, &text, &error) == 0)
			fail_msg("octet %zu of %zu was changed", i, size);
		certificate_clear(&text);
		copy = xmalloc(size);
		memcpy(copy, whole, size);
		if (certificate_scan(copy, i, &text, &error) == 0)
			fail_msg("cut off at %zu of %zu", i, size);
		certificate_clear(&text);
	}
	free(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_round_trip, bench_make, bench_remove),
		cmocka_unit_test_setup_teardown(
			test_prepared, bench_make, bench_remove),
		cmocka_unit_test_setup_teardown(
			test_approvals, bench_make, bench_remove),
		cmocka_unit_test_setup_teardown(
			test_damage, bench_make, bench_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copier/journal: what was written is read again, torn at any octet, damaged
 * in the middle, compacted; one copier at a time.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

#include "copier/journal.h"

static const char *const systems[2] = { "old system", "new" };

struct fixture {
	char directory[64];
	char path[128];
	struct flagpool *flags;
	struct journal *journal;
};

static void fixture_open(struct fixture *fixture)
{
	bool busy;
	struct error error;

	fixture->journal = journal_open(fixture->directory, "ann", systems,
		fixture->flags, &busy, &error);
	if (fixture->journal == NULL)
		fail_msg("%s", error.text);
}

static void fixture_reopen(struct fixture *fixture)
{
	journal_close(&fixture->journal);
	fixture_open(fixture);
}

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	snprintf(fixture->directory, sizeof(fixture->directory), "%s",
		"/tmp/journal-test.XXXXXX");
	if (mkdtemp(fixture->directory) == NULL)
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/ann.journal",
		fixture->directory);
	fixture->flags = flagpool_new();
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char *command = xasprintf("rm -rf '%s'", fixture->directory);
	int status;

	journal_close(&fixture->journal);
	flagpool_free(&fixture->flags);
	status = system(command);
	free(command);
	free(fixture);
	return status;
}

static const struct flagset *flags(struct fixture *fixture, const char *text)
{
	return flagpool_get(fixture->flags, text, strlen(text));
}

static struct journal_pair make_pair(struct fixture *fixture, uint32_t source,
	uint32_t destination, const char *text)
{
	struct journal_pair pair = { .uid = { source, destination },
		.origin = source % 2 ? JOURNAL_COPIED : JOURNAL_ADOPTED,
		.risk = source % 2 ? (unsigned char)(source % 4)
				   : JOURNAL_NO_RISK,
		.size = 1000ull + source,
		.flags = flags(fixture, text) };

	memset(pair.digest, (int)source, sizeof(pair.digest));
	return pair;
}

static struct journal_intent make_intent(struct fixture *fixture, uint32_t uid)
{
	struct journal_intent intent = { .from = JOURNAL_SOURCE,
		.uid = uid,
		.uidnext = 5,
		.at = 1000 + uid,
		.size = 1000ull + uid,
		.flags = flags(fixture, "\\Seen"),
		.risk = uid == 6 ? JOURNAL_RISK_LINES : JOURNAL_NO_RISK,
		.skeleton = UINT64_MAX - uid,
		.date = -5 };

	memset(intent.digest, (int)uid, sizeof(intent.digest));
	return intent;
}

static struct journal_verdict make_verdict(enum journal_side from, uint32_t uid)
{
	struct journal_verdict verdict = { .from = from,
		.uid = uid,
		.risk = JOURNAL_RISK_HEADER,
		.at = 2000 + uid,
		.size = 1000ull + uid,
		.stored_size = UINT64_MAX - uid };

	memset(verdict.digest, (int)uid, sizeof(verdict.digest));
	memset(verdict.stored, (int)uid + 128, sizeof(verdict.stored));
	return verdict;
}

static void print_verdict(const struct journal_folder *folder,
	const struct journal_verdict *verdict, struct buffer *text)
{
	size_t pair = journal_verdict_pair(folder, verdict);

	buffer_printf(text, " verdict %d %u %u %lld %llu %02x %llu %02x",
		verdict->from, verdict->uid, verdict->risk,
		(long long)verdict->at, (unsigned long long)verdict->size,
		verdict->digest[31], (unsigned long long)verdict->stored_size,
		verdict->stored[31]);
	if (pair != SIZE_MAX)
		buffer_printf(text, " of %u=%u", folder->pairs[pair].uid[0],
			folder->pairs[pair].uid[1]);
	buffer_printf(text, "\n");
}

/* What was under way. */
static void print_intent(
	const struct journal_intent *intent, struct buffer *text)
{
	buffer_printf(text, " intent %d %u %u %lld %02x (%s) %d", intent->from,
		intent->uid, intent->uidnext, (long long)intent->at,
		intent->digest[0], intent->flags->text, intent->answered);
	if (intent->risk != JOURNAL_NO_RISK)
		buffer_printf(text, " risk %u %llu %lld", intent->risk,
			(unsigned long long)intent->skeleton,
			(long long)intent->date);
	buffer_printf(text, "\n");
}

static void print_folder(
	const struct journal_folder *folder, struct buffer *text)
{
	size_t i, side;

	buffer_printf(text, "folder %s %s\n", folder->name[0], folder->name[1]);
	for (side = 0; side < 2; side++) {
		buffer_printf(text, " %u made %d subscribed %d foreign ",
			folder->uidvalidity[side], folder->made[side],
			folder->subscribed[side]);
		uidset_print(
			&folder->foreign[side], 0, SIZE_MAX, SIZE_MAX, text);
		buffer_printf(text, " seen %u %u %u %llu\n",
			folder->seen[side].uidvalidity,
			folder->seen[side].uidnext, folder->seen[side].messages,
			(unsigned long long)folder->seen[side].modseq);
	}
	for (i = 0; i < folder->pairs_count; i++)
		if (!folder->pairs[i].gone)
			buffer_printf(text, " %u=%u %llu %d %d %02x (%s)\n",
				folder->pairs[i].uid[0],
				folder->pairs[i].uid[1],
				(unsigned long long)folder->pairs[i].size,
				folder->pairs[i].origin, folder->pairs[i].risk,
				folder->pairs[i].digest[31],
				folder->pairs[i].flags->text);
	buffer_printf(text, " risky %zu\n", folder->risky);
	for (i = 0; i < folder->intents_count; i++)
		print_intent(&folder->intents[i], text);
	for (i = 0; i < folder->verdicts_count; i++)
		print_verdict(folder, &folder->verdicts[i], text);
}

/* All that a journal knows. malloc'd. */
static char *print_journal(const struct journal *journal)
{
	struct buffer text = BUFFER_EMPTY;
	size_t i;

	buffer_add(&text, "", 0);
	for (i = 0; i < journal_count(journal); i++)
		if (!journal_at(journal, i)->gone)
			print_folder(journal_at(journal, i), &text);
	return text.data;
}

/* One with a pair, some without, of both sides; one is over, one is said
 * anew. */
static void judge(struct fixture *fixture, struct journal_folder *folder)
{
	static const uint32_t uids[] = { 3, 50, 51, 52 };
	struct journal_verdict verdict;
	size_t i;

	for (i = 0; i < sizeof(uids) / sizeof(*uids); i++) {
		verdict = make_verdict(JOURNAL_SOURCE, uids[i]);
		journal_judge(fixture->journal, folder, &verdict);
	}
	verdict = make_verdict(JOURNAL_DESTINATION, 51);
	journal_judge(fixture->journal, folder, &verdict);
	journal_acquit(fixture->journal, folder, JOURNAL_SOURCE, 51);
	verdict = make_verdict(JOURNAL_SOURCE, 52);
	verdict.at++;
	verdict.risk = JOURNAL_RISK_NUL;
	journal_judge(fixture->journal, folder, &verdict);
	assert_int_equal(folder->verdicts_count, 4);
}

/* One of everything. */
static void fill(struct fixture *fixture)
{
	const char *const inbox[2] = { "INBOX", "INBOX" };
	const char *const odd[2] = { "a b/100%\n\xc3\xa9", "a b.100%_" };
	const char *const gone[2] = { "gone", "gone" };
	const char *const last[2] = { "last", "last" };
	const struct mailbox_status seen = { 77, 9, 3, 1ull << 62 };
	struct journal *journal = fixture->journal;
	struct journal_folder *folder = journal_add(journal, inbox);
	struct journal_pair pair;
	struct journal_intent intent;
	struct error error;
	uint32_t i;

	journal_uidvalidity(journal, folder, JOURNAL_SOURCE, 77);
	journal_uidvalidity(journal, folder, JOURNAL_DESTINATION, 88);
	for (i = 1; i <= 6; i++) {
		intent = make_intent(fixture, i);
		journal_intend(journal, folder, &intent);
		assert_int_equal(journal_flush(journal, &error), 0);
		if (i == 6)
			break;
		pair = make_pair(fixture, i, 10 + i, i % 2 ? "" : "\\Seen k");
		assert_int_equal(journal_pair(journal, folder, &pair), i - 1);
	}
	journal_unpair(journal, folder, 1);
	journal_widow(journal, folder, 4, JOURNAL_SOURCE);
	journal_flags(journal, folder, 2, flags(fixture, "\\Flagged a b"));
	journal_assure(journal, folder, 0);
	assert_int_equal(folder->risky, 1); /* the widow counts no more */
	judge(fixture, folder);
	journal_foreign(journal, folder, JOURNAL_DESTINATION, 3, true);
	journal_foreign(journal, folder, JOURNAL_DESTINATION, 4, true);
	journal_foreign(journal, folder, JOURNAL_DESTINATION, 3, false);
	journal_seen(journal, folder, JOURNAL_SOURCE, &seen);
	folder = journal_add(journal, odd);
	journal_made(journal, folder, JOURNAL_DESTINATION);
	journal_subscribed(journal, folder, JOURNAL_DESTINATION, true);
	folder = journal_add(journal, gone);
	journal_drop(journal, folder);
	folder = journal_add(journal, last);
	for (i = 9; i > 7; i--) {
		pair = make_pair(fixture, i, i, "");
		journal_pair(journal, folder, &pair);
	}
	assert_int_equal(journal_sync(journal, &error), 0);
}

static void test_replay(void **state)
{
	struct fixture *fixture = *state;
	struct journal_folder *folder;
	char *before, *after;

	fill(fixture);
	before = print_journal(fixture->journal);
	fixture_reopen(fixture);
	after = print_journal(fixture->journal);
	assert_string_equal(after, before);
	assert_int_equal(journal_damaged(fixture->journal), 0);
	folder = journal_find(
		fixture->journal, JOURNAL_DESTINATION, "a b.100%_");
	assert_non_null(folder);
	assert_string_equal(folder->name[0], "a b/100%\n\xc3\xa9");
	assert_null(journal_find(fixture->journal, JOURNAL_SOURCE, "gone"));
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	assert_int_equal(folder->live, 3);
	assert_true(journal_has_size(fixture->journal, 1005));
	assert_false(journal_has_size(fixture->journal, 1002));
	free(before);
	free(after);
}

static void check_verdict(const struct journal_folder *folder,
	enum journal_side from, uint32_t uid, size_t pair)
{
	const struct journal_verdict *verdict =
		journal_verdict(folder, from, uid);

	assert_non_null(verdict);
	assert_int_equal(journal_verdict_pair(folder, verdict), pair);
}

/* What was judged stays known: by its UID, by its octets while that is void,
 * and with its pair, through compaction too. */
static void test_verdicts(void **state)
{
	struct fixture *fixture = *state;
	struct journal_folder *folder;
	struct journal_pair pair;
	struct error error;
	char *before, *after;

	fill(fixture);
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	check_verdict(folder, JOURNAL_SOURCE, 3, 2);
	check_verdict(folder, JOURNAL_SOURCE, 50, SIZE_MAX);
	check_verdict(folder, JOURNAL_DESTINATION, 51, SIZE_MAX);
	assert_null(journal_verdict(folder, JOURNAL_SOURCE, 51));
	assert_int_equal(journal_verdict(folder, JOURNAL_SOURCE, 52)->at, 2053);
	journal_unpair(fixture->journal, folder, 2);
	check_verdict(folder, JOURNAL_SOURCE, 3, SIZE_MAX);
	journal_uidvalidity(fixture->journal, folder, JOURNAL_SOURCE, 78);
	assert_null(journal_verdict(folder, JOURNAL_SOURCE, 3));
	check_verdict(folder, JOURNAL_DESTINATION, 51, SIZE_MAX);
	/* one comes back as it is at home, one as it is at the other side */
	pair = make_pair(fixture, 60, 61, "");
	memset(pair.digest, 3, sizeof(pair.digest));
	journal_pair(fixture->journal, folder, &pair);
	check_verdict(folder, JOURNAL_SOURCE, 60, 5);
	pair = make_pair(fixture, 62, 63, "");
	memset(pair.digest, 50 + 128, sizeof(pair.digest));
	journal_pair(fixture->journal, folder, &pair);
	check_verdict(folder, JOURNAL_SOURCE, 62, 6);
	before = print_journal(fixture->journal);
	assert_int_equal(journal_sync(fixture->journal, &error), 0);
	fixture_reopen(fixture);
	after = print_journal(fixture->journal);
	assert_string_equal(after, before);
	free(before);
	free(after);
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	journal_acquit(fixture->journal, folder, JOURNAL_SOURCE, 0);
	assert_int_equal(folder->verdicts_count, 3);
	journal_acquit(fixture->journal, folder, JOURNAL_SOURCE, 0);
	assert_int_equal(folder->verdicts_count, 3);
	check_verdict(folder, JOURNAL_SOURCE, 60, 5);
	check_verdict(folder, JOURNAL_SOURCE, 62, 6);
	check_verdict(folder, JOURNAL_DESTINATION, 51, SIZE_MAX);
}

/* The counts are kept, whatever is done and replayed. */
static void check_counts(const struct journal *journal)
{
	size_t i, j;

	for (i = 0; i < journal_count(journal); i++) {
		const struct journal_folder *folder = journal_at(journal, i);
		size_t live = 0, known[2] = { 0, 0 };
		uint64_t bytes = 0;
		int side;

		for (j = 0; j < folder->pairs_count; j++) {
			const struct journal_pair *pair = &folder->pairs[j];
			bool whole = pair->uid[0] != 0 && pair->uid[1] != 0;

			for (side = 0; side < 2; side++) {
				known[side] +=
					!pair->gone && pair->uid[side] != 0;
				if (!pair->gone && pair->uid[side] != 0)
					assert_true(folder->next[side] >
						    pair->uid[side]);
			}
			live += !pair->gone && whole;
			bytes += !pair->gone && whole ? pair->size : 0;
		}
		assert_int_equal(folder->live, live);
		assert_int_equal(folder->known[0], known[0]);
		assert_int_equal(folder->known[1], known[1]);
		assert_int_equal(folder->bytes, bytes);
	}
}

static void test_counts(void **state)
{
	struct fixture *fixture = *state;
	struct journal_folder *folder;

	fill(fixture);
	check_counts(fixture->journal);
	fixture_reopen(fixture);
	check_counts(fixture->journal);
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	journal_widow(fixture->journal, folder, folder->pairs_count - 1,
		JOURNAL_SOURCE);
	journal_widow(fixture->journal, folder, folder->pairs_count - 1,
		JOURNAL_SOURCE);
	check_counts(fixture->journal);
	journal_uidvalidity(
		fixture->journal, folder, JOURNAL_DESTINATION, 4711);
	check_counts(fixture->journal);
	assert_int_equal(folder->live, 0);
	fixture_reopen(fixture);
	check_counts(fixture->journal);
}

/* A folder is found by its names of now alone, also by those that come free. */
static void test_renamed(void **state)
{
	static const char *const one[2] = { "one", "eins" };
	static const char *const two[2] = { "two", "zwei" };
	static const char *const both[2] = { "two", "eins" };
	struct fixture *fixture = *state;
	struct journal *journal = fixture->journal;
	struct journal_folder *first = journal_add(journal, one);
	struct journal_folder *second = journal_add(journal, two);
	struct error error;
	int turn;

	journal_drop(journal, second);
	journal_rename(journal, first, both);
	for (turn = 0; turn < 2; turn++) {
		assert_null(journal_find(journal, JOURNAL_SOURCE, "one"));
		assert_null(journal_find(journal, JOURNAL_DESTINATION, "zwei"));
		first = journal_find(journal, JOURNAL_SOURCE, "two");
		assert_non_null(first);
		assert_ptr_equal(
			journal_find(journal, JOURNAL_DESTINATION, "eins"),
			first);
		assert_int_equal(journal_sync(journal, &error), 0);
		fixture_reopen(fixture);
		journal = fixture->journal;
	}
	first = journal_find(journal, JOURNAL_SOURCE, "two");
	journal_rename_unwritten(journal, first, one);
	assert_ptr_equal(journal_find(journal, JOURNAL_SOURCE, "one"), first);
	fixture_reopen(fixture);
	assert_non_null(journal_find(fixture->journal, JOURNAL_SOURCE, "two"));
}

/* Thousands of folders, and none is taken for another. */
static void test_many_folders(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	unsigned i;

	for (i = 0; i < 5000; i++) {
		char source[32], destination[32];
		const char *names[2] = { source, destination };

		snprintf(source, sizeof(source), "folder/%u", i);
		snprintf(destination, sizeof(destination), "folder.%u", i * 7);
		journal_add(fixture->journal, names);
		if (i % 3 == 0)
			journal_drop(fixture->journal,
				journal_find(fixture->journal, JOURNAL_SOURCE,
					source));
	}
	assert_int_equal(journal_sync(fixture->journal, &error), 0);
	fixture_reopen(fixture);
	for (i = 0; i < 5000; i++) {
		struct journal_folder *folder;
		char name[32];

		snprintf(name, sizeof(name), "folder.%u", i * 7);
		folder = journal_find(
			fixture->journal, JOURNAL_DESTINATION, name);
		assert_int_equal(folder == NULL, i % 3 == 0);
		snprintf(name, sizeof(name), "folder/%u", i);
		if (folder != NULL)
			assert_string_equal(folder->name[0], name);
	}
}

static char *read_file(const char *path, size_t *size_r)
{
	FILE *in = fopen(path, "r");
	struct buffer text = BUFFER_EMPTY;
	char piece[4096];
	size_t got;

	assert_non_null(in);
	while ((got = fread(piece, 1, sizeof(piece), in)) > 0)
		buffer_add(&text, piece, got);
	fclose(in);
	*size_r = text.size;
	return text.data;
}

static void write_file(const char *path, const char *data, size_t size)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
}

/* Torn at every octet it opens, says nothing of damage, takes new lines. */
static void test_torn(void **state)
{
	struct fixture *fixture = *state;
	const char *const late[2] = { "late", "late" };
	struct error error;
	size_t size, cut;
	char *data;

	fill(fixture);
	journal_close(&fixture->journal);
	data = read_file(fixture->path, &size);
	for (cut = 0; cut <= size; cut++) {
		write_file(fixture->path, data, cut);
		fixture_open(fixture);
		assert_int_equal(journal_damaged(fixture->journal), 0);
		journal_add(fixture->journal, late);
		assert_int_equal(journal_flush(fixture->journal, &error), 0);
		fixture_reopen(fixture);
		assert_int_equal(journal_damaged(fixture->journal), 0);
		assert_non_null(
			journal_find(fixture->journal, JOURNAL_SOURCE, "late"));
		journal_close(&fixture->journal);
	}
	free(data);
	fixture_open(fixture);
}

/* Any octet changed costs the line that it stands in, and that is told. */
static void test_damaged(void **state)
{
	struct fixture *fixture = *state;
	size_t size, at;
	char *data, *line;

	fill(fixture);
	journal_close(&fixture->journal);
	data = read_file(fixture->path, &size);
	line = strstr(data, " P 0 2 "); /* index 2: uids 3 and 13 */
	assert_non_null(line);
	for (at = (size_t)(line - data) - 8; data[at] != '\n'; at++) {
		struct journal_folder *folder;
		char kept = data[at];

		data[at] ^= 1;
		write_file(fixture->path, data, size);
		data[at] = kept;
		fixture_open(fixture);
		assert_in_range(journal_damaged(fixture->journal), 1, 2);
		folder =
			journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
		assert_non_null(folder);
		assert_int_equal(folder->live, 2);
		assert_true(folder->pairs[2].gone);
		assert_int_equal(folder->pairs[4].uid[0], 0);
		assert_int_equal(folder->pairs[4].uid[1], 15);
		journal_close(&fixture->journal);
	}
	free(data);
	fixture_open(fixture);
}

/* A line with its check sum; %s in it is the digest. */
static void add_summed(
	struct buffer *text, const char *line, const char *digest)
{
	const char *place = strstr(line, "%s");
	char *full = place == NULL ? xstrdup(line)
				   : xasprintf("%.*s%s%s", (int)(place - line),
					     line, digest, place + 2);
	uint32_t hash = 2166136261u;
	const char *at;

	for (at = full; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	buffer_printf(text, "%08x %s\n", (unsigned)hash, full);
	free(full);
}

/* Numbers that wrap, and places that would take more memory than the lines
 * could stand for: each is a damaged line. */
static void test_numbers(void **state)
{
	static const char *const lines[] = {
		"P 0 0 1 1 18446744073709551616 %s c ",
		"P 0 0 1 1 18446744073709551619 %s c ",
		"P 0 0 4294967296 1 5 %s c ",
		"P 0 9 1 1 5 %s c ",
		"P 0 4294967295 1 1 5 %s c ",
		"I 0 0 1 1 9223372036854775808 5 %s ",
		"P 4294967296 0 1 1 5 %s c ",
	};
	struct fixture *fixture = *state;
	char digest[2 * JOURNAL_DIGEST + 1];
	struct buffer text = BUFFER_EMPTY;
	size_t i;

	memset(digest, 'a', sizeof(digest) - 1);
	digest[sizeof(digest) - 1] = '\0';
	buffer_add_text(&text, "rehome-journal 1 old%20system new\n");
	add_summed(&text, "F 0 INBOX INBOX", digest);
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		add_summed(&text, lines[i], digest);
	add_summed(&text, "P 0 0 1 1 18446744073709551615 %s c ", digest);
	journal_close(&fixture->journal);
	write_file(fixture->path, text.data, text.size);
	buffer_free(&text);
	fixture_open(fixture);
	assert_int_equal(journal_damaged(fixture->journal),
		sizeof(lines) / sizeof(*lines));
	assert_int_equal(journal_at(fixture->journal, 0)->pairs_count, 1);
	assert_true(
		journal_at(fixture->journal, 0)->pairs[0].size == UINT64_MAX);
}

/* A line that stands twice is not taken twice. */
static void test_repeated(void **state)
{
	struct fixture *fixture = *state;
	struct buffer twice = BUFFER_EMPTY;
	size_t size;
	char *data, *line;

	fill(fixture);
	journal_close(&fixture->journal);
	data = read_file(fixture->path, &size);
	line = strstr(data, " P 0 2 ") - 8;
	buffer_add(&twice, data, size);
	buffer_add(&twice, line, (size_t)(strchr(line, '\n') + 1 - line));
	write_file(fixture->path, twice.data, twice.size);
	fixture_open(fixture);
	assert_int_equal(journal_damaged(fixture->journal), 1);
	buffer_free(&twice);
	free(data);
}

static void test_lock(void **state)
{
	struct fixture *fixture = *state;
	bool busy;
	struct error error;

	assert_null(journal_open(fixture->directory, "ann", systems,
		fixture->flags, &busy, &error));
	assert_true(busy);
	assert_non_null(strstr(error.text, "another copier"));
}

static void test_other_systems(void **state)
{
	static const char *const others[2] = { "old system", "third" };
	struct fixture *fixture = *state;
	struct stat status;
	bool busy;
	struct error error;
	char *old = xasprintf("%s.old", fixture->path);

	fill(fixture);
	journal_close(&fixture->journal);
	fixture->journal = journal_open(fixture->directory, "ann", others,
		fixture->flags, &busy, &error);
	assert_non_null(fixture->journal);
	assert_true(journal_is_empty(fixture->journal));
	assert_int_equal(stat(old, &status), 0);
	free(old);
}

static void test_compact(void **state)
{
	struct fixture *fixture = *state;
	struct journal_folder *folder;
	struct stat before_size, after_size;
	struct error error;
	char *before, *after;
	int i;

	fill(fixture);
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	for (i = 0; i < 2000; i++)
		journal_flags(fixture->journal, folder, 4,
			flags(fixture, i % 2 ? "\\Seen" : ""));
	assert_int_equal(journal_flush(fixture->journal, &error), 0);
	assert_int_equal(stat(fixture->path, &before_size), 0);
	before = print_journal(fixture->journal);
	assert_int_equal(journal_compact(fixture->journal, &error), 0);
	after = print_journal(fixture->journal);
	assert_string_equal(after, before);
	free(after);
	assert_int_equal(stat(fixture->path, &after_size), 0);
	assert_true(after_size.st_size * 10 < before_size.st_size);
	/* and it goes on in the new file */
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	journal_unpair(fixture->journal, folder, 0);
	assert_int_equal(journal_flush(fixture->journal, &error), 0);
	free(before);
	before = print_journal(fixture->journal);
	fixture_reopen(fixture);
	after = print_journal(fixture->journal);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

static size_t intents(struct fixture *fixture)
{
	return journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX")
		->intents_count;
}

/* A pair ends one intent, the newest: the older append may still come true. */
static void test_intents(void **state)
{
	struct fixture *fixture = *state;
	struct journal_folder *folder;
	struct journal_intent intent;
	struct journal_pair pair;
	struct error error;

	fill(fixture);
	assert_int_equal(intents(fixture), 1);
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	intent = make_intent(fixture, 6);
	intent.at = 5000;
	journal_intend(fixture->journal, folder, &intent);
	assert_int_equal(journal_flush(fixture->journal, &error), 0);
	assert_int_equal(intents(fixture), 2);
	pair = make_pair(fixture, 6, 16, "");
	journal_pair(fixture->journal, folder, &pair);
	assert_int_equal(intents(fixture), 1);
	assert_int_equal(folder->intents[0].at, 1006);
	journal_flush(fixture->journal, &error);
	fixture_reopen(fixture);
	assert_int_equal(intents(fixture), 1);
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	journal_forget_intents(fixture->journal, folder, 1006);
	assert_int_equal(intents(fixture), 1);
	journal_forget_intents(fixture->journal, folder, 1007);
	assert_int_equal(intents(fixture), 0);
	intent = make_intent(fixture, 7);
	journal_intend(fixture->journal, folder, &intent);
	assert_int_equal(journal_flush(fixture->journal, &error), 0);
	journal_unintend(fixture->journal, folder, JOURNAL_SOURCE, 7);
	assert_int_equal(intents(fixture), 0);
	journal_flush(fixture->journal, &error);
	fixture_reopen(fixture);
	assert_int_equal(intents(fixture), 0);
}

static void test_uidvalidity(void **state)
{
	struct fixture *fixture = *state;
	struct journal_folder *folder;
	struct error error;
	size_t *order, count;

	fill(fixture);
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	order = journal_sorted(folder, JOURNAL_SOURCE, &count);
	assert_int_equal(count, 3);
	assert_int_equal(folder->pairs[order[1]].uid[0], 3);
	free(order);
	order = journal_sorted(
		journal_find(fixture->journal, JOURNAL_SOURCE, "last"),
		JOURNAL_SOURCE, &count);
	assert_int_equal(count, 2);
	assert_int_equal(order[0], 1);
	free(order);
	journal_uidvalidity(fixture->journal, folder, JOURNAL_SOURCE, 78);
	assert_int_equal(folder->pairs[0].uid[0], 0);
	assert_int_equal(folder->pairs[0].uid[1], 11);
	assert_int_equal(folder->seen[0].uidvalidity, 0);
	assert_int_equal(folder->foreign[1].count, 1);
	assert_int_equal(folder->live, 0);
	journal_flush(fixture->journal, &error);
	fixture_reopen(fixture);
	folder = journal_find(fixture->journal, JOURNAL_SOURCE, "INBOX");
	assert_int_equal(folder->pairs[0].uid[0], 0);
	assert_int_equal(folder->pairs[0].uid[1], 11);
	order = journal_sorted(folder, JOURNAL_SOURCE, &count);
	assert_int_equal(count, 0);
	free(order);
	journal_uidvalidity(fixture->journal, folder, JOURNAL_DESTINATION, 89);
	assert_int_equal(folder->foreign[1].count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replay),
		TEST(test_verdicts),
		TEST(test_counts),
		TEST(test_renamed),
		TEST(test_many_folders),
		TEST(test_torn),
		TEST(test_damaged),
		TEST(test_numbers),
		TEST(test_repeated),
		TEST(test_lock),
		TEST(test_other_systems),
		TEST(test_compact),
		TEST(test_intents),
		TEST(test_uidvalidity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

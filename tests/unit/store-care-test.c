/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd/store_bdb: one process at a time, durability, schema, checkpoints,
 * backup and restore.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/xalloc.h"
#include "policyd/store_bdb.h"
#include "policyd/store_tables.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/store_place.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static size_t count_files(const char *directory, const char *begin)
{
	DIR *files = opendir(directory);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(files);
	while ((entry = readdir(files)) != NULL)
		count += strncmp(entry->d_name, begin, strlen(begin)) == 0;
	closedir(files);
	return count;
}

/* ---- opening ---- */

static void test_reopen(void **state)
{
	const struct place *place = *state;
	struct buffer text = BUFFER_EMPTY;
	struct store_counts counts;
	struct store_txn *txn;
	struct store *store;

	place_fill(place);
	store = fixture_open(place->uri);
	assert_int_equal(fixture_revision(store, "ann@example.org"), 2);
	fixture_aliases(store, NULL, &text);
	assert_string_equal(text.data, "a@example.org>ann@example.org ");
	fixture_bounds(store, "ann@example.org", &text);
	assert_string_equal(text.data, "INBOX:1:2 ");
	fixture_leases(store, &text);
	assert_string_equal(text.data, "ann@example.org:worker:2 ");
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, 2);
	assert_int_equal(counts.aliases, 1);
	/* serials go on where they ended */
	txn = fixture_begin(store);
	fixture_audit(txn, "ann@example.org", "later");
	fixture_commit(txn);
	fixture_events(store, NULL, &text);
	assert_string_equal(text.data, "2 later ");
	fixture_check(store);
	store_close(&store);
	buffer_free(&text);
}

static void test_bad_uris(void **state)
{
	static const struct {
		const char *uri;
		const char *says;
	} bad[] = {
		{ "", "not of the form" },
		{ "bdb", "not of the form" },
		{ "bdbx:/tmp", "not of the form" },
		{ "bd:/tmp", "not of the form" },
		{ "pgsql:host", "not of the form" },
		{ "bdb:", "no directory" },
		{ "bdb:/nonexistent/deep/store", "No such file" },
		{ "bdb:/dev/null", "Not a directory" },
		{ "mem:/x", "nothing may follow" },
		{ "fail:", "the mode is none of" },
		{ "fail:some", "the mode is none of" },
		{ "fail:all:/x:none:", "not of the form" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct error error = { "" };

		assert_null(store_open(bad[i].uri, &error));
		if (strstr(error.text, bad[i].says) == NULL)
			fail_msg("%s: %s", bad[i].uri, error.text);
	}
}

/* Whoever comes second is told who was first. */
static void test_lock(void **state)
{
	const struct place *place = *state;
	struct store *store = fixture_open(place->uri);
	struct error error = { "" };
	char *holder = xasprintf("in use by process %ld", (long)getpid());
	char *kept;
	pid_t child;
	int status;

	assert_null(store_open(place->uri, &error));
	assert_non_null(strstr(error.text, holder));
	assert_int_equal(store_verify(place->uri, &error), -1);
	assert_non_null(strstr(error.text, holder));
	assert_int_equal(
		store_restore(place->uri, place->backup, &kept, &error), -1);
	assert_non_null(strstr(error.text, holder));
	child = fork();
	if (child == 0)
		_exit(store_open(place->uri, &error) == NULL &&
					strstr(error.text, holder) != NULL
				? 0
				: 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	store_close(&store);
	store = fixture_open(place->uri);
	store_close(&store);
	free(holder);
}

/* What the schema's record may hold; NULL: it is not there. */
static const struct {
	const char *schema;
	bool empty;	  /* no account in it */
	const char *says; /* NULL: it opens */
} schemas[] = {
	{ "1", false, NULL }, /* upgraded */
	{ "2", false, NULL },
	{ "3", false,
		"its schema is 3, and this rehome-policyd knows up to 2" },
	{ "99", true, "its schema is 99" }, { "1x", false, "damaged schema" },
	{ "0", false, "damaged schema" }, { "-1", false, "its schema is" },
	{ NULL, false, "it has accounts but no schema version" },
	{ NULL, true, NULL }, /* killed while it was being made */
};

static void test_schema(void **state)
{
	const struct place *place = *state;

	for (size_t i = 0; i < COUNT(schemas); i++) {
		struct store_write write = { STORE_META, { "schema", 6 },
			schemas[i].schema == NULL, { NULL, 0 } };
		struct error error = { "" };
		struct store *store;

		if (schemas[i].schema != NULL)
			write.value = (struct store_bytes){ schemas[i].schema,
				strlen(schemas[i].schema) };
		if (!schemas[i].empty)
			place_fill(place);
		else
			assert_int_equal(mkdir(place->store, 0700), 0);
		place_write(place, &write);
		store = store_open(place->uri, &error);
		if ((store != NULL) != (schemas[i].says == NULL) ||
			(store == NULL &&
				strstr(error.text, schemas[i].says) == NULL))
			fail_msg("schema %zu: %s", i, error.text);
		store_close(&store);
		bdb_discard(place->store);
	}
}

/* An empty table in the place of a lost one would answer "not there". */
static void test_missing_table(void **state)
{
	static const char *const tables[] = { "accounts", "aliases", "meta",
		"by-phase", "documents" };
	struct place *place = *state;

	place_fill(place);
	for (size_t i = 0; i < COUNT(tables); i++) {
		char *path = xasprintf("%s/%s.db", place->store, tables[i]);
		char *away = xasprintf("%s/away", place->directory);
		struct error error = { "" };
		struct store *store;

		assert_int_equal(rename(path, away), 0);
		store = store_open(place->uri, &error);
		assert_null(store);
		assert_non_null(strstr(error.text, tables[i]));
		assert_int_equal(store_verify(place->uri, &error), 1);
		assert_int_equal(rename(away, path), 0);
		free(path);
		free(away);
	}
}

/* A store, or its backup, from before there were documents. */
static void place_age(const struct place *place)
{
	const struct store_write write = { STORE_META, { "schema", 6 }, false,
		{ "1", 1 } };
	char *path = xasprintf("%s/documents.db", place->store);

	place_fill(place);
	place_write(place, &write);
	assert_int_equal(unlink(path), 0);
	free(path);
}

static void check_documents(const struct place *place)
{
	const struct store_document document = { "refused", 7, "text" };
	struct store *store = fixture_open(place->uri);
	struct buffer text = BUFFER_EMPTY;
	struct store_txn *txn = fixture_begin(store);
	struct error error = { "" };
	int64_t at;

	assert_true(fixture_has(store, "ann@example.org"));
	assert_int_equal(
		store_txn_put_document(txn, "ann@example.org", &document, NULL),
		0);
	fixture_commit(txn);
	store_close(&store);
	assert_int_equal(store_verify(place->uri, &error), 0);
	store = fixture_open(place->uri);
	assert_int_equal(store_get_document(store, "ann@example.org", "refused",
				 &at, &text, NULL),
		1);
	assert_string_equal(text.data, "text");
	assert_int_equal(at, 7);
	buffer_free(&text);
	store_close(&store);
}

static void test_old_store(void **state)
{
	const struct place *place = *state;
	struct error error = { "" };
	char *kept;

	place_age(place);
	check_documents(place);
	bdb_discard(place->store);
	place_age(place);
	if (store_verify(place->uri, &error) != 0)
		fail_msg("%s", error.text);
	bdb_discard(place->store);
	/* an old backup */
	place_age(place);
	assert_int_equal(rename(place->store, place->backup), 0);
	if (store_restore(place->uri, place->backup, &kept, &error) < 0)
		fail_msg("%s", error.text);
	free(kept);
	check_documents(place);
}

/* ---- checkpoints ---- */

static void test_checkpoint(void **state)
{
	const struct place *place = *state;
	struct store *store = fixture_open(place->uri);
	struct error error = { "" };
	struct account account;
	struct store_txn *txn;

	fixture_account(&account, "ann@example.org");
	memset(account.failure, 'x', sizeof(account.failure) - 1);
	while (count_files(place->store, "log.") < 3) {
		txn = fixture_begin(store);
		for (int i = 0; i < 1000; i++) {
			assert_int_equal(
				store_txn_put_account(txn, &account, NULL), 0);
			fixture_audit(txn, "ann@example.org", account.failure);
		}
		fixture_commit(txn);
	}
	if (store_checkpoint(store, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(count_files(place->store, "log."), 1);
	store_close(&store);
	assert_int_equal(store_verify(place->uri, &error), 0);
}

/* ---- backup and restore ---- */

struct writer {
	pthread_t thread;
	struct store *store;
	atomic_bool over;
	uint64_t done; /* the revision of the last commit */
};

static void *writer_run(void *context)
{
	struct writer *writer = context;

	while (!atomic_load(&writer->over))
		if (fixture_transition(writer->store, "ann@example.org",
			    &writer->done) != STORE_DONE)
			abort();
	return NULL;
}

/* While somebody writes. */
static void test_backup(void **state)
{
	const struct place *place = *state;
	struct writer writer = { .over = false };
	char *uri = xasprintf("bdb:%s", place->backup);
	struct error error = { "" };
	uint64_t before;
	struct store *store;

	place_fill(place);
	writer.store = fixture_open(place->uri);
	assert_int_equal(
		pthread_create(&writer.thread, NULL, writer_run, &writer), 0);
	for (int i = 0; i < 5; i++) {
		usleep(20000);
		before = fixture_revision(writer.store, "ann@example.org");
		if (store_backup(writer.store, place->backup, &error) < 0)
			fail_msg("%s", error.text);
		if (store_verify(uri, &error) != 0)
			fail_msg("%s", error.text);
		store = fixture_open(uri);
		assert_true(
			fixture_revision(store, "ann@example.org") >= before);
		store_close(&store);
		/* never over another one */
		assert_int_equal(
			store_backup(writer.store, place->backup, &error), -1);
		assert_non_null(strstr(error.text, "it exists already"));
		bdb_discard(place->backup);
	}
	atomic_store(&writer.over, true);
	pthread_join(writer.thread, NULL);
	assert_int_equal(
		store_backup(writer.store, "/nonexistent/x/y", &error), -1);
	/* nothing half done is left lying about */
	assert_int_equal(count_files(place->directory, "backup"), 0);
	fixture_check(writer.store);
	store_close(&writer.store);
	free(uri);
}

static void make_backup(const struct place *place)
{
	struct error error = { "" };
	struct store *store;

	place_fill(place);
	store = fixture_open(place->uri);
	if (store_backup(store, place->backup, &error) < 0)
		fail_msg("%s", error.text);
	store_close(&store);
}

static void test_restore(void **state)
{
	const struct place *place = *state;
	struct error error = { "" };
	struct store *store;
	struct stat before, after;
	char *kept = NULL;
	char *uri;

	make_backup(place);
	store = fixture_open(place->uri);
	fixture_add(store, "late@example.org");
	store_close(&store);
	assert_int_equal(chmod(place->store, 0750), 0);
	assert_int_equal(stat(place->store, &before), 0);
	if (store_restore(place->uri, place->backup, &kept, &error) < 0)
		fail_msg("%s", error.text);
	assert_non_null(kept);
	assert_int_equal(stat(place->store, &after), 0);
	assert_true(before.st_ino != after.st_ino);
	assert_int_equal(before.st_mode, after.st_mode);
	assert_int_equal(before.st_uid, after.st_uid);
	store = fixture_open(place->uri);
	assert_false(fixture_has(store, "late@example.org"));
	assert_int_equal(fixture_revision(store, "ann@example.org"), 2);
	fixture_check(store);
	store_close(&store);
	/* what was there is kept, whole */
	uri = xasprintf("bdb:%s", kept);
	store = fixture_open(uri);
	assert_true(fixture_has(store, "late@example.org"));
	store_close(&store);
	free(uri);
	free(kept);
	/* the backup is as it was, and good for a place without a store */
	bdb_discard(place->store);
	assert_int_equal(
		store_restore(place->uri, place->backup, &kept, &error), 0);
	assert_null(kept);
	store = fixture_open(place->uri);
	assert_true(fixture_has(store, "ann@example.org"));
	store_close(&store);
	assert_int_equal(count_files(place->directory, "store"), 2);
}

static int restore_damaged(const struct place *place, int number)
{
	struct error error = { "" };
	char *kept = NULL;

	(void)number;
	if (store_restore(place->uri, place->backup, &kept, &error) != -1 ||
		kept != NULL)
		return 1;
	return strstr(error.text, place->backup) == NULL;
}

/* A backup that is not whole is not put in the place of a store that is. */
static void test_restore_damaged(void **state)
{
	const struct place *place = *state;
	char *file = xasprintf("%s/aliases.db", place->backup);
	struct error error = { "" };
	struct store *store;
	char *kept = NULL;

	make_backup(place);
	place_damage(place->backup, STORE_ACCOUNTS);
	assert_int_equal(place_child(restore_damaged, place, 0), 0);
	assert_int_equal(remove(file), 0);
	assert_int_equal(
		store_restore(place->uri, place->backup, &kept, &error), -1);
	assert_non_null(strstr(error.text, "not a whole store"));
	assert_int_equal(
		store_restore(place->uri, "/nonexistent", &kept, &error), -1);
	assert_null(kept);
	assert_int_equal(count_files(place->directory, "store"), 1);
	store = fixture_open(place->uri);
	assert_true(fixture_has(store, "ann@example.org"));
	store_close(&store);
	free(file);
}

/* Root may look after a store of another user, who can open it afterwards. */
static void test_owner(void **state)
{
	const uid_t other = 65534;
	const struct place *place = *state;
	struct error error = { "" };
	struct stat status;
	char *kept = NULL;

	if (geteuid() != 0)
		skip();
	make_backup(place);
	assert_int_equal(chown(place->store, other, other), 0);
	for (int restored = 0; restored < 2; restored++) {
		DIR *files;
		struct dirent *entry;

		assert_int_equal(store_verify(place->uri, &error), 0);
		files = opendir(place->store);
		assert_non_null(files);
		while ((entry = readdir(files)) != NULL) {
			if (strcmp(entry->d_name, "..") == 0)
				continue;
			assert_int_equal(fstatat(dirfd(files), entry->d_name,
						 &status, 0),
				0);
			assert_int_equal(status.st_uid, other);
		}
		closedir(files);
		if (restored == 0)
			assert_int_equal(store_restore(place->uri,
						 place->backup, &kept, &error),
				0);
	}
	free(kept);
}

#define CARE_TEST(function)                                                    \
	cmocka_unit_test_setup_teardown(function, place_make, place_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_uris),
		CARE_TEST(test_reopen),
		CARE_TEST(test_lock),
		CARE_TEST(test_schema),
		CARE_TEST(test_missing_table),
		CARE_TEST(test_old_store),
		CARE_TEST(test_checkpoint),
		CARE_TEST(test_backup),
		CARE_TEST(test_restore),
		CARE_TEST(test_restore_damaged),
		CARE_TEST(test_owner),
	};

	return cmocka_run_group_tests(
		tests, place_group_make, place_group_remove);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of type hash: how they are written, put in place and kept whole. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

#include "policyd/mapfile.h"
#include "mapread.h"

static char directory[64];
static char path[80];
static char unpublished[96];

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/mapfile-test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/homes.db", directory);
	snprintf(unpublished, sizeof(unpublished), "%s.new", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	rmdir(path);
	unlink(unpublished);
	return rmdir(directory);
}

static void add(struct mapfile *file, const char *key, const char *value)
{
	struct error error;

	if (mapfile_add(file, key, value, &error) < 0)
		fail_msg("%s", error.text);
}

static void publish(struct mapfile **file)
{
	struct error error;

	if (mapfile_publish(file, &error) < 0)
		fail_msg("%s", error.text);
	assert_null(*file);
}

static struct mapfile *begin(size_t expected)
{
	struct error error;
	struct mapfile *file = mapfile_new(path, expected, &error);

	if (file == NULL)
		fail_msg("%s", error.text);
	return file;
}

/* "" when the key is not there. */
static const char *value_of(const char *key)
{
	static char text[256];
	struct mapread *map = mapread_open(path);
	const char *value = "";
	int found;

	assert_non_null(map);
	found = mapread_get(map, key, &value);
	assert_true(found >= 0);
	snprintf(text, sizeof(text), "%s", value);
	mapread_close(&map);
	return text;
}

static void entries_are_read_back(void **state)
{
	struct mapfile *file = begin(3);
	struct mapread *map;

	(void)state;
	add(file, "ann@example.org", "smtp:[old]:25");
	add(file, "bob@example.org", "lmtp:unix:/run/lmtp");
	add(file, "ann@example.org", "retry:4.2.1 being moved");
	add(file, "empty", "");
	publish(&file);
	assert_string_equal(
		value_of("ann@example.org"), "retry:4.2.1 being moved");
	assert_string_equal(value_of("bob@example.org"), "lmtp:unix:/run/lmtp");
	assert_string_equal(value_of("eve@example.org"), "");
	map = mapread_open(path);
	assert_int_equal(mapread_count(map), 3);
	mapread_close(&map);
}

static void everybody_may_read(void **state)
{
	mode_t before = umask(077);
	struct mapfile *file = begin(0);
	struct stat status;

	(void)state;
	publish(&file);
	umask(before);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	assert_int_equal(access(unpublished, F_OK), -1);
}

static void nothing_shows_before_publication(void **state)
{
	struct mapfile *file = begin(1);

	(void)state;
	add(file, "key", "first");
	assert_int_equal(access(path, F_OK), -1);
	publish(&file);
	file = begin(1);
	add(file, "key", "second");
	assert_string_equal(value_of("key"), "first");
	mapfile_abandon(&file);
	assert_null(file);
	mapfile_abandon(&file);
	assert_string_equal(value_of("key"), "first");
	assert_int_equal(access(unpublished, F_OK), -1);
}

static void what_a_crash_left_is_removed(void **state)
{
	int crashed = open(unpublished, O_WRONLY | O_CREAT, 0600);
	struct mapfile *file;

	(void)state;
	assert_true(write(crashed, "half of a file", 14) == 14);
	close(crashed);
	file = begin(1);
	add(file, "key", "value");
	publish(&file);
	assert_string_equal(value_of("key"), "value");
}

/* Berkeley DB makes a file under yet another name first. */
static void leftovers_of_the_library_are_removed(void **state)
{
	char leftover[96];
	struct mapfile *file;
	int crashed;

	(void)state;
	snprintf(leftover, sizeof(leftover), "%s/__db.homes.db.new", directory);
	crashed = open(leftover, O_WRONLY | O_CREAT, 0600);
	assert_true(write(crashed, "half of a file", 14) == 14);
	close(crashed);
	file = begin(1);
	add(file, "key", "value");
	publish(&file);
	assert_string_equal(value_of("key"), "value");
	assert_int_equal(access(leftover, F_OK), -1);
}

static void failures_name_the_file(void **state)
{
	struct mapfile *file;
	struct error error;

	(void)state;
	assert_null(mapfile_new("/nowhere/at/all.db", 1, &error));
	assert_non_null(strstr(error.text, "/nowhere/at/all.db"));

	/* What stands at the path cannot be replaced. */
	assert_int_equal(mkdir(path, 0700), 0);
	file = begin(1);
	assert_int_equal(mapfile_publish(&file, &error), -1);
	assert_null(file);
	assert_non_null(strstr(error.text, path));
	assert_int_equal(access(unpublished, F_OK), -1);
}

/* A reader may sit on its lock as long as it likes. */
static void readers_are_not_waited_for(void **state)
{
	struct mapfile *file = begin(1);
	int reader;

	(void)state;
	add(file, "key", "first");
	publish(&file);
	reader = open(path, O_RDONLY);
	assert_int_equal(flock(reader, LOCK_SH), 0);
	alarm(10);
	file = begin(1);
	add(file, "key", "second");
	publish(&file);
	alarm(0);
	close(reader);
	assert_string_equal(value_of("key"), "second");
}

#define ENTRIES	 500
#define VERSIONS 200

static atomic_int newest;
static atomic_int looks;
static atomic_int faults;

/* Every key has the same value in one version. */
static void check_version(struct mapread *map, int at_least)
{
	char key[32], expected[32] = "";
	const char *value;

	for (int i = 0; i < ENTRIES; i += 7) {
		snprintf(key, sizeof(key), "key%d", i);
		if (mapread_get(map, key, &value) != 1) {
			faults++;
			return;
		}
		if (expected[0] == '\0')
			snprintf(expected, sizeof(expected), "%s", value);
		if (strcmp(value, expected) != 0 || atoi(value) < at_least)
			faults++;
	}
}

static void *read_always(void *context)
{
	(void)context;
	while (newest < VERSIONS) {
		int at_least = newest;
		struct mapread *map = mapread_open(path);

		if (map == NULL)
			faults++;
		else
			check_version(map, at_least);
		mapread_close(&map);
		looks++;
	}
	return NULL;
}

static void write_version(int version)
{
	struct mapfile *file = begin(ENTRIES);
	char key[32], value[32];

	snprintf(value, sizeof(value), "%d", version);
	for (int i = 0; i < ENTRIES; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		add(file, key, value);
	}
	publish(&file);
	newest = version;
}

static void readers_never_see_half(void **state)
{
	pthread_t readers[2];

	(void)state;
	newest = looks = faults = 0;
	write_version(1);
	for (int i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, read_always, NULL);
	for (int version = 2; version <= VERSIONS; version++)
		write_version(version);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(faults, 0);
	assert_true(looks > VERSIONS / 4);
}

static void a_large_file_is_complete(void **state)
{
	struct mapfile *file = begin(10);
	struct mapread *map;
	char key[32];

	(void)state;
	for (int i = 0; i < 30000; i++) {
		snprintf(key, sizeof(key), "user%d@example.org", i);
		add(file, key, "lmtp:unix:/run/dovecot/lmtp");
	}
	publish(&file);
	map = mapread_open(path);
	assert_int_equal(mapread_count(map), 30000);
	mapread_close(&map);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(entries_are_read_back),
		TEST(everybody_may_read),
		TEST(nothing_shows_before_publication),
		TEST(what_a_crash_left_is_removed),
		TEST(leftovers_of_the_library_are_removed),
		TEST(failures_name_the_file),
		TEST(readers_are_not_waited_for),
		TEST(readers_never_see_half),
		TEST(a_large_file_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

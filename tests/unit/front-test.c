/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front with a store in memory and a mail server, hooks and a queue that
 * are shell scripts: what is done, in which order, and what happens when a part
 * of it fails, hangs or is overtaken.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"
#include "policyd/front.h"
#include "accounts.h"
#include "mapread.h"

#define OLD  "smtp:[old.example.net]:25"
#define NEW  "lmtp:unix:/run/dovecot/lmtp"
#define PARK "rehome-park:[127.0.0.1]:1"
#define ANN  "ann@example.org"
#define BOB  "bob@example.org"

static char directory[64];
static struct store *store;
static struct log *logger;
static struct front *front;
static struct config config;
static struct config_system systems[2];
static struct config_domain domain = { .name = (char *)"example.org" };

/* ---- the surroundings ---- */

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	char *path = path_of(name);
	char *fresh = xasprintf("%s.fresh", path);
	FILE *file = fopen(fresh, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(fresh, mode);
	assert_int_equal(rename(fresh, path), 0);
	free(fresh);
	free(path);
}

static void remove_file(const char *name)
{
	char *path = path_of(name);

	unlink(path);
	free(path);
}

/* A script that does the lines, in our directory. */
static char *make_script(const char *name, const char *lines)
{
	char *text =
		xasprintf("#!/bin/sh\ncd %s || exit 1\n%s\n", directory, lines);

	write_file(name, text, 0755);
	free(text);
	return path_of(name);
}

/* What the scripts have noted, the lines joined by ';'. */
static char *events(void)
{
	struct buffer text = BUFFER_EMPTY;
	char *path = path_of("events");
	FILE *file = fopen(path, "r");
	int byte;

	buffer_add_text(&text, "");
	while (file != NULL && (byte = getc(file)) != EOF)
		buffer_add(
			&text, byte == '\n' ? ";" : (char[]){ (char)byte }, 1);
	if (file != NULL)
		fclose(file);
	free(path);
	return text.data;
}

static int count_events(const char *what)
{
	char *text = events();
	int count = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		count++;
	free(text);
	return count;
}

static bool exists(const char *name)
{
	char *path = path_of(name);
	bool result = access(path, F_OK) == 0;

	free(path);
	return result;
}

static void expect_events(const char *expected)
{
	char *text = events();

	assert_string_equal(text, expected);
	free(text);
}

static char *make_hook(const char *name)
{
	char *lines = xasprintf(
		": >%s.began\n"
		"test -e %s.hang && sleep \"$(cat %s.hang)\"\n"
		"test -e %s.fail && { echo %s is broken; exit 1; }\n"
		"echo \"$REHOME_ACTION $REHOME_SYSTEM $REHOME_ACCOUNT "
		"$REHOME_LOCAL_PART $REHOME_DOMAIN $REHOME_LOGIN\" >>events",
		name, name, name, name, name);
	char *path = make_script(name, lines);

	free(lines);
	return path;
}

static void make_systems(void)
{
	memset(systems, 0, sizeof(systems));
	systems[0].name = (char *)"old";
	systems[0].deliver = (char *)OLD;
	systems[0].user = (char *)"%n";
	systems[0].lock = make_hook("lock-old");
	systems[0].unlock = make_hook("unlock-old");
	systems[0].hook_timeout = 10000;
	systems[1].name = (char *)"new";
	systems[1].deliver = (char *)NEW;
	systems[1].user = (char *)"%u";
	systems[1].lock = make_hook("lock-new");
	systems[1].unlock = make_hook("unlock-new");
	systems[1].hook_timeout = 10000;
}

static void free_systems(void)
{
	for (size_t i = 0; i < 2; i++) {
		free(systems[i].lock);
		free(systems[i].unlock);
	}
}

/* The queue is the file of that name; a flush takes the entry out of it,
 * unless it is deferred again. */
static void make_config(void)
{
	make_systems();
	memset(&config, 0, sizeof(config));
	config.systems = systems;
	config.systems_count = 2;
	config.domains = &domain;
	config.domains_count = 1;
	config.policyd.recipient_delimiter = (char *)"+";
	config.maps.directory = directory;
	config.maps.park = (char *)PARK;
	config.maps.compact = 1000;
	config.maps.reload = make_script("reload",
		"test -e reload.hang && sleep \"$(cat reload.hang)\"\n"
		"test -e reload.fail && { echo no mail system; exit 1; }\n"
		"cp moving.db seen.db\n"
		"echo reload >>events");
	config.queue.list = make_script("list",
		"echo x >>looks\n"
		"test -e list.fail && { echo cannot list; exit 1; }\n"
		"test ! -e queue || cat queue");
	config.queue.timeout = 5000;
	free(make_script("flush",
		"echo \"flush $1\" >>events\n"
		"test -e flush.fail && { echo cannot flush; exit 1; }\n"
		"test -e \"bad.$1\" && { echo cannot flush it; exit 1; }\n"
		"test -e again && exit 0\n"
		"grep -v \"\\\"queue_id\\\": \\\"$1\\\"\" queue >queue.fresh\n"
		"mv queue.fresh queue"));
	config.queue.flush = xasprintf("%s/flush %%i", directory);
}

static int setup(void **state)
{
	struct error error;

	(void)state;
	strcpy(directory, "/tmp/front-test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	make_config();
	store = store_open("mem:", &error);
	logger = log_open("front-test", -1, LOG_CRIT);
	accounts_add(store, ANN, "lee@example.org");
	accounts_add(store, BOB, NULL);
	return store != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	DIR *files;
	struct dirent *entry;

	(void)state;
	front_free(&front);
	store_close(&store);
	log_close(&logger);
	files = opendir(directory);
	while ((entry = readdir(files)) != NULL)
		if (entry->d_name[0] != '.')
			remove_file(entry->d_name);
	closedir(files);
	free_systems();
	free(config.maps.reload);
	free(config.queue.list);
	free(config.queue.flush);
	return rmdir(directory);
}

static void start(void)
{
	struct error error;

	front = front_new(&config, store, logger, accounts_store_front, store);
	if (front_start(front, &error) < 0)
		fail_msg("%s", error.text);
}

/* Past the reload that every start makes. */
static void start_quietly(void)
{
	start();
	for (int i = 0; i < 1000 && count_events("reload") == 0; i++)
		usleep(5000);
	assert_true(config.maps.reload == NULL || count_events("reload") == 1);
	remove_file("events");
}

/* ---- waiting and looking ---- */

static int ask(const char *address, const char **waiting_r, size_t *entries_r,
	struct error *error)
{
	error->text[0] = '\0';
	return front_barrier(front, address, waiting_r, entries_r, error);
}

static bool passed(const char *address)
{
	const char *waiting;
	struct error error;
	size_t entries;

	return ask(address, &waiting, &entries, &error) == 1;
}

static bool waits_for(const char *address, const char *what, size_t how_many)
{
	const char *waiting;
	struct error error;
	size_t entries;

	return ask(address, &waiting, &entries, &error) == 0 &&
	       strcmp(waiting, what) == 0 && entries == how_many;
}

static bool fails_with(const char *address, const char *why)
{
	const char *waiting;
	struct error error;
	size_t entries;

	return ask(address, &waiting, &entries, &error) == -1 &&
	       strstr(error.text, why) != NULL;
}

static bool is_front(const char *address, enum account_front wanted)
{
	return accounts_front(store, address) == wanted;
}

/* Within ten seconds. */
#define EVENTUALLY(condition)                                                  \
	do {                                                                   \
		int64_t end_ = instant_monotonic() + 10000;                    \
		while (!(condition)) {                                         \
			if (instant_monotonic() > end_)                        \
				fail_msg("never: %s", #condition);             \
			usleep(3000);                                          \
		}                                                              \
	} while (0)

static void freeze(const char *address)
{
	accounts_freeze(store, address, instant_now());
	front_wake(front);
}

static void thaw(const char *address)
{
	accounts_thaw(store, address);
	front_wake(front);
}

static void flip(const char *address)
{
	accounts_flip(store, address);
	front_wake(front);
}

/* The value in a map; "" when it is not there. */
static const char *in(const char *name, const char *key)
{
	static char text[256];
	char *path = path_of(name);
	struct mapread *map = mapread_open(path);
	const char *value = "";

	assert_non_null(map);
	assert_true(mapread_get(map, key, &value) >= 0);
	snprintf(text, sizeof(text), "%s", value);
	mapread_close(&map);
	free(path);
	return text;
}

/* What the mail server finds in both. */
static const char *answer(const char *key)
{
	const char *value = in("moving.db", key);

	return value[0] != '\0' ? value : in("homes.db", key);
}

static void add_entry(struct buffer *queue, const char *where, const char *id,
	const char *recipients, int64_t seconds)
{
	buffer_printf(queue,
		"{\"queue_name\": \"%s\", \"queue_id\": \"%s\", "
		"\"arrival_time\": %lld, \"recipients\": [%s]}\n",
		where, id, (long long)seconds, recipients);
}

/* A queue of one entry that arrived so many seconds ago. */
static void queue_one(const char *where, const char *recipients, int64_t ago)
{
	struct buffer queue = BUFFER_EMPTY;

	add_entry(&queue, where, "A1", recipients, instant_now() / 1000 - ago);
	write_file("queue", queue.data, 0644);
	buffer_free(&queue);
}

static int looks(void)
{
	struct stat status;
	char *path = path_of("looks");
	int count = stat(path, &status) == 0 ? (int)status.st_size / 2 : 0;

	free(path);
	return count;
}

/* ---- closing ---- */

static void a_freeze_closes_in_order(void **state)
{
	char steps[ACCOUNT_TEXT_SIZE];

	(void)state;
	start_quietly();
	assert_string_equal(in("homes.db", ANN), OLD);
	assert_true(fails_with(ANN, "not frozen"));
	assert_true(fails_with("eve@example.org", "no such account"));
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	assert_true(is_front(ANN, ACCOUNT_FRONT_CLOSED));
	expect_events("reload;lock old " ANN " ann example.org ann;");
	assert_string_equal(in("seen.db", ANN), PARK);
	assert_string_equal(in("seen.db", "lee@example.org"), PARK);
	assert_string_equal(in("seen.db", BOB), "");
	accounts_steps(store, ANN, steps);
	assert_int_equal(strncmp(steps, "publish=", 8), 0);
	assert_non_null(strstr(steps, " reload="));
	assert_non_null(strstr(steps, " lock="));
	assert_true(looks() >= 2);
}

static void nobody_looks_without_need(void **state)
{
	int before;

	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	before = looks();
	usleep(100000);
	assert_true(passed(ANN));
	assert_int_equal(looks(), before);
}

static void without_a_queue_closed_is_enough(void **state)
{
	(void)state;
	free(config.queue.list);
	config.queue.list = NULL;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(looks(), 0);
}

static void without_maps_and_hooks_there_is_still_a_reload(void **state)
{
	(void)state;
	config.maps.directory = NULL;
	free(make_script("reload", "echo reload >>events"));
	for (size_t i = 0; i < 2; i++) {
		free(systems[i].lock);
		free(systems[i].unlock);
		systems[i].lock = systems[i].unlock = NULL;
	}
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	expect_events("reload;");
}

/* A map that nobody has been told of is not seen yet. */
static void without_a_reload_it_is_waited_for(void **state)
{
	(void)state;
	free(config.maps.reload);
	config.maps.reload = NULL;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(strcmp(answer(ANN), PARK) == 0);
	for (int i = 0; i < 50; i++) {
		assert_true(waits_for(ANN, "publish", 0));
		usleep(10000);
	}
	expect_events("");
}

/* ---- the queue ---- */

#define TO(address)    "{\"address\": \"" address "\"}"
#define TRIED(address) "{\"address\": \"" address "\", \"delay_reason\": \"x\"}"

static void entries_stand_in_the_way(void **state)
{
	static const struct {
		const char *where, *recipients;
		int64_t ago;
		bool passes;
	} cases[] = {
		{ "active", TO(ANN), 5, false },
		{ "incoming", TO("eve@example.com") ", " TO(ANN), 5, false },
		{ "active", TO("lee+x@example.org"), 5, false },
		{ "active", TO(BOB), 5, true },
		{ "deferred", TRIED(ANN), 5, true },
		{ "hold", TO(ANN), 5, true },
		{ "active", TRIED(ANN) ", " TO(BOB), 5, true },
		{ "incoming", "", 5, true },
		/* It came when the maps were published already. */
		{ "active", TO(ANN), -60, true },
	};

	(void)state;
	/* Flushing it changes nothing. */
	write_file("again", "", 0644);
	start_quietly();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		queue_one(cases[i].where, cases[i].recipients, cases[i].ago);
		freeze(ANN);
		if (!cases[i].passes) {
			EVENTUALLY(waits_for(ANN, "queue", 1));
			usleep(30000);
			assert_true(waits_for(ANN, "queue", 1));
			remove_file("queue");
		}
		EVENTUALLY(passed(ANN));
		remove_file("queue");
		thaw(ANN);
		EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	}
}

/* What has not been routed yet is not waited for for ever. */
static void maildrop_is_waited_for_in_vain_only_so_long(void **state)
{
	static const char *const recipients[] = { "", TO(ANN) };

	(void)state;
	start_quietly();
	for (size_t i = 0; i < 2; i++) {
		int64_t began = instant_monotonic();

		queue_one("maildrop", recipients[i], 5);
		freeze(ANN);
		EVENTUALLY(passed(ANN));
		assert_true(instant_monotonic() - began >= 2900);
		thaw(ANN);
		EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	}
	queue_one("maildrop", TO("eve@example.com"), 5);
	freeze(ANN);
	EVENTUALLY(passed(ANN));
}

/* After a reload Postfix would leave it alone for a minute. */
static void an_entry_that_was_left_in_incoming_is_flushed(void **state)
{
	(void)state;
	start_quietly();
	queue_one("incoming", TO(ANN), 5);
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	assert_int_equal(count_events("flush A1"), 1);
}

static void a_listing_that_fails_passes_nobody(void **state)
{
	(void)state;
	start_quietly();
	write_file("list.fail", "", 0644);
	freeze(ANN);
	EVENTUALLY(fails_with(ANN, "cannot list"));
	assert_true(is_front(ANN, ACCOUNT_FRONT_CLOSED));
	write_file("queue", "this is no listing\n", 0644);
	remove_file("list.fail");
	EVENTUALLY(fails_with(ANN, "line 1"));
	usleep(600000);
	assert_true(fails_with(ANN, "line 1"));
	remove_file("queue");
	EVENTUALLY(passed(ANN));
}

/* Only a look that began after the account was closed counts. */
static void looks_from_before_do_not_count(void **state)
{
	(void)state;
	start_quietly();
	freeze(BOB);
	EVENTUALLY(passed(BOB));
	thaw(BOB);
	EVENTUALLY(is_front(BOB, ACCOUNT_FRONT_OPEN));
	/* This look takes long, and the queue is empty when it begins. */
	free(make_script("list",
		"echo x >>looks\ncp queue seen.queue 2>/dev/null\n"
		"sleep 0.7\ntest ! -e seen.queue || cat seen.queue"));
	freeze(BOB);
	EVENTUALLY(waits_for(BOB, "queue", 0));
	usleep(100000);
	queue_one("active", TO(ANN), 5);
	freeze(ANN);
	EVENTUALLY(waits_for(ANN, "queue", 1));
	assert_false(passed(ANN));
}

/* ---- hooks ---- */

static void a_lock_that_fails_closes_nothing(void **state)
{
	(void)state;
	start_quietly();
	write_file("lock-old.fail", "", 0644);
	freeze(ANN);
	EVENTUALLY(fails_with(ANN, "lock-old is broken"));
	assert_true(is_front(ANN, ACCOUNT_FRONT_CLOSING));
	usleep(400000);
	assert_true(fails_with(ANN, "lock at old"));
	remove_file("lock-old.fail");
	EVENTUALLY(passed(ANN));
	assert_int_equal(count_events("reload"), 1);
}

static void an_unlock_is_tried_until_it_succeeds(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("unlock-new.fail", "", 0644);
	flip(ANN);
	usleep(500000);
	assert_true(is_front(ANN, ACCOUNT_FRONT_OPENING));
	/* Others do not wait for it. */
	freeze(BOB);
	EVENTUALLY(passed(BOB));
	remove_file("unlock-new.fail");
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
}

static void a_thaw_overtakes_a_lock(void **state)
{
	(void)state;
	start_quietly();
	write_file("lock-old.hang", "0.6", 0644);
	freeze(ANN);
	EVENTUALLY(exists("lock-old.began"));
	assert_true(waits_for(ANN, "lock", 0));
	thaw(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	/* The lock was there after the thaw, so the unlock came behind it. */
	expect_events("reload;reload;lock old " ANN " ann example.org ann;"
		      "unlock old " ANN " ann example.org ann;");
	assert_string_equal(answer(ANN), OLD);
}

/* And so does a thaw that comes while the maps are published. */
static void a_thaw_overtakes_a_reload(void **state)
{
	(void)state;
	start_quietly();
	write_file("reload.hang", "0.4", 0644);
	freeze(ANN);
	EVENTUALLY(strcmp(answer(ANN), PARK) == 0);
	thaw(ANN);
	remove_file("reload.hang");
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_string_equal(answer(ANN), OLD);
	/* It was not even locked. */
	assert_int_equal(count_events(";lock old"), 0);
	assert_int_equal(count_events(";unlock old"), 1);
}

static void a_freeze_overtakes_an_opening(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("unlock-old.hang", "0.5", 0644);
	thaw(ANN);
	EVENTUALLY(exists("unlock-old.began"));
	freeze(ANN);
	assert_false(passed(ANN));
	EVENTUALLY(passed(ANN));
	expect_events("reload;lock old " ANN " ann example.org ann;"
		      "reload;reload;unlock old " ANN " ann example.org ann;"
		      "lock old " ANN " ann example.org ann;");
	assert_string_equal(answer(ANN), PARK);
}

static void hung_locks_do_not_delay_an_opening(void **state)
{
	char address[64];
	int64_t began;

	(void)state;
	start_quietly();
	freeze(BOB);
	EVENTUALLY(passed(BOB));
	write_file("lock-old.hang", "8", 0644);
	for (int i = 0; i < 12; i++) {
		snprintf(address, sizeof(address), "u%d@example.org", i);
		accounts_add(store, address, NULL);
		accounts_freeze(store, address, instant_now());
	}
	front_wake(front);
	EVENTUALLY(waits_for("u0@example.org", "lock", 0));
	began = instant_monotonic();
	flip(BOB);
	EVENTUALLY(is_front(BOB, ACCOUNT_FRONT_OPEN));
	assert_true(instant_monotonic() - began < 5000);
	assert_true(is_front("u0@example.org", ACCOUNT_FRONT_CLOSING));
}

/* ---- the publication ---- */

static void a_publication_that_fails_is_told_and_repeated(void **state)
{
	(void)state;
	start_quietly();
	write_file("reload.fail", "", 0644);
	freeze(ANN);
	EVENTUALLY(fails_with(ANN, "no mail system"));
	usleep(300000);
	assert_true(is_front(ANN, ACCOUNT_FRONT_CLOSING));
	assert_int_equal(count_events("lock"), 0);
	remove_file("reload.fail");
	EVENTUALLY(passed(ANN));
}

static void all_who_wait_share_a_reload(void **state)
{
	char address[64];

	(void)state;
	start_quietly();
	write_file("reload.hang", "0.5", 0644);
	freeze(BOB);
	usleep(100000);
	for (int i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "u%d@example.org", i);
		accounts_add(store, address, NULL);
		freeze(address);
	}
	for (int i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "u%d@example.org", i);
		EVENTUALLY(passed(address));
	}
	assert_int_equal(count_events("lock old"), 51);
	assert_true(count_events("reload") <= 3);
}

static void a_first_publication_that_fails_stops_the_start(void **state)
{
	struct error error = { "" };

	(void)state;
	config.maps.directory = (char *)"/nowhere/at/all";
	front = front_new(&config, store, logger, accounts_store_front, store);
	assert_int_equal(front_start(front, &error), -1);
	assert_non_null(strstr(error.text, "/nowhere/at/all"));
}

static void new_accounts_are_published_soon(void **state)
{
	(void)state;
	start_quietly();
	accounts_add(store, "joe@example.org", "joey@example.org");
	front_wake(front);
	EVENTUALLY(strcmp(in("homes.db", "joey@example.org"), OLD) == 0);
	accounts_remove(store, "joe@example.org");
	front_wake(front);
	EVENTUALLY(in("homes.db", "joe@example.org")[0] == '\0');
}

static void moving_shrinks_at_leisure(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	freeze(BOB);
	EVENTUALLY(passed(ANN) && passed(BOB));
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	EVENTUALLY(strcmp(in("homes.db", ANN), NEW) == 0);
	EVENTUALLY(in("moving.db", ANN)[0] == '\0');
	EVENTUALLY(strcmp(in("moving.db", BOB), PARK) == 0);
}

static void another_configuration_is_taken_up(void **state)
{
	(void)state;
	start_quietly();
	freeze(BOB);
	EVENTUALLY(passed(BOB));
	config.maps.park = (char *)"other-park:[127.0.0.1]:2";
	systems[0].deliver = (char *)"smtp:[older.example.net]:25";
	front_reconfigure(front, &config);
	EVENTUALLY(strcmp(in("homes.db", ANN), "smtp:[older.example.net]:25") ==
		   0);
	EVENTUALLY(
		strcmp(in("moving.db", BOB), "other-park:[127.0.0.1]:2") == 0);
	EVENTUALLY(count_events("reload") == 2);
	remove_file("homes.db");
	front_rebuild(front);
	EVENTUALLY(count_events("reload") == 3);
	assert_string_equal(in("homes.db", ANN), "smtp:[older.example.net]:25");
}

/* ---- opening ---- */

static void a_flip_opens_in_order(void **state)
{
	struct buffer queue = BUFFER_EMPTY;
	char steps[ACCOUNT_TEXT_SIZE];
	int64_t now;

	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	remove_file("events");
	now = instant_now() / 1000;
	add_entry(&queue, "deferred", "C3", TRIED(ANN), now - 10);
	add_entry(&queue, "deferred", "B2", TRIED(BOB), now - 30);
	add_entry(
		&queue, "deferred", "A1", TRIED("lee+x@example.org"), now - 20);
	add_entry(
		&queue, "deferred", "D4", TRIED(ANN) ", " TRIED(BOB), now - 30);
	add_entry(&queue, "deferred", "9F", TRIED(ANN), now - 10);
	add_entry(&queue, "hold", "E5", TRIED(ANN), now - 40);
	/* It has met no freeze. */
	add_entry(&queue, "deferred", "F6", TRIED(ANN), now + 60);
	write_file("queue", queue.data, 0644);
	buffer_free(&queue);
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	expect_events("reload;unlock new " ANN " ann example.org " ANN ";"
		      "flush D4;flush A1;flush 9F;flush C3;");
	assert_string_equal(in("seen.db", ANN), NEW);
	accounts_steps(store, ANN, steps);
	assert_non_null(strstr(steps, " open="));
	assert_non_null(strstr(steps, " flush="));
}

static void what_is_deferred_again_is_flushed_twice(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	remove_file("events");
	write_file("again", "", 0644);
	queue_one("deferred", TRIED(ANN), 20);
	flip(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	expect_events("reload;unlock new " ANN " ann example.org " ANN ";"
		      "flush A1;flush A1;");
}

/* What is still on its way to being deferred is waited for. */
static void an_entry_that_moves_is_waited_for(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	queue_one("active", TO(ANN), 20);
	flip(ANN);
	EVENTUALLY(count_events("unlock new") == 1);
	usleep(500000);
	assert_true(is_front(ANN, ACCOUNT_FRONT_OPENING));
	queue_one("deferred", TRIED(ANN), 20);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush A1"), 1);
}

/* A reload has come back a moment before the mail server is through with it:
 * what still meets the former maps is not forgotten. */
static void what_is_parked_behind_the_reload_is_flushed(void **state)
{
	int before;

	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	before = looks();
	flip(ANN);
	EVENTUALLY(looks() > before);
	usleep(200000);
	queue_one("deferred", TRIED(ANN), 0);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush A1"), 1);
}

/* The new home takes nothing before it is unlocked. */
static void what_met_the_lock_is_flushed(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("unlock-new.hang", "4", 0644);
	flip(ANN);
	EVENTUALLY(exists("unlock-new.began"));
	usleep(3600000);
	queue_one("deferred", TRIED(ANN), 0);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush A1"), 1);
}

static void a_flush_that_fails_is_given_up(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("flush.fail", "", 0644);
	queue_one("deferred", TRIED(ANN), 20);
	thaw(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush A1"), 5);
}

static void an_entry_that_cannot_be_flushed_is_alone(void **state)
{
	struct buffer queue = BUFFER_EMPTY;
	int64_t now = instant_now() / 1000;

	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	write_file("bad.A1", "", 0644);
	add_entry(&queue, "deferred", "A1", TRIED(ANN), now - 30);
	add_entry(&queue, "deferred", "B2", TRIED(ANN), now - 20);
	add_entry(&queue, "deferred", "C3", TRIED(ANN), now - 10);
	write_file("queue", queue.data, 0644);
	buffer_free(&queue);
	thaw(ANN);
	EVENTUALLY(is_front(ANN, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("flush B2"), 1);
	assert_int_equal(count_events("flush C3"), 1);
	assert_int_equal(count_events("flush A1"), 6);
}

/* ---- the start ---- */

static void a_start_goes_on_where_a_crash_came(void **state)
{
	(void)state;
	accounts_freeze(store, ANN, instant_now());
	accounts_freeze(store, BOB, instant_now());
	accounts_flip(store, BOB);
	start();
	EVENTUALLY(passed(ANN));
	EVENTUALLY(is_front(BOB, ACCOUNT_FRONT_OPEN));
	assert_int_equal(count_events("lock old " ANN), 1);
	assert_int_equal(count_events("unlock new " BOB), 1);
	assert_true(count_events("reload") <= 2);
}

/* A barrier that had passed is asked for anew. */
static void a_closed_account_is_looked_for_again(void **state)
{
	(void)state;
	start_quietly();
	freeze(ANN);
	EVENTUALLY(passed(ANN));
	front_free(&front);
	queue_one("active", TO(ANN), 0);
	remove_file("events");
	start();
	assert_string_equal(in("homes.db", ANN), PARK);
	assert_string_equal(answer(ANN), PARK);
	EVENTUALLY(waits_for(ANN, "queue", 1));
	usleep(50000);
	assert_false(passed(ANN));
	remove_file("queue");
	EVENTUALLY(passed(ANN));
	assert_int_equal(count_events("lock"), 0);
}

/* Freezes and their ends as fast as they come, with all that runs at once. */
static void many_freezes_at_once(void **state)
{
	char address[20][64];
	unsigned seed = 99;

	(void)state;
	start_quietly();
	for (int i = 0; i < 20; i++) {
		snprintf(address[i], 64, "u%d@example.org", i);
		accounts_add(store, address[i], NULL);
	}
	for (int round = 0; round < 60; round++) {
		const char *one = address[rand_r(&seed) % 20];

		switch (accounts_front(store, one)) {
		case ACCOUNT_FRONT_OPEN:
		case ACCOUNT_FRONT_OPENING:
			freeze(one);
			break;
		case ACCOUNT_FRONT_CLOSING:
			thaw(one);
			break;
		case ACCOUNT_FRONT_CLOSED:
			flip(one);
			break;
		}
		usleep(rand_r(&seed) % 20000);
	}
	for (int i = 0; i < 20; i++)
		if (!is_front(address[i], ACCOUNT_FRONT_OPEN))
			thaw(address[i]);
	for (int i = 0; i < 20; i++) {
		struct account account;
		struct error error;

		EVENTUALLY(is_front(address[i], ACCOUNT_FRONT_OPEN));
		store_get_account(store, address[i], &account, &error);
		assert_string_equal(answer(address[i]),
			account.home == ACCOUNT_SOURCE ? OLD : NEW);
		account_clear(&account);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_freeze_closes_in_order),
		TEST(nobody_looks_without_need),
		TEST(without_a_queue_closed_is_enough),
		TEST(without_maps_and_hooks_there_is_still_a_reload),
		TEST(without_a_reload_it_is_waited_for),
		TEST(entries_stand_in_the_way),
		TEST(maildrop_is_waited_for_in_vain_only_so_long),
		TEST(an_entry_that_was_left_in_incoming_is_flushed),
		TEST(a_listing_that_fails_passes_nobody),
		TEST(looks_from_before_do_not_count),
		TEST(a_lock_that_fails_closes_nothing),
		TEST(an_unlock_is_tried_until_it_succeeds),
		TEST(a_thaw_overtakes_a_lock),
		TEST(a_thaw_overtakes_a_reload),
		TEST(a_freeze_overtakes_an_opening),
		TEST(hung_locks_do_not_delay_an_opening),
		TEST(a_publication_that_fails_is_told_and_repeated),
		TEST(all_who_wait_share_a_reload),
		TEST(a_first_publication_that_fails_stops_the_start),
		TEST(new_accounts_are_published_soon),
		TEST(moving_shrinks_at_leisure),
		TEST(another_configuration_is_taken_up),
		TEST(a_flip_opens_in_order),
		TEST(what_is_deferred_again_is_flushed_twice),
		TEST(an_entry_that_moves_is_waited_for),
		TEST(what_is_parked_behind_the_reload_is_flushed),
		TEST(what_met_the_lock_is_flushed),
		TEST(a_flush_that_fails_is_given_up),
		TEST(an_entry_that_cannot_be_flushed_is_alone),
		TEST(a_start_goes_on_where_a_crash_came),
		TEST(a_closed_account_is_looked_for_again),
		TEST(many_freezes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

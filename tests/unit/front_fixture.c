/* SPDX-License-Identifier: BSD-2-Clause */
/* A store in memory, and a mail server, hooks and a queue of shell scripts. */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"
#include "front_fixture.h"
#include "mapread.h"

struct store *store;
struct front *front;
struct config config;
struct config_system systems[2];
static char directory[64];
struct log *logger;
static struct config_domain domain = { .name = (char *)"example.org" };

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

void write_file(const char *name, const char *text, mode_t mode)
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

void remove_file(const char *name)
{
	char *path = path_of(name);

	unlink(path);
	free(path);
}

/* A script that does the lines, in our directory. */
char *make_script(const char *name, const char *lines)
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

int count_events(const char *what)
{
	char *text = events();
	int count = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		count++;
	free(text);
	return count;
}

bool exists(const char *name)
{
	char *path = path_of(name);
	bool result = access(path, F_OK) == 0;

	free(path);
	return result;
}

void expect_events(const char *expected)
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
	config.queue.barrier = true;
	free(make_script("flush",
		"echo \"flush $1\" >>events\n"
		"test -e flush.fail && { echo cannot flush; exit 1; }\n"
		"test -e \"bad.$1\" && { echo cannot flush it; exit 1; }\n"
		"test -e again && exit 0\n"
		"grep -v \"\\\"queue_id\\\": \\\"$1\\\"\" queue >queue.fresh\n"
		"mv queue.fresh queue"));
	config.queue.flush = xasprintf("%s/flush %%i", directory);
}

int front_setup(void **state)
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

int front_teardown(void **state)
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

void start(void)
{
	struct error error;

	front = front_new(&config, store, logger, accounts_store_front, store);
	if (front_start(front, &error) < 0)
		fail_msg("%s", error.text);
}

/* Past the reload that every start makes. */
void start_quietly(void)
{
	start();
	for (int i = 0; i < 1000 && count_events("reload") == 0; i++)
		usleep(5000);
	assert_true(config.maps.reload == NULL || count_events("reload") == 1);
	remove_file("events");
}

static int ask(const char *address, const char **waiting_r, size_t *entries_r,
	struct error *error)
{
	error->text[0] = '\0';
	return front_barrier(front, address, waiting_r, entries_r, error);
}

bool passed(const char *address)
{
	const char *waiting;
	struct error error;
	size_t entries;

	return ask(address, &waiting, &entries, &error) == 1;
}

bool waits_for(const char *address, const char *what, size_t how_many)
{
	const char *waiting;
	struct error error;
	size_t entries;

	return ask(address, &waiting, &entries, &error) == 0 &&
	       strcmp(waiting, what) == 0 && entries == how_many;
}

bool fails_with(const char *address, const char *why)
{
	const char *waiting;
	struct error error;
	size_t entries;

	return ask(address, &waiting, &entries, &error) == -1 &&
	       strstr(error.text, why) != NULL;
}

bool is_front(const char *address, enum account_front wanted)
{
	return accounts_front(store, address) == wanted;
}

void freeze(const char *address)
{
	accounts_freeze(store, address, instant_now());
	front_wake(front);
}

void thaw(const char *address)
{
	accounts_thaw(store, address);
	front_wake(front);
}

void flip(const char *address)
{
	accounts_flip(store, address);
	front_wake(front);
}

/* The value in a map; "" when it is not there. */
const char *in(const char *name, const char *key)
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
const char *answer(const char *key)
{
	const char *value = in("moving.db", key);

	return value[0] != '\0' ? value : in("homes.db", key);
}

void add_entry(struct buffer *queue, const char *where, const char *id,
	const char *recipients, int64_t seconds)
{
	buffer_printf(queue,
		"{\"queue_name\": \"%s\", \"queue_id\": \"%s\", "
		"\"arrival_time\": %lld, \"recipients\": [%s]}\n",
		where, id, (long long)seconds, recipients);
}

/* A queue of one entry that arrived so many seconds ago. */
void queue_one(const char *where, const char *recipients, int64_t ago)
{
	struct buffer queue = BUFFER_EMPTY;

	add_entry(&queue, where, "A1", recipients, instant_now() / 1000 - ago);
	write_file("queue", queue.data, 0644);
	buffer_free(&queue);
}

int looks(void)
{
	struct stat status;
	char *path = path_of("looks");
	int count = stat(path, &status) == 0 ? (int)status.st_size / 2 : 0;

	free(path);
	return count;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What moving and homes say, and that the pair of them is right at all times.
 */
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
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/log.h"
#include "policyd/maps.h"
#include "accounts.h"
#include "mapread.h"

#define OLD   "smtp:[old.example.net]:25"
#define NEW   "lmtp:unix:/run/dovecot/lmtp"
#define PARK  "rehome-park:[127.0.0.1]:1"
#define RETRY "retry:4.2.1 mailbox is being moved"
#define LATER "retry:4.3.0 mail system is not configured"

static char directory[64];
static struct store *store;
static struct maps *maps;

static struct config_system systems[] = {
	{ .name = (char *)"old", .deliver = (char *)OLD },
	{ .name = (char *)"new", .deliver = (char *)NEW },
};
static struct config_domain domains[] = {
	{ .name = (char *)"example.net" },
	{ .name = (char *)"example.org", .default_system = (char *)"old" },
};
static struct config config;

static int setup(void **state)
{
	struct error error;

	(void)state;
	strcpy(directory, "/tmp/maps-test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	memset(&config, 0, sizeof(config));
	config.systems = systems;
	config.systems_count = 2;
	config.domains = domains;
	config.domains_count = 2;
	config.maps.directory = directory;
	config.maps.park = (char *)PARK;
	config.maps.retry = (char *)RETRY;
	store = store_open("mem:", &error);
	maps = maps_new(store);
	return store != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "moving.db", "homes.db" };
	char path[96];

	(void)state;
	maps_free(&maps);
	store_close(&store);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	return rmdir(directory);
}

/* The value in one map; "" when it is not there. */
static const char *in(const char *name, const char *key)
{
	static char text[2][256];
	static int turn;
	char path[96];
	struct mapread *map;
	const char *value = "";
	int found;

	snprintf(path, sizeof(path), "%s/%s.db", directory, name);
	map = mapread_open(path);
	assert_non_null(map);
	found = mapread_get(map, key, &value);
	assert_true(found >= 0);
	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "%s", value);
	mapread_close(&map);
	return text[turn];
}

/* What Postfix finds for the address in both. */
static const char *answer(const char *key)
{
	const char *value = in("moving", key);

	return value[0] != '\0' ? value : in("homes", key);
}

static void publish(void)
{
	struct error error;

	if (maps_publish(maps, &config, &error) < 0)
		fail_msg("%s", error.text);
}

static struct maps_summary compact(void)
{
	struct maps_summary summary;
	struct error error;

	if (maps_compact(maps, &config, &summary, &error) < 0)
		fail_msg("%s", error.text);
	return summary;
}

/* As at the start. */
static void rebuild(void)
{
	compact();
	publish();
}

static void homes_has_every_address(void **state)
{
	struct maps_summary summary;

	(void)state;
	accounts_add(store, "ann@example.org", "ann.lee@example.org");
	accounts_add(store, "bob@example.org", NULL);
	accounts_set(
		store, "bob@example.org", ACCOUNT_SETTLED, ACCOUNT_DESTINATION);
	accounts_add(store, "eve@example.net", "eve@example.org");
	accounts_add(store, "joe@unmanaged.example", NULL);
	summary = compact();
	publish();
	assert_int_equal(summary.entries, 6);
	assert_int_equal(summary.unroutable, 0);
	assert_string_equal(in("homes", "ann@example.org"), OLD);
	assert_string_equal(in("homes", "ann.lee@example.org"), OLD);
	assert_string_equal(in("homes", "bob@example.org"), NEW);
	assert_string_equal(in("homes", "eve@example.net"), OLD);
	assert_string_equal(in("homes", "eve@example.org"), OLD);
	assert_string_equal(in("homes", "example.org"), OLD);
	assert_string_equal(in("homes", "example.net"), "");
	assert_string_equal(in("homes", "joe@unmanaged.example"), "");
	assert_string_equal(in("moving", "ann@example.org"), "");
	assert_int_equal(maps_moving(maps), 0);
}

static void frozen_accounts_are_parked_or_told_to_retry(void **state)
{
	static const struct {
		bool follow;
		enum account_mail mail;
		const char *value;
	} cases[] = {
		{ false, ACCOUNT_MAIL_DEFER, PARK },
		{ false, ACCOUNT_MAIL_PARK, PARK },
		{ true, ACCOUNT_MAIL_DEFER, RETRY },
		{ true, ACCOUNT_MAIL_PARK, PARK },
	};

	(void)state;
	accounts_add(store, "ann@example.org", "lee@example.org");
	rebuild();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config.maps.follow = cases[i].follow;
		accounts_mail(store, "ann@example.org", cases[i].mail);
		accounts_set(store, "ann@example.org", ACCOUNT_FROZEN,
			ACCOUNT_SOURCE);
		maps_touch(maps, "ann@example.org");
		publish();
		assert_string_equal(
			in("moving", "ann@example.org"), cases[i].value);
		assert_string_equal(
			in("moving", "lee@example.org"), cases[i].value);
		assert_string_equal(in("homes", "ann@example.org"), OLD);
	}
}

static void a_flip_stays_in_moving_until_homes_has_it(void **state)
{
	(void)state;
	accounts_add(store, "ann@example.org", "lee@example.org");
	rebuild();
	accounts_set(store, "ann@example.org", ACCOUNT_FROZEN, ACCOUNT_SOURCE);
	maps_touch(maps, "ann@example.org");
	publish();
	assert_string_equal(answer("ann@example.org"), PARK);

	accounts_set(store, "ann@example.org", ACCOUNT_SWEEPING,
		ACCOUNT_DESTINATION);
	maps_touch(maps, "ann@example.org");
	publish();
	assert_string_equal(answer("ann@example.org"), NEW);
	assert_string_equal(answer("lee@example.org"), NEW);
	assert_string_equal(in("homes", "lee@example.org"), OLD);

	/* Another account's publication does not take it out. */
	accounts_add(store, "bob@example.org", NULL);
	maps_touch(maps, "bob@example.org");
	publish();
	assert_string_equal(answer("lee@example.org"), NEW);

	/* Between the two renames of a compaction both have it. */
	compact();
	assert_string_equal(in("homes", "lee@example.org"), NEW);
	assert_string_equal(in("moving", "lee@example.org"), NEW);
	publish();
	assert_string_equal(in("moving", "lee@example.org"), "");
	assert_string_equal(answer("lee@example.org"), NEW);
	assert_int_equal(maps_moving(maps), 0);
}

/* moving still holds a flip that homes does not have when we are killed. */
static void a_restart_does_not_go_back(void **state)
{
	(void)state;
	accounts_add(store, "ann@example.org", NULL);
	rebuild();
	accounts_set(store, "ann@example.org", ACCOUNT_SWEEPING,
		ACCOUNT_DESTINATION);
	maps_touch(maps, "ann@example.org");
	publish();
	assert_string_equal(in("homes", "ann@example.org"), OLD);

	maps_free(&maps);
	maps = maps_new(store);
	compact();
	assert_string_equal(answer("ann@example.org"), NEW);
	publish();
	assert_string_equal(answer("ann@example.org"), NEW);
}

static void keys_that_are_gone_do_not_fall_back(void **state)
{
	(void)state;
	accounts_add(store, "ann@example.org", "lee@example.org");
	rebuild();
	accounts_set(store, "ann@example.org", ACCOUNT_SWEEPING,
		ACCOUNT_DESTINATION);
	maps_touch(maps, "ann@example.org");
	publish();

	accounts_remove_alias(store, "lee@example.org");
	maps_touch(maps, "ann@example.org");
	publish();
	assert_string_equal(answer("lee@example.org"), NEW);

	accounts_remove(store, "ann@example.org");
	maps_touch(maps, "ann@example.org");
	publish();
	assert_string_equal(answer("ann@example.org"), NEW);

	/* What another account has taken over is its own. */
	accounts_add(store, "bob@example.org", "lee@example.org");
	maps_touch(maps, "bob@example.org");
	publish();
	assert_string_equal(answer("lee@example.org"), OLD);

	rebuild();
	assert_string_equal(answer("lee@example.org"), OLD);
	assert_string_equal(answer("ann@example.org"), "");
	assert_int_equal(maps_moving(maps), 0);
}

static void unknown_systems_defer(void **state)
{
	struct maps_summary summary;

	(void)state;
	accounts_add(store, "ann@example.org", NULL);
	accounts_add(store, "bob@example.org", NULL);
	accounts_systems(store, "bob@example.org", "old", "vanished");
	accounts_set(
		store, "bob@example.org", ACCOUNT_SETTLED, ACCOUNT_DESTINATION);
	summary = compact();
	publish();
	assert_string_equal(answer("ann@example.org"), OLD);
	assert_string_equal(answer("bob@example.org"), LATER);
	assert_int_equal(summary.unroutable, 1);
	assert_string_equal(summary.example, "bob@example.org");
}

static void without_a_directory_nothing_is_done(void **state)
{
	struct error error;

	(void)state;
	config.maps.directory = NULL;
	accounts_add(store, "ann@example.org", NULL);
	maps_touch(maps, "ann@example.org");
	assert_int_equal(maps_publish(maps, &config, &error), 0);
	assert_int_equal(maps_compact(maps, &config, NULL, &error), 0);
	config.maps.directory = directory;
	publish();
	assert_string_equal(in("moving", "ann@example.org"), OLD);
}

/* A store that cannot tell leaves what was published. */
static void failures_leave_the_published_maps(void **state)
{
	struct store *failing;
	struct maps *others;
	struct error error = { "" };

	(void)state;
	accounts_add(store, "ann@example.org", NULL);
	rebuild();
	failing = store_open("fail:all", &error);
	assert_non_null(failing);
	others = maps_new(failing);
	maps_touch(others, "ann@example.org");
	assert_int_equal(maps_publish(others, &config, &error), -1);
	assert_non_null(strstr(error.text, "moving"));
	/* The touch is not forgotten. */
	assert_int_equal(maps_publish(others, &config, &error), -1);
	assert_int_equal(maps_compact(others, &config, NULL, &error), -1);
	assert_non_null(strstr(error.text, "homes"));
	maps_free(&others);
	store_close(&failing);
	assert_string_equal(answer("ann@example.org"), OLD);

	config.maps.directory = (char *)"/nowhere/at/all";
	assert_int_equal(maps_publish(maps, &config, &error), -1);
	assert_non_null(strstr(error.text, "/nowhere/at/all"));
	config.maps.directory = directory;
}

/* ---- changes while homes is written again and again ---- */

#define PEOPLE 40
#define ROUNDS 400

static atomic_bool ended;
static atomic_int compactions;

static void *compact_always(void *context)
{
	(void)context;
	while (!ended) {
		compact();
		compactions++;
	}
	return NULL;
}

static const char *expected_of(enum account_phase phase, enum account_home home)
{
	if (phase == ACCOUNT_FROZEN)
		return PARK;
	return home == ACCOUNT_SOURCE ? OLD : NEW;
}

static void the_pair_is_right_at_all_times(void **state)
{
	enum account_home homes[PEOPLE] = { ACCOUNT_SOURCE };
	enum account_phase phases[PEOPLE] = { ACCOUNT_SETTLED };
	char address[PEOPLE][64], alias[PEOPLE][64];
	pthread_t compactor;
	unsigned seed = 4711;

	(void)state;
	for (int i = 0; i < PEOPLE; i++) {
		snprintf(address[i], 64, "user%d@example.org", i);
		snprintf(alias[i], 64, "alias%d@example.org", i);
		accounts_add(store, address[i], alias[i]);
	}
	rebuild();
	ended = false;
	compactions = 0;
	pthread_create(&compactor, NULL, compact_always, NULL);
	for (int round = 0; round < ROUNDS; round++) {
		int i = rand_r(&seed) % PEOPLE;
		int other = rand_r(&seed) % PEOPLE;

		if (phases[i] == ACCOUNT_FROZEN) {
			phases[i] = ACCOUNT_SWEEPING;
			if (rand_r(&seed) % 3 != 0)
				homes[i] = !homes[i];
		} else {
			phases[i] = ACCOUNT_FROZEN;
		}
		accounts_set(store, address[i], phases[i], homes[i]);
		maps_touch(maps, address[i]);
		publish();
		assert_string_equal(
			answer(address[i]), expected_of(phases[i], homes[i]));
		assert_string_equal(answer(alias[other]),
			expected_of(phases[other], homes[other]));
	}
	ended = true;
	pthread_join(compactor, NULL);
	assert_true(compactions > 10);
	publish();
	for (int i = 0; i < PEOPLE; i++)
		assert_string_equal(
			answer(alias[i]), expected_of(phases[i], homes[i]));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(homes_has_every_address),
		TEST(frozen_accounts_are_parked_or_told_to_retry),
		TEST(a_flip_stays_in_moving_until_homes_has_it),
		TEST(a_restart_does_not_go_back),
		TEST(keys_that_are_gone_do_not_fall_back),
		TEST(unknown_systems_defer),
		TEST(without_a_directory_nothing_is_done),
		TEST(failures_leave_the_published_maps),
		TEST(the_pair_is_right_at_all_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

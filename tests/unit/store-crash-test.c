/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd/store_bdb and kill -9: a child makes transitions in several threads
 * and acknowledges each that is done; it is killed at moments of all kinds, in
 * commits, checkpoints, backups and while it recovers. Opened again, the store
 * has every acknowledged transition and no half of another.
 */
#include "config.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/store.h"
#include "tests/unit/store_fixture.h"

#define CRASH_KILLS    30
#define CRASH_TIME     20000 /* ms for all kills together */
#define CRASH_FEWEST   10    /* kills, or nothing was tested */
#define CRASH_ACCOUNTS 12
#define CRASH_THREADS  3

struct crash {
	char *directory;
	char *uri;
	uint64_t acknowledged[CRASH_ACCOUNTS]; /* the last revision of each */
	uint64_t total;
};

/* Written in one piece, and read so. */
struct acknowledgement {
	uint32_t account;
	uint32_t starting; /* the child opens the store */
	uint64_t revision;
};

static void crash_address(unsigned account, char *address_r)
{
	snprintf(address_r, ADDRESS_SIZE, "user%u@example.org", account);
}

/* ---- the child ---- */

struct crash_thread {
	struct store *store;
	const char *directory;
	int answers;
	unsigned seed;
};

static void *crash_transitions(void *context)
{
	const struct crash_thread *thread = context;
	struct acknowledgement answer = { 0 };
	unsigned seed = thread->seed;
	char address[ADDRESS_SIZE];

	for (;;) {
		answer.account = (unsigned)rand_r(&seed) % CRASH_ACCOUNTS;
		crash_address(answer.account, address);
		if (fixture_transition(thread->store, address,
			    &answer.revision) != STORE_DONE)
			_exit(2);
		if (write(thread->answers, &answer, sizeof(answer)) !=
			sizeof(answer))
			_exit(3);
	}
	return NULL;
}

static void *crash_care(void *context)
{
	const struct crash_thread *thread = context;
	unsigned number = 0;

	for (;;) {
		char *backup = xasprintf("%s/backup%u-%d", thread->directory,
			number++, (int)getpid());

		if (store_checkpoint(thread->store, NULL) < 0 ||
			store_backup(thread->store, backup, NULL) < 0)
			_exit(4);
		free(backup);
	}
	return NULL;
}

static void crash_child(const struct crash *crash, int answers, unsigned seed)
{
	const struct acknowledgement starting = { .starting = 1 };
	struct crash_thread threads[CRASH_THREADS];
	pthread_t thread;
	struct store *store;

	if (write(answers, &starting, sizeof(starting)) != sizeof(starting))
		_exit(3);
	store = store_open(crash->uri, NULL);
	if (store == NULL)
		_exit(1);
	for (unsigned i = 0; i < CRASH_THREADS; i++) {
		threads[i] = (struct crash_thread){ store, crash->directory,
			answers, seed + i };
		if (pthread_create(&thread, NULL,
			    i == 0 && seed % 3 == 0 ? crash_care
						    : crash_transitions,
			    &threads[i]) != 0)
			_exit(5);
	}
	for (;;)
		pause();
}

/* ---- the parent ---- */

/* Takes an answer if one comes before the instant; false when none does. */
static bool crash_take(struct crash *crash, int answers, int64_t until)
{
	struct pollfd ready = { .fd = answers, .events = POLLIN };
	int64_t wait = until - instant_monotonic();
	struct acknowledgement answer;

	if (poll(&ready, 1, wait > 0 ? (int)wait : 0) <= 0)
		return false;
	if (read(answers, &answer, sizeof(answer)) != sizeof(answer))
		return false;
	if (answer.starting)
		return true;
	assert_true(answer.account < CRASH_ACCOUNTS);
	if (answer.revision > crash->acknowledged[answer.account])
		crash->acknowledged[answer.account] = answer.revision;
	crash->total++;
	return true;
}

/* Starts a child, takes its answers for so long, kills it and takes the rest.
 */
static void crash_kill(struct crash *crash, unsigned seed, int64_t after)
{
	int answers[2];
	int64_t until;
	pid_t child;
	int status;

	assert_int_equal(pipe(answers), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(answers[0]);
		crash_child(crash, answers[1], seed);
	}
	close(answers[1]);
	/* the time runs from when the child opens the store */
	assert_true(crash_take(crash, answers[0], instant_monotonic() + 60000));
	until = instant_monotonic() + after;
	while (crash_take(crash, answers[0], until))
		;
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	while (crash_take(crash, answers[0], 0))
		;
	close(answers[0]);
}

struct crash_line {
	uint64_t next; /* revision */
	bool right;
};

static bool crash_see_line(const struct store_audit *audit, void *context)
{
	struct crash_line *line = context;
	const char *event = attr_list_get(audit->detail, "event");

	line->right = line->right && strtoull(event, NULL, 10) == line->next;
	line->next++;
	return true;
}

/* The account, its lease and its history are those of one revision, which is
 * not below the last that was acknowledged. */
static void crash_check_account(
	const struct crash *crash, struct store *store, unsigned account)
{
	struct crash_line line = { 2, true }; /* it was added with 1 */
	struct store_lease lease;
	char address[ADDRESS_SIZE];
	uint64_t revision;

	crash_address(account, address);
	revision = fixture_revision(store, address);
	assert_true(revision >= crash->acknowledged[account]);
	assert_int_equal(
		store_scan_audit(store, address, crash_see_line, &line, NULL),
		0);
	assert_true(line.right);
	assert_int_equal(line.next, revision + 1);
	if (revision == 1)
		return;
	assert_int_equal(store_get_lease(store, address, &lease, NULL), 1);
	assert_int_equal(lease.epoch, revision);
}

static void crash_check(const struct crash *crash)
{
	struct store *store = fixture_open(crash->uri);
	struct store_counts counts;

	for (unsigned i = 0; i < CRASH_ACCOUNTS; i++)
		crash_check_account(crash, store, i);
	fixture_check(store);
	assert_int_equal(store_count(store, &counts, NULL), 0);
	assert_int_equal(counts.accounts, CRASH_ACCOUNTS);
	store_close(&store);
}

static void crash_begin(struct crash *crash)
{
	char address[ADDRESS_SIZE];
	struct store *store;

	crash->directory = fixture_directory();
	crash->uri = xasprintf("bdb:%s/store", crash->directory);
	store = fixture_open(crash->uri);
	for (unsigned i = 0; i < CRASH_ACCOUNTS; i++) {
		crash_address(i, address);
		fixture_add(store, address);
		crash->acknowledged[i] = 1;
	}
	store_close(&store);
}

static void test_kills(void **state)
{
	struct crash crash = { .total = 0 };
	unsigned seed = (unsigned)getpid();
	int64_t end;
	int kills;

	(void)state;
	print_message("seed %u\n", seed);
	crash_begin(&crash);
	end = instant_monotonic() + CRASH_TIME;
	for (kills = 0; kills < CRASH_KILLS && instant_monotonic() < end;
		kills++) {
		/* some while it opens and recovers, most while it works, some
		 * twice without a look between */
		int64_t after = kills % 5 == 0 ? rand_r(&seed) % 30
					       : 50 + rand_r(&seed) % 300;

		crash_kill(&crash, seed, after);
		if (kills % 4 != 0)
			crash_check(&crash);
	}
	crash_check(&crash);
	print_message(
		"%d kills, %" PRIu64 " transitions\n", kills, crash.total);
	assert_true(kills >= CRASH_FEWEST);
	assert_true(crash.total >= (uint64_t)kills);
	fixture_remove(crash.directory);
	free(crash.uri);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

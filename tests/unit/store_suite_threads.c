/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policyd/store: several threads change the same accounts while others look.
 * Nothing is lost between them, and nobody sees a state go back.
 */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policyd/store.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/store_suite.h"

#define WRITERS	 4
#define READERS	 2
#define ACCOUNTS 6
#define ROUNDS	 120 /* of each writer */

struct shared {
	struct store *store;
	atomic_uint_least64_t done[ACCOUNTS]; /* the last revision told DONE */
	atomic_uint_least64_t commits;
	atomic_int writing;
	atomic_int wrong; /* what a thread saw that may not be; 0: nothing */
};

struct worker {
	pthread_t thread;
	struct shared *shared;
	unsigned seed;
};

static void threads_address(unsigned account, char *address_r)
{
	snprintf(address_r, ADDRESS_SIZE, "user%u@example.org", account);
}

/* The revision of an account, 0 when that could not be told. */
static uint64_t threads_look(struct store *store, unsigned number)
{
	char address[ADDRESS_SIZE];
	struct account account;
	uint64_t revision;

	threads_address(number, address);
	if (store_get_account(store, address, &account, NULL) != 1)
		return 0;
	revision = account.revision;
	account_clear(&account);
	return revision;
}

static void *threads_write(void *context)
{
	struct worker *worker = context;
	struct shared *shared = worker->shared;
	char address[ADDRESS_SIZE];

	for (int i = 0; i < ROUNDS; i++) {
		unsigned account = (unsigned)rand_r(&worker->seed) % ACCOUNTS;
		uint64_t revision, known;
		enum store_commit result;

		threads_address(account, address);
		result = fixture_transition(shared->store, address, &revision);
		if (result == STORE_CONFLICT)
			continue;
		if (result != STORE_DONE)
			atomic_store(&shared->wrong, 1);
		atomic_fetch_add(&shared->commits, 1);
		/* whoever was told DONE must see it, and so must all others */
		if (threads_look(shared->store, account) < revision)
			atomic_store(&shared->wrong, 2);
		known = atomic_load(&shared->done[account]);
		while (known < revision &&
			!atomic_compare_exchange_weak(
				&shared->done[account], &known, revision))
			;
	}
	atomic_fetch_sub(&shared->writing, 1);
	return NULL;
}

static bool threads_see(const struct account *account, void *context)
{
	(void)account;
	++*(unsigned *)context;
	return true;
}

static void *threads_read(void *context)
{
	const struct store_filter all = { 0 };
	struct worker *worker = context;
	struct shared *shared = worker->shared;

	while (atomic_load(&shared->writing) > 0) {
		unsigned account = (unsigned)rand_r(&worker->seed) % ACCOUNTS;
		uint64_t done = atomic_load(&shared->done[account]);
		struct store_counts counts;
		unsigned seen = 0;

		if (threads_look(shared->store, account) < done)
			atomic_store(&shared->wrong, 3);
		if (store_count(shared->store, &counts, NULL) < 0 ||
			counts.accounts != ACCOUNTS)
			atomic_store(&shared->wrong, 4);
		if (store_scan_accounts(shared->store, &all, threads_see, &seen,
			    NULL) != 0 ||
			seen != ACCOUNTS)
			atomic_store(&shared->wrong, 5);
	}
	return NULL;
}

static void threads_run(struct shared *shared)
{
	struct worker workers[WRITERS + READERS];

	atomic_store(&shared->writing, WRITERS);
	for (unsigned i = 0; i < WRITERS + READERS; i++) {
		workers[i] = (struct worker){ .shared = shared, .seed = i };
		assert_int_equal(
			pthread_create(&workers[i].thread, NULL,
				i < WRITERS ? threads_write : threads_read,
				&workers[i]),
			0);
	}
	for (unsigned i = 0; i < WRITERS + READERS; i++)
		pthread_join(workers[i].thread, NULL);
}

void test_threads(void **state)
{
	struct shared shared = { .store = subject_store(state) };
	char address[ADDRESS_SIZE];
	uint64_t revisions = 0;

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		threads_address(i, address);
		fixture_add(shared.store, address);
	}
	threads_run(&shared);
	assert_int_equal(atomic_load(&shared.wrong), 0);
	assert_true(atomic_load(&shared.commits) > 0);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		uint64_t revision = threads_look(shared.store, i);

		threads_address(i, address);
		assert_int_equal(
			revision, atomic_load(&shared.done[i]) > 0
					  ? atomic_load(&shared.done[i])
					  : 1);
		assert_int_equal(fixture_audit_count(shared.store, address),
			revision - 1);
		revisions += revision - 1;
	}
	assert_int_equal(revisions, atomic_load(&shared.commits));
}

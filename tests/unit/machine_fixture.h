/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of directory and machine share: a configuration, a store, a
 * machine whose clock stands where the test puts it and whose front is made of
 * numbers.
 */
#ifndef REHOME_TEST_MACHINE_FIXTURE_H
#define REHOME_TEST_MACHINE_FIXTURE_H

#include <stddef.h>

#include "lib/config.h"
#include "policyd/machine_private.h"

#define START  INT64_C(1000000)
#define LEASE  INT64_C(9000) /* as in the configuration */
#define BUDGET INT64_C(4000)
#define RETRY  INT64_C(2000) /* the first back-off */

struct bench {
	struct log *log;
	struct settings_box *settings;
	struct store *store;
	struct events *events;
	struct machine *machine;
	int wakes;	    /* of the front */
	int changes;	    /* that it was told of */
	int barrier;	    /* what it answers */
	int quiet;	    /* the same of the gateways */
	struct error error; /* of the last call */
};

extern int64_t bench_now; /* what the machine takes for the time */

/*
 * example.org (default old), complete.example (default old, complete),
 * pass.example (default pass); systems old and new; managed by them alone.
 * extra is put behind it.
 */
struct config *bench_config(const char *extra);

struct bench *bench_new(const char *store_uri);
void bench_free(struct bench **bench);

/* Does what the name says and fails the test when it does not succeed. */
void bench_add(struct bench *bench, const char *address);
void bench_move(struct bench *bench, const char *address);
/* Leases it and brings it to the phase; returns the epoch. */
uint64_t bench_bring(
	struct bench *bench, const char *address, enum account_phase phase);
/* The front becomes CLOSED, its barrier passes, the copy is proved. */
void bench_prove(struct bench *bench, const char *address, uint64_t epoch);

/* The account as it stands in the store; nothing of it is to be freed. */
struct account bench_get(struct bench *bench, const char *address);
/* The events of its history: "add transition lease ". */
const char *bench_history(struct bench *bench, const char *address);

#endif

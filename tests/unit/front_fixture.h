/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the front share: a store in memory and a mail server, hooks
 * and a queue that are shell scripts, which note what they do. One at a time.
 */
#ifndef REHOME_TEST_FRONT_FIXTURE_H
#define REHOME_TEST_FRONT_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buffer.h"
#include "lib/config.h"
#include "lib/instant.h"
#include "policyd/front.h"
#include "accounts.h"

#define OLD  "smtp:[old.example.net]:25"
#define NEW  "lmtp:unix:/run/dovecot/lmtp"
#define PARK "rehome-park:[127.0.0.1]:1"
#define ANN  "ann@example.org"
#define BOB  "bob@example.org"

/* Recipients of an entry of the queue, as postqueue -j prints them. */
#define TO(address)    "{\"address\": \"" address "\"}"
#define TRIED(address) "{\"address\": \"" address "\", \"delay_reason\": \"x\"}"

extern struct store *store;
extern struct front *front; /* freed by front_teardown */
extern struct log *logger;
extern struct config config;
extern struct config_system systems[2];

/* For cmocka: Ann and Bob at the old system, nothing started yet. */
int front_setup(void **state);
int front_teardown(void **state);

/* Starts the front; quietly: past the reload that every start makes. */
void start(void);
void start_quietly(void);

/* Files in the scratch directory. NAME.fail, NAME.hang (seconds inside) make
 * the script of that name fail or hang. */
void write_file(const char *name, const char *text, mode_t mode);
void remove_file(const char *name);
bool exists(const char *name);
/* A script that does the lines there; its path, malloc'd. */
char *make_script(const char *name, const char *lines);

/* What the scripts have noted: how often so, or all of it, joined by ';'. */
int count_events(const char *what);
void expect_events(const char *expected);
/* How often the queue was listed. */
int looks(void);

void freeze(const char *address);
void thaw(const char *address);
void flip(const char *address);

/* What the barrier answers. */
bool passed(const char *address);
bool waits_for(const char *address, const char *what, size_t how_many);
bool fails_with(const char *address, const char *why);
bool is_front(const char *address, enum account_front wanted);

/* The value in a map, "" when it is not there; and what the mail server finds
 * in both maps. Valid until the next call. */
const char *in(const char *name, const char *key);
const char *answer(const char *key);

/* A line of the queue's listing; a queue of one entry that arrived so many
 * seconds ago. */
void add_entry(struct buffer *queue, const char *where, const char *id,
	const char *recipients, int64_t seconds);
void queue_one(const char *where, const char *recipients, int64_t ago);

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

#endif

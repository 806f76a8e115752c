/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop of one thread, over epoll(7), which only loop.c knows.
 * Everything here belongs to the loop's thread but what says otherwise, and
 * every callback runs there, one after the other. What a callback frees, even
 * itself, is not called any more.
 */
#ifndef REHOME_GATEWAY_LOOP_H
#define REHOME_GATEWAY_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

struct loop;

struct loop *loop_new(struct error *error);
/* After the last watch; timers and work that are left are forgotten. */
void loop_free(struct loop **loop);

/* Until loop_stop; may be called again. Returns 0, or -1 when the system
 * refuses to wait. */
int loop_run(struct loop *loop, struct error *error);
/* The present turn is the last one. Any thread. */
void loop_stop(struct loop *loop);

/* ms of a clock that never goes back (instant_monotonic), read once a turn. */
int64_t loop_now(struct loop *loop);

/* ---- descriptors ---- */

struct loop_watch;

/*
 * Told once when readiness begins (edge triggered), not again while it lasts;
 * but an end or an error of the descriptor is told as both, and once more in
 * the next turn: so a stream socket that was read from need not be read again
 * when it gave less than there was room for. What is ready already when the
 * watch is made is told in the next turn.
 */
typedef void loop_ready_fn(void *context, bool readable, bool writable);

/* One watch for a descriptor, which stays the caller's. NULL: the system has
 * no more room. */
struct loop_watch *loop_watch_new(
	struct loop *loop, int descriptor, loop_ready_fn *ready, void *context);
/*
 * The same for one that is only read, and told in every turn while there is
 * something to read (level triggered): listening sockets, signals. Of several
 * loops that watch one descriptor not all are woken for one event.
 */
struct loop_watch *loop_watch_level(
	struct loop *loop, int descriptor, loop_ready_fn *ready, void *context);
/* Before the descriptor is closed. NULL is allowed. */
void loop_watch_free(struct loop_watch **watch);
/* Of a level watch: tells nothing, until it is resumed. */
void loop_watch_pause(struct loop_watch *watch);
void loop_watch_resume(struct loop_watch *watch);

/* ---- time ---- */

#define LOOP_TICK 100 /* ms; a timer is late by less than two of them */

typedef void loop_fn(void *context);

/* Lives inside its user's struct, zeroed at first; the fields are loop.c's. */
struct loop_timer {
	struct loop_timer *next, **link; /* link NULL: not in the loop */
	int64_t at;			 /* ms; when it is due */
	loop_fn *due;
	void *context;
};

/*
 * Calls due once, ms from now (loop_now). An earlier setting is forgotten.
 * Setting a timer later again and again, as idle times do, costs nearly
 * nothing.
 */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t ms,
	loop_fn *due, void *context);
/* Before the timer's memory goes. One that is not set may be cleared. */
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);

/* ---- work ---- */

/* Lives inside its user's struct, zeroed at first; the fields are loop.c's. */
struct loop_work {
	struct loop_work *next, **link; /* link NULL: not queued */
	loop_fn *run;
	void *context;
};

/* Runs it once after all that is ready now had its turn. One that is queued
 * stays where it is. */
void loop_defer(
	struct loop *loop, struct loop_work *work, loop_fn *run, void *context);
void loop_undefer(struct loop *loop, struct loop_work *work);

/* A word from another thread: its memory is the loop's until run is called,
 * which may free or post it again. */
struct loop_post {
	struct loop_post *next;
	loop_fn *run;
	void *context;
};

/* Runs it once in the loop's thread, in the order of posting. Any thread; the
 * loop must not be freed meanwhile. */
void loop_post(
	struct loop *loop, struct loop_post *post, loop_fn *run, void *context);

#endif

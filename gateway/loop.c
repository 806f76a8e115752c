/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One event_base, used by one thread and therefore without its locks. libevent
 * waits and tells; timers are a wheel of ours, since a gateway has one for each
 * session and nearly all of them are set later before they are due.
 */
#include "config.h"

#include "gateway/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/xalloc.h"

#define LOOP_SLOTS 1024 /* of the wheel: 102 s a round */

struct loop {
	struct event_base *base;
	bool fresh; /* now was read in this turn */
	int64_t now;
	atomic_bool stop;

	struct event tick; /* goes while there are timers */
	int64_t ticked;	   /* the last tick that was done; they are counted */
	size_t timers;	   /* in the wheel */
	struct loop_timer *wheel[LOOP_SLOTS];

	struct loop_work *work, **work_end;

	int wake; /* eventfd */
	struct loop_watch *wake_watch;
	pthread_mutex_t lock; /* of what follows */
	struct loop_post *posts, **posts_end;
};

struct loop_watch {
	struct event event;
	struct loop *loop;
	loop_ready_fn *ready;
	void *context;
	bool paused;
};

int64_t loop_now(struct loop *loop)
{
	if (!loop->fresh) {
		loop->now = instant_monotonic();
		loop->fresh = true;
	}
	return loop->now;
}

/* ---- descriptors ---- */

static void loop_watch_ready(evutil_socket_t descriptor, short events, void *at)
{
	struct loop_watch *watch = at;

	(void)descriptor;
	watch->ready(watch->context, (events & EV_READ) != 0,
		(events & EV_WRITE) != 0);
}

static struct loop_watch *loop_watch_add(struct loop *loop, int descriptor,
	short events, loop_ready_fn *ready, void *context)
{
	struct loop_watch *watch = xcalloc(1, sizeof(*watch));

	watch->loop = loop;
	watch->ready = ready;
	watch->context = context;
	if (event_assign(&watch->event, loop->base, descriptor,
		    (short)(events | EV_PERSIST), loop_watch_ready,
		    watch) == 0 &&
		event_add(&watch->event, NULL) == 0)
		return watch;
	free(watch);
	return NULL;
}

struct loop_watch *loop_watch_new(
	struct loop *loop, int descriptor, loop_ready_fn *ready, void *context)
{
	return loop_watch_add(
		loop, descriptor, EV_READ | EV_WRITE | EV_ET, ready, context);
}

struct loop_watch *loop_watch_level(
	struct loop *loop, int descriptor, loop_ready_fn *ready, void *context)
{
	return loop_watch_add(loop, descriptor, EV_READ, ready, context);
}

void loop_watch_free(struct loop_watch **watch)
{
	if (*watch == NULL)
		return;
	event_del(&(*watch)->event);
	free(*watch);
	*watch = NULL;
}

void loop_watch_pause(struct loop_watch *watch)
{
	if (!watch->paused)
		event_del(&watch->event);
	watch->paused = true;
}

void loop_watch_resume(struct loop_watch *watch)
{
	/* That there is no room can be but a moment's matter; it was there. */
	if (watch->paused && event_add(&watch->event, NULL) < 0)
		return;
	watch->paused = false;
}

/* ---- time ---- */

/* The first tick that does not come before it is due. */
static int64_t loop_timer_tick(const struct loop_timer *timer)
{
	return (timer->at + LOOP_TICK - 1) / LOOP_TICK;
}

static void loop_timer_unlink(struct loop_timer *timer)
{
	*timer->link = timer->next;
	if (timer->next != NULL)
		timer->next->link = timer->link;
	timer->link = NULL;
}

/* What is more than a round of the wheel away is looked at once a round. */
static void loop_timer_place(struct loop *loop, struct loop_timer *timer)
{
	int64_t tick = loop_timer_tick(timer);
	struct loop_timer **slot;

	if (tick <= loop->ticked)
		tick = loop->ticked + 1;
	slot = &loop->wheel[tick % LOOP_SLOTS];
	timer->next = *slot;
	if (timer->next != NULL)
		timer->next->link = &timer->next;
	timer->link = slot;
	*slot = timer;
}

static void loop_tick_start(struct loop *loop)
{
	const struct timeval tick = { .tv_usec = LOOP_TICK * 1000 };

	loop->ticked = loop_now(loop) / LOOP_TICK;
	/* A time-out takes no more than memory. */
	if (event_add(&loop->tick, &tick) < 0)
		abort();
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t ms,
	loop_fn *due, void *context)
{
	int64_t at = loop_now(loop) + ms;

	timer->due = due;
	timer->context = context;
	/* One that is set later stays where it is, and is placed anew when its
	 * former time comes. */
	if (timer->link != NULL && at >= timer->at) {
		timer->at = at;
		return;
	}
	loop_timer_clear(loop, timer);
	timer->at = at;
	if (loop->timers++ == 0)
		loop_tick_start(loop);
	loop_timer_place(loop, timer);
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	if (timer->link == NULL)
		return;
	loop_timer_unlink(timer);
	if (--loop->timers == 0)
		event_del(&loop->tick);
}

/* One slot of the wheel; tick is the present one. */
static void loop_tick_slot(struct loop *loop, size_t slot, int64_t tick)
{
	struct loop_timer *list = loop->wheel[slot];
	struct loop_timer *timer;

	loop->wheel[slot] = NULL;
	if (list != NULL)
		list->link = &list;
	while ((timer = list) != NULL) {
		if (loop_timer_tick(timer) <= tick) {
			loop_timer_clear(loop, timer);
			timer->due(timer->context);
		} else {
			loop_timer_unlink(timer);
			loop_timer_place(loop, timer);
		}
	}
}

static void loop_tick(evutil_socket_t descriptor, short events, void *context)
{
	struct loop *loop = context;
	int64_t tick = loop_now(loop) / LOOP_TICK;

	(void)descriptor;
	(void)events;
	/* After a long sleep of the machine each slot is looked at once. */
	if (tick - loop->ticked > LOOP_SLOTS)
		loop->ticked = tick - LOOP_SLOTS;
	while (loop->ticked < tick) {
		loop->ticked++;
		loop_tick_slot(loop, (size_t)(loop->ticked % LOOP_SLOTS), tick);
	}
}

/* ---- work ---- */

void loop_defer(
	struct loop *loop, struct loop_work *work, loop_fn *run, void *context)
{
	work->run = run;
	work->context = context;
	if (work->link != NULL)
		return;
	work->next = NULL;
	work->link = loop->work_end;
	*loop->work_end = work;
	loop->work_end = &work->next;
}

void loop_undefer(struct loop *loop, struct loop_work *work)
{
	if (work->link == NULL)
		return;
	*work->link = work->next;
	if (work->next != NULL)
		work->next->link = work->link;
	else if (loop->work_end == &work->next)
		loop->work_end = work->link;
	work->link = NULL;
}

/* What is queued meanwhile waits for the next turn. */
static void loop_run_work(struct loop *loop)
{
	struct loop_work *list = loop->work;
	struct loop_work *work;

	if (list == NULL)
		return;
	list->link = &list;
	loop->work = NULL;
	loop->work_end = &loop->work;
	while ((work = list) != NULL) {
		loop_undefer(loop, work);
		work->run(work->context);
	}
}

/* ---- other threads ---- */

static void loop_wake(struct loop *loop)
{
	const uint64_t one = 1;

	/* It can only fail when it is far from zero: then it wakes as well. */
	if (write(loop->wake, &one, sizeof(one)) < 0)
		return;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	loop_wake(loop);
}

void loop_post(
	struct loop *loop, struct loop_post *post, loop_fn *run, void *context)
{
	bool first;

	post->next = NULL;
	post->run = run;
	post->context = context;
	pthread_mutex_lock(&loop->lock);
	first = loop->posts == NULL;
	*loop->posts_end = post;
	loop->posts_end = &post->next;
	pthread_mutex_unlock(&loop->lock);
	if (first)
		loop_wake(loop);
}

static void loop_woken(void *context, bool readable, bool writable)
{
	struct loop *loop = context;
	struct loop_post *post, *next;
	uint64_t count;

	(void)readable;
	(void)writable;
	/* Before the posts are taken: one that comes after wakes again. */
	if (read(loop->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		abort();
	pthread_mutex_lock(&loop->lock);
	post = loop->posts;
	loop->posts = NULL;
	loop->posts_end = &loop->posts;
	pthread_mutex_unlock(&loop->lock);
	for (; post != NULL; post = next) {
		next = post->next;
		post->run(post->context);
	}
}

/* ---- the loop ---- */

static struct event_base *loop_base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	if (event_config_require_features(config, EV_FEATURE_ET) == 0 &&
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *loop_new(struct error *error)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	pthread_mutex_init(&loop->lock, NULL);
	loop->work_end = &loop->work;
	loop->posts_end = &loop->posts;
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake >= 0)
		loop->base = loop_base_new();
	if (loop->base != NULL)
		loop->wake_watch =
			loop_watch_level(loop, loop->wake, loop_woken, loop);
	if (loop->wake_watch != NULL &&
		event_assign(&loop->tick, loop->base, -1,
			EV_TIMEOUT | EV_PERSIST, loop_tick, loop) == 0)
		return loop;
	error_set(error, "event loop: %s", strerror(errno));
	loop_free(&loop);
	return NULL;
}

void loop_free(struct loop **loop_pointer)
{
	struct loop *loop = *loop_pointer;

	if (loop == NULL)
		return;
	if (loop->timers > 0)
		event_del(&loop->tick);
	loop_watch_free(&loop->wake_watch);
	if (loop->base != NULL)
		event_base_free(loop->base);
	if (loop->wake >= 0)
		close(loop->wake);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
	*loop_pointer = NULL;
}

int loop_run(struct loop *loop, struct error *error)
{
	while (!atomic_exchange(&loop->stop, false)) {
		loop->fresh = false;
		if (event_base_loop(loop->base,
			    loop->work != NULL ? EVLOOP_ONCE | EVLOOP_NONBLOCK
					       : EVLOOP_ONCE) < 0) {
			error_set(error, "event loop: %s", strerror(errno));
			return -1;
		}
		loop_run_work(loop);
	}
	return 0;
}

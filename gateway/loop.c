/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One epoll(7) instance, used by one thread. Not libevent: that cannot let one
 * thread alone wake for a new client (EPOLLEXCLUSIVE), does not tell of an end
 * together with an error, and its share was seen in the byte phase. Timers are
 * a wheel, since a gateway has one for each session and nearly all of them are
 * set later before they are due.
 */
#include "config.h"

#include "gateway/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/xalloc.h"

#define LOOP_SLOTS  1024 /* of the wheel: 102 s a round */
#define LOOP_EVENTS 256	 /* that are taken at once */

struct loop {
	int epoll;
	struct epoll_event events[LOOP_EVENTS]; /* of the present turn; */
	int event, events_count; /* from event on they are to be told */
	bool fresh;		 /* now was read in this turn */
	int64_t now;
	atomic_bool stop;

	int64_t ticked; /* the last tick that was done; they are counted */
	size_t timers;	/* in the wheel */
	struct loop_timer *wheel[LOOP_SLOTS];

	struct loop_work *work, **work_end;

	int wake; /* eventfd */
	struct loop_watch *wake_watch;
	pthread_mutex_t lock; /* of what follows */
	struct loop_post *posts, **posts_end;
};

struct loop_watch {
	struct loop *loop;
	int descriptor;
	uint32_t events;
	loop_ready_fn *ready;
	void *context;
	struct loop_work again;
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

static int loop_watch_register(struct loop_watch *watch)
{
	struct epoll_event event = { .events = watch->events,
		.data.ptr = watch };

	return epoll_ctl(
		watch->loop->epoll, EPOLL_CTL_ADD, watch->descriptor, &event);
}

/* Not in this turn either, if that is still to come. */
static void loop_watch_withdraw(struct loop_watch *watch)
{
	struct loop *loop = watch->loop;

	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->descriptor, NULL);
	for (int i = loop->event; i < loop->events_count; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
}

static struct loop_watch *loop_watch_add(struct loop *loop, int descriptor,
	uint32_t events, loop_ready_fn *ready, void *context)
{
	struct loop_watch *watch = xcalloc(1, sizeof(*watch));

	watch->loop = loop;
	watch->descriptor = descriptor;
	watch->events = events;
	watch->ready = ready;
	watch->context = context;
	if (loop_watch_register(watch) == 0)
		return watch;
	free(watch);
	return NULL;
}

struct loop_watch *loop_watch_new(
	struct loop *loop, int descriptor, loop_ready_fn *ready, void *context)
{
	return loop_watch_add(loop, descriptor,
		EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, ready, context);
}

struct loop_watch *loop_watch_level(
	struct loop *loop, int descriptor, loop_ready_fn *ready, void *context)
{
	return loop_watch_add(
		loop, descriptor, EPOLLIN | EPOLLEXCLUSIVE, ready, context);
}

void loop_watch_free(struct loop_watch **watch)
{
	if (*watch == NULL)
		return;
	if (!(*watch)->paused)
		loop_watch_withdraw(*watch);
	loop_undefer((*watch)->loop, &(*watch)->again);
	free(*watch);
	*watch = NULL;
}

void loop_watch_pause(struct loop_watch *watch)
{
	if (!watch->paused)
		loop_watch_withdraw(watch);
	watch->paused = true;
}

void loop_watch_resume(struct loop_watch *watch)
{
	/* The room that it had is there. */
	if (watch->paused && loop_watch_register(watch) < 0)
		abort();
	watch->paused = false;
}

static void loop_watch_again(void *context)
{
	struct loop_watch *watch = context;

	watch->ready(watch->context, true, true);
}

/*
 * An end is told twice: whoever has read less than there was room for does not
 * read again, and would not see the end that came with the last octets.
 */
static void loop_watch_tell(struct loop_watch *watch, uint32_t events)
{
	const uint32_t lost = EPOLLERR | EPOLLHUP;

	if ((events & (lost | EPOLLRDHUP)) != 0 &&
		(watch->events & EPOLLET) != 0)
		loop_defer(watch->loop, &watch->again, loop_watch_again, watch);
	watch->ready(watch->context,
		(events & (lost | EPOLLIN | EPOLLRDHUP)) != 0,
		(events & (lost | EPOLLOUT)) != 0);
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
		loop->ticked = loop_now(loop) / LOOP_TICK;
	loop_timer_place(loop, timer);
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	if (timer->link == NULL)
		return;
	loop_timer_unlink(timer);
	loop->timers--;
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

static void loop_tick(struct loop *loop)
{
	int64_t tick = loop_now(loop) / LOOP_TICK;

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

struct loop *loop_new(struct error *error)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	pthread_mutex_init(&loop->lock, NULL);
	loop->work_end = &loop->work;
	loop->posts_end = &loop->posts;
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->wake >= 0 && loop->epoll >= 0)
		loop->wake_watch =
			loop_watch_level(loop, loop->wake, loop_woken, loop);
	if (loop->wake_watch != NULL)
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
	loop_watch_free(&loop->wake_watch);
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->wake >= 0)
		close(loop->wake);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
	*loop_pointer = NULL;
}

/* ms that the loop may sleep; -1: until something comes. */
static int loop_patience(struct loop *loop)
{
	if (loop->work != NULL)
		return 0;
	if (loop->timers == 0)
		return -1;
	loop->fresh = false; /* what was done took its time */
	return (int)(LOOP_TICK - loop_now(loop) % LOOP_TICK);
}

/* Waits for what comes next. 0 or -1. */
static int loop_wait(struct loop *loop, struct error *error)
{
	int count = epoll_wait(
		loop->epoll, loop->events, LOOP_EVENTS, loop_patience(loop));

	loop->fresh = false;
	loop->event = 0;
	loop->events_count = count < 0 ? 0 : count;
	if (count >= 0 || errno == EINTR)
		return 0;
	error_set(error, "event loop: %s", strerror(errno));
	return -1;
}

int loop_run(struct loop *loop, struct error *error)
{
	while (!atomic_exchange(&loop->stop, false)) {
		if (loop_wait(loop, error) < 0)
			return -1;
		while (loop->event < loop->events_count) {
			const struct epoll_event *event =
				&loop->events[loop->event++];

			if (event->data.ptr != NULL)
				loop_watch_tell(event->data.ptr, event->events);
		}
		if (loop->timers > 0)
			loop_tick(loop);
		loop_run_work(loop);
	}
	return 0;
}

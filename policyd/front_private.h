/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the front. Its threads: the front thread reads the store, publishes
 * and reloads (front.c); the looking thread lists the queue (front_queue.c);
 * job threads run hooks and flushes (front_hooks.c, front_flush.c). What they
 * know of an account is a task. No lock is held while a command runs or the
 * store is asked, so a result that comes back is for the task only when its
 * serial is still the same.
 */
#ifndef REHOME_FRONT_PRIVATE_H
#define REHOME_FRONT_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/front.h"
#include "policyd/jobs.h"
#include "policyd/maps.h"
#include "policyd/queue_search.h"

#define FRONT_THREADS 2 /* the front thread and the looking thread */
/* Job threads: a hung lock hook never stands in the way of an opening. */
#define FRONT_LOCK_THREADS   8
#define FRONT_UNLOCK_THREADS 8
#define FRONT_FLUSH_THREADS  4

/* Postfix takes up a changed map by itself within 10 s and its processes use
 * an old answer for another 30 s. */
#define FRONT_UNSEEN_MS 40000
/* A reload has come back a moment before the mail server is through with it
 * (reload.h): so long, mail may still meet what stood in the maps before. */
#define FRONT_QUIET_MS 2000
/* The queue's listing is no snapshot: an entry that moves between two queues
 * while it is taken may be missed. So many looks in a row find nothing. */
#define FRONT_CLEAN_LOOKS 2
/* Arrival times are whole seconds of the mail server's clock. */
#define FRONT_ARRIVAL_MS 1000

enum front_step {
	FRONT_PUBLISH, /* waits for a publication */
	FRONT_HOOK,    /* lock or unlock is to run, or runs */
	FRONT_QUEUE,   /* closed: deliveries under way; opening: what waits */
	FRONT_PASSED,  /* closed: nothing is under way any more */
	FRONT_WRITE,   /* opening: OPEN is to be written */
};

/* An entry of the queue that was flushed for an account. */
struct front_flushed {
	char id[QUEUE_ID_SIZE]; /* first: compared */
	int tries;
	int64_t at; /* monotonic, of the last try */
};

/* An account whose front is not open. Times are of the monotonic clock, but
 * for published. */
struct front_task {
	char address[ADDRESS_SIZE]; /* first: the tree compares it */
	enum account_front state;
	int64_t frozen_at;
	uint64_t serial;   /* of this state in this freeze; never used again */
	uint64_t revision; /* of the account, at least */
	uint64_t scan;	   /* that saw it last */
	enum front_step step;
	bool busy;	/* a job of this or the former state is under way */
	bool hooked;	/* the hook has run; its result is to be written */
	bool failed;	/* the step did, for the reason in error */
	uint64_t round; /* the publication that it waits for */
	struct error error;
	int failures; /* of the step, in a row */
	int64_t retry_at;
	int64_t since;	    /* the state was seen first */
	int64_t visible_at; /* the mail server uses what was published */
	int64_t published;  /* instant; opening: and unlocked */
	int64_t publish_ms, reload_ms, hook_ms;
	int64_t published_at;

	/* the queue */
	int64_t closed; /* instant */
	int64_t queue_at;
	int64_t look_at;
	int64_t asked_at; /* by front_barrier */
	int64_t poked_at;
	int64_t progress_at; /* something was flushed, or is still moving */
	int clean;	     /* looks in a row that found nothing */
	size_t entries;	     /* that the last look found in the way */
	int64_t flush_ms;    /* until nothing waited any more */
	int flush_failures;  /* of the command, in a row */
	char flush_failed[QUEUE_ID_SIZE]; /* the entry; the next time last */
	struct front_flushed *flushed;	  /* sorted by id */
	size_t flushed_count;

	struct front_task *next;
};

/* A configuration and how many use it. */
struct front_settings {
	struct config *config;
	size_t users;
};

struct front {
	struct store *store;
	struct log *log;
	front_store_fn *store_front;
	void *context;
	front_unlocked_fn *unlocked; /* or NULL */
	void *unlocked_context;
	struct maps *maps;
	struct jobs *locks, *unlocks, *flushes, *compactions;
	pthread_t threads[FRONT_THREADS];
	size_t threads_count;

	pthread_mutex_t lock;	/* for all below */
	pthread_cond_t changed; /* wakes the front thread */
	pthread_cond_t look;	/* wakes the looking thread */
	struct front_settings *settings;
	bool ending;
	bool woken;	    /* read the store */
	int64_t refresh_at; /* and then in any case */
	uint64_t serial, scan, round;
	void *tree; /* of the tasks, by address */
	struct front_task *tasks;
	size_t tasks_count;

	bool publish_wanted; /* moving, though no account waits for it */
	bool reload_wanted;  /* by the next publication, whatever it is for */
	bool renewed;	     /* another configuration */
	int64_t round_at;    /* no round before */
	int round_failures;

	bool homes_written; /* by this run; moving is not, before */
	bool stale;	    /* something has changed since homes was begun */
	bool rebuild;	    /* homes is to be written at once */
	bool compacting, compact_failed;
	int64_t compacted_at;
	int64_t compact_ms;			    /* how long it took */
	uint64_t accounts, aliases;		    /* in the store */
	uint64_t accounts_written, aliases_written; /* when homes was begun */

	/* what was logged last of troubles that repeat, or "" */
	struct error round_error, store_error, look_error;
};

/* ---- front.c ---- */

struct front_settings *front_settings_new(const struct config *config);
void *front_run(void *front);
/* Without the lock. */
bool front_is_ending(struct front *front);
/* With the lock held. */
struct front_settings *front_settings_take(struct front *front);
void front_settings_give(struct front *front, struct front_settings *settings);
/* Waits on the condition until that monotonic time, the lock held. */
void front_wait(struct front *front, pthread_cond_t *condition, int64_t until);
/* Logs a failure that is not the one that was told last. Lock held. */
void front_log_news(struct front *front, struct error *told, int result,
	const struct error *error);
void front_log_failure(struct front *front, const char *address,
	const char *what, const struct error *error);

/* ---- front_tasks.c; all with the lock held but for front_tasks_refresh ----
 */

struct front_task *front_task_find(struct front *front, const char *address);
/* The task, if it still is in the state of that serial. */
struct front_task *front_task_current(
	struct front *front, const char *address, uint64_t serial);
/* Enters a step; counters of the step before are reset. */
void front_task_step(struct front_task *task, enum front_step step);
/* The step failed and is to be tried again after a time that doubles from min
 * to max ms with every failure. */
void front_task_fail(struct front_task *task, const struct error *error,
	int64_t min, int64_t max);
void front_tasks_free(struct front *front);
/* Makes the tasks follow the store. 0, or -1 when it could not tell. */
int front_tasks_refresh(struct front *front, struct error *error);

/* ---- front_hooks.c ---- */

/* Adds the job of a task in FRONT_HOOK or FRONT_WRITE. Lock held. */
void front_hook_start(struct front *front, struct front_task *task);

/* ---- front_queue.c ---- */

void *front_looking(void *front);

/* ---- front_flush.c; with the lock held ---- */

/*
 * Judges what a look that was begun then (monotonic) has found for an opening
 * task: starts a flush, goes on waiting, or ends the opening.
 */
void front_flush_judge(struct front *front, struct front_task *task,
	int64_t began, const struct queue_found *found, size_t count);
/* The same when the look has failed: the opening is not kept waiting for
 * ever. */
void front_flush_blind(struct front *front, struct front_task *task);

#endif

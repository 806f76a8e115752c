/* SPDX-License-Identifier: BSD-2-Clause */
/* The file DIRECTORY/SYSTEM.pace: a struct pace_state. */
#include "config.h"

#include "copier/pace.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/size.h"
#include "lib/xalloc.h"

#define PACE_MAGIC  "rehome1"
#define PACE_SECOND INT64_C(1000000)
#define PACE_DAY    INT64_C(86400000) /* ms */
/* A debt beyond this is of a clock that began anew (µs). */
#define PACE_DEBT_MOST (3600 * PACE_SECOND)
/* What is moved at once lasts so long at the rate (parts of a second). */
#define PACE_PARTS     8
#define PACE_PIECE_MIN 512

struct pace {
	struct pace_limits limits;
	char *system;
	int file;
	atomic_bool hurry;
	pthread_mutex_t mutex; /* flock knows no threads */
};

/* Pays amount at so many a second; *at_r is when all is paid for. */
static int64_t pace_pay(
	int64_t *at_r, int64_t rate, int64_t now, uint64_t amount)
{
	int64_t at = *at_r;

	if (rate == 0 || amount == 0)
		return 0;
	if (at < now - PACE_SECOND)
		at = now - PACE_SECOND;
	if (at > now + PACE_DEBT_MOST)
		at = now;
	at += (int64_t)((double)amount * PACE_SECOND / (double)rate);
	*at_r = at;
	return at > now ? at - now : 0;
}

int64_t pace_book(struct pace_state *state, const struct pace_limits *limits,
	int64_t now, int64_t day, uint64_t bytes, uint64_t messages)
{
	int64_t by_bytes, by_messages;

	/* A clock that was set back does not give the day anew. */
	if (day > state->day) {
		state->day = day;
		state->day_bytes = 0;
	}
	state->day_bytes += (int64_t)bytes;
	by_bytes = pace_pay(&state->bytes_at, limits->bytes, now, bytes);
	by_messages =
		pace_pay(&state->messages_at, limits->messages, now, messages);
	return by_bytes > by_messages ? by_bytes : by_messages;
}

static int64_t pace_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * PACE_SECOND + now.tv_nsec / 1000;
}

static int64_t pace_day(void)
{
	return instant_now() / PACE_DAY;
}

static char *pace_path(const char *directory, const char *system)
{
	char *path = xasprintf("%s/%s.pace", directory, system);
	char *at;

	for (at = path + strlen(directory) + 1; *at != '\0'; at++)
		if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-')
			*at = '_';
	return path;
}

struct pace *pace_open(const char *directory, const char *system,
	const struct pace_limits *limits, struct error *error)
{
	struct pace *pace;
	char *path;
	int file;

	if (limits->bytes == 0 && limits->messages == 0 &&
		limits->day_bytes == 0)
		return NULL;
	path = pace_path(directory, system);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0) {
		error_set(error, "open %s: %s", path, strerror(errno));
		free(path);
		return NULL;
	}
	free(path);
	pace = xcalloc(1, sizeof(*pace));
	pace->limits = *limits;
	pace->system = xstrdup(system);
	pace->file = file;
	pthread_mutex_init(&pace->mutex, NULL);
	return pace;
}

void pace_free(struct pace **pace)
{
	if (*pace == NULL)
		return;
	close((*pace)->file);
	pthread_mutex_destroy(&(*pace)->mutex);
	free((*pace)->system);
	free(*pace);
	*pace = NULL;
}

/* A file that is new, or whose content is none of ours, begins with nothing. */
static void pace_read(const struct pace *pace, struct pace_state *state_r)
{
	if (pread(pace->file, state_r, sizeof(*state_r), 0) !=
			(ssize_t)sizeof(*state_r) ||
		memcmp(state_r->magic, PACE_MAGIC, sizeof(PACE_MAGIC)) != 0) {
		memset(state_r, 0, sizeof(*state_r));
		memcpy(state_r->magic, PACE_MAGIC, sizeof(PACE_MAGIC));
	}
}

static void pace_lock(struct pace *pace, int how)
{
	pthread_mutex_lock(&pace->mutex);
	while (flock(pace->file, how) < 0 && errno == EINTR)
		;
}

static void pace_unlock(struct pace *pace)
{
	flock(pace->file, LOCK_UN);
	pthread_mutex_unlock(&pace->mutex);
}

/* µs to wait. Without the lock (a full table of locks) it is booked all the
 * same: a limit that is kept nearly is better than none. */
static int64_t pace_spend_shared(
	struct pace *pace, uint64_t bytes, unsigned messages)
{
	struct pace_state state;
	int64_t wait;

	pace_lock(pace, LOCK_EX);
	pace_read(pace, &state);
	wait = pace_book(&state, &pace->limits, pace_clock(), pace_day(), bytes,
		messages);
	if (pwrite(pace->file, &state, sizeof(state), 0) !=
		(ssize_t)sizeof(state))
		wait = 0; /* a full disk is told by the journal */
	pace_unlock(pace);
	return wait;
}

void pace_spend(struct pace *pace, uint64_t bytes, unsigned messages)
{
	struct timespec pause;
	int64_t wait;

	if (pace == NULL)
		return;
	wait = pace_spend_shared(pace, bytes, messages);
	if (wait <= 0 || atomic_load(&pace->hurry))
		return;
	pause.tv_sec = (time_t)(wait / PACE_SECOND);
	pause.tv_nsec = (long)(wait % PACE_SECOND) * 1000;
	nanosleep(&pause, NULL);
}

size_t pace_piece(const struct pace *pace, size_t size)
{
	size_t piece;

	if (pace == NULL || pace->limits.bytes == 0)
		return size;
	piece = (size_t)(pace->limits.bytes / PACE_PARTS);
	if (piece < PACE_PIECE_MIN)
		piece = PACE_PIECE_MIN;
	return size < piece ? size : piece;
}

void pace_hurry(struct pace *pace, bool hurry)
{
	if (pace != NULL)
		atomic_store(&pace->hurry, hurry);
}

int64_t pace_resumes(struct pace *pace)
{
	struct pace_state state;
	int64_t day = pace_day();

	if (pace == NULL || pace->limits.day_bytes == 0)
		return 0;
	pace_lock(pace, LOCK_SH);
	pace_read(pace, &state);
	pace_unlock(pace);
	if (state.day < day || state.day_bytes < pace->limits.day_bytes)
		return 0;
	return (state.day + 1) * PACE_DAY;
}

bool pace_goes_on(struct pace *pace, struct error *error)
{
	char when[INSTANT_TEXT_SIZE], size[SIZE_TEXT];
	int64_t resumes;

	if (pace == NULL || atomic_load(&pace->hurry))
		return true;
	resumes = pace_resumes(pace);
	if (resumes == 0)
		return true;
	instant_format(resumes, when);
	error_set(error,
		"%s: the %s bytes of today are spent; it goes on from %s",
		pace->system, size_format(pace->limits.day_bytes, size), when);
	return false;
}

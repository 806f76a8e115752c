/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running another program to its end. The child is started by posix_spawn(3),
 * which is safe beside other threads and cheap for a large process, and waited
 * for by its own pidfd, so that no other child is touched.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/process.h"
#include "lib/xalloc.h"

#define SECRET_FD     3
#define FIRST_FREE_FD 4
#define GRACE_MS      2000 /* from SIGTERM to SIGKILL */
#define GIVE_UP_MS    5000 /* from SIGKILL to going on without the child */
#define LINE_SIZE     256
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* A pipe takes this much without a reader, even when the user's limit on pipe
 * memory is exhausted (pipe(7)). */
#define SECRET_MAX 4096

/* What the service manager tells to us is not for our children. */
static const char *const process_private[] = {
	"LISTEN_FDS",
	"LISTEN_FDNAMES",
	"LISTEN_PID",
	"NOTIFY_SOCKET",
	"WATCHDOG_PID",
	"WATCHDOG_USEC",
};

/* A stream of the child and the line of it that is not complete yet. */
struct process_stream {
	int fd; /* -1 behind its end */
	size_t size;
	char line[LINE_SIZE];
};

enum {
	STREAM_OUTPUT,
	STREAM_ERROR,
	STREAMS,
};

struct process {
	const struct process_job *job;
	struct buffer *output; /* or NULL */
	pid_t pid;	       /* 0: not started */
	int pidfd;
	struct process_stream streams[STREAMS];
	char last[LINE_SIZE]; /* the last line of either stream */
	size_t output_size;
	int64_t deadline;
	bool overflowed;
	int signalled; /* the last signal that was sent */
};

/* Whether "NAME=value" has the name of other, "NAME=value" or "NAME". */
static bool process_same_name(const char *entry, const char *other)
{
	size_t length = strcspn(entry, "=");

	return strncmp(entry, other, length) == 0 &&
	       (other[length] == '=' || other[length] == '\0');
}

static bool process_inherits(const struct process_job *job, const char *entry)
{
	for (size_t i = 0; i < COUNT(process_private); i++)
		if (process_same_name(entry, process_private[i]))
			return false;
	for (size_t i = 0; job->environment && job->environment[i]; i++)
		if (process_same_name(entry, job->environment[i]))
			return false;
	return true;
}

/* The child's environment: an array to free, its strings are not ours. */
static char **process_environment(const struct process_job *job)
{
	size_t count = 0;
	char **list;

	for (size_t i = 0; job->environment && job->environment[i]; i++)
		count++;
	for (size_t i = 0; environ && environ[i]; i++)
		count++;
	list = xcalloc(count + 1, sizeof(*list));
	count = 0;
	for (size_t i = 0; job->environment && job->environment[i]; i++)
		list[count++] = (char *)job->environment[i];
	for (size_t i = 0; environ && environ[i]; i++)
		if (process_inherits(job, environ[i]))
			list[count++] = environ[i];
	return list;
}

/* Both ends are above the descriptors that the child's are put on. */
static int process_pipe(int ends_r[2])
{
	int low[2];
	int saved;

	if (pipe2(low, O_CLOEXEC) < 0)
		return -1;
	ends_r[0] = fcntl(low[0], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	ends_r[1] = fcntl(low[1], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	saved = errno;
	close(low[0]);
	close(low[1]);
	if (ends_r[0] >= 0 && ends_r[1] >= 0)
		return 0;
	if (ends_r[0] >= 0)
		close(ends_r[0]);
	if (ends_r[1] >= 0)
		close(ends_r[1]);
	errno = saved;
	return -1;
}

/*
 * A pipe that holds the secret and is at its end behind it. Written before the
 * child is there, it never blocks and never raises SIGPIPE. Returns the reading
 * end or -1.
 */
static int process_secret(const char *secret, struct error *error)
{
	size_t size = strlen(secret);
	ssize_t written;
	int ends[2];

	if (size > SECRET_MAX) {
		error_set(error, "the secret is longer than %d", SECRET_MAX);
		return -1;
	}
	if (process_pipe(ends) < 0) {
		error_set(error, "pipe: %s", strerror(errno));
		return -1;
	}
	written = write(ends[1], secret, size);
	close(ends[1]);
	if (written == (ssize_t)size)
		return ends[0];
	error_set(error, "pass the secret: %s", strerror(errno));
	close(ends[0]);
	return -1;
}

/* Returns 0 or an error number, as posix_spawn(3) does. */
static int process_spawn(struct process *process, const int writers[STREAMS],
	int secret, char *const *environment)
{
	int closed_from = secret < 0 ? SECRET_FD : SECRET_FD + 1;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	sigset_t all;
	int result;

	sigemptyset(&none);
	sigfillset(&all);
	result = posix_spawn_file_actions_init(&actions);
	if (result != 0)
		return result;
	result = posix_spawnattr_init(&attributes);
	if (result != 0)
		goto out;
	if ((result = posix_spawn_file_actions_addopen(
		     &actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) ||
		(result = posix_spawn_file_actions_adddup2(
			 &actions, writers[STREAM_OUTPUT], STDOUT_FILENO)) ||
		(result = posix_spawn_file_actions_adddup2(
			 &actions, writers[STREAM_ERROR], STDERR_FILENO)) ||
		(secret >= 0 && (result = posix_spawn_file_actions_adddup2(
					 &actions, secret, SECRET_FD))) ||
		(result = posix_spawn_file_actions_addclosefrom_np(
			 &actions, closed_from)) ||
		(result = posix_spawnattr_setflags(&attributes,
			 POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF)) ||
		(result = posix_spawnattr_setsigmask(&attributes, &none)) ||
		(result = posix_spawnattr_setsigdefault(&attributes, &all)))
		goto out_attributes;
	result = posix_spawn(&process->pid, process->job->argv[0], &actions,
		&attributes, (char *const *)process->job->argv, environment);
out_attributes:
	posix_spawnattr_destroy(&attributes);
out:
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

static void process_kill(struct process *process, int number)
{
	process->signalled = number;
	/* Not waited for yet: the group cannot be another's. */
	kill(-process->pid, number);
}

/* Ends a child that nobody can watch. */
static void process_abandon(struct process *process)
{
	process_kill(process, SIGKILL);
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Makes the streams, starts the child and opens its pidfd. */
static int process_start(
	struct process *process, int secret, struct error *error)
{
	int writers[STREAMS] = { -1, -1 };
	char **environment;
	int result = 0;

	for (size_t i = 0; i < STREAMS && result == 0; i++) {
		int ends[2];

		if (process_pipe(ends) < 0) {
			result = errno;
			break;
		}
		process->streams[i].fd = ends[0];
		writers[i] = ends[1];
		if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
			result = errno;
	}
	if (result == 0) {
		environment = process_environment(process->job);
		result = process_spawn(process, writers, secret, environment);
		free(environment);
	}
	for (size_t i = 0; i < STREAMS; i++)
		if (writers[i] >= 0)
			close(writers[i]);
	if (result == 0) {
		process->pidfd = pidfd_open(process->pid, 0);
		if (process->pidfd < 0) {
			result = errno;
			process_abandon(process);
		}
	}
	if (result == 0)
		return 0;
	error_set(error, "%s", strerror(result));
	return -1;
}

/*
 * The line is complete: remembered, unless it is empty. What is written after
 * we ended it tells less than what it was at before ("Terminated").
 */
static void process_end_line(
	struct process *process, struct process_stream *stream)
{
	if (stream->size > 0 && process->signalled == 0)
		memcpy(process->last, stream->line, sizeof(stream->line));
	memset(stream->line, 0, sizeof(stream->line));
	stream->size = 0;
}

/* Follows the lines of a stream; only the beginning of a long one is kept. */
static void process_follow(struct process *process,
	struct process_stream *stream, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] == '\n')
			process_end_line(process, stream);
		else if (data[i] != '\r' && data[i] != '\0' &&
			 stream->size < sizeof(stream->line) - 1)
			stream->line[stream->size++] = data[i];
}

static void process_end_lines(struct process *process)
{
	for (size_t i = 0; i < STREAMS; i++)
		process_end_line(process, &process->streams[i]);
}

static void process_keep(struct process *process, const char *data, size_t size)
{
	size_t room = process->job->output_max - process->output_size;

	if (size > room) {
		process->overflowed = true;
		size = room;
	}
	process->output_size += size;
	if (process->output != NULL)
		buffer_add(process->output, data, size);
}

/* Takes what is there. A stream that ended is closed. */
static void process_read(struct process *process, size_t which)
{
	struct process_stream *stream = &process->streams[which];
	char data[16384];
	ssize_t size;

	size = read(stream->fd, data, sizeof(data));
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		close(stream->fd);
		stream->fd = -1;
		return;
	}
	if (which == STREAM_OUTPUT)
		process_keep(process, data, (size_t)size);
	if (which == STREAM_OUTPUT && process->job->secret_output)
		explicit_bzero(data, sizeof(data));
	else
		process_follow(process, stream, data, (size_t)size);
}

/* Time is over: ask, then force, then go on without it. Returns false then. */
static bool process_escalate(struct process *process)
{
	int64_t now = instant_monotonic();

	switch (process->signalled) {
	case 0:
		process_end_lines(process);
		process_kill(process, SIGTERM);
		process->deadline = now + GRACE_MS;
		return true;
	case SIGTERM:
		process_kill(process, SIGKILL);
		process->deadline = now + GIVE_UP_MS;
		return true;
	default:
		return false;
	}
}

static int process_wait_ms(const struct process *process)
{
	int64_t left;

	if (process->deadline == INSTANT_NEVER)
		return -1;
	left = process->deadline - instant_monotonic();
	return left > 0 ? (int)left : 0;
}

/*
 * Reads until the child has ended; what still runs in the background and holds
 * the streams open is not waited for. Returns false when the child does not
 * end even when it is killed.
 */
static bool process_watch(struct process *process)
{
	bool strict = process->job->strict_output != 0;

	for (;;) {
		struct pollfd polled[STREAMS + 1] = {
			{ process->streams[0].fd, POLLIN, 0 },
			{ process->streams[1].fd, POLLIN, 0 },
			{ process->pidfd, POLLIN, 0 },
		};
		int ready =
			poll(polled, COUNT(polled), process_wait_ms(process));

		for (size_t i = 0; i < STREAMS && ready > 0; i++)
			if (polled[i].revents != 0)
				process_read(process, i);
		if (process->overflowed && strict && process->signalled == 0)
			process->deadline = 0;
		if (ready > 0 && polled[STREAMS].revents != 0)
			return true;
		if (process_wait_ms(process) == 0 && !process_escalate(process))
			return false;
	}
}

/* What the child wrote last before it ended. */
static void process_drain(struct process *process)
{
	/* No more than a pipe can hold: a background process may go on. */
	for (int i = 0; i < 64; i++) {
		struct pollfd polled[STREAMS] = {
			{ process->streams[0].fd, POLLIN, 0 },
			{ process->streams[1].fd, POLLIN, 0 },
		};

		if (poll(polled, COUNT(polled), 0) <= 0)
			break;
		for (size_t j = 0; j < STREAMS; j++)
			if (polled[j].revents != 0)
				process_read(process, j);
	}
	process_end_lines(process);
}

/*
 * Reaps the child. What is left of a group that was told to end is killed
 * before, while its number cannot have become another's.
 */
static int process_reap(const struct process *process, int *status_r)
{
	pid_t waited;

	if (process->signalled != 0)
		kill(-process->pid, SIGKILL);
	do
		waited = waitpid(process->pid, status_r, 0);
	while (waited < 0 && errno == EINTR);
	return waited < 0 ? -1 : 0;
}

/* What went wrong; false when nothing did. */
static bool process_failed(
	const struct process *process, bool ended, char *text, size_t size)
{
	const struct process_job *job = process->job;
	int status = 0;
	int reaped = ended ? process_reap(process, &status) : 0;

	if (process->overflowed && job->strict_output)
		snprintf(text, size, "more than %zu bytes of output",
			job->output_max);
	else if (process->signalled != 0)
		snprintf(text, size, "not done after %d ms%s", job->timeout_ms,
			ended ? "" : ", and killing it does not end it");
	else if (reaped < 0)
		snprintf(text, size, "its status is lost: %s", strerror(errno));
	else if (WIFSIGNALED(status))
		snprintf(text, size, "killed by signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
	else
		return false;
	return true;
}

static int process_finish(struct process *process, struct error *error)
{
	bool ended = process_watch(process);
	char why[128];

	process_drain(process);
	if (!process_failed(process, ended, why, sizeof(why)))
		return 0;
	error_set(error, "%s%s%s", why, process->last[0] != '\0' ? ": " : "",
		process->last);
	return -1;
}

int process_run(const struct process_job *job, struct buffer *output,
	struct error *error)
{
	struct process process = {
		.job = job,
		.output = output,
		.pidfd = -1,
		.streams = { { .fd = -1 }, { .fd = -1 } },
		.deadline = INSTANT_NEVER,
	};
	int secret = -1;
	int result = -1;

	if (job->argv[0][0] != '/') {
		error_set(error, "the path must be absolute");
		goto out;
	}
	if (job->secret != NULL) {
		secret = process_secret(job->secret, error);
		if (secret < 0)
			goto out;
	}
	if (job->timeout_ms > 0)
		process.deadline = instant_monotonic() + job->timeout_ms;
	if (process_start(&process, secret, error) == 0)
		result = process_finish(&process, error);
out:
	if (secret >= 0)
		close(secret);
	if (process.pidfd >= 0)
		close(process.pidfd);
	for (size_t i = 0; i < STREAMS; i++)
		if (process.streams[i].fd >= 0)
			close(process.streams[i].fd);
	if (result < 0)
		error_prefix(error, "run %s", job->argv[0]);
	return result;
}

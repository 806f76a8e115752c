/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several accounts at once: each is a process of its own that copies one and
 * prints events; what it prints last says how it ended.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include "copier/copy_list.h"
#include "copier/copy_private.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

#define MANY_POLL     200 /* ms between two looks at whether to stop */
#define MANY_ARGS_MAX 64
/* A list is read whole. */
#define MANY_FILE_MAX (16u << 20)

struct many {
	const struct copy_options *options;
	struct copy_list list;
	pthread_mutex_t lock; /* of what follows, and of standard output */
	size_t next;
	size_t complete;
	size_t refused;
	size_t failed;
	uint64_t messages, bytes;
	int code; /* the worst */
};

/* ---- one account ---- */

/* The command line of a row: the list's own, without what a list has. */
static void many_arguments(const struct many *many,
	const struct copy_list_row *row, const char **argv)
{
	const struct copy_options *options = many->options;
	size_t count = 0;

	argv[count++] = "rehome-copier";
	argv[count++] = "copy";
	for (int i = 1; i < options->argc && count < MANY_ARGS_MAX - 10; i++) {
		const char *word = options->argv[i];

		if (strcmp(word, "--list") == 0 || strcmp(word, "--jobs") == 0)
			i++;
		else if (strncmp(word, "--list=", 7) != 0 &&
			 strncmp(word, "--jobs=", 7) != 0 &&
			 strcmp(word, "--json") != 0)
			argv[count++] = word;
	}
	argv[count++] = "--json";
	if (row->fields[COPY_LIST_SOURCE_PASSWORD][0] != '\0') {
		argv[count++] = "--source-password-file";
		argv[count++] = row->fields[COPY_LIST_SOURCE_PASSWORD];
	}
	if (row->fields[COPY_LIST_DESTINATION_PASSWORD][0] != '\0') {
		argv[count++] = "--destination-password-file";
		argv[count++] = row->fields[COPY_LIST_DESTINATION_PASSWORD];
	}
	argv[count++] = "--";
	argv[count++] = row->fields[COPY_LIST_SOURCE];
	argv[count++] = row->fields[COPY_LIST_DESTINATION];
	argv[count] = NULL;
}

/* Starts it; its output comes out of *output_r. The pid, or -1. */
static pid_t many_start(const char *const *argv, int *output_r)
{
	int ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = -1;

	if (null >= 0 && pipe2(ends, O_CLOEXEC) == 0) {
		pid = fork();
		if (pid == 0) {
			dup2(null, STDIN_FILENO);
			dup2(ends[1], STDOUT_FILENO);
			dup2(null, STDERR_FILENO);
			execv("/proc/self/exe", (char *const *)argv);
			_exit(EX_OSERR);
		}
		close(ends[1]);
		if (pid > 0)
			*output_r = ends[0];
		else
			close(ends[0]);
	}
	if (null >= 0)
		close(null);
	return pid;
}

/* A line of its output; with --json it goes on, with the line of the list. */
static void many_line(struct many *many, const struct copy_list_row *row,
	const char *line, size_t size, json_t **last)
{
	json_t *event = json_loadb(line, size, 0, NULL);

	if (event == NULL)
		return;
	if (many->options->json) {
		json_object_set_new(
			event, "line", json_integer((json_int_t)row->line));
		pthread_mutex_lock(&many->lock);
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		pthread_mutex_unlock(&many->lock);
	}
	json_decref(*last);
	*last = event;
}

/* Reads all that it prints; tells it to end when we are told to. */
static void many_listen(struct many *many, const struct copy_list_row *row,
	pid_t pid, int output, json_t **last)
{
	struct buffer text = BUFFER_EMPTY;
	struct pollfd ready = { .fd = output, .events = POLLIN };
	bool told = false;
	char piece[4096];
	ssize_t size = 1;

	while (size > 0) {
		const char *newline;

		if (!told && copy_was_stopped()) {
			kill(pid, SIGTERM);
			told = true;
		}
		if (poll(&ready, 1, MANY_POLL) <= 0)
			continue;
		size = read(output, piece, sizeof(piece));
		if (size > 0)
			buffer_add(&text, piece, (size_t)size);
		while (text.size > 0 && (newline = memchr(text.data, '\n',
						 text.size)) != NULL) {
			size_t length = (size_t)(newline - text.data);

			many_line(many, row, text.data, length, last);
			buffer_drop(&text, length + 1);
		}
	}
	buffer_free(&text);
}

static uint64_t many_number(const json_t *event, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(event, name));
}

/* One line for people, as each account ends. */
static void many_tell(const struct many *many, const struct copy_list_row *row,
	const json_t *end, int code, int64_t ms)
{
	const char *cause = json_string_value(json_object_get(end, "error"));
	struct error names, words;

	if (many->options->json || (many->options->quiet && code == EX_OK))
		return;
	error_set(&names, "%s -> %s", row->fields[COPY_LIST_SOURCE],
		row->fields[COPY_LIST_DESTINATION]);
	if (cause == NULL)
		error_set(&words,
			"%" PRIu64 " messages there, copied %" PRIu64
			", refused %zu, %.1f s",
			many_number(end, "messages"),
			many_number(end, "copied"),
			json_array_size(json_object_get(end, "refused")),
			(double)ms / 1000);
	else
		error_set(&words, "%s", cause);
	printf("%-9s line %zu: %s: %s\n",
		code == EX_OK	     ? "complete"
		: code == EX_DATAERR ? "refused"
				     : "failed",
		row->line, names.text,
		end != NULL ? words.text : "it ended without a word");
	fflush(stdout);
}

static void many_count(struct many *many, const struct copy_list_row *row,
	const json_t *end, int code, int64_t ms)
{
	pthread_mutex_lock(&many->lock);
	many->complete += code == EX_OK;
	many->refused += code == EX_DATAERR;
	many->failed += code != EX_OK && code != EX_DATAERR;
	many->messages += many_number(end, "copied");
	many->bytes += many_number(end, "copied_bytes");
	if (code > many->code)
		many->code = code;
	many_tell(many, row, end, code, ms);
	pthread_mutex_unlock(&many->lock);
}

static void many_copy(struct many *many, const struct copy_list_row *row)
{
	const char *argv[MANY_ARGS_MAX];
	int64_t began = instant_monotonic();
	int output = -1, status = 0, code = EX_OSERR;
	json_t *last = NULL;
	pid_t pid;

	many_arguments(many, row, argv);
	pid = many_start(argv, &output);
	if (pid > 0) {
		many_listen(many, row, pid, output, &last);
		close(output);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	}
	many_count(many, row, last, code, instant_monotonic() - began);
	json_decref(last);
}

static void *many_work(void *context)
{
	struct many *many = context;

	for (;;) {
		const struct copy_list_row *row = NULL;

		pthread_mutex_lock(&many->lock);
		if (many->next < many->list.count &&
			!copy_was_stopped())
			row = &many->list.rows[many->next++];
		pthread_mutex_unlock(&many->lock);
		if (row == NULL)
			return NULL;
		many_copy(many, row);
	}
}

/* ---- all of them ---- */

static int many_read(struct many *many, struct error *error)
{
	FILE *file = fopen(many->options->list, "r");
	struct buffer text = BUFFER_EMPTY;
	char piece[65536];
	size_t size;
	int result = -1;

	if (file == NULL) {
		error_set(error, "%s", strerror(errno));
	} else {
		while ((size = fread(piece, 1, sizeof(piece), file)) > 0 &&
			text.size < MANY_FILE_MAX)
			buffer_add(&text, piece, size);
		fclose(file);
		result = copy_list_read(text.data != NULL ? text.data : "",
			text.size, &many->list, error);
	}
	if (result < 0)
		error_prefix(error, "%s", many->options->list);
	buffer_free(&text);
	return result;
}

static void many_summary(const struct many *many, int64_t ms)
{
	size_t left = many->list.count - many->next;

	if (many->options->json || many->options->quiet)
		return;
	printf("%zu account%s: %zu complete, %zu with something refused, %zu "
	       "failed",
		many->list.count, many->list.count == 1 ? "" : "s",
		many->complete, many->refused, many->failed);
	if (left > 0)
		printf(", %zu not begun", left);
	printf("; copied %" PRIu64 " messages, %.1f MB, in %.1f s\n",
		many->messages, (double)many->bytes / 1e6, (double)ms / 1000);
}

int copy_many(const struct copy_options *options)
{
	struct many many = { .options = options, .code = EX_OK };
	int64_t began = instant_monotonic();
	struct error error;
	pthread_t *threads;
	size_t count;

	if (many_read(&many, &error) < 0) {
		fprintf(stderr, "rehome copy: %s\n", error.text);
		copy_list_clear(&many.list);
		return EX_DATAERR;
	}
	count = many.list.count < (size_t)options->jobs ? many.list.count
							: (size_t)options->jobs;
	threads = xcalloc(count, sizeof(*threads));
	pthread_mutex_init(&many.lock, NULL);
	for (size_t i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, many_work, &many) != 0)
			abort();
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	many_summary(&many, instant_monotonic() - began);
	if (many.next < many.list.count && many.code < EX_TEMPFAIL)
		many.code = EX_TEMPFAIL;
	pthread_mutex_destroy(&many.lock);
	copy_list_clear(&many.list);
	free(threads);
	return many.code;
}

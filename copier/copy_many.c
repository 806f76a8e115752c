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
#include "copier/event.h"
#include "copier/interrupt.h"
#include "copier/mutf7.h"

#include "lib/figure.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

#define COPY_MANY_POLL	   200 /* ms between two looks at whether to stop */
#define COPY_MANY_ARGS_MAX 64
/* A list is read whole. */
#define COPY_MANY_FILE_MAX (16u << 20)

struct copy_many {
	const struct copy_options *options;
	struct copy_list list;
	pthread_mutex_t lock; /* of what follows, and of standard output */
	size_t next;
	size_t complete;
	size_t refused;
	size_t failed;
	size_t ended;
	uint64_t messages, bytes; /* of those that have ended */
	uint64_t under_way_messages, under_way_bytes; /* of those at work */
	struct progress progress;
	int code; /* the worst */
};

/* One of them, at work. */
struct copy_many_account {
	struct copy_many *many;
	const struct copy_list_row *row;
	json_t *last;			    /* the last event, or NULL */
	uint64_t told_messages, told_bytes; /* in its last event of progress */
	uint64_t messages, bytes;	    /* counted as under way */
};

/* ---- one account ---- */

/* The word is that option, which may be shortened, as getopt_long(3) has let
 * it through. */
static bool copy_many_is_option(const char *word, const char *name)
{
	size_t size = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;

	return size > 0 && strncmp(word + 2, name, size) == 0;
}

/* The command line of a row: the list's own, without what a list has. */
static void copy_many_arguments(const struct copy_many *many,
	const struct copy_list_row *row, const char **argv)
{
	const struct copy_options *options = many->options;
	size_t count = 0;

	argv[count++] = "rehome-copier";
	argv[count++] = "copy";
	for (int i = 1; i < options->argc && count < COPY_MANY_ARGS_MAX - 10;
		i++) {
		const char *word = options->argv[i];

		if (copy_many_is_option(word, "list") ||
			copy_many_is_option(word, "jobs"))
			i += strchr(word, '=') == NULL;
		else if (!copy_many_is_option(word, "json"))
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
static pid_t copy_many_start(const char *const *argv, int *output_r)
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

static uint64_t copy_many_number(const json_t *event, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(event, name));
}

/* What all of them have copied by now, on a terminal. */
static void copy_many_draw(struct copy_many *many)
{
	char count[FIGURE_SIZE], size[FIGURE_SIZE], rate[FIGURE_SIZE];
	uint64_t bytes = many->bytes + many->under_way_bytes;
	int64_t ms = instant_monotonic() - many->progress.began;
	char text[4 * FIGURE_SIZE];

	if (!progress_is_due(&many->progress))
		return;
	figure_plural((int64_t)(many->messages + many->under_way_messages),
		"message", count);
	figure_size((int64_t)bytes, size);
	figure_size(
		(int64_t)(bytes * 1000 / (uint64_t)(ms > 0 ? ms : 1)), rate);
	snprintf(text, sizeof(text),
		"%zu of %zu accounts, %zu at work: %s, %s, %s/s", many->ended,
		many->list.count, many->next - many->ended, count, size, rate);
	progress_show(&many->progress, text);
}

/* What has come since the last event; the figures of a round begin anew. */
static uint64_t copy_many_gained(
	const json_t *event, const char *name, uint64_t *told)
{
	uint64_t now = copy_many_number(event, name);
	uint64_t gained = now >= *told ? now - *told : now;

	*told = now;
	return gained;
}

static void copy_many_progress(
	struct copy_many_account *account, const json_t *event)
{
	struct copy_many *many = account->many;
	uint64_t messages = copy_many_gained(
		event, "messages_done", &account->told_messages);
	uint64_t bytes =
		copy_many_gained(event, "bytes_done", &account->told_bytes);

	account->messages += messages;
	account->bytes += bytes;
	many->under_way_messages += messages;
	many->under_way_bytes += bytes;
}

/* A line of its output; with --json it goes on, with the line of the list. */
static void copy_many_line(
	struct copy_many_account *account, const char *line, size_t size)
{
	struct copy_many *many = account->many;
	json_t *event = json_loadb(line, size, 0, NULL);

	if (event == NULL)
		return;
	pthread_mutex_lock(&many->lock);
	if (many->options->json) {
		json_object_set_new(event, "line",
			json_integer((json_int_t)account->row->line));
		event_print(json_incref(event));
	}
	if (json_object_get(event, "messages_done") != NULL)
		copy_many_progress(account, event);
	pthread_mutex_unlock(&many->lock);
	json_decref(account->last);
	account->last = event;
}

/* Reads all that it prints; tells it to end when we are told to. */
static void copy_many_listen(
	struct copy_many_account *account, pid_t pid, int output)
{
	struct copy_many *many = account->many;
	struct buffer text = BUFFER_EMPTY;
	struct pollfd ready = { .fd = output, .events = POLLIN };
	bool told = false;
	char piece[4096];
	ssize_t size = 1;

	while (size > 0) {
		const char *newline;

		if (!told && interrupt_came()) {
			kill(pid, SIGTERM);
			told = true;
		}
		pthread_mutex_lock(&many->lock);
		copy_many_draw(many);
		pthread_mutex_unlock(&many->lock);
		if (poll(&ready, 1, COPY_MANY_POLL) <= 0)
			continue;
		size = read(output, piece, sizeof(piece));
		if (size > 0)
			buffer_add(&text, piece, (size_t)size);
		while (text.size > 0 && (newline = memchr(text.data, '\n',
						 text.size)) != NULL) {
			size_t length = (size_t)(newline - text.data);

			copy_many_line(account, text.data, length);
			buffer_drop(&text, length + 1);
		}
	}
	buffer_free(&text);
}

static void copy_many_tell_refused(
	const struct copy_list_row *row, const json_t *end)
{
	const json_t *refused = json_object_get(end, "refused"), *item;
	size_t index;

	json_array_foreach(refused, index, item)
	{
		struct error folder, words;
		uint64_t uid = copy_many_number(item, "uid");
		const char *name =
			json_string_value(json_object_get(item, "folder"));
		const char *why =
			json_string_value(json_object_get(item, "words"));

		mutf7_show(name != NULL ? name : "", &folder);
		error_set(&words, "%s", why != NULL ? why : "");
		if (uid != 0)
			fprintf(stderr,
				"refused: line %zu: %s uid %" PRIu64 ": %s\n",
				row->line, folder.text, uid, words.text);
		else
			fprintf(stderr, "refused: line %zu: folder %s: %s\n",
				row->line, folder.text, words.text);
	}
}

/* What has become of the account. */
static void copy_many_words(const struct copy_many *many, const json_t *end,
	int64_t ms, struct error *words)
{
	const char *cause = json_string_value(json_object_get(end, "error"));
	uint64_t copied = copy_many_number(end, "copied");
	char count[FIGURE_SIZE], size[FIGURE_SIZE], time[FIGURE_SIZE];

	if (end == NULL)
		error_set(words, "it ended without a word");
	else if (cause != NULL && copied > 0)
		error_set(words, "%s; copied %s before", cause,
			figure_count((int64_t)copied, count));
	else if (cause != NULL)
		error_set(words, "%s", cause);
	else if (many->options->dry_run)
		error_set(words, "%s would be copied, %s",
			figure_plural((int64_t)copy_many_number(end, "planned"),
				"message", count),
			figure_size(
				(int64_t)copy_many_number(end, "planned_bytes"),
				size));
	else
		error_set(words, "%s there, copied %s, refused %zu, %s",
			figure_plural(
				(int64_t)copy_many_number(end, "messages"),
				"message", count),
			figure_count((int64_t)copied, size),
			json_array_size(json_object_get(end, "refused")),
			figure_duration(ms, time));
}

/* One line for people, as each account ends. */
static void copy_many_tell(struct copy_many *many,
	const struct copy_list_row *row, const json_t *end, int code,
	int64_t ms)
{
	struct error names, words;

	if (many->options->json || (many->options->quiet && code == EX_OK))
		return;
	progress_end(&many->progress);
	error_set(&names, "%s -> %s", row->fields[COPY_LIST_SOURCE],
		row->fields[COPY_LIST_DESTINATION]);
	copy_many_tell_refused(row, end);
	copy_many_words(many, end, ms, &words);
	printf("%-9s line %zu: %s: %s\n",
		code == EX_OK
			? (many->options->dry_run ? "looked at" : "complete")
		: code == EX_DATAERR ? "refused"
				     : "failed",
		row->line, names.text, words.text);
	fflush(stdout);
}

static void copy_many_count(
	const struct copy_many_account *account, int code, int64_t ms)
{
	struct copy_many *many = account->many;
	const json_t *end = account->last;

	pthread_mutex_lock(&many->lock);
	many->ended++;
	many->under_way_messages -= account->messages;
	many->under_way_bytes -= account->bytes;
	many->complete += code == EX_OK;
	many->refused += code == EX_DATAERR;
	many->failed += code != EX_OK && code != EX_DATAERR;
	many->messages += copy_many_number(
		end, many->options->dry_run ? "planned" : "copied");
	many->bytes += copy_many_number(
		end, many->options->dry_run ? "planned_bytes" : "copied_bytes");
	if (code > many->code)
		many->code = code;
	copy_many_tell(many, account->row, end, code, ms);
	pthread_mutex_unlock(&many->lock);
}

static void copy_many_copy(
	struct copy_many *many, const struct copy_list_row *row)
{
	const char *argv[COPY_MANY_ARGS_MAX];
	int64_t began = instant_monotonic();
	int output = -1, status = 0, code = EX_OSERR;
	struct copy_many_account account = { .many = many, .row = row };
	pid_t pid;

	copy_many_arguments(many, row, argv);
	pid = copy_many_start(argv, &output);
	if (pid > 0) {
		copy_many_listen(&account, pid, output);
		close(output);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	}
	copy_many_count(&account, code, instant_monotonic() - began);
	json_decref(account.last);
}

static void *copy_many_work(void *context)
{
	struct copy_many *many = context;

	for (;;) {
		const struct copy_list_row *row = NULL;

		pthread_mutex_lock(&many->lock);
		if (many->next < many->list.count && !interrupt_came())
			row = &many->list.rows[many->next++];
		pthread_mutex_unlock(&many->lock);
		if (row == NULL)
			return NULL;
		copy_many_copy(many, row);
	}
}

/* ---- all of them ---- */

/* One of the two accounts of a row: its URL is right, and it has a password. */
static int copy_many_check_side(const struct copy_many *many,
	const struct copy_list_row *row, int number, struct location *location,
	struct error *error)
{
	const struct copy_urls *urls = &many->options->urls;
	const char *side = number == 0 ? "source" : "destination";
	size_t field = number == 0 ? COPY_LIST_SOURCE : COPY_LIST_DESTINATION;
	size_t password = number == 0 ? COPY_LIST_SOURCE_PASSWORD
				      : COPY_LIST_DESTINATION_PASSWORD;

	if (location_parse(row->fields[field], true, location, error) < 0 ||
		(number == 1 &&
			location_check_destination(location, error) < 0)) {
		error_prefix(error, "%s", side);
		return -1;
	}
	if (location_is_local(location) ||
		urls->password_files[number] != NULL ||
		row->fields[password][0] != '\0' ||
		urls->access[number].rules.token_command != NULL)
		return 0;
	error_set(error, "%s_password_file is missing", side);
	return -1;
}

static int copy_many_check_row(const struct copy_many *many,
	const struct copy_list_row *row, struct error *error)
{
	struct location source = { .label = NULL };
	struct location destination = { .label = NULL };
	int result = copy_many_check_side(many, row, 0, &source, error);

	if (result == 0)
		result =
			copy_many_check_side(many, row, 1, &destination, error);
	if (result == 0)
		result = copy_check_accounts(&source, &destination, error);
	if (result != 0)
		error_prefix(error, "line %zu", row->line);
	location_clear(&source);
	location_clear(&destination);
	return result == 0 ? 0 : -1;
}

/* Nothing is begun when a line is wrong. */
static int copy_many_check(const struct copy_many *many, struct error *error)
{
	for (size_t i = 0; i < many->list.count; i++)
		if (copy_many_check_row(many, &many->list.rows[i], error) < 0)
			return -1;
	return 0;
}

/* 0, or an exit code. */
static int copy_many_read(struct copy_many *many, struct error *error)
{
	FILE *file = fopen(many->options->list, "r");
	struct buffer text = BUFFER_EMPTY;
	char piece[65536];
	size_t size;
	int code = EX_NOINPUT;

	if (file == NULL) {
		error_set(error, "%s", strerror(errno));
	} else {
		while ((size = fread(piece, 1, sizeof(piece), file)) > 0 &&
			text.size < COPY_MANY_FILE_MAX)
			buffer_add(&text, piece, size);
		fclose(file);
		code = copy_list_read(text.data != NULL ? text.data : "",
			       text.size, &many->list, error) == 0 &&
				       copy_many_check(many, error) == 0
			       ? 0
			       : EX_DATAERR;
	}
	if (code != 0)
		error_prefix(error, "%s", many->options->list);
	buffer_free(&text);
	return code;
}

static void copy_many_summary(const struct copy_many *many, int64_t ms)
{
	size_t left = many->list.count - many->next;
	char figure[FIGURE_SIZE];

	if (many->options->json || many->options->quiet)
		return;
	printf("%s: %zu %s, %zu with something refused, %zu failed",
		figure_plural((int64_t)many->list.count, "account", figure),
		many->complete,
		many->options->dry_run ? "looked at" : "complete",
		many->refused, many->failed);
	if (left > 0)
		printf(", %zu not begun", left);
	printf("; %s %s", many->options->dry_run ? "to be copied" : "copied",
		figure_plural((int64_t)many->messages, "message", figure));
	printf(", %s", figure_size((int64_t)many->bytes, figure));
	printf(", in %s\n", figure_duration(ms, figure));
	if (many->failed > 0 || left > 0)
		puts("The same command goes on with those that are not "
		     "complete.");
}

int copy_many(const struct copy_options *options)
{
	struct copy_many many = { .options = options, .code = EX_OK };
	int64_t began = instant_monotonic();
	struct error error;
	pthread_t *threads;
	size_t count;
	int code = copy_many_read(&many, &error);

	if (code != 0) {
		fprintf(stderr, "rehome copy: %s\n", error.text);
		copy_list_clear(&many.list);
		return code;
	}
	count = many.list.count < (size_t)options->jobs ? many.list.count
							: (size_t)options->jobs;
	threads = xcalloc(count, sizeof(*threads));
	pthread_mutex_init(&many.lock, NULL);
	if (!options->json && !options->quiet)
		progress_begin(&many.progress);
	for (size_t i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, copy_many_work, &many) !=
			0)
			abort();
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	progress_end(&many.progress);
	copy_many_summary(&many, instant_monotonic() - began);
	if (many.next < many.list.count && many.code < EX_TEMPFAIL)
		many.code = EX_TEMPFAIL;
	pthread_mutex_destroy(&many.lock);
	copy_list_clear(&many.list);
	free(threads);
	return many.code;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Running programs: small shell scripts stand in for the hooks. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/instant.h"
#include "lib/process.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define THREADS	     4
#define RUNS	     20

/* Runs the script with a limit of ten seconds unless the job says otherwise. */
static int run(struct process_job job, const char *script,
	struct buffer *output, struct error *error)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	job.argv = argv;
	if (job.timeout_ms == 0)
		job.timeout_ms = 10000;
	if (job.output_max == 0)
		job.output_max = 1 << 20;
	return process_run(&job, output, error);
}

/* The output of a script that must succeed; buffer_free it. */
static struct buffer output_of(struct process_job job, const char *script)
{
	struct buffer output = BUFFER_EMPTY;
	struct error error = { "" };

	if (run(job, script, &output, &error) < 0)
		fail_msg("%s", error.text);
	return output;
}

static void assert_output(
	struct process_job job, const char *script, const char *expected)
{
	struct buffer output = output_of(job, script);

	assert_string_equal(output.data != NULL ? output.data : "", expected);
	buffer_free(&output);
}

static size_t open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static void keeps_output(void **state)
{
	struct process_job job = { 0 };
	struct buffer output = BUFFER_EMPTY;

	(void)state;
	assert_output(
		job, "echo one; echo two >&2; printf three", "one\nthree");
	assert_output(job, "true", "");
	buffer_add_text(&output, "before ");
	assert_int_equal(run(job, "echo after", &output, NULL), 0);
	assert_string_equal(output.data, "before after\n");
	buffer_free(&output);
	assert_int_equal(run(job, "echo x", NULL, NULL), 0);
}

static void tells_failures(void **state)
{
	static const struct {
		const char *script, *text;
	} cases[] = {
		{ "exit 3", "run /bin/sh: exit status 3" },
		{ "echo one; echo two; exit 1",
			"run /bin/sh: exit status 1: two" },
		{ "echo one; echo two >&2; exit 75",
			"run /bin/sh: exit status 75: two" },
		{ "printf 'one\\n\\ntwo\\r\\n\\n\\n' >&2; exit 1",
			"run /bin/sh: exit status 1: two" },
		{ "printf 'no newline'; exit 1",
			"run /bin/sh: exit status 1: no newline" },
		{ "printf 'a\\033[2Jb' >&2; exit 1",
			"run /bin/sh: exit status 1: a?[2Jb" },
		{ "echo why; kill -9 $$",
			"run /bin/sh: killed by signal 9 (Killed): why" },
	};
	struct process_job job = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error error = { "" };

		assert_int_equal(run(job, cases[i].script, NULL, &error), -1);
		assert_string_equal(error.text, cases[i].text);
	}
}

static void tells_what_cannot_run(void **state)
{
	static const struct {
		const char *path, *text;
	} cases[] = {
		{ "/nonexistent/hook", "No such file" },
		{ "/etc/passwd", "Permission denied" },
		{ "bin/sh", "absolute" },
		{ "", "absolute" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const argv[] = { cases[i].path, NULL };
		struct process_job job = { .argv = argv, .timeout_ms = 1000 };
		struct error error = { "" };

		assert_int_equal(process_run(&job, NULL, &error), -1);
		assert_non_null(strstr(error.text, cases[i].text));
		assert_non_null(strstr(error.text, cases[i].path));
	}
}

static void passes_the_environment(void **state)
{
	static const char *const added[] = { "REHOME_ACCOUNT=ann@example.org",
		"HOME=/elsewhere", "EMPTY=", NULL };
	struct process_job job = { .environment = added };

	(void)state;
	setenv("HOME", "/root", 1);
	setenv("HOMER", "kept", 1);
	setenv("NOTIFY_SOCKET", "/run/x", 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_output(job,
		"echo $REHOME_ACCOUNT $HOME $HOMER ${EMPTY-unset}."
		"${NOTIFY_SOCKET-unset} ${LISTEN_FDS-unset}",
		"ann@example.org /elsewhere kept .unset unset\n");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_FDS");
	unsetenv("HOMER");
}

static void passes_the_secret(void **state)
{
	static char big[4098];
	struct process_job job = { .secret = "pass word\\$HOME" };
	struct error error;

	(void)state;
	assert_output(job, "cat <&3", job.secret);
	job.secret = "";
	assert_output(job, "cat <&3", "");
	/* a hook that does not read it is no reason to die of SIGPIPE */
	job.secret = "unread";
	assert_output(job, "exec 3<&-; echo done", "done\n");
	memset(big, 'x', 4096);
	job.secret = big;
	assert_output(job, "wc -c <&3", "4096\n");
	job.secret = NULL;
	assert_output(
		job, "ls /proc/self/fd/3 >&- 2>&- || echo none", "none\n");
	big[4096] = 'x';
	job.secret = big;
	assert_int_equal(run(job, "true", NULL, &error), -1);
	assert_non_null(strstr(error.text, "secret"));
	assert_null(strstr(error.text, "xxx"));
}

/* None blocked, none ignored, but for two above 31 that are the C library's. */
static void assert_signals_are_default(void)
{
	/* no shell: some clear the mask themselves */
	static const char *const argv[] = { "/bin/grep", "-E", "^Sig(Blk|Ign)",
		"/proc/self/status", NULL };
	struct process_job job = {
		.argv = argv, .timeout_ms = 10000, .output_max = 1000
	};
	struct buffer output = BUFFER_EMPTY;
	unsigned long long blocked;
	unsigned long long ignored;

	assert_int_equal(process_run(&job, &output, NULL), 0);
	assert_int_equal(sscanf(output.data, "SigBlk: %llx SigIgn: %llx",
				 &blocked, &ignored),
		2);
	assert_int_equal(blocked, 0);
	assert_int_equal(ignored & 0x7fffffff, 0);
	buffer_free(&output);
}

static void inherits_nothing(void **state)
{
	struct process_job job = { 0 };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction old;
	sigset_t blocked;
	int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */

	(void)state;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGPIPE, &ignore, &old);
	/* the listing itself has one more */
	assert_output(job, "ls /proc/self/fd", "0\n1\n2\n3\n");
	assert_output(job, "readlink /proc/self/fd/0", "/dev/null\n");
	assert_signals_are_default();
	/* a group of its own, whose leader it is */
	assert_output(job,
		"set -- $(cat /proc/$$/stat); test $5 = $$ && echo leader",
		"leader\n");
	sigaction(SIGPIPE, &old, NULL);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	close(leak);
}

static void bounds_the_output(void **state)
{
	struct process_job job = { .output_max = 10 };
	struct error error;
	int64_t start = instant_monotonic();

	(void)state;
	assert_output(job, "printf 0123456789", "0123456789");
	assert_output(job, "printf 0123456789abc; echo 456", "0123456789");
	job.strict_output = 1;
	assert_output(job, "printf 0123456789", "0123456789");
	/* noticed at the very end, and in the middle of an endless stream */
	assert_int_equal(run(job, "printf 0123456789a", NULL, &error), -1);
	assert_non_null(strstr(error.text, "more than 10 bytes"));
	assert_int_equal(
		run(job, "while :; do echo x; done", NULL, &error), -1);
	assert_non_null(strstr(error.text, "more than 10 bytes"));
	assert_true(instant_monotonic() - start < 8000);
}

static void reads_much(void **state)
{
	struct process_job job = { .output_max = 10 << 20 };
	struct buffer output = output_of(job,
		"head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2;"
		"head -c 3000000 /dev/zero");

	(void)state;
	assert_int_equal(output.size, 6000000);
	buffer_free(&output);
}

/* A file that the script's children show their life with. */
static bool is_alive(const char *file)
{
	long pid = 0;
	FILE *stream = fopen(file, "r");

	if (stream == NULL || fscanf(stream, "%ld", &pid) != 1)
		fail_msg("%s", file);
	fclose(stream);
	return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

/* Waits for init to have taken what was killed. */
static void assert_dies(const char *file)
{
	for (int i = 0; i < 100 && is_alive(file); i++)
		usleep(20000);
	if (is_alive(file)) {
		char stat[64] = "";
		char path[64];
		long pid;
		FILE *stream = fopen(file, "r");

		/* a zombie whose new parent never waits is dead too */
		assert_int_equal(fscanf(stream, "%ld", &pid), 1);
		fclose(stream);
		snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
		stream = fopen(path, "r");
		if (stream == NULL)
			return;
		assert_int_equal(fscanf(stream, "%*d %*s %63s", stat), 1);
		fclose(stream);
		assert_string_equal(stat, "Z");
	}
}

static void ends_what_takes_too_long(void **state)
{
	static const struct {
		const char *script;
		int64_t least, most;
	} cases[] = {
		/* goes at once when asked to */
		{ "echo wait; sleep 60 & echo $! >$PIDFILE; wait", 400, 1900 },
		/* asked is the whole group, not the leader alone */
		{ "trap : TERM; echo wait;"
		  "sh -c 'echo $$ >$PIDFILE; exec sleep 60'",
			400, 1900 },
		/* is forced after the grace */
		{ "trap '' TERM; echo wait; sleep 60 & echo $! >$PIDFILE;"
		  "while :; do wait; done",
			2300, 9000 },
	};
	char file[] = "/tmp/process-test.XXXXXX";
	char variable[64];
	const char *const environment[] = { variable, NULL };
	struct process_job job = { .environment = environment,
		.timeout_ms = 400 };

	(void)state;
	close(mkstemp(file));
	snprintf(variable, sizeof(variable), "PIDFILE=%s", file);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error error = { "" };
		int64_t start = instant_monotonic();

		assert_int_equal(run(job, cases[i].script, NULL, &error), -1);
		assert_string_equal(
			error.text, "run /bin/sh: not done after 400 ms: wait");
		assert_in_range(instant_monotonic() - start, cases[i].least,
			cases[i].most);
		/* the whole group */
		assert_dies(file);
	}
	unlink(file);
}

/* One that catches SIGTERM and says that all went well did not. */
static void believes_no_late_success(void **state)
{
	struct process_job job = { .timeout_ms = 300 };
	struct error error;

	(void)state;
	assert_int_equal(run(job,
				 "trap 'exit 0' TERM; while :; do sleep 1; "
				 "done",
				 NULL, &error),
		-1);
	assert_non_null(strstr(error.text, "not done after 300 ms"));
}

static void waits_for_no_background(void **state)
{
	int64_t start = instant_monotonic();
	struct process_job job = { 0 };

	(void)state;
	assert_output(job, "sleep 5 & echo done", "done\n");
	assert_true(instant_monotonic() - start < 3000);
}

static void leaks_nothing(void **state)
{
	struct process_job job = { .secret = "x" };
	size_t before = open_descriptors();
	struct error error;

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(run(job, "echo x", NULL, &error), 0);
		assert_int_equal(run(job, "exit 1", NULL, &error), -1);
		tells_what_cannot_run(state);
	}
	assert_int_equal(open_descriptors(), before);
}

/* With the standard descriptors closed, the pipes take their numbers. */
static void copes_with_closed_standard_descriptors(void **state)
{
	struct process_job job = { .secret = "hush" };
	struct buffer output = BUFFER_EMPTY;
	int kept[3];
	int result;

	(void)state;
	for (int i = 0; i < 3; i++) {
		kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 20);
		close(i);
	}
	result = run(job, "cat <&3; echo error >&2", &output, NULL);
	for (int i = 0; i < 3; i++) {
		dup2(kept[i], i);
		close(kept[i]);
	}
	assert_int_equal(result, 0);
	assert_string_equal(output.data, "hush");
	buffer_free(&output);
}

static void *run_many(void *argument)
{
	size_t *good = argument;

	for (int i = 0; i < RUNS; i++) {
		struct buffer output = BUFFER_EMPTY;
		struct process_job job = { .secret = "x" };
		struct error error = { "" };
		char script[64];
		char expected[64];
		int status = i % 2;

		snprintf(script, sizeof(script), "echo %p %d; exit %d",
			argument, i, status);
		snprintf(expected, sizeof(expected), "%p %d\n", argument, i);
		*good += run(job, script, &output, &error) == -status &&
			 strcmp(output.data, expected) == 0;
		buffer_free(&output);
	}
	return NULL;
}

static void runs_in_threads(void **state)
{
	pthread_t threads[THREADS];
	size_t good[THREADS] = { 0 };

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, run_many, &good[i]),
			0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(good[i], RUNS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_output),
		cmocka_unit_test(tells_failures),
		cmocka_unit_test(tells_what_cannot_run),
		cmocka_unit_test(passes_the_environment),
		cmocka_unit_test(passes_the_secret),
		cmocka_unit_test(inherits_nothing),
		cmocka_unit_test(bounds_the_output),
		cmocka_unit_test(reads_much),
		cmocka_unit_test(ends_what_takes_too_long),
		cmocka_unit_test(believes_no_late_success),
		cmocka_unit_test(waits_for_no_background),
		cmocka_unit_test(leaks_nothing),
		cmocka_unit_test(copes_with_closed_standard_descriptors),
		cmocka_unit_test(runs_in_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

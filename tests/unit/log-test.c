/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines as they reach standard error, which a pipe stands in for. */
#include <config.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define THREADS	     4
#define LINES	     500

struct capture {
	int file;
	int kept;
	char text[1 << 20];
};

static void capture_begin(struct capture *capture)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	capture->file = dup(fileno(file));
	fclose(file);
	capture->kept = dup(STDERR_FILENO);
	assert_true(capture->file >= 0 && capture->kept >= 0);
	assert_int_equal(dup2(capture->file, STDERR_FILENO), STDERR_FILENO);
}

static void capture_end(struct capture *capture)
{
	ssize_t size;

	dup2(capture->kept, STDERR_FILENO);
	close(capture->kept);
	size = pread(
		capture->file, capture->text, sizeof(capture->text) - 1, 0);
	close(capture->file);
	assert_true(size >= 0);
	capture->text[size] = '\0';
}

/* What stands behind "DATE NAME[PID]: " in a line, whose form is checked. */
static const char *line_text(const char *line, const char *name)
{
	char expected[64];
	int end = 0;
	int year;
	long pid;

	if (sscanf(line, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n", &year,
		    &end) != 1 ||
		end == 0)
		fail_msg("no stamp: %.60s", line);
	assert_in_range(year, 2020, 9999);
	line += end;
	pid = (long)getpid();
	snprintf(expected, sizeof(expected), "%s[%ld]: ", name, pid);
	assert_memory_equal(line, expected, strlen(expected));
	return line + strlen(expected);
}

static void writes_lines(void **state)
{
	static struct capture capture;
	struct log *log;

	(void)state;
	capture_begin(&capture);
	log = log_open("rehome-test", -1, LOG_INFO);
	log_write(log, LOG_INFO, "listens at %s", "unix:/x");
	log_write(log, LOG_DEBUG, "dropped");
	log_account(log, LOG_WARNING, "ann@example.org", "thawed: %d", 3);
	log_account(log, LOG_DEBUG, "ann@example.org", "dropped");
	log_write(log, LOG_ERR, "no way");
	log_close(&log);
	assert_null(log);
	log_close(&log);
	capture_end(&capture);
	assert_string_equal(
		line_text(strtok(capture.text, "\n"), "rehome-test"),
		"listens at unix:/x");
	assert_string_equal(line_text(strtok(NULL, "\n"), "rehome-test"),
		"warning: account=ann@example.org thawed: 3");
	assert_string_equal(
		line_text(strtok(NULL, "\n"), "rehome-test"), "error: no way");
	assert_null(strtok(NULL, "\n"));
}

static void makes_texts_harmless(void **state)
{
	static struct capture capture;
	char text[5000];
	struct log *log = log_open("x", -1, LOG_DEBUG);
	char *line;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	/* characters of three bytes, wherever the limit cuts */
	for (size_t i = 0; i + 3 < sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	capture_begin(&capture);
	log_account(log, LOG_INFO, "a\nb@x", "one\ntwo\r\x1b[2J\x7f\tthree");
	log_write(log, LOG_INFO, "%s", text);
	log_write(log, LOG_INFO, "a%s", text);
	log_write(log, LOG_INFO, "aa%s", text);
	capture_end(&capture);
	assert_string_equal(line_text(strtok(capture.text, "\n"), "x"),
		"account=a?b@x one?two??[2J??three");
	for (size_t i = 0; i < 3; i++) {
		line = strtok(NULL, "\n");
		assert_non_null(line);
		assert_in_range(strlen(line), 2000, 2200);
		assert_string_equal(line + strlen(line) - 3, "\xe2\x82\xac");
	}
	log_close(&log);
}

static void survives_a_closed_stderr(void **state)
{
	int kept = dup(STDERR_FILENO);
	struct log *log = log_open("x", -1, LOG_DEBUG);

	(void)state;
	close(STDERR_FILENO);
	errno = ENOENT;
	log_write(log, LOG_ERR, "nobody hears this");
	assert_int_equal(errno, ENOENT);
	dup2(kept, STDERR_FILENO);
	close(kept);
	log_close(&log);
}

static void *write_many(void *argument)
{
	struct log *log = argument;

	for (int i = 0; i < LINES; i++)
		log_account(log, LOG_INFO, "ann@example.org",
			"0123456789 0123456789 0123456789 0123456789 line %d.",
			i);
	return NULL;
}

static void keeps_lines_whole(void **state)
{
	static struct capture capture;
	pthread_t threads[THREADS];
	struct log *log = log_open("x", -1, LOG_DEBUG);
	size_t count = 0;

	(void)state;
	capture_begin(&capture);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, write_many, log), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	capture_end(&capture);
	for (char *line = strtok(capture.text, "\n"); line != NULL;
		line = strtok(NULL, "\n")) {
		const char *text = line_text(line, "x");

		assert_memory_equal(text,
			"account=ann@example.org 0123456789 0123456789", 45);
		assert_int_equal(text[strlen(text) - 1], '.');
		count++;
	}
	assert_int_equal(count, THREADS * LINES);
	log_close(&log);
}

static void reads_levels(void **state)
{
	static const struct {
		const char *text;
		int level;
	} levels[] = {
		{ "error", LOG_ERR },
		{ "warning", LOG_WARNING },
		{ "notice", LOG_NOTICE },
		{ "info", LOG_INFO },
		{ "debug", LOG_DEBUG },
		{ "Info", -1 },
		{ "", -1 },
	};
	static const struct {
		const char *text;
		int facility;
	} facilities[] = {
		{ "stderr", -1 },
		{ "mail", LOG_MAIL },
		{ "daemon", LOG_DAEMON },
		{ "local0", LOG_LOCAL0 },
		{ "local7", LOG_LOCAL7 },
		{ "local8", -2 },
		{ "", -2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(levels); i++)
		assert_int_equal(
			log_level_parse(levels[i].text), levels[i].level);
	for (size_t i = 0; i < COUNT(facilities); i++)
		assert_int_equal(log_facility_parse(facilities[i].text),
			facilities[i].facility);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_lines),
		cmocka_unit_test(makes_texts_harmless),
		cmocka_unit_test(survives_a_closed_stderr),
		cmocka_unit_test(keeps_lines_whole),
		cmocka_unit_test(reads_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

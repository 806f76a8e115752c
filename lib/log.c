/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines to syslog or to standard error. A line is put together completely
 * and then handed over in one piece, so that the lines of threads never mix.
 */
#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/instant.h"
#include "lib/log.h"
#include "lib/xalloc.h"

#define LOG_TEXT_SIZE	2048
#define LOG_STDERR	(-1)
#define LOG_NO_FACILITY (-2)
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

struct log {
	char *name; /* syslog keeps a pointer to it */
	int facility;
	atomic_int level;
};

static const struct {
	const char *name;
	int level;
} log_levels[] = {
	{ "error", LOG_ERR },
	{ "warning", LOG_WARNING },
	{ "notice", LOG_NOTICE },
	{ "info", LOG_INFO },
	{ "debug", LOG_DEBUG },
};

static const struct {
	const char *name;
	int facility;
} log_facilities[] = {
	{ "stderr", LOG_STDERR },
	{ "mail", LOG_MAIL },
	{ "daemon", LOG_DAEMON },
	{ "user", LOG_USER },
	{ "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 },
	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
};

struct log *log_open(const char *name, int facility, int level)
{
	struct log *log = xcalloc(1, sizeof(*log));

	log->name = xstrdup(name);
	log->facility = facility;
	log_set_level(log, level);
	/* Connected now: later there may be no way to the socket. */
	if (facility != LOG_STDERR)
		openlog(log->name, LOG_PID | LOG_NDELAY, facility);
	return log;
}

void log_close(struct log **log)
{
	if (*log == NULL)
		return;
	if ((*log)->facility != LOG_STDERR)
		closelog();
	free((*log)->name);
	free(*log);
	*log = NULL;
}

void log_set_level(struct log *log, int level)
{
	atomic_store(&log->level, level);
}

bool log_wants(struct log *log, int level)
{
	return level <= atomic_load(&log->level);
}

int log_level_parse(const char *text)
{
	for (size_t i = 0; i < COUNT(log_levels); i++)
		if (strcmp(log_levels[i].name, text) == 0)
			return log_levels[i].level;
	return -1;
}

int log_facility_parse(const char *text)
{
	for (size_t i = 0; i < COUNT(log_facilities); i++)
		if (strcmp(log_facilities[i].name, text) == 0)
			return log_facilities[i].facility;
	return LOG_NO_FACILITY;
}

/* Log files do not show the urgency, so the words say it. */
static const char *log_urgency(int level)
{
	if (level <= LOG_ERR)
		return "error: ";
	return level == LOG_WARNING ? "warning: " : "";
}

/*
 * Forgery of lines ends here: no byte of a text can begin a new one. A text
 * that was cut loses the bytes of a character whose end is missing.
 */
static void log_clean(char *text, bool cut)
{
	size_t size = strlen(text);

	if (cut) {
		while (size > 0 &&
			((unsigned char)text[size - 1] & 0xc0) == 0x80)
			size--;
		if (size > 0 && ((unsigned char)text[size - 1] & 0x80) != 0)
			size--;
		text[size] = '\0';
	}
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

/* One write for a line; what standard error does not take is lost, a program
 * does not stop because nobody reads its log. */
static void log_to_stderr(
	const struct log *log, const char *urgency, const char *text)
{
	char line[LOG_TEXT_SIZE + 256];
	char stamp[INSTANT_TEXT_SIZE];
	const char *rest = line;
	size_t size;
	int length;

	instant_format(instant_now(), stamp);
	length = snprintf(line, sizeof(line), "%s %s[%ld]: %s%s\n", stamp,
		log->name, (long)getpid(), urgency, text);
	if (length < 0)
		return;
	size = (size_t)length;
	if (size >= sizeof(line)) {
		size = sizeof(line) - 1;
		line[size - 1] = '\n';
	}
	while (size > 0) {
		ssize_t written = write(STDERR_FILENO, rest, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		rest += written;
		size -= (size_t)written;
	}
}

static void log_line(struct log *log, int level, const char *address,
	const char *format, va_list arguments)
	__attribute__((format(printf, 4, 0)));

static void log_line(struct log *log, int level, const char *address,
	const char *format, va_list arguments)
{
	char text[LOG_TEXT_SIZE] = "";
	size_t used = 0;
	int saved = errno;
	int length;

	if (address != NULL)
		used = (size_t)snprintf(
			text, sizeof(text), "account=%.320s ", address);
	length = vsnprintf(text + used, sizeof(text) - used, format, arguments);
	if (length < 0)
		return;
	log_clean(text, (size_t)length >= sizeof(text) - used);
	if (log->facility == LOG_STDERR)
		log_to_stderr(log, log_urgency(level), text);
	else
		syslog(log->facility | level, "%s%s", log_urgency(level), text);
	errno = saved;
}

void log_write(struct log *log, int level, const char *format, ...)
{
	va_list arguments;

	if (level > atomic_load(&log->level))
		return;
	va_start(arguments, format);
	log_line(log, level, NULL, format, arguments);
	va_end(arguments);
}

void log_account(struct log *log, int level, const char *address,
	const char *format, ...)
{
	va_list arguments;

	if (level > atomic_load(&log->level))
		return;
	va_start(arguments, format);
	log_line(log, level, address, format, arguments);
	va_end(arguments);
}

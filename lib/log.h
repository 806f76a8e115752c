/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines. Only programs log; library code fills a struct error. Every line
 * of an account's business carries "account=ADDRESS", of a session's
 * "session=ID", so that one grep tells its story.
 */
#ifndef REHOME_LOG_H
#define REHOME_LOG_H

#include <stdbool.h>
#include <syslog.h>

struct log;

/*
 * Opens the log of the program called name. To syslog with the facility
 * (LOG_MAIL, ...), or with facility -1 to standard error, one line each with
 * an RFC 3339 stamp. Lines less urgent than level (LOG_INFO, ...) are dropped.
 */
struct log *log_open(const char *name, int facility, int level);
void log_close(struct log **log);
/* Any thread, at any time. */
void log_set_level(struct log *log, int level);
/* Whether lines of that level are not dropped: for those who would make many in
 * vain. Any thread. */
bool log_wants(struct log *log, int level);
/* Reads "info", "debug", ...; -1 when there is no such level. */
int log_level_parse(const char *text);
/* Reads "stderr" (-1), "mail", "daemon", "local0", ...; -2 for others. */
int log_facility_parse(const char *text);

/* Any thread. Control characters are replaced. */
void log_write(struct log *log, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void log_account(struct log *log, int level, const char *address,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* INTERNALDATE, the "date-time" of RFC 3501 section 9, kept with its zone. */
#ifndef REHOME_COPIER_MAILDATE_H
#define REHOME_COPIER_MAILDATE_H

#include <stddef.h>
#include <stdint.h>

/* " 1-Jan-1990 00:00:00 +0000" and a NUL. */
#define MAILDATE_SIZE 27

/*
 * Checks a date as it comes from a server (the day with one digit or two) and
 * writes it in the form that every server takes. Returns 0, or -1 when it is
 * none.
 */
int maildate_parse(const char *text, size_t size, char date_r[MAILDATE_SIZE]);

/*
 * Writes an instant (seconds since 1970) as the clock of a zone shows it,
 * which is so many minutes east. Years beyond 1900 and 9999 are cut to these.
 */
void maildate_print(int64_t seconds, int zone, char date_r[MAILDATE_SIZE]);

/* The instant that a date in that form means, in seconds since 1970. */
int64_t maildate_seconds(const char *date);

#endif

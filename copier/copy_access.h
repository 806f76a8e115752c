/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of `rehome copy` about getting in and staying polite; each there
 * is for --source and for --destination.
 */
#ifndef REHOME_COPIER_COPY_ACCESS_H
#define REHOME_COPIER_COPY_ACCESS_H

#include <stdbool.h>

#include "copier/access.h"
#include "copier/location.h"

#include "lib/error.h"

enum copy_access_option {
	COPY_ACCESS_MECHANISM,
	COPY_ACCESS_TOKEN_COMMAND,
	COPY_ACCESS_PIN,
	COPY_ACCESS_RATE,
	COPY_ACCESS_RATE_MESSAGES,
	COPY_ACCESS_DAY_BYTES,
	COPY_ACCESS_OPTIONS,
};

/* Values for getopt_long(3), beyond all characters. */
#define COPY_ACCESS_FIRST 256
#define COPY_ACCESS_ROW(side, number, name, option)                            \
	{                                                                      \
		side "-" name, required_argument, NULL,                        \
			COPY_ACCESS_FIRST + (number)*COPY_ACCESS_OPTIONS +     \
				COPY_ACCESS_##option                           \
	}
/* The rows of one side for the table of getopt_long(3): source 0,
 * destination 1. Those of login are for who only reads, without limits. */
#define COPY_ACCESS_LOGIN_ROWS(side, number)                                   \
	COPY_ACCESS_ROW(side, number, "mechanism", MECHANISM),                 \
		COPY_ACCESS_ROW(side, number, "token-command", TOKEN_COMMAND), \
		COPY_ACCESS_ROW(side, number, "pin", PIN)
#define COPY_ACCESS_ROWS(side, number)                                         \
	COPY_ACCESS_LOGIN_ROWS(side, number),                                  \
		COPY_ACCESS_ROW(side, number, "rate", RATE),                   \
		COPY_ACCESS_ROW(side, number, "rate-messages", RATE_MESSAGES), \
		COPY_ACCESS_ROW(side, number, "day-bytes", DAY_BYTES)

/* Of one side; the strings are argv's. */
struct copy_access {
	struct access_rules rules;
	struct pace_limits limits;
};

/*
 * Takes an option of the rows. 1 done, 0 it is none of them, -1 with an error
 * about its value.
 */
int copy_access_take(struct copy_access sides[2], int option, const char *value,
	struct error *error);
/* What does not fit together. 0, or -1 with an error that names the side. */
int copy_access_check(
	const struct copy_access *access, bool source, struct error *error);
/* Enters the location by these rules, without limits. */
void copy_access_enter(
	const struct copy_access *access, struct location *location);
/* Enters the location by these rules. The directory keeps the limits. 0/-1. */
int copy_access_apply(const struct copy_access *access, const char *directory,
	struct location *location, struct error *error);

#endif

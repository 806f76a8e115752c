/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command lines of rehome copy, verify, certificate and folders: each has
 * a table of its options and a struct that they are read into. --help is of
 * all of them.
 */
#ifndef REHOME_COPIER_OPTIONS_H
#define REHOME_COPIER_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "copier/copy_access.h"

enum option_kind {
	OPTION_FLAG,	 /* a bool, which becomes true */
	OPTION_TEXT,	 /* a const char *, which is argv's */
	OPTION_NUMBER,	 /* an int64_t from least to most */
	OPTION_DURATION, /* an int64_t, ms, from least to most */
	OPTION_ACCESS,	 /* of a struct copy_access; least is which of it */
};

struct option_row {
	const char *name;
	char letter; /* the short form, or 0 */
	enum option_kind kind;
	size_t place; /* offset in the struct */
	int64_t least, most;
	const char *range; /* what the value must be, for people */
};

struct option_table {
	const char *command; /* "verify" */
	const char *help;
	const struct option_row *rows;
	size_t count;
};

#define OPTION_ROW_FLAG(type, field, name, letter)                             \
	{                                                                      \
		name, letter, OPTION_FLAG, offsetof(type, field), 0, 0, NULL   \
	}
#define OPTION_ROW_TEXT(type, field, name, letter)                             \
	{                                                                      \
		name, letter, OPTION_TEXT, offsetof(type, field), 0, 0, NULL   \
	}
#define OPTION_ROW_ACCESS(type, field, side, name, option)                     \
	{                                                                      \
		side name, 0, OPTION_ACCESS, offsetof(type, field),            \
			COPY_ACCESS_##option, 0, NULL                          \
	}
/* How one gets in, of an account whose options begin with side. */
#define OPTION_ROWS_LOGIN(type, field, side)                                   \
	OPTION_ROW_ACCESS(type, field, side, "mechanism", MECHANISM),          \
		OPTION_ROW_ACCESS(                                             \
			type, field, side, "token-command", TOKEN_COMMAND),    \
		OPTION_ROW_ACCESS(type, field, side, "pin", PIN)
/* How one stays polite there. */
#define OPTION_ROWS_LIMITS(type, field, side)                                  \
	OPTION_ROW_ACCESS(type, field, side, "rate", RATE),                    \
		OPTION_ROW_ACCESS(                                             \
			type, field, side, "rate-messages", RATE_MESSAGES),    \
		OPTION_ROW_ACCESS(type, field, side, "day-bytes", DAY_BYTES)
/* The options of two URLs, a struct copy_urls. */
#define OPTION_ROWS_URLS(type, field)                                          \
	OPTION_ROW_TEXT(                                                       \
		type, field.password_files[0], "source-password-file", 0),     \
		OPTION_ROW_TEXT(type, field.password_files[1],                 \
			"destination-password-file", 0),                       \
		OPTION_ROW_TEXT(type, field.ca_file, "ca-file", 0),            \
		OPTION_ROW_FLAG(type, field.starttls, "starttls", 0),          \
		OPTION_ROWS_LOGIN(type, field.access[0], "source-"),           \
		OPTION_ROWS_LOGIN(type, field.access[1], "destination-")

/*
 * Reads the command line into the struct, whose defaults are set. The words
 * that are no options are at the end of argv then: returns the index of the
 * first. Or -1: the command ends with *code_r, help or what is wrong is told.
 */
int options_read(const struct option_table *table, int argc, char **argv,
	void *values, int *code_r);
/* Tells what is wrong with a command line. Returns EX_USAGE. */
int options_misused(const struct option_table *table, const char *text);

#endif

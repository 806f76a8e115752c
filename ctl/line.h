/* SPDX-License-Identifier: BSD-2-Clause */
/* A command line, read by the options of its command. */
#ifndef REHOME_LINE_H
#define REHOME_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/command.h"
#include "lib/error.h"

struct line;

/* An empty line; it borrows the words that are given to it. */
struct line *line_new(void);
void line_free(struct line **line);

/*
 * Reads words[0..count): options of the two lists (either may be NULL) as
 * "--name VALUE", "--name=VALUE", "-l VALUE", "-lVALUE", the rest arguments;
 * "--" ends the options. until_argument stops before the first argument.
 * Returns the words taken, or -1 with an error.
 */
int line_read(struct line *line, int count, char *const words[],
	const struct command_option *own, const struct command_option *global,
	bool until_argument, struct error *error);
/* Takes one word as an argument, whatever it looks like. */
void line_add_argument(struct line *line, const char *word);

/* NULL when the option was not given; "" when it has no value. The last one
 * counts. */
const char *line_option(const struct line *line, const char *name);
bool line_has(const struct line *line, const char *name);
/* The index-th value of an option that may be repeated, NULL behind the last */
const char *line_option_at(
	const struct line *line, const char *name, size_t index);
/* 1 and the number (1 or more) that an option has, 0 when it was not given, -1
 * with an error. */
int line_read_number(const struct line *line, const char *name,
	size_t *number_r, struct error *error);
size_t line_count(const struct line *line);
/* NULL behind the last argument. */
const char *line_argument(const struct line *line, size_t index);

#endif

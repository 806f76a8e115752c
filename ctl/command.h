/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of rehome(1): one flat table in commands.c. Usage, help, the
 * reading of options, and the checks of man page and completion all come from
 * it.
 */
#ifndef REHOME_COMMAND_H
#define REHOME_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct line;
struct session;

struct command_option {
	const char *name;     /* without its dashes */
	char letter;	      /* 0: none */
	const char *argument; /* NULL: takes none */
	const char *help;
};

struct command {
	const char *theme; /* of the help's list; NULL: the one above */
	const char *name;  /* one word or two */
	const char *arguments;
	const char *help; /* one line */
	/* ends with an option without a name; NULL: none of its own */
	const struct command_option *options;
	/* Returns the exit code. */
	int (*run)(struct session *session, const struct line *line);
	size_t least, most; /* arguments */
	bool raw; /* what follows is another program's and not looked at */
};

#define COMMAND_MANY ((size_t)-1)

/* The command at index, NULL behind the last. */
const struct command *command_at(size_t index);
/* By its whole name; NULL when there is none. */
const struct command *command_find(const char *name);
/*
 * The command that words begin with, *words_r of them (1 or 2). NULL when there
 * is none; *words_r is then 1 when some command begins with the first word.
 */
const struct command *command_match(
	int count, char *const words[], int *words_r);
/* The options that stand before and behind every command. */
const struct command_option *command_global_options(void);

#endif

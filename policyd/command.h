/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands of the configuration that are one line of text, such as
 * "/usr/sbin/postqueue -i %i". Words are parted by blanks; there is no shell
 * and there are no quotes.
 */
#ifndef REHOME_COMMAND_H
#define REHOME_COMMAND_H

#include <stddef.h>

#include "lib/buffer.h"
#include "lib/error.h"

/*
 * The words of the line as an argument vector, in one piece of memory: free()
 * it. "%i" becomes id and "%%" a percent sign; any other one stays, as does
 * "%i" when id is NULL. NULL when there is no word.
 */
char **command_split(const char *line, const char *id);

/*
 * Runs the command to its end. output (or NULL) gets its standard output; more
 * than output_max bytes of it are an error. 0 when it exited with 0, else -1.
 * Any thread.
 */
int command_run(const char *line, const char *id, int timeout_ms,
	size_t output_max, struct buffer *output, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal while something is shown live on it: alternate screen, keys read
 * one by one, signals read from a descriptor, all put back at the end and while
 * stopped.
 */
#ifndef REHOME_TERMINAL_H
#define REHOME_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"

struct terminal;

enum terminal_event {
	TERMINAL_NOTHING,
	TERMINAL_QUIT,	 /* q, Ctrl-C, SIGTERM, SIGHUP */
	TERMINAL_REDRAW, /* another size, continued, Ctrl-L */
};

/* Whether standard output is a terminal that can show it. */
bool terminal_is_able(void);
/* NULL when it is not. */
struct terminal *terminal_open(void);
void terminal_close(struct terminal **terminal);

void terminal_size(
	const struct terminal *terminal, size_t *width_r, size_t *height_r);
/* Whether colours are wanted: NO_COLOR is not set. */
bool terminal_colour(const struct terminal *terminal);

/* Shows the lines in the place of what was shown before. */
void terminal_show(struct terminal *terminal, const struct buffer *lines);

/* Waits for a key, a signal or input on fd (-1: none), timeout_ms at most. */
enum terminal_event terminal_wait(
	struct terminal *terminal, int fd, int timeout_ms);

#endif

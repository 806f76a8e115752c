/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live view, drawn into a buffer: totals, one line with a bar for each
 * moving account, and a foot. Pure; made for any size of the terminal.
 */
#ifndef REHOME_SCREEN_H
#define REHOME_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tracker.h"
#include "lib/attr.h"
#include "lib/buffer.h"

struct screen_view {
	size_t width, height; /* of the terminal */
	bool colour;
	int64_t now; /* the wall clock */
	const struct tracker *tracker;
	const struct attr_list *status; /* policyd's counts; NULL: none yet */
	const char *notice;		/* in the foot; NULL: none */
	const char *foot;		/* what keys do */
};

/* Appends height lines at most, none wider than width, each but the last with
 * "\n" at its end. */
void screen_draw(const struct screen_view *view, struct buffer *out);

#endif

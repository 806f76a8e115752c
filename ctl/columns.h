/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables for the eye: a header line, and columns as wide as their cells. */
#ifndef REHOME_COLUMNS_H
#define REHOME_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define COLUMNS_MAX 12

struct column {
	const char *title;
	bool right;	 /* figures */
	size_t at_least; /* may be cut down to this, 0: never */
};

struct columns;

/* specification is an array of count, and must outlive the table. */
struct columns *columns_new(const struct column *specification, size_t count);
void columns_free(struct columns **columns);

/* Adds a row of copied cells; NULL is an empty one. */
void columns_add(struct columns *columns, const char *const cells[]);
size_t columns_rows(const struct columns *columns);

/*
 * Prints the rows added since the last flush, before the first of all the
 * header. Widths only grow from flush to flush. width is the terminal's, into
 * which lines are made to fit by cutting the columns that may be, the last one
 * first; 0: nothing is cut.
 */
void columns_flush(struct columns *columns, size_t width, FILE *out);

#endif

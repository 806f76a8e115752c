/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on its way to a person's terminal. What came over the network (reasons
 * of other servers, addresses) may hold control sequences or broken UTF-8:
 * everything that is printed passes here.
 */
#ifndef REHOME_TEXT_H
#define REHOME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/buffer.h"

/* Columns that the cleaned text takes on a terminal. */
size_t text_width(const char *text);

/* Appends the text with '?' for control characters (C1 ones too) and for bytes
 * that are not UTF-8. A line end becomes a blank. */
void text_add(struct buffer *out, const char *text);

/* Appends exactly width columns: padded with blanks, or cut with a mark at its
 * end. right aligns at the right. */
void text_add_fit(
	struct buffer *out, const char *text, size_t width, bool right);

/* Formats, cleans and writes; whoever calls puts the line end. */
void text_print(FILE *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

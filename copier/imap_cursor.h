/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest pieces of IMAP's grammar (RFC 3501 section 9), read by a cursor
 * over one whole response, for the parsers above it alone. None leaves the
 * response; those that return int: 0, or -1 when the text is something else.
 */
#ifndef REHOME_COPIER_IMAP_CURSOR_H
#define REHOME_COPIER_IMAP_CURSOR_H

#include "copier/imap_parse.h"

struct imap_cursor {
	const char *at;
	const char *end;
};

struct imap_cursor imap_cursor(struct imap_span span);
struct imap_span imap_span(const char *from, const char *to);
/* Passes over the character if it is the next. */
bool imap_take(struct imap_cursor *cursor, char c);
void imap_skip_blanks(struct imap_cursor *cursor);
/* Up to a blank or a character that ends an atom; may be empty. */
struct imap_span imap_atom(struct imap_cursor *cursor);
/* The name of a FETCH item with its section: FLAGS, BODY[HEADER (X)]<0>. */
struct imap_span imap_item(struct imap_cursor *cursor);
int imap_number(struct imap_cursor *cursor, uint64_t *number_r);
/* One of 32 bits that is not zero. */
int imap_nz_number(struct imap_cursor *cursor, uint32_t *number_r);
/* A string in any form, appended to text; text and *nil_r may be NULL. */
int imap_string(struct imap_cursor *cursor, struct buffer *text, bool *nil_r);
/* Passes over one value of any kind. */
int imap_skip_value(struct imap_cursor *cursor);
/* "(...)" without lists in it; the cursor moves behind it. */
int imap_flat_list(struct imap_cursor *cursor, struct imap_span *inside_r);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest pieces of IMAP's grammar. */
#include "config.h"

#include "copier/imap_cursor.h"

#include <ctype.h>
#include <string.h>

struct imap_cursor imap_cursor(struct imap_span span)
{
	struct imap_cursor cursor = { span.at, span.at + span.size };

	return cursor;
}

struct imap_span imap_span(const char *from, const char *to)
{
	struct imap_span span = { from, (size_t)(to - from) };

	return span;
}

bool imap_take(struct imap_cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

void imap_skip_blanks(struct imap_cursor *cursor)
{
	while (imap_take(cursor, ' '))
		;
}

/* Up to a blank or one of the characters that end an atom in a response. */
struct imap_span imap_atom(struct imap_cursor *cursor)
{
	const char *from = cursor->at;

	while (cursor->at < cursor->end && (unsigned char)*cursor->at > ' ' &&
		*cursor->at != '(' && *cursor->at != ')' &&
		*cursor->at != '"' && *cursor->at != '{')
		cursor->at++;
	return imap_span(from, cursor->at);
}

/* The name of a FETCH item with its section: FLAGS, BODY[HEADER (X)]<0>. */
struct imap_span imap_item(struct imap_cursor *cursor)
{
	const char *from = cursor->at;
	bool section = false;

	while (cursor->at < cursor->end) {
		if (*cursor->at == '[')
			section = true;
		else if (*cursor->at == ']')
			section = false;
		else if (!section &&
			 (*cursor->at == ' ' || *cursor->at == ')' ||
				 *cursor->at == '('))
			break;
		cursor->at++;
	}
	return imap_span(from, cursor->at);
}

int imap_number(struct imap_cursor *cursor, uint64_t *number_r)
{
	const char *from = cursor->at;

	*number_r = 0;
	while (cursor->at < cursor->end &&
		isdigit((unsigned char)*cursor->at)) {
		if (cursor->at - from >= 18)
			return -1;
		*number_r = *number_r * 10 + (uint64_t)(*cursor->at++ - '0');
	}
	return cursor->at > from ? 0 : -1;
}

/* A number of 32 bits that is not zero: UIDs and their like. */
int imap_nz_number(struct imap_cursor *cursor, uint32_t *number_r)
{
	uint64_t number;

	if (imap_number(cursor, &number) < 0 || number == 0 ||
		number > UINT32_MAX)
		return -1;
	*number_r = (uint32_t)number;
	return 0;
}

static int imap_quoted(struct imap_cursor *cursor, struct buffer *text)
{
	cursor->at++;
	while (cursor->at < cursor->end && *cursor->at != '"') {
		if (*cursor->at == '\\' && ++cursor->at == cursor->end)
			return -1;
		if (text != NULL)
			buffer_add(text, cursor->at, 1);
		cursor->at++;
	}
	return imap_take(cursor, '"') ? 0 : -1;
}

static int imap_literal(struct imap_cursor *cursor, struct buffer *text)
{
	uint64_t size;

	if (!imap_take(cursor, '{') || imap_number(cursor, &size) < 0)
		return -1;
	imap_take(cursor, '+');
	if (!imap_take(cursor, '}') || !imap_take(cursor, '\r') ||
		!imap_take(cursor, '\n') ||
		size > (uint64_t)(cursor->end - cursor->at))
		return -1;
	if (text != NULL)
		buffer_add(text, cursor->at, (size_t)size);
	cursor->at += size;
	return 0;
}

/*
 * A string in any of its three forms, appended to text (may be NULL). NIL as
 * an atom is 0 bytes and *nil_r (may be NULL).
 */
int imap_string(struct imap_cursor *cursor, struct buffer *text, bool *nil_r)
{
	struct imap_span atom;

	if (nil_r != NULL)
		*nil_r = false;
	if (cursor->at < cursor->end && *cursor->at == '"')
		return imap_quoted(cursor, text);
	/* Without a brace it is the first octet of an atom: a folder's name. */
	if (cursor->end - cursor->at > 1 && cursor->at[0] == '~' &&
		cursor->at[1] == '{')
		cursor->at++;
	if (cursor->at < cursor->end && *cursor->at == '{')
		return imap_literal(cursor, text);
	atom = imap_atom(cursor);
	if (atom.size == 0)
		return -1;
	if (nil_r != NULL && imap_span_is(atom, "NIL"))
		*nil_r = true;
	else if (text != NULL)
		buffer_add(text, atom.at, atom.size);
	return 0;
}

/* Passes over one value of any kind; lists by counting, not by recursion. */
int imap_skip_value(struct imap_cursor *cursor)
{
	int depth = 0;

	do {
		imap_skip_blanks(cursor);
		if (imap_take(cursor, '(')) {
			if (++depth > IMAP_PARSE_DEPTH_MAX)
				return -1;
		} else if (depth > 0 && imap_take(cursor, ')')) {
			depth--;
		} else if (imap_string(cursor, NULL, NULL) < 0) {
			return -1;
		}
	} while (depth > 0);
	return 0;
}

/* "(...)" without lists in it; the cursor moves behind it. */
int imap_flat_list(struct imap_cursor *cursor, struct imap_span *inside_r)
{
	const char *from = cursor->at, *close;

	if (from == cursor->end || *from != '(')
		return -1;
	close = memchr(from, ')', (size_t)(cursor->end - from));
	if (close == NULL || memchr(from, '\0', (size_t)(close - from)) != NULL)
		return -1;
	*inside_r = imap_span(from + 1, close);
	cursor->at = close + 1;
	return 0;
}

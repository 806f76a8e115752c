/* SPDX-License-Identifier: BSD-2-Clause */
/* Cleaning and measuring text, see text.h. */
#include "config.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>
#include <wchar.h>

#include "ctl/text.h"

#define TEXT_CUT "~"

/* One character: its bytes and columns. Bad bytes and controls come out as one
 * byte to be replaced (*clean_r is what to print instead, or NULL). */
static size_t text_next(
	const char *text, size_t *columns_r, const char **clean_r)
{
	ucs4_t character;
	int size = u8_strmbtouc(&character, (const uint8_t *)text);
	int columns;

	*columns_r = 1;
	if (size <= 0) {
		*clean_r = "?";
		return 1;
	}
	*clean_r = NULL;
	if (character == '\n' || character == '\t')
		*clean_r = " ";
	else if (character < 0x20 || (character >= 0x7f && character < 0xa0))
		*clean_r = "?";
	/* separators and direction marks that reorder a terminal's line */
	else if (character == 0x2028 || character == 0x2029 ||
		 (character >= 0x202a && character <= 0x202e) ||
		 (character >= 0x2066 && character <= 0x2069))
		*clean_r = "?";
	if (*clean_r == NULL) {
		columns = wcwidth((wchar_t)character);
		/* -1: a locale that cannot tell; most take one column */
		*columns_r = columns < 0 ? 1 : (size_t)columns;
	}
	return (size_t)size;
}

size_t text_width(const char *text)
{
	const char *clean;
	size_t width = 0, columns;

	while (*text != '\0') {
		text += text_next(text, &columns, &clean);
		width += columns;
	}
	return width;
}

static void text_add_one(
	struct buffer *out, const char *text, size_t size, const char *clean)
{
	if (clean != NULL)
		buffer_add_text(out, clean);
	else
		buffer_add(out, text, size);
}

void text_add(struct buffer *out, const char *text)
{
	const char *clean;
	size_t columns, size;

	while (*text != '\0') {
		size = text_next(text, &columns, &clean);
		text_add_one(out, text, size, clean);
		text += size;
	}
}

static void text_add_blanks(struct buffer *out, size_t count)
{
	while (count-- > 0)
		buffer_add(out, " ", 1);
}

void text_add_fit(
	struct buffer *out, const char *text, size_t width, bool right)
{
	size_t whole = text_width(text), taken = 0, columns, size;
	const char *clean;

	if (whole <= width) {
		if (right)
			text_add_blanks(out, width - whole);
		text_add(out, text);
		if (!right)
			text_add_blanks(out, width - whole);
		return;
	}
	if (width == 0)
		return;
	while (*text != '\0') {
		size = text_next(text, &columns, &clean);
		if (taken + columns > width - 1)
			break;
		text_add_one(out, text, size, clean);
		taken += columns;
		text += size;
	}
	buffer_add_text(out, TEXT_CUT);
	text_add_blanks(out, width - 1 - taken);
}

void text_print(FILE *out, const char *format, ...)
{
	struct buffer clean = BUFFER_EMPTY;
	char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	text_add(&clean, text);
	if (clean.size > 0)
		fwrite(clean.data, 1, clean.size, out);
	buffer_free(&clean);
	free(text);
}

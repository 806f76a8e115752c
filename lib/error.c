/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error texts. They end in log lines and in protocol replies, so whatever a
 * peer or a file put into them is made harmless here, at the one place where
 * every text is written.
 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"

/*
 * The size of the UTF-8 sequence at the front of text (RFC 3629), 0 when there
 * is none or it stands for a control character.
 */
static size_t error_sequence(const unsigned char *text)
{
	size_t size = 4;
	size_t i;

	if (text[0] < 0x20 || text[0] == 0x7f ||
		(text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4)
		return 0;
	if (text[0] < 0x80)
		size = 1;
	else if (text[0] < 0xe0)
		size = 2;
	else if (text[0] < 0xf0)
		size = 3;
	for (i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	/* C1 controls, overlong forms, surrogates, above U+10FFFF */
	if ((text[0] == 0xc2 && text[1] < 0xa0) ||
		(text[0] == 0xe0 && text[1] < 0xa0) ||
		(text[0] == 0xed && text[1] >= 0xa0) ||
		(text[0] == 0xf0 && text[1] < 0x90) ||
		(text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	/* U+2028, U+2029, U+202A to U+202E and U+2066 to U+2069: separators
	 * and direction marks that reorder a line on a terminal */
	if (text[0] == 0xe2 &&
		((text[1] == 0x80 && text[2] >= 0xa8 && text[2] <= 0xae) ||
			(text[1] == 0x81 && text[2] >= 0xa6 &&
				text[2] <= 0xa9)))
		return 0;
	return size;
}

static void error_store(struct error *error, const char *text, int length)
{
	size_t i = 0;

	memcpy(error->text, text, sizeof(error->text));
	if (length < 0)
		error->text[0] = '\0';
	while (error->text[i] != '\0') {
		size_t size =
			error_sequence((const unsigned char *)error->text + i);

		if (size == 0)
			error->text[i++] = '?';
		i += size;
	}
}

void error_set(struct error *error, const char *format, ...)
{
	/* the arguments may point into error->text */
	char text[sizeof(error->text)] = "";
	va_list arguments;
	int length;

	if (error == NULL)
		return;
	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	error_store(error, text, length);
}

void error_prefix(struct error *error, const char *format, ...)
{
	char text[sizeof(error->text)] = "";
	va_list arguments;
	int length;

	if (error == NULL)
		return;
	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length >= 0 && (size_t)length < sizeof(text)) {
		int rest = snprintf(text + length,
			sizeof(text) - (size_t)length, ": %s", error->text);

		length = rest < 0 ? rest : length + rest;
	}
	error_store(error, text, length);
}

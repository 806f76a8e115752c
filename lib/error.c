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

/* A cut in the middle of a UTF-8 sequence would make the line unreadable for
 * strict readers: the sequence goes as a whole. */
static void error_trim(char *text)
{
	size_t size = strlen(text);
	size_t start = size;

	while (size - start < 3 && start > 0 &&
		((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0xc0)
		text[start - 1] = '\0';
}

static void error_store(struct error *error, const char *text, int length)
{
	size_t i;

	memcpy(error->text, text, sizeof(error->text));
	if (length < 0)
		error->text[0] = '\0';
	else if ((size_t)length >= sizeof(error->text))
		error_trim(error->text);
	for (i = 0; error->text[i] != '\0'; i++) {
		unsigned char byte = (unsigned char)error->text[i];

		if (byte < 0x20 || byte == 0x7f)
			error->text[i] = '?';
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocation without an error path: a daemon that has no memory left cannot
 * answer anything truthfully, so it ends and its service manager starts it
 * anew; all durable state is in the store.
 */
#include <config.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"

static void xalloc_fail(void) __attribute__((noreturn));

static void xalloc_fail(void)
{
	static const char text[] = "rehome: out of memory\n";
	/* stdio might want memory itself; nothing can be done if this fails */
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)written;
	abort();
}

void *xmalloc(size_t size)
{
	void *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		xalloc_fail();
	return memory;
}

void *xcalloc(size_t count, size_t size)
{
	void *memory;

	if (count == 0 || size == 0)
		count = size = 1;
	memory = calloc(count, size);
	if (memory == NULL)
		xalloc_fail();
	return memory;
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	void *memory;

	if (count == 0 || size == 0)
		count = size = 1;
	memory = reallocarray(old, count, size);
	if (memory == NULL)
		xalloc_fail();
	return memory;
}

char *xstrdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(xmalloc(size), text, size);
}

char *xstrndup(const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	char *copy = xmalloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *xasprintf(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		xalloc_fail();
	return text;
}

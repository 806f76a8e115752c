/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte buffer that grows by doubling, so that adding is cheap however small
 * the pieces are. It has no limit of its own: whoever reads from a peer checks
 * the size first.
 */
#include <config.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buffer.h"
#include "lib/xalloc.h"

#define BUFFER_FIRST_ROOM 64

/* Makes room for more bytes and the NUL. */
static void buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t room = buffer->room > 0 ? buffer->room : BUFFER_FIRST_ROOM;

	if (more >= SIZE_MAX / 2 - buffer->size)
		abort();
	while (room < buffer->size + more + 1)
		room *= 2;
	if (room == buffer->room)
		return;
	buffer->data = xreallocarray(buffer->data, room, 1);
	buffer->room = room;
}

void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
	buffer_reserve(buffer, size);
	if (size > 0)
		memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	int length;

	buffer_reserve(buffer, BUFFER_FIRST_ROOM);
	va_start(arguments, format);
	length = vsnprintf(buffer->data + buffer->size,
		buffer->room - buffer->size, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	if ((size_t)length >= buffer->room - buffer->size) {
		buffer_reserve(buffer, (size_t)length);
		va_start(arguments, format);
		length = vsnprintf(buffer->data + buffer->size,
			buffer->room - buffer->size, format, arguments);
		va_end(arguments);
	}
	buffer->size += (size_t)length;
}

void buffer_drop(struct buffer *buffer, size_t size)
{
	if (size > buffer->size)
		abort();
	if (size == 0)
		return;
	buffer->size -= size;
	/* the NUL moves along */
	memmove(buffer->data, buffer->data + size, buffer->size + 1);
}

void buffer_clear(struct buffer *buffer)
{
	buffer->size = 0;
	if (buffer->data != NULL)
		buffer->data[0] = '\0';
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer)BUFFER_EMPTY;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A byte buffer that grows. Always followed by a NUL that is not counted. */
#ifndef REHOME_BUFFER_H
#define REHOME_BUFFER_H

#include <stddef.h>

struct buffer {
	char *data; /* NULL until something was added */
	size_t size;
	size_t room;
};

#define BUFFER_EMPTY { NULL, 0, 0 }

void buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Drops the first size bytes; what is behind them moves to the front. */
void buffer_drop(struct buffer *buffer, size_t size);
/* Empties the buffer and keeps its memory. */
void buffer_clear(struct buffer *buffer);
/* Frees the memory; the buffer is empty and usable again. */
void buffer_free(struct buffer *buffer);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation that ends the process when there is no memory. */
#ifndef REHOME_XALLOC_H
#define REHOME_XALLOC_H

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Zeroed memory for count items; aborts when count * size overflows. */
void *xcalloc(size_t count, size_t size)
	__attribute__((malloc, returns_nonnull));
/* Room for count items; aborts when count * size overflows. */
void *xreallocarray(void *old, size_t count, size_t size)
	__attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t size)
	__attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...)
	__attribute__((format(printf, 1, 2), returns_nonnull));

#endif

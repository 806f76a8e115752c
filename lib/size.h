/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts of bytes as people write them. */
#ifndef REHOME_SIZE_H
#define REHOME_SIZE_H

#include <stdint.h>

#include "lib/error.h"

/*
 * Reads "0", "1500", "500k", "10M", "2G", "1T"; k is 1024, in either case.
 * Returns 0 and the bytes, or -1 with an error.
 */
int size_parse(const char *text, int64_t *size_r, struct error *error);

#define SIZE_TEXT 32
/* The same back, in the largest unit that leaves nothing out: "500k", "2G".
 * Returns text_r. */
const char *size_format(int64_t size, char text_r[SIZE_TEXT]);

#endif

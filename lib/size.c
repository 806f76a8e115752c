/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts of bytes as people write them. */
#include <config.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/size.h"

static const char *const size_units[] = { "", "k", "M", "G", "T" };
#define SIZE_UNITS (sizeof(size_units) / sizeof(size_units[0]))

const char *size_format(int64_t size, char text_r[SIZE_TEXT])
{
	size_t unit = 0;

	while (size != 0 && size % 1024 == 0 && unit + 1 < SIZE_UNITS) {
		size /= 1024;
		unit++;
	}
	snprintf(text_r, SIZE_TEXT, "%" PRId64 "%s", size, size_units[unit]);
	return text_r;
}

int size_parse(const char *text, int64_t *size_r, struct error *error)
{
	size_t digits = strspn(text, "0123456789"), unit, i;
	int64_t size = 0;

	for (unit = 0; unit < SIZE_UNITS; unit++)
		if (strcasecmp(text + digits, size_units[unit]) == 0)
			break;
	for (i = 0; i < digits && digits <= 15; i++)
		size = size * 10 + (text[i] - '0');
	for (i = 0; i < unit && size <= INT64_MAX / 1024; i++)
		size *= 1024;
	if (digits == 0 || digits > 15 || i < unit || unit == SIZE_UNITS) {
		error_set(error,
			"%s: not a number of bytes like 500k, 10M or "
			"2G",
			text);
		return -1;
	}
	*size_r = size;
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Amounts of bytes as people write them. */
#include <config.h>

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "lib/size.h"

int size_parse(const char *text, int64_t *size_r, struct error *error)
{
	static const char *const units[] = { "", "k", "M", "G", "T" };
	size_t digits = strspn(text, "0123456789"), unit, i;
	int64_t size = 0;

	for (unit = 0; unit < sizeof(units) / sizeof(units[0]); unit++)
		if (strcasecmp(text + digits, units[unit]) == 0)
			break;
	for (i = 0; i < digits && digits <= 15; i++)
		size = size * 10 + (text[i] - '0');
	for (i = 0; i < unit && size <= INT64_MAX / 1024; i++)
		size *= 1024;
	if (digits == 0 || digits > 15 || i < unit ||
		unit == sizeof(units) / sizeof(units[0])) {
		error_set(error,
			"%s: not a number of bytes like 500k, 10M or "
			"2G",
			text);
		return -1;
	}
	*size_r = size;
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netstrings. The length is checked digit by digit, so that a hostile one is
 * refused before anything is waited for or allocated.
 */
#include <config.h>

#include "lib/netstring.h"

int netstring_parse(const char *data, size_t size, size_t max,
	const char **payload_r, size_t *payload_size_r, size_t *used_r,
	struct error *error)
{
	size_t length = 0;
	size_t i;

	for (i = 0; i < size && data[i] >= '0' && data[i] <= '9'; i++) {
		/* "05:" is no netstring; it would allow endless zeros too */
		if (i == 1 && data[0] == '0') {
			error_set(error, "netstring: length begins with 0");
			return -1;
		}
		length = length * 10 + (size_t)(data[i] - '0');
		if (length > max) {
			error_set(
				error, "netstring: longer than %zu bytes", max);
			return -1;
		}
	}
	if (i == size)
		return 0;
	if (i == 0 || data[i] != ':') {
		error_set(error, "netstring: no length and colon in front");
		return -1;
	}
	i++;
	if (size - i <= length)
		return 0;
	if (data[i + length] != ',') {
		error_set(
			error, "netstring: no comma behind %zu bytes", length);
		return -1;
	}
	*payload_r = data + i;
	*payload_size_r = length;
	*used_r = i + length + 1;
	return 1;
}

void netstring_print(const char *payload, size_t size, struct buffer *buffer)
{
	buffer_printf(buffer, "%zu:", size);
	buffer_add(buffer, payload, size);
	buffer_add(buffer, ",", 1);
}

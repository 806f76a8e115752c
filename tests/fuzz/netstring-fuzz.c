/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The netstring parser: it stays inside its input, decides the same however
 * much of the stream is there, and what it takes is printed again as it was.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netstring.h"

#define MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

/* The first decision when the bytes come one at a time. */
static int decide(const char *data, size_t size)
{
	const char *payload;
	size_t payload_size, used, i;
	int result = 0;

	for (i = 0; i <= size && result == 0; i++) {
		/* a copy of just these bytes, so that a read beyond shows */
		char *part = malloc(i > 0 ? i : 1);

		memcpy(part, data, i);
		result = netstring_parse(
			part, i, MAX, &payload, &payload_size, &used, NULL);
		free(part);
	}
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct buffer buffer = BUFFER_EMPTY;
	const char *payload;
	size_t payload_size, used;
	int result;

	if (size > 4 * MAX)
		return 0;
	do {
		result = netstring_parse(
			text, size, MAX, &payload, &payload_size, &used, NULL);
		expect(decide(text, size) == result);
		if (result != 1)
			break;
		expect(used <= size && payload_size <= MAX);
		expect(payload > text &&
			payload + payload_size + 1 == text + used);
		buffer_clear(&buffer);
		netstring_print(payload, payload_size, &buffer);
		expect(buffer.size == used &&
			memcmp(buffer.data, text, used) == 0);
		text += used;
		size -= used;
	} while (size > 0);
	buffer_free(&buffer);
	return 0;
}

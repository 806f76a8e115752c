/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What POP3 servers send: a response is the same however the stream is cut
 * into pieces, and no parser of its lines leaves its input.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "copier/pop3_parse.h"
#include "copier/pop3_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_all(const char *line)
{
	struct pop3_capabilities capabilities;
	uint64_t size;
	uint32_t number;
	const char *uidl;

	pop3_capabilities_clear(&capabilities);
	pop3_capability_parse(line, &capabilities);
	pop3_list_parse(line, &number, &size);
	if (pop3_uidl_parse(line, &number, &uidl) == 0 &&
		(uidl < line || *uidl == '\0'))
		abort();
	pop3_refusal_parse(line);
}

/* A digest of all events of the stream: responses of one shape. */
static uint64_t read_stream(const uint8_t *data, size_t size, size_t piece,
	enum pop3_wire_shape shape)
{
	struct pop3_wire wire;
	uint64_t sum = 14695981039346656037u;
	size_t at = 0, used, i;

	pop3_wire_expect(&wire, shape);
	for (;;) {
		size_t give = size - at < piece ? size - at : piece;
		char *copy = malloc(give > 0 ? give : 1);
		enum pop3_wire_event event;

		memcpy(copy, data + at, give);
		event = pop3_wire_feed(&wire, copy, give, &used, NULL);
		at += used;
		if (event == POP3_WIRE_DATA)
			for (i = 0; i < wire.data_size; i++)
				sum = (sum ^ (uint8_t)wire.data[i]) *
				      1099511628211u;
		else if (event != POP3_WIRE_MORE)
			sum = (sum ^ (uint64_t)event) * 1099511628211u;
		if (event == POP3_WIRE_REPLY || event == POP3_WIRE_LINE)
			parse_all(wire.line);
		if (event == POP3_WIRE_END)
			pop3_wire_expect(&wire, shape);
		free(copy);
		if (event == POP3_WIRE_BAD ||
			(event == POP3_WIRE_MORE && at == size))
			return sum;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum pop3_wire_shape shape;
	uint64_t whole;

	if (size == 0)
		return 0;
	shape = (enum pop3_wire_shape)(data[0] % 3);
	whole = read_stream(data + 1, size - 1, SIZE_MAX, shape);
	if (read_stream(data + 1, size - 1, 1, shape) != whole ||
		read_stream(data + 1, size - 1, 7, shape) != whole)
		abort();
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mbox files of anybody: the messages are the same however the file is read,
 * and no octet comes out that did not go in.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "copier/mbox_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
	struct mbox_parser parser;
	uint64_t sum;
	size_t octets;
	bool inside;
};

static void note(struct reading *reading, enum mbox_event event)
{
	struct mbox_parser *parser = &reading->parser;
	size_t i;

	if (event == MBOX_DATA) {
		for (i = 0; i < parser->data_size; i++)
			reading->sum =
				(reading->sum ^ (uint8_t)parser->data[i]) *
				1099511628211u;
		reading->octets += parser->data_size;
	} else if (event != MBOX_MORE) {
		reading->sum =
			(reading->sum ^ (uint64_t)event) * 1099511628211u;
	}
	if (event == MBOX_HEAD && parser->content_length >= 0)
		mbox_parse_trust(parser, (uint64_t)parser->content_length);
	if ((event == MBOX_BEGIN) == reading->inside && event != MBOX_MORE &&
		event != MBOX_BAD)
		abort();
	if (event == MBOX_BEGIN || event == MBOX_END)
		reading->inside = event == MBOX_BEGIN;
	for (i = 0; event == MBOX_END && i < parser->flags.size; i++)
		reading->sum = (reading->sum ^ (uint8_t)parser->flags.data[i]) *
			       1099511628211u;
}

static uint64_t read_file(const uint8_t *data, size_t size, size_t piece,
	enum mailbox_quoting quoting)
{
	struct reading reading = { .sum = 14695981039346656037u };
	enum mbox_event event;
	size_t at = 0, used;

	mbox_parse_begin(&reading.parser, quoting);
	do {
		size_t give = size - at < piece ? size - at : piece;
		char *copy = malloc(give > 0 ? give : 1);

		memcpy(copy, data + at, give);
		event = mbox_parse_feed(&reading.parser, copy, give, &used);
		at += used;
		note(&reading, event);
		free(copy);
	} while (event != MBOX_BAD && (event != MBOX_MORE || at < size));
	while (event != MBOX_BAD &&
		(event = mbox_parse_finish(&reading.parser)) != MBOX_MORE)
		note(&reading, event);
	if (reading.octets > size || (reading.inside && event != MBOX_BAD))
		abort();
	mbox_parse_free(&reading.parser);
	return reading.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum mailbox_quoting quoting;
	uint64_t whole;

	if (size == 0)
		return 0;
	quoting = (enum mailbox_quoting)(data[0] % 3);
	whole = read_file(data + 1, size - 1, SIZE_MAX, quoting);
	if (read_file(data + 1, size - 1, 1, quoting) != whole ||
		read_file(data + 1, size - 1, 7, quoting) != whole)
		abort();
	return 0;
}

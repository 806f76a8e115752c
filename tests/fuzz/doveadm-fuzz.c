/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What doveadm servers send: the events are the same however the stream is cut
 * into pieces. And POP3 identifiers, line by line.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "copier/doveadm_wire.h"
#include "copier/uidl.h"

#include "lib/buffer.h"

#define UIDLS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(struct buffer *told, const struct doveadm_event *event)
{
	if (event->line != NULL)
		buffer_printf(told, "line %s\n", event->line);
	else
		buffer_printf(told, "%d %s %s %s\n", event->ok, event->code,
			event->output, event->words);
}

/* All events, of input that comes in pieces of that size. */
static char *events(const char *data, size_t size, bool packets, size_t step)
{
	struct doveadm_wire wire = { .place = DOVEADM_HANDSHAKE };
	struct buffer told = BUFFER_EMPTY;
	size_t at = 0, end = 0, count = 0;

	buffer_add(&told, "", 0);
	while (at < size) {
		struct doveadm_event event;
		struct error error = { "" };
		size_t used;
		int result;

		if (at == end)
			end = size - at > step ? at + step : size;
		result = doveadm_wire_feed(
			&wire, data + at, end - at, &used, &event, &error);
		if (used > end - at || (result == 0 && used != end - at))
			abort();
		at += used;
		if (result < 0) {
			buffer_printf(&told, "bad %s\n", error.text);
			break;
		}
		if (result > 0)
			tell(&told, &event);
		/* as after the handshake */
		if (result > 0 && ++count == 1)
			doveadm_wire_begin(&wire, packets);
	}
	doveadm_wire_clear(&wire);
	return told.data;
}

static void fuzz_wire(const char *data, size_t size, bool packets)
{
	char *whole = events(data, size, packets, size);
	char *pieces = events(data, size, packets, 1);

	if (strcmp(whole, pieces) != 0)
		abort();
	free(whole);
	free(pieces);
}

static void fuzz_uidl(const char *data, size_t size)
{
	const char *uidls[UIDLS_MAX];
	struct uidl_list list = { uidls, 0 };
	char *text = calloc(1, size + 1), *line, *rest;
	struct error words = { "" };

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	for (line = strtok_r(text, "\n", &rest);
		line != NULL && list.count < UIDLS_MAX;
		line = strtok_r(NULL, "\n", &rest))
		uidls[list.count++] = line;
	uidl_format(&list, 2748, 100);
	if (uidl_compare(&list, &list, &words) != UIDL_SAME)
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	fuzz_wire((const char *)data + 1, size - 1, (data[0] & 1) != 0);
	fuzz_uidl((const char *)data, size);
	return 0;
}

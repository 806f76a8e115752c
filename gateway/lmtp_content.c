/* SPDX-License-Identifier: BSD-2-Clause */
/* Dots at the beginning of lines. */
#include "config.h"

#include "gateway/lmtp_content.h"

#include <string.h>

/* Adds text up to and with its next CR; in LMTP_LINE_TEXT. Octets taken. */
static size_t lmtp_decode_text(enum lmtp_place *place, const char *data,
	size_t size, struct buffer *out)
{
	const char *cr = memchr(data, '\r', size);
	size_t take = cr != NULL ? (size_t)(cr - data) + 1 : size;

	buffer_add(out, data, take);
	if (cr != NULL)
		*place = LMTP_LINE_CR;
	return take;
}

int lmtp_decode(enum lmtp_place *place, const char *data, size_t size,
	size_t *used_r, struct buffer *out)
{
	size_t used = 0;

	while (used < size) {
		char c = data[used];

		switch (*place) {
		case LMTP_LINE_BEGIN:
			if (c == '.') {
				*place = LMTP_LINE_DOT;
				used++;
				break;
			}
			*place = LMTP_LINE_TEXT;
			break;
		case LMTP_LINE_DOT:
			*place = LMTP_LINE_TEXT;
			if (c == '\r') {
				*place = LMTP_LINE_DOT_CR;
				used++;
			}
			break;
		case LMTP_LINE_DOT_CR:
			if (c == '\n') {
				*place = LMTP_LINE_BEGIN;
				*used_r = used + 1;
				return 1;
			}
			buffer_add(out, "\r", 1);
			*place = LMTP_LINE_CR;
			break;
		case LMTP_LINE_CR:
			*place = LMTP_LINE_TEXT;
			if (c == '\n') {
				buffer_add(out, "\n", 1);
				*place = LMTP_LINE_BEGIN;
				used++;
			}
			break;
		case LMTP_LINE_TEXT:
			used += lmtp_decode_text(
				place, data + used, size - used, out);
			break;
		}
	}
	*used_r = used;
	return 0;
}

void lmtp_encode(enum lmtp_place *place, const char *data, size_t size,
	struct buffer *out)
{
	const char *end;

	if (size == 0)
		return; /* and data may be NULL */
	end = data + size;
	while (data < end) {
		const char *lf = memchr(data, '\n', (size_t)(end - data));
		const char *stop = lf != NULL ? lf : end;

		if (*place == LMTP_LINE_BEGIN && *data == '.')
			buffer_add(out, ".", 1);
		buffer_add(out, data, (size_t)(stop - data));
		if (stop > data)
			*place = stop[-1] == '\r' ? LMTP_LINE_CR
						  : LMTP_LINE_TEXT;
		if (lf == NULL)
			break;
		if (*place != LMTP_LINE_CR)
			buffer_add(out, "\r", 1);
		buffer_add(out, "\n", 1);
		*place = LMTP_LINE_BEGIN;
		data = lf + 1;
	}
}

void lmtp_encode_end(enum lmtp_place *place, struct buffer *out)
{
	if (*place != LMTP_LINE_BEGIN)
		buffer_add(out, "\r\n", 2);
	buffer_add(out, ".\r\n", 3);
	*place = LMTP_LINE_BEGIN;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Modified UTF-7: "&" begins base64 of UTF-16, "-" ends it, "&-" is "&". */
#include "config.h"

#include "copier/utf7.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/buffer.h"

static int utf7_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789+,";
	const char *found = c != '\0' ? strchr(digits, c) : NULL;

	return found != NULL ? (int)(found - digits) : -1;
}

static void utf7_add(struct buffer *text, uint32_t c)
{
	char octets[4];
	size_t size = 0;

	if (c < 0x80) {
		octets[size++] = (char)c;
	} else if (c < 0x800) {
		octets[size++] = (char)(0xC0 | (c >> 6));
	} else if (c < 0x10000) {
		octets[size++] = (char)(0xE0 | (c >> 12));
		octets[size++] = (char)(0x80 | ((c >> 6) & 0x3F));
	} else {
		octets[size++] = (char)(0xF0 | (c >> 18));
		octets[size++] = (char)(0x80 | ((c >> 12) & 0x3F));
		octets[size++] = (char)(0x80 | ((c >> 6) & 0x3F));
	}
	if (c >= 0x80)
		octets[size++] = (char)(0x80 | (c & 0x3F));
	buffer_add(text, octets, size);
}

/* One unit of UTF-16; *high keeps the first half of a pair. False: bad. */
static bool utf7_unit(struct buffer *text, uint32_t unit, uint32_t *high)
{
	bool low = unit >= 0xDC00 && unit <= 0xDFFF;

	if (unit == 0 || low != (*high != 0))
		return false;
	if (low) {
		utf7_add(text,
			0x10000 + ((*high - 0xD800) << 10) + (unit - 0xDC00));
		*high = 0;
	} else if (unit >= 0xD800 && unit <= 0xDBFF) {
		*high = unit;
	} else {
		utf7_add(text, unit);
	}
	return true;
}

/* What stands between "&" and "-"; the place of the "-", or NULL. */
static const char *utf7_shifted(struct buffer *text, const char *at)
{
	uint32_t bits = 0, high = 0;
	unsigned count = 0;

	for (; *at != '-'; at++) {
		int digit = utf7_digit(*at);

		if (digit < 0)
			return NULL;
		bits = (bits << 6) | (uint32_t)digit;
		count += 6;
		if (count < 16)
			continue;
		count -= 16;
		if (!utf7_unit(text, (bits >> count) & 0xFFFF, &high))
			return NULL;
		bits &= (1U << count) - 1;
	}
	return high == 0 && bits == 0 && count < 6 ? at : NULL;
}

char *utf7_decode(const char *name)
{
	struct buffer text = BUFFER_EMPTY;
	const char *at;

	buffer_add(&text, "", 0);
	for (at = name; at != NULL && *at != '\0'; at++) {
		if ((unsigned char)*at >= 0x80) {
			at = NULL;
			break;
		}
		if (*at != '&')
			buffer_add(&text, at, 1);
		else if (at[1] == '-')
			buffer_add(&text, at++, 1);
		else if ((at = utf7_shifted(&text, at + 1)) == NULL)
			break;
	}
	if (at == NULL)
		buffer_free(&text);
	return text.data;
}

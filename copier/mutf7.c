/* SPDX-License-Identifier: BSD-2-Clause */
/* Modified UTF-7: UTF-16 in Base64 with a comma, between "&" and "-". */
#include "config.h"

#include "copier/mutf7.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <unistr.h>

static const char mutf7_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool mutf7_is_direct(ucs4_t character)
{
	return character >= 0x20 && character <= 0x7e;
}

static void mutf7_put(struct buffer *utf8, ucs4_t character)
{
	uint8_t bytes[6];
	int size = u8_uctomb(bytes, character, sizeof(bytes));

	buffer_add(utf8, bytes, (size_t)size);
}

/* Takes one UTF-16 unit; *high holds the first half of a pair. */
static int mutf7_unit(struct buffer *utf8, uint16_t unit, uint16_t *high)
{
	bool first = unit >= 0xd800 && unit < 0xdc00;
	bool second = unit >= 0xdc00 && unit < 0xe000;

	if (second != (*high != 0) || unit == 0)
		return -1;
	if (first) {
		*high = unit;
		return 0;
	}
	if (second)
		mutf7_put(utf8, 0x10000 + (((ucs4_t)*high - 0xd800) << 10) +
					(unit - 0xdc00));
	else
		mutf7_put(utf8, unit);
	*high = 0;
	return 0;
}

/* What stands between "&" and "-", not empty. */
static int mutf7_shifted(const char *text, size_t size, struct buffer *utf8)
{
	uint32_t bits = 0;
	unsigned count = 0;
	uint16_t high = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		const char *digit = memchr(mutf7_digits, text[i], 64);

		if (digit == NULL)
			return -1;
		bits = bits << 6 | (uint32_t)(digit - mutf7_digits);
		count += 6;
		if (count < 16)
			continue;
		count -= 16;
		if (mutf7_unit(utf8, (uint16_t)(bits >> count), &high) < 0)
			return -1;
		bits &= (1u << count) - 1;
	}
	return high == 0 && count < 6 && bits == 0 ? 0 : -1;
}

int mutf7_decode(const char *name, size_t size, struct buffer *utf8)
{
	size_t before = utf8->size, at = 0;

	while (at < size) {
		const char *end;
		size_t shifted;

		if (!mutf7_is_direct((unsigned char)name[at]))
			goto bad;
		if (name[at] != '&') {
			buffer_add(utf8, name + at++, 1);
			continue;
		}
		end = memchr(name + at, '-', size - at);
		if (end == NULL)
			goto bad;
		shifted = (size_t)(end - (name + at)) - 1;
		if (shifted == 0)
			buffer_add(utf8, "&", 1);
		else if (mutf7_shifted(name + at + 1, shifted, utf8) < 0)
			goto bad;
		at += shifted + 2;
	}
	return 0;
bad:
	if (utf8->data != NULL) {
		utf8->size = before;
		utf8->data[before] = '\0';
	}
	return -1;
}

/* Base64 of UTF-16, bit by bit. */
struct mutf7_shift {
	struct buffer *name;
	uint32_t bits;
	unsigned count;
	bool on;
};

static void mutf7_add_unit(struct mutf7_shift *shift, uint16_t unit)
{
	if (!shift->on)
		buffer_add(shift->name, "&", 1);
	shift->on = true;
	shift->bits = shift->bits << 16 | unit;
	shift->count += 16;
	while (shift->count >= 6) {
		shift->count -= 6;
		buffer_add(shift->name,
			&mutf7_digits[shift->bits >> shift->count & 63], 1);
		shift->bits &= (1u << shift->count) - 1;
	}
}

static void mutf7_end(struct mutf7_shift *shift)
{
	if (!shift->on)
		return;
	if (shift->count > 0)
		buffer_add(shift->name,
			&mutf7_digits[shift->bits << (6 - shift->count) & 63],
			1);
	buffer_add(shift->name, "-", 1);
	shift->bits = 0;
	shift->count = 0;
	shift->on = false;
}

void mutf7_encode(const char *utf8, size_t size, struct buffer *name)
{
	struct mutf7_shift shift = { .name = name };
	const uint8_t *at = (const uint8_t *)utf8;
	size_t left = size;

	while (left > 0) {
		ucs4_t character;
		int took = u8_mbtouc(&character, at, left);

		at += took;
		left -= (size_t)took;
		if (mutf7_is_direct(character)) {
			mutf7_end(&shift);
			buffer_add(name, &(char){ (char)character }, 1);
			if (character == '&')
				buffer_add(name, "-", 1);
		} else if (character >= 0x10000) {
			character -= 0x10000;
			mutf7_add_unit(
				&shift, (uint16_t)(0xd800 + (character >> 10)));
			mutf7_add_unit(&shift,
				(uint16_t)(0xdc00 + (character & 0x3ff)));
		} else {
			mutf7_add_unit(&shift, (uint16_t)character);
		}
	}
	mutf7_end(&shift);
}

void mutf7_show(const char *name, struct error *shown_r)
{
	struct buffer text = BUFFER_EMPTY;

	buffer_add_text(&text, "");
	error_set(shown_r, "%s",
		mutf7_decode(name, strlen(name), &text) == 0 ? text.data
							     : name);
	buffer_free(&text);
}

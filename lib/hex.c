/* SPDX-License-Identifier: BSD-2-Clause */
/* By a table: a large journal is mostly digits. */
#include "config.h"

#include "lib/hex.h"

/* The value of each digit, plus one. */
static const signed char hex_values[256] = {
	['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
};

int hex_digit(char digit)
{
	return hex_values[(unsigned char)digit] - 1;
}

void hex_print(const unsigned char *octets, size_t count, char *text_r)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*text_r++ = digits[octets[i] >> 4];
		*text_r++ = digits[octets[i] & 15];
	}
	*text_r = '\0';
}

bool hex_scan(const char *text, unsigned char *octets_r, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		octets_r[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

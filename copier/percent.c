/* SPDX-License-Identifier: BSD-2-Clause */
/* Escapes are written in upper case and read in both. */
#include "config.h"

#include "copier/percent.h"

#include "lib/buffer.h"
#include "lib/hex.h"

char *percent_encode(const char *text)
{
	struct buffer encoded = BUFFER_EMPTY;

	buffer_add(&encoded, "", 0);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c > ' ' && c < 127 && c != '%')
			buffer_add(&encoded, text, 1);
		else
			buffer_printf(&encoded, "%%%02X", c);
	}
	return encoded.data;
}

int percent_decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		unsigned char octet;

		if (*text != '%') {
			*to++ = *text;
			continue;
		}
		if (!hex_scan(text + 1, &octet, 1) || octet == 0)
			return -1;
		*to++ = (char)octet;
		text += 2;
	}
	*to = '\0';
	return 0;
}

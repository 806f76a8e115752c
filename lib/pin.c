/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing pins; whose they are is lib/tls.c's business. */
#include <config.h>

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/pin.h"

#include "lib/hex.h"

#define PIN_SCHEME    "sha256"
#define PIN_BASE64    43 /* digits, without the '=' behind them */
#define PIN_HEX	      (2 * PIN_SIZE)
#define PIN_SEPARATOR " \t,"

static const char pin_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789+/";

static int pin_from_base64(const char *text, unsigned char pin_r[PIN_SIZE])
{
	unsigned long bits = 0;
	size_t have = 0, size = 0;

	for (size_t i = 0; i < PIN_BASE64; i++) {
		const char *digit = memchr(pin_digits, text[i], 64);

		if (digit == NULL)
			return -1;
		bits = (bits << 6 | (unsigned long)(digit - pin_digits)) &
		       0xffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		pin_r[size++] = (unsigned char)(bits >> have);
	}
	/* the two bits behind the last byte */
	return (bits & 3) == 0 ? 0 : -1;
}

/* One pin of size characters. */
static int pin_parse(
	const char *text, size_t size, unsigned char pin_r[PIN_SIZE])
{
	size_t scheme = strlen(PIN_SCHEME);

	if (size <= scheme || strncasecmp(text, PIN_SCHEME, scheme) != 0)
		return -1;
	text += scheme;
	size -= scheme;
	if (text[0] == ':')
		scheme = 1;
	else if (size > 2 && text[0] == '/' && text[1] == '/')
		scheme = 2;
	else
		return -1;
	text += scheme;
	size -= scheme;
	if (size == PIN_HEX)
		return hex_scan(text, pin_r, PIN_SIZE) ? 0 : -1;
	if (size == PIN_BASE64 || (size == PIN_BASE64 + 1 && text[43] == '='))
		return pin_from_base64(text, pin_r);
	return -1;
}

/* The next pin of a list; 0 behind the last one. */
static size_t pin_next(const char **list)
{
	*list += strspn(*list, PIN_SEPARATOR);
	return strcspn(*list, PIN_SEPARATOR);
}

int pin_check(const char *pins, struct error *error)
{
	unsigned char pin[PIN_SIZE];
	size_t size, count = 0;

	while ((size = pin_next(&pins)) > 0) {
		if (pin_parse(pins, size, pin) < 0) {
			error_set(error,
				"pin %.*s: not sha256: and the base64 or hex "
				"of 32 bytes",
				(int)size, pins);
			return -1;
		}
		pins += size;
		count++;
	}
	if (count > 0)
		return 0;
	error_set(error, "no pin is given");
	return -1;
}

bool pin_is_among(const char *pins, const unsigned char pin[PIN_SIZE])
{
	unsigned char known[PIN_SIZE];
	size_t size;

	while ((size = pin_next(&pins)) > 0) {
		if (pin_parse(pins, size, known) == 0 &&
			memcmp(known, pin, PIN_SIZE) == 0)
			return true;
		pins += size;
	}
	return false;
}

void pin_format(const unsigned char pin[PIN_SIZE], char text_r[PIN_TEXT_SIZE])
{
	unsigned long bits = 0;
	size_t have = 0;
	char *at = text_r;

	memcpy(at, PIN_SCHEME ":", strlen(PIN_SCHEME) + 1);
	at += strlen(PIN_SCHEME) + 1;
	for (size_t i = 0; i < PIN_SIZE; i++) {
		bits = (bits << 8 | pin[i]) & 0xffff;
		for (have += 8; have >= 6;)
			*at++ = pin_digits[bits >> (have -= 6) & 63];
	}
	*at++ = pin_digits[bits << (6 - have) & 63];
	*at++ = '=';
	*at = '\0';
}

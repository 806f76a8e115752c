/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as hexadecimal digits. */
#ifndef REHOME_LIB_HEX_H
#define REHOME_LIB_HEX_H

#include <stdbool.h>
#include <stddef.h>

/* The value of a digit, upper or lower case; -1: it is none. */
int hex_digit(char digit);

/* Two digits in lower case for each octet and a NUL: 2 * count + 1 octets. */
void hex_print(const unsigned char *octets, size_t count, char *text_r);

/* Reads that many octets; what stands behind their digits is not looked at.
 * False when a digit is none, be it the end of the text. */
bool hex_scan(const char *text, unsigned char *octets_r, size_t count);

#endif

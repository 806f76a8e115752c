/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins of public keys: the SHA-256 of a certificate's SubjectPublicKeyInfo, as
 * RFC 7469 section 2.4 has it. Written "sha256:" and base64 or hex behind it
 * ("sha256//" of other tools is taken, too); several are separated by blanks
 * or commas.
 */
#ifndef REHOME_PIN_H
#define REHOME_PIN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define PIN_SIZE      32
#define PIN_TEXT_SIZE 64 /* of one as text, with its NUL */

/* Checks a list of pins, of which there must be one. 0, or -1 naming the bad
 * one. */
int pin_check(const char *pins, struct error *error);
/* Whether the list, which pin_check has passed, has this pin. */
bool pin_is_among(const char *pins, const unsigned char pin[PIN_SIZE]);
/* Writes "sha256:" and base64. */
void pin_format(const unsigned char pin[PIN_SIZE], char text_r[PIN_TEXT_SIZE]);

#endif

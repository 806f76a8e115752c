/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modified UTF-7, in which IMAP servers write folder names (RFC 3501 section
 * 5.1.3). Texts are pieces of bytes, never terminated.
 */
#ifndef REHOME_COPIER_MUTF7_H
#define REHOME_COPIER_MUTF7_H

#include <stddef.h>

#include "lib/buffer.h"
#include "lib/error.h"

/*
 * Appends what the name means in UTF-8. Returns 0, or -1 when it is not
 * modified UTF-7: octets beyond ASCII, a shift that does not end, bits left
 * over, half a surrogate pair, a NUL. utf8 is then what it was. A name that
 * encodes what needs no encoding is read all the same: mutf7_encode tells, for
 * it gives another one.
 */
int mutf7_decode(const char *name, size_t size, struct buffer *utf8);
/* Appends the one modified UTF-7 of valid UTF-8. */
void mutf7_encode(const char *utf8, size_t size, struct buffer *name);
/*
 * Gives a folder's name as people write it, safe to print: decoded, or as it
 * is when it is not modified UTF-7. What is longer than a struct error holds is
 * cut off.
 */
void mutf7_show(const char *name, struct error *shown_r);

#endif

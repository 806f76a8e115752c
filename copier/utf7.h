/* SPDX-License-Identifier: BSD-2-Clause */
/* Folder names as IMAP writes them: modified UTF-7 (RFC 3501 section 5.1.3). */
#ifndef REHOME_COPIER_UTF7_H
#define REHOME_COPIER_UTF7_H

/*
 * The name in UTF-8, malloc'd. NULL when it is no modified UTF-7: octets
 * outside of ASCII, a shift that does not end, half a surrogate pair, bits left
 * over, or a NUL.
 */
char *utf7_decode(const char *name);

#endif

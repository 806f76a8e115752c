/* SPDX-License-Identifier: BSD-2-Clause */
/* Percent-encoding (RFC 3986 section 2.1), for names in URLs and in lines whose
 * fields are parted by blanks. */
#ifndef REHOME_COPIER_PERCENT_H
#define REHOME_COPIER_PERCENT_H

/* Without blanks, controls and octets beyond ASCII. malloc'd. */
char *percent_encode(const char *text);
/* Undoes it in place. 0, or -1 when an escape is none, or stands for NUL. */
int percent_decode(char *text);

#endif

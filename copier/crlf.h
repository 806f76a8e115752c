/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local files end lines with LF, messages with CRLF: a LF alone gets a CR, all
 * else stays, as IMAP servers do with the same files.
 */
#ifndef REHOME_COPIER_CRLF_H
#define REHOME_COPIER_CRLF_H

#include <stdbool.h>
#include <stddef.h>

struct crlf {
	bool cr; /* the octet before was one; false at the beginning */
};

/* Writes what size octets become to out, which has room for twice as many.
 * Returns how many that are. */
size_t crlf_convert(struct crlf *crlf, const char *in, size_t size, char *out);

#endif

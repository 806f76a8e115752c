/* SPDX-License-Identifier: BSD-2-Clause */
/* Netstrings ("5:hello,"), the framing of the socketmap protocol. */
#ifndef REHOME_NETSTRING_H
#define REHOME_NETSTRING_H

#include <stddef.h>

#include "lib/buffer.h"
#include "lib/error.h"

/* Sendmail and Postfix send no longer request than this. */
#define NETSTRING_MAX 100000

/*
 * Looks for one netstring at the front of data. Returns 1 with the payload
 * (inside data) and the bytes used, 0 when more bytes are needed, -1 when the
 * bytes are no netstring or it is longer than max.
 */
int netstring_parse(const char *data, size_t size, size_t max,
	const char **payload_r, size_t *payload_size_r, size_t *used_r,
	struct error *error);
void netstring_print(const char *payload, size_t size, struct buffer *buffer);

#endif

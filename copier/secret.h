/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts that are wiped before their memory is given back, and base64 of them.
 */
#ifndef REHOME_COPIER_SECRET_H
#define REHOME_COPIER_SECRET_H

#include <stddef.h>

#include "lib/error.h"

/* Never grown in place: a grown one would leave a copy behind. */
struct secret {
	char *data; /* with a NUL behind size; NULL when there is none */
	size_t size;
};

#define SECRET_NONE                                                            \
	{                                                                      \
		NULL, 0                                                        \
	}

/* Frees what it holds and makes room for size bytes, all zero. */
void secret_make(struct secret *secret, size_t size);
/* Copies size bytes. */
void secret_set(struct secret *secret, const void *data, size_t size);
/* The concatenation of count texts, each up to its NUL. */
void secret_join(struct secret *secret, size_t count, const char *const *texts);
/* Wipes and frees; the secret is none then. */
void secret_clear(struct secret *secret);

/* RFC 4648 section 4. */
void secret_encode(const struct secret *plain, struct secret *encoded);
/* 0, or -1 when the text is no base64. */
int secret_decode(const char *text, size_t size, struct secret *plain);

/* Takes the text out of the words of an error if it stands in them. */
void secret_mask(struct error *error, const char *text);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts that are sealed where they come by and opened elsewhere: X25519 with a
 * key of the moment (RFC 7748), HKDF-SHA-256 (RFC 5869), AES-256-GCM. Whoever
 * has only the public key cannot open what it sealed itself a moment ago.
 */
#ifndef REHOME_SEAL_H
#define REHOME_SEAL_H

#include <stddef.h>

#include "lib/error.h"

/* The longest text (octets). */
#define SEAL_TEXT_MAX 1022
/* The longest sealed form, with its NUL. */
#define SEAL_SIZE_MAX 2164

/* The public half of a key pair, or both. Any thread. */
struct seal_key;

/*
 * Reads PEM as `openssl genpkey -algorithm X25519` writes the private key, and
 * `openssl pkey -pubout` the public one. NULL with an error that says what the
 * file holds instead. To be freed.
 */
struct seal_key *seal_read_public(const char *file, struct error *error);
struct seal_key *seal_read_private(const char *file, struct error *error);
/* Takes NULL. */
void seal_key_free(struct seal_key **key);

/*
 * Seals size octets for the owner, a text that must be the same at opening.
 * Only how many times 64 octets the text fills is to be seen. Writes a word of
 * hexadecimal digits. 0, or -1 with an error: too long, or no randomness.
 */
int seal_close(const struct seal_key *key, const char *owner, const char *text,
	size_t size, char sealed_r[SEAL_SIZE_MAX], struct error *error);

/*
 * Opens what was sealed for that owner; key must hold the private half. 1 with
 * the text, its NUL and its size; 0 it was sealed with another public key; -1
 * with an error: it is damaged, or another's. text_r is the caller's to wipe.
 */
int seal_open(const struct seal_key *key, const char *owner, const char *sealed,
	char text_r[SEAL_TEXT_MAX + 1], size_t *size_r, struct error *error);

#endif

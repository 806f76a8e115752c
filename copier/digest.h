/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 over the octets of a message, as they are on the wire. */
#ifndef REHOME_COPIER_DIGEST_H
#define REHOME_COPIER_DIGEST_H

#include <stddef.h>

#include "lib/error.h"

#include "copier/driver.h"
#include "copier/journal.h"

struct digest;

struct digest *digest_new(void);
void digest_free(struct digest **digest);
void digest_begin(struct digest *digest);
void digest_add(struct digest *digest, const void *data, size_t size);
void digest_end(struct digest *digest, unsigned char result_r[JOURNAL_DIGEST]);

/* A message that was read. */
struct digest_message {
	uint32_t uid;
	uint64_t size; /* octets that came */
	unsigned char digest[JOURNAL_DIGEST];
	uint64_t skeleton; /* altered_skeleton */
};

typedef void digest_fn(void *context, const struct digest_message *message);

/*
 * Reads messages of the selected folder and tells their digests; those that
 * are gone are passed over. Results as in driver.h.
 */
int digest_fetch(struct mailbox *mailbox, const struct uidset *uids,
	digest_fn *callback, void *context, struct error *error);

#endif

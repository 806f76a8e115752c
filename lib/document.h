/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The documents that policyd keeps with an account, and how they travel over
 * the control protocol: in pieces, for a value there is bounded.
 */
#ifndef REHOME_DOCUMENT_H
#define REHOME_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/buffer.h"

/* What was refused and what was approved of it: lib/refusal.h. */
#define DOCUMENT_REFUSED   "refused"
#define DOCUMENT_APPROVALS "approvals"
/* What was approved in earlier moves, and what is to be tried once more. */
#define DOCUMENT_FORMER	     "former-approvals"
#define DOCUMENT_AGAIN	     "again"
#define DOCUMENT_CERTIFICATE "certificate" /* its summary */
#define DOCUMENT_IDENTITY    "identity"	   /* what clients will do again */
#define DOCUMENT_SHARED	     "shared"	   /* folders shared with others */

/*
 * Bytes of a document: with every byte escaped it still fits a message. What
 * is longer is refused, never cut.
 */
#define DOCUMENT_SIZE_MAX (480u << 10)

/* Whether documents of that name are kept; a worker may put those that are its
 * to tell, all but what operators have said. */
bool document_is_known(const char *name);
bool document_is_workers(const char *name);

/* Adds the text to a message as attributes `text`, and puts it together again
 * from all of them, appended to the buffer. */
void document_add_text(struct attr_list *list, const char *text);
void document_get_text(const struct attr_list *list, struct buffer *text);

#endif

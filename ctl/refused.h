/* SPDX-License-Identifier: BSD-2-Clause */
/* What was refused of an account, and what was approved of it. */
#ifndef REHOME_REFUSED_H
#define REHOME_REFUSED_H

#include <stddef.h>

#include "ctl/session.h"
#include "lib/buffer.h"

struct refused_counts {
	size_t open;	 /* block the flip */
	size_t approved; /* left behind knowingly, or kept altered */
	size_t kept;	 /* of those, the latter */
	size_t told;	 /* block nothing: keywords */
};

/*
 * Appends a document that is kept with the account. 1, 0 there is none (or no
 * such account), or -1 with an error; *code_r is the exit code then.
 */
int refused_document(struct session *session, const char *address,
	const char *name, struct buffer *text, int *code_r,
	struct error *error);
/* Counts the items of both documents. Returns 0 or the exit code. */
int refused_look(struct session *session, const char *address,
	struct refused_counts *counts_r, struct error *error);

#endif

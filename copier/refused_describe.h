/* SPDX-License-Identifier: BSD-2-Clause */
/* What a refused message is, for the operator who must judge it. */
#ifndef REHOME_COPIER_REFUSED_DESCRIBE_H
#define REHOME_COPIER_REFUSED_DESCRIBE_H

#include <stddef.h>

#include "lib/attr.h"

#include "copier/driver.h"

/*
 * Adds size, date, subject and message_id to those items of messages that have
 * none, as far as the mailbox tells them; of large messages only size and date.
 * What cannot be read is left out in silence, for it is help, not truth.
 */
void refused_describe(
	struct mailbox *mailbox, struct attr_list *const *items, size_t count);

/* Adds a field of a header that is there whole or in its beginning: unfolded
 * and cut to what a line of text bears. */
void refused_header_field(struct attr_list *item, const char *name,
	const char *header, const char *field);

#endif

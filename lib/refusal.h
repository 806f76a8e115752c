/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What could not be carried over, and what an operator has approved of it: the
 * documents `refused` and `approvals`. Each is a text of messages in control
 * form, one for an item. The copier writes the first, policyd the second, and
 * the flip waits until each item that blocks is approved.
 *
 * An item has the attributes
 *   item    its name: of a message or folder refusal_item, else its kind
 *   kind    message, altered (the other side has it with other octets, and an
 *           approval keeps it so), folder, keywords, uidl, identity, more
 *   folder  as home writes it; uidvalidity, uid, size, date, subject,
 *           message_id as far as they are known
 *   words   the server's, or what will happen
 *   sha256, stored_sha256  of an altered one: as sent, and as stored
 *   to      the system of the other side
 *   identity  a digest that tells the same message in a later move
 *   since   the instant when it was refused first
 * and an approval the item's, with by, at and reason.
 */
#ifndef REHOME_REFUSAL_H
#define REHOME_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buffer.h"
#include "lib/error.h"

#define REFUSAL_ITEM_SIZE 20

/* The name of a message's item; of a folder's with uid 0. */
void refusal_item(const char *folder, uint32_t uidvalidity, uint32_t uid,
	char item_r[REFUSAL_ITEM_SIZE]);

/* Keywords that were refused are told; all else keeps the account from its
 * flip. */
bool refusal_blocks(const struct attr_list *item);

/* Whether the other side has the message, with other octets. */
bool refusal_is_altered(const struct attr_list *item);

/*
 * Calls back for each item of a document, in its order; the callback returns
 * true to go on. 0 at the end, 1 stopped, -1 with an error when the text is
 * damaged.
 */
typedef bool refusal_fn(const struct attr_list *item, void *context);
int refusal_each(const char *text, refusal_fn *callback, void *context,
	struct error *error);

/* The items of a document of approvals, for asking. */
struct approvals;

/* text may be NULL: nothing is approved. NULL with an error: damaged. */
struct approvals *approvals_new(const char *text, struct error *error);
void approvals_free(struct approvals **approvals);
bool approvals_has(const struct approvals *approvals, const char *item);

/* How many items block and are not approved. 0, or -1: damaged. NULL texts are
 * empty ones. */
int refusal_count_open(const char *refused, const char *approved,
	uint64_t *open_r, struct error *error);

#endif

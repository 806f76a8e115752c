/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a server refused, from round to round: the list that an operator reads,
 * and what he has approved of it (lib/refusal.h). What is refused is tried
 * again in each round; what is approved to be left behind is not, and what a
 * server alters is kept as it is once that is approved. A struct refused is
 * used by one thread at a time while it is changed; asking is free.
 */
#ifndef REHOME_COPIER_REFUSED_H
#define REHOME_COPIER_REFUSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/error.h"

#include "copier/pass.h"

struct refused;

/*
 * From the documents as they are kept, NULL for none. NULL with an error when
 * one is damaged.
 */
struct refused *refused_new(
	const char *listed, const char *approved, struct error *error);
void refused_free(struct refused **refused);
/* Takes newer approvals. 0, or -1 with an error. */
int refused_approve(
	struct refused *refused, const char *approved, struct error *error);
/* Takes what was asked for to be tried once more. 0 or -1. */
int refused_ask(
	struct refused *refused, const char *again, struct error *error);
/* Names the system of the other side, in items from now on. */
void refused_towards(struct refused *refused, const char *system);

/*
 * Whether a message of home is left behind by approval: itself, or its whole
 * folder, which could not be made or opened. pass->refused may be NULL.
 */
bool refused_is_left(const struct pass *pass, const char *folder,
	uint32_t uidvalidity, uint32_t uid);
/* Whether a message of home is kept by approval as the other side alters it. */
bool refused_is_kept(const struct pass *pass, const char *folder,
	uint32_t uidvalidity, uint32_t uid);
/* The instant when it was asked last to try the message once more; 0: never. */
int64_t refused_again(const struct pass *pass, const char *folder,
	uint32_t uidvalidity, uint32_t uid);
/* Whether some of a folder may be left behind. */
bool refused_leaves(const struct pass *pass, const char *folder);
/* Takes those that are left behind out of a set of home's UIDs. */
void refused_leave(const struct pass *pass, const char *folder,
	uint32_t uidvalidity, struct uidset *uids);

/*
 * Something else than a message that the operator must know of or approve; it
 * stays until it is noted with other words, or with NULL, which withdraws it.
 * kind is "uidl" or "identity", of which there is one each and folder is NULL,
 * or "keywords", which blocks nothing, one for each folder.
 */
void refused_note(struct refused *refused, const char *kind, const char *folder,
	const char *words);

/*
 * Makes the list anew from what the pass has met and the notes. whole: the pass
 * came to its end; else what was listed before stays. describe: size, date,
 * subject and Message-ID of what is new are read from home, which no folder may
 * be selected for. Returns how many items block and are not approved.
 */
uint64_t refused_gather(struct pass *pass, bool whole, bool describe);
/* The list as a document, valid until the next gather; "" when it is empty. */
const char *refused_text(const struct refused *refused);
/* Whether the last gather changed it. */
bool refused_changed(const struct refused *refused);
/* "2 refused; first: INBOX uid 7: words" of what is open; else empty. */
void refused_summary(const struct refused *refused, struct error *text_r);

/* Items of what was left behind by approval, and of what is kept by approval
 * as the other side alters it. */
size_t refused_left_count(const struct refused *refused);
const struct attr_list *refused_left(const struct refused *refused, size_t i);
size_t refused_kept_count(const struct refused *refused);
const struct attr_list *refused_kept(const struct refused *refused, size_t i);

#endif

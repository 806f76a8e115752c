/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a home says that it can do before a login, as far as it concerns what a
 * client is told there, and what several homes have in common. Pure.
 */
#ifndef REHOME_GATEWAY_OFFER_H
#define REHOME_GATEWAY_OFFER_H

#include <stddef.h>

#include "gateway/dialog.h"

/* Of one home; more is not kept. */
#define OFFER_ITEMS_MAX 64

struct offer_item {
	char *name;
	char *value; /* what stands behind it, or NULL */
};

/* Zeroed at first. */
struct offer {
	enum dialog_protocol protocol;
	unsigned mechanisms; /* 1 << enum login_mechanism */
	struct offer_item items[OFFER_ITEMS_MAX];
	size_t count;
};

/*
 * One capability: an atom of IMAP, a line of POP3's CAPA, of EHLO behind the
 * code, of ManageSieve. What is the connection's affair (TLS, the greeting's
 * words), or nothing that may be said for a home, is passed over.
 */
void offer_learn(struct offer *offer, const char *text);
/* Only what the other one has, too. */
void offer_meet(struct offer *offer, const struct offer *other);
void offer_copy(struct offer *offer, const struct offer *from);
void offer_clear(struct offer *offer);

/* In the protocol's words, with NULL behind the last: for a dialog's offer.
 * malloc'd, as each of them is. */
char **offer_lines(const struct offer *offer);
void offer_lines_free(char ***lines);

#endif

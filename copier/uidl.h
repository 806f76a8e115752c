/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POP3's unique identifiers (RFC 1939, UIDL), by which a client that leaves
 * mail on the server knows what it has. Pure.
 */
#ifndef REHOME_COPIER_UIDL_H
#define REHOME_COPIER_UIDL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* As the server lists them, in the order of its message numbers. */
struct uidl_list {
	const char *const *uidls;
	size_t count;
};

/*
 * The form of a list, as the value of Dovecot's pop3_uidl_format that gives the
 * same from the same UIDVALIDITY and UIDs: all of the list must be in that form
 * and name INBOX's UIDVALIDITY (where the form has it) and ascending UIDs below
 * its UIDNEXT (0: not known). NULL when there is none, also for an empty list.
 * A form without UIDVALIDITY is believed, as nothing speaks against it.
 */
const char *uidl_format(
	const struct uidl_list *list, uint32_t uidvalidity, uint32_t uidnext);

enum uidl_change {
	UIDL_SAME,    /* nothing is read twice */
	UIDL_BEHIND,  /* the same so far; more have come since, or are gone */
	UIDL_CHANGED, /* clients would download messages again */
};

/*
 * What a client of home finds at the other side. Both lists were read at
 * different times: what is missing at the end of other's, and what is gone of
 * home's, may be of no account, so ask again. words_r tells of a change.
 */
enum uidl_change uidl_compare(const struct uidl_list *home,
	const struct uidl_list *other, struct error *words_r);

#endif

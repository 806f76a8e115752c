/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who somebody of one server is on another: identifiers of ACLs are login
 * names, and these are made of addresses by each server's own rule. Rights,
 * too, have two alphabets (RFC 2086, RFC 4314).
 */
#ifndef REHOME_COPIER_ACL_NAMES_H
#define REHOME_COPIER_ACL_NAMES_H

#include "copier/driver.h"

/*
 * The login name at to of whoever has this one at from, malloc'd; NULL when
 * that cannot be told. The rules are the patterns of system.user where they are
 * known ("%u", "%n", "%d"), else seen in the two login names of the account.
 * "anyone" and "anonymous" mean the same everywhere; "-" in front (rights taken
 * away) is kept; groups ("group=x", "$x") are nobody elsewhere: NULL.
 */
char *acl_names_map(const struct mailbox *from, const struct mailbox *to,
	const char *identifier);
/* Whether the identifier is the account itself there. */
bool acl_names_is_owner(const struct mailbox *mailbox, const char *identifier);

/*
 * The rights in the letters of known, in their order; those that known has not
 * are appended to unknown. Both malloc'd.
 */
void acl_names_rights(const char *rights, const char *known, char **rights_r,
	char **unknown_r);

#endif

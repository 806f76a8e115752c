/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the responses of IMAP's extensions about folders: ACL (RFC 4314), QUOTA
 * (RFC 2087, RFC 9208), METADATA (RFC 5464), STATUS SIZE (RFC 8438). Functions
 * return 0, or -1 when the text is not what the grammar says; by then they may
 * have called back for what stood before. Texts that they hand out are valid
 * during the call. Names of folders and roots are appended to a buffer.
 */
#ifndef REHOME_COPIER_IMAP_EXTENSION_H
#define REHOME_COPIER_IMAP_EXTENSION_H

#include "copier/imap_parse.h"

typedef void imap_acl_fn(
	void *context, const char *identifier, const char *rights);
/* "name identifier rights ..." of ACL. */
int imap_acl_parse(struct imap_span rest, struct buffer *name_r,
	imap_acl_fn *callback, void *context);

typedef void imap_root_fn(void *context, const char *root);
/* "name root ..." of QUOTAROOT. */
int imap_quotaroot_parse(struct imap_span rest, struct buffer *name_r,
	imap_root_fn *callback, void *context);
typedef void imap_quota_fn(
	void *context, const char *resource, uint64_t used, uint64_t limit);
/* "root (RESOURCE used limit ...)" of QUOTA. */
int imap_quota_parse(struct imap_span rest, struct buffer *root_r,
	imap_quota_fn *callback, void *context);

typedef void imap_metadata_fn(void *context, const char *entry,
	const char *value, size_t size, bool nil);
/* "name (entry value ...)" of METADATA. The form without values, which tells
 * of a change only, calls back for nothing. */
int imap_metadata_parse(struct imap_span rest, struct buffer *name_r,
	imap_metadata_fn *callback, void *context);

/* "name (... MESSAGES n SIZE n ...)" of STATUS; -1 also when one is missing. */
int imap_size_parse(struct imap_span rest, struct buffer *name_r,
	uint64_t *messages_r, uint64_t *size_r);

#endif

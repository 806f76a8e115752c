/* SPDX-License-Identifier: BSD-2-Clause */
/* Between driver_imap_extension.c and the files of single extensions. */
#ifndef REHOME_COPIER_DRIVER_IMAP_EXTENSION_H
#define REHOME_COPIER_DRIVER_IMAP_EXTENSION_H

#include "copier/driver_imap_private.h"
#include "copier/extension.h"

/*
 * The same command for many folders, several under way. data is called for each
 * response, refused for each folder whose command the server refuses.
 */
struct imap_bulk {
	const char *command;   /* what stands before the folder's name */
	const char *arguments; /* what stands behind it, "" none */
	int (*data)(void *context, const struct imap_response *response,
		struct error *error);
	void (*refused)(
		void *context, const char *folder, const struct error *words);
	void *context; /* of both */

	const char *const *folders; /* imap_bulk_run fills the rest */
	size_t asked;
	unsigned first; /* the tag of the first folder's command */
};

/* 1 or -1. */
int imap_bulk_run(struct imap_mailbox *imap, struct imap_bulk *bulk,
	const char *const *folders, size_t count, struct error *error);

/* driver_imap_acl.c */
const char *imap_mailbox_rights(struct mailbox *mailbox);
int imap_mailbox_acl_read(struct mailbox *mailbox, const char *const *folders,
	size_t count, extension_acl_fn *callback, void *context,
	struct error *error);
int imap_mailbox_acl_write(struct mailbox *mailbox, const char *folder,
	const char *identifier, const char *rights, struct error *error);

/* driver_imap_quota.c */
int imap_mailbox_quota_read(struct mailbox *mailbox, const char *folder,
	extension_quota_fn *callback, void *context, struct error *error);
int imap_mailbox_quota_write(struct mailbox *mailbox, const char *root,
	const char *resource, uint64_t limit, struct error *error);

/* driver_imap_metadata.c */
int imap_mailbox_metadata_read(struct mailbox *mailbox,
	const char *const *folders, size_t count,
	extension_metadata_fn *callback, void *context, struct error *error);
int imap_mailbox_metadata_write(struct mailbox *mailbox, const char *folder,
	const char *entry, const char *value, size_t size, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a Maildir mailbox, shared by the driver_maildir*.c. */
#ifndef REHOME_COPIER_DRIVER_MAILDIR_PRIVATE_H
#define REHOME_COPIER_DRIVER_MAILDIR_PRIVATE_H

#include <sys/types.h>

#include "copier/driver.h"
#include "copier/maildir_name.h"
#include "copier/spool.h"
#include "copier/uidmap.h"

struct maildir_folder {
	char *name; /* modified UTF-7; the path's when there is a reason */
	char *path;
	char separator;
	bool subscribed;
	const char *reason; /* why it cannot be read, or NULL */
};

struct maildir_message {
	uint32_t uid;
	char *file; /* "cur/NAME" */
	const struct flagset *flags;
};

struct maildir_mailbox {
	struct mailbox mailbox;
	char *root;
	struct flagpool *flags;
	struct mailbox_features features;
	struct uidmap *map;
	struct spool *spool;

	struct maildir_folder *folders; /* as last listed */
	size_t folders_count;

	/* The folder that was read last. */
	char *path, *name;	    /* its own, or NULL */
	struct uidmap_folder *uids; /* NULL: a reader that knows none yet */
	struct maildir_message *messages; /* by UID */
	size_t count;
};

static inline struct maildir_mailbox *maildir_mailbox(struct mailbox *mailbox)
{
	return (struct maildir_mailbox *)mailbox;
}

/* driver_maildir_tree.c */

/* Finds the folders. 1, or -1 with an error. */
int maildir_tree_read(struct maildir_mailbox *maildir, struct error *error);
void maildir_tree_clear(struct maildir_mailbox *maildir);
/* NULL with an error when there is none of that name that can be read. */
const struct maildir_folder *maildir_tree_find(
	struct maildir_mailbox *maildir, const char *name, struct error *error);

/* driver_maildir_read.c */

/* Reads the names of a folder's messages and gives UIDs. 1, 0 or -1. */
int maildir_read(struct maildir_mailbox *maildir,
	const struct maildir_folder *folder, struct error *error);
void maildir_read_clear(struct maildir_mailbox *maildir);
void maildir_read_status(
	const struct maildir_mailbox *maildir, struct mailbox_status *status_r);
struct maildir_message *maildir_find(
	const struct maildir_mailbox *maildir, uint32_t uid);

/* driver_maildir_uids.c */

/* A file of a folder on its way to a UID. */
struct maildir_file {
	char *base;
	char *file;
	ino_t inode;
	bool again;	 /* another file of the same base */
	uint32_t listed; /* its UID in the server's list, or 0 */
	uint32_t uid;
};

/* Gives each file its UID: the one of the server's own list where there is one,
 * and one that it keeps. 1, or -1. */
int maildir_give_uids(struct maildir_mailbox *maildir,
	const struct maildir_folder *folder, struct maildir_file *files,
	size_t count, struct error *error);
/* driver_maildir_fetch.c */
int maildir_mailbox_scan(struct mailbox *mailbox,
	const struct mailbox_scan *scan, mailbox_message_fn *callback,
	void *context, struct error *error);
int maildir_mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of an mbox mailbox, shared by the driver_mbox*.c. */
#ifndef REHOME_COPIER_DRIVER_MBOX_PRIVATE_H
#define REHOME_COPIER_DRIVER_MBOX_PRIVATE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "copier/digest.h"
#include "copier/driver.h"
#include "copier/mbox_parse.h"
#include "copier/spool.h"
#include "copier/uidmap.h"

struct mbox_message {
	uint32_t uid;
	off_t from, to; /* in the file, From_ line included */
	uint64_t size;	/* as it is sent */
	const struct flagset *flags;
	char date[MAILDATE_SIZE];
	unsigned char digest[JOURNAL_DIGEST]; /* of what is sent */
};

struct mbox_folder {
	char *name;
	char *path;
	bool subscribed;
	const char *reason; /* why it cannot be read, or NULL */

	bool known;	    /* what follows is true of the file as it was */
	struct stat status; /* then */
	struct uidmap_folder *uids;
	struct mbox_message *messages; /* by UID */
	size_t count;
};

struct mbox_mailbox {
	struct mailbox mailbox;
	char *root;
	enum mailbox_quoting quoting;
	struct flagpool *flags;
	struct mailbox_features features;
	struct uidmap *map;
	struct spool *spool;
	struct digest *digest;
	struct mbox_folder **folders;
	size_t folders_count;
	struct mbox_folder *selected; /* one of them, or NULL */
};

static inline struct mbox_mailbox *mbox_mailbox(struct mailbox *mailbox)
{
	return (struct mbox_mailbox *)mailbox;
}

/* driver_mbox_tree.c */

/* Finds the folders; what is known of those that were there stays. 1 or -1. */
int mbox_tree_read(struct mbox_mailbox *mbox, struct error *error);
/* NULL with an error. */
struct mbox_folder *mbox_tree_find(
	struct mbox_mailbox *mbox, const char *name, struct error *error);
void mbox_tree_clear(struct mbox_mailbox *mbox);
void mbox_folder_forget(struct mbox_folder *folder);

/* driver_mbox_read.c */

/* Who is told what comes out of a file. Each returns 0, or -1 to stop. */
struct mbox_walker {
	int (*begin)(void *context, const struct mbox_parser *parser, off_t at);
	int (*data)(void *context, const char *data, size_t size);
	int (*end)(void *context, const struct mbox_parser *parser, off_t at);
};

/* Takes the octets of the file between the two places apart. 1; 0 with an
 * error, this is no mbox or it was stopped. */
int mbox_walk(const struct mbox_mailbox *mbox, int file, off_t from, off_t to,
	const struct mbox_walker *walker, void *context, struct error *error);
/*
 * Opens the file as local_file_open() does and locks it against writers,
 * waiting for those who are at it. The descriptor, whose closing ends the lock;
 * -1 with an error, errno ENOENT when there is none.
 */
int mbox_open_locked(const char *root, const char *path, struct stat *status_r,
	struct error *error);
/* The file is as it was, and nobody is at it. */
bool mbox_is_same(int file, const char *path, const struct stat *then);
/* Reads a folder unless it is known as it is. 1; 0 with an error; -1. */
int mbox_read(struct mbox_mailbox *mbox, struct mbox_folder *folder,
	struct error *error);
struct mbox_message *mbox_find(const struct mbox_folder *folder, uint32_t uid);

/* driver_mbox_fetch.c */
int mbox_mailbox_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error);
int mbox_mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error);

#endif

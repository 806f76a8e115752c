/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is there on one side: its folders, and the messages of those that have
 * changed since the journal last saw them. Read from a mailbox, then given to
 * the plan, which only looks.
 */
#ifndef REHOME_COPIER_VIEW_H
#define REHOME_COPIER_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/driver.h"
#include "copier/journal.h"

struct view_message {
	uint32_t uid;
	const struct flagset *flags;
	uint64_t modseq; /* 0: the server does not tell */
	bool measured;	 /* size and date are known */
	uint64_t size;
	int64_t date;	       /* seconds since 1970 */
	unsigned char *digest; /* or NULL: not known */
};

struct view_folder {
	char *name;
	char separator;
	bool selectable;
	bool subscribed;
	bool has_status;
	enum special_use use;
	struct mailbox_status status; /* when listed, before any scan */
	/* messages are all that are there; else only those that are new or
	 * changed since the journal's seen, the others being as it says */
	bool whole;
	/* it is there but could not be read: nothing may be concluded */
	bool unread;
	struct view_message *messages; /* by UID */
	size_t count, room;
	const struct flagset *permanent; /* as in mailbox_selected */
	bool any_keyword;
};

struct view {
	struct view_folder *folders;
	size_t count, room;
	struct mailbox_features features; /* its prefix is the mailbox's */
};

/* Fills an empty view with folders and their status. Results as in driver.h */
int view_list(struct view *view, struct mailbox *mailbox, struct error *error);
void view_clear(struct view *view);
/* NULL when there is no such folder. */
struct view_folder *view_find(const struct view *view, const char *name);
/* Adds a folder, for tests and for folders just made. */
struct view_folder *view_add(struct view *view, const char *name);
struct view_message *view_message_add(
	struct view_folder *folder, uint32_t uid, const struct flagset *flags);
struct view_message *view_message_find(
	const struct view_folder *folder, uint32_t uid);

/*
 * True when the journal has seen the folder as it is now. Without modification
 * sequences flags may have changed unseen; with strict that counts.
 */
bool view_is_seen(const struct view_folder *folder,
	const struct journal_folder *journal, enum journal_side side,
	bool strict);

/*
 * Selects the folder and reads its messages: those that changed since the
 * journal saw it where that can be known, else all. journal may be NULL. 0: the
 * folder is gone or cannot be opened.
 */
int view_scan(struct view_folder *folder, struct mailbox *mailbox,
	const struct journal_folder *journal, enum journal_side side,
	bool write, struct error *error);

/* Reads size and date, or the digest, of these messages of a scanned folder;
 * selects it (read only). */
int view_measure(struct view_folder *folder, struct mailbox *mailbox,
	const struct uidset *uids, struct error *error);
int view_digest(struct view_folder *folder, struct mailbox *mailbox,
	const struct uidset *uids, struct error *error);
void view_message_digest(
	struct view_message *message, const unsigned char *digest);

#endif

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
#include "copier/namehash.h"

struct view_message {
	uint32_t uid;
	uint32_t told; /* which word of the server this was */
	const struct flagset *flags;
	uint64_t modseq; /* 0: not told */
	bool measured;	 /* size and date are known */
	uint64_t size;
	int64_t date;	       /* seconds since 1970 */
	unsigned char *digest; /* or NULL: not known */
	uint64_t skeleton; /* with a digest that was read: see altered_scan */
};

struct view_range {
	uint32_t first, last;
};

struct view_folder {
	char *name;
	char separator;
	bool selectable;
	bool subscribed;
	bool has_status;
	enum special_use use;
	struct mailbox_status status; /* when listed, before any scan */
	/* it is as the journal has seen it: nothing was read */
	bool seen;
	/* messages are all that are there; else only those that are new or
	 * changed since the journal's seen, the others being as it says, but
	 * for the vanished */
	bool whole;
	/* it is there but could not be read: nothing may be concluded */
	bool unread;
	char *words;		       /* why, or NULL */
	struct view_message *messages; /* by UID */
	size_t count, room;
	bool unsorted;		     /* until view_settle */
	uint32_t words_told;	     /* of messages */
	struct view_range *vanished; /* by UID, once they are read */
	size_t vanished_count, vanished_room;
	const struct flagset *permanent; /* as in mailbox_selected */
	bool any_keyword;
};

struct view {
	struct view_folder *folders;
	size_t count, room;
	struct namehash names;		  /* place in folders, from 1 */
	struct mailbox_features features; /* its prefix is the mailbox's */
	/* The mailbox's own list of what the folder map leaves out: there, and
	 * not told; or NULL. */
	const struct namehash *excluded;
};

/* Fills an empty view with folders and their status. Results as in driver.h */
int view_list(struct view *view, struct mailbox *mailbox, struct error *error);
void view_clear(struct view *view);
/* The folder has that name now. */
void view_rename(
	struct view *view, struct view_folder *folder, const char *name);
/* Takes back what was read of a folder. */
void view_forget(struct view_folder *folder);
/* NULL when there is no such folder. */
struct view_folder *view_find(const struct view *view, const char *name);
/* Adds a folder, for tests and for folders just made. */
struct view_folder *view_add(struct view *view, const char *name);
/* In any order, each as often as the server likes; when all are told
 * view_settle sorts them, and the last word about each counts. */
struct view_message *view_message_add(
	struct view_folder *folder, uint32_t uid, const struct flagset *flags);
void view_settle(struct view_folder *folder);
struct view_message *view_message_find(
	const struct view_folder *folder, uint32_t uid);
/* UIDs that are not there any more, in any order; view_settle sorts them, too.
 */
void view_vanish(struct view_folder *folder, uint32_t first, uint32_t last);
bool view_has_vanished(const struct view_folder *folder, uint32_t uid);

/* How many of the messages that the journal knows there have not vanished. */
size_t view_count_left(const struct view_folder *folder,
	const struct journal_folder *journal, enum journal_side side);

/*
 * True when the journal has seen the folder as it is now. Without modification
 * sequences flags may have changed unseen; with strict that counts.
 */
bool view_is_seen(const struct view_folder *folder,
	const struct journal_folder *journal, enum journal_side side,
	bool strict);

/*
 * Whether the folder holds what the journal says, and nothing else: no UID from
 * that one on has gone to a stranger, and there are as many messages as it
 * knows. What lies below that UID was accounted for before.
 */
bool view_is_as_journal(const struct view_folder *now,
	const struct journal_folder *journal, enum journal_side side,
	uint32_t from);

/* How the folders of a side are read. */
struct view_order {
	const struct journal *journal; /* only looked at */
	enum journal_side side;
	bool strict; /* as in view_is_seen */
	bool write;  /* select for writing: tells what flags can be stored */
	/* What a round has done is as good as seen when it adds up; flags that
	 * somebody else has changed there are nothing to the caller. */
	bool counted;
	bool (*go_on)(void *context, struct error *error); /* or NULL */
	void *context;
};

/*
 * Reads the messages of all folders that are not as the journal has seen them:
 * those that came, changed and vanished since where that can be known and adds
 * up, else all. A folder that cannot be read is marked so (unread, words), and
 * has no status then. 1 or -1.
 */
int view_read(struct view *view, struct mailbox *mailbox,
	const struct view_order *order, struct error *error);

/* Reads size and date, or the digest, of these messages of a scanned folder;
 * selects it (read only). */
int view_measure(struct view_folder *folder, struct mailbox *mailbox,
	const struct uidset *uids, struct error *error);
int view_digest(struct view_folder *folder, struct mailbox *mailbox,
	const struct uidset *uids, struct error *error);
void view_message_digest(
	struct view_message *message, const unsigned char *digest);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Identity of a Dovecot destination: UIDVALIDITY, UIDs and modification
 * sequences there are home's, so that clients download nothing again. The
 * server is told by doveadm what the next APPEND shall get. Without doveadm
 * there is no struct identity, and all is plain IMAP.
 *
 * Folder names are those of the other side as its IMAP server writes them.
 * Calls may come from several threads at once, for different folders; each
 * then has a connection of its own. Results: 1 done, 0 not possible for that
 * folder (it is reported; go on without), -1 could not tell: the pass ends and
 * is tried again later, since what is stored meanwhile would get other UIDs.
 */
#ifndef REHOME_COPIER_IDENTITY_H
#define REHOME_COPIER_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/driver.h"
#include "copier/journal.h"
#include "copier/view.h"

/* UIDs left free at the new home at the flip, in each folder: what is stored
 * there then gets no UID that the old home could still give to a straggler. */
#define IDENTITY_GAP 100000

struct identity;

/* All strings are copied. */
struct identity_options {
	const char *endpoint; /* "inet:HOST:PORT" or "unix:/PATH" */
	const char *password; /* of the doveadm server, NULL: none */
	const char *user;     /* the account's login at that side */
	int timeout_ms;	      /* without a byte */
};

/*
 * Connects, logs in and asks for the account, so that a wrong configuration is
 * seen before anything is copied. NULL with an error and *failure_r, as of
 * doveadm_open.
 */
struct identity *identity_new(const struct identity_options *options,
	enum mailbox_failure *failure_r, struct error *error);
/* The same, with the password in the first line of a file; NULL: none. */
struct identity *identity_open(const char *endpoint, const char *password_file,
	const char *user, int timeout_ms, enum mailbox_failure *failure_r,
	struct error *error);
/* Closes all connections; takes NULL. */
void identity_free(struct identity **identity);

/* A folder that holds nothing yet, on its way to get home's identity. */
struct identity_folder {
	const char *name;
	const struct mailbox_status *home;
	struct mailbox_status other;
	uint32_t first; /* of home's UIDs that will be stored, 0: none */
	/* The server's log of changes is to begin there: a client that was last
	 * connected before learns by a list of UIDs what is gone, not by what
	 * the log says. 0: from the start */
	uint64_t modseq;
	int result;	    /* 1 it has home's UIDVALIDITY now; 0 not */
	struct error words; /* why not */
};

/*
 * Before the first message is put into folders that are empty (just made, or
 * INBOX as it was provisioned): gives them home's UIDVALIDITY, all at once.
 * Their status must be asked for again. Result 0 for one that holds messages or
 * has given away a UID that is needed. 1 or -1.
 */
int identity_folders(struct identity *identity, struct identity_folder *folders,
	size_t count, struct error *error);

/*
 * Before the messages of a folder are stored in this pass; the journal knows
 * the UIDVALIDITY of both sides, view is home's, as it was scanned, and stays
 * until they are stored (NULL: its modification sequences are not known).
 * Returns whether its UIDs are home's: batches are then to be cut at gaps of
 * home's UIDs, and identity_before called in between.
 */
bool identity_begin(struct identity *identity,
	const struct journal_folder *folder, enum journal_side home,
	const struct view_folder *view);
/* What identity_begin said last, unless identity has ended since. */
bool identity_keeps(struct identity *identity, const char *folder);

/*
 * The message stored next shall get this UID, which is above all there, and
 * those behind it, at most count in all, the following ones; none gets a
 * modification sequence below home's. All answers to earlier APPENDs have come.
 * The server is asked only when it has to be told. What it refuses is -1: the
 * rest would get UIDs of other messages.
 */
int identity_before(struct identity *identity, const char *folder, uint32_t uid,
	size_t count, struct error *error);

/* The message that was to get the UID wanted has got uid. 1 that is the same;
 * 0 it is not, and identity has ended there. */
int identity_stored(struct identity *identity, const char *folder,
	uint32_t wanted, uint32_t uid);

/*
 * The folder's HIGHESTMODSEQ is at least modseq from now on: home's own less
 * one before flags are changed or messages expunged, home's at the end of a
 * round. present is what it was when last seen, 0 not known. What the server
 * refuses is -1.
 */
int identity_raise(struct identity *identity,
	const struct journal_folder *folder, enum journal_side home,
	uint64_t modseq, uint64_t present, struct error *error);

/*
 * At the end of a round: a folder in which a UID of home's stands for another
 * message gets a new UIDVALIDITY, or clients would show one for the other; its
 * messages are matched anew by the next round. Looks at folders in which that
 * may have come about since the last call; with all, at all. *healed_r counts
 * them. 1 or -1.
 */
int identity_heal(struct identity *identity, const struct journal *journal,
	enum journal_side home, bool all, size_t *healed_r,
	struct error *error);

/*
 * At the flip, when nothing more comes from home: the next UID of INBOX, or of
 * each other folder that has home's identity, lies IDENTITY_GAP above home's.
 * The calls are sent ahead, over several connections. 1 or -1.
 */
int identity_gap(struct identity *identity, const struct journal *journal,
	enum journal_side home, bool inbox, struct error *error);

#endif

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

#include "lib/buffer.h"
#include "lib/error.h"

#include "copier/driver.h"
#include "copier/journal.h"

struct identity;

/* All strings are copied. */
struct identity_options {
	const char *endpoint; /* "inet:HOST:PORT" or "unix:/PATH" */
	const char *password; /* of the doveadm server, NULL: none */
	const char *user;     /* the account's login at that side */
	int timeout_ms;	      /* without a byte */
};

/*
 * Connects, logs in and asks for the account's INBOX, so that a wrong
 * configuration is seen before anything is copied. NULL with an error.
 */
struct identity *identity_new(
	const struct identity_options *options, struct error *error);
void identity_free(struct identity **identity);

/*
 * Before the first message is put into a folder that is empty (just made, or
 * INBOX as it was provisioned): gives it home's UIDVALIDITY. Its status must
 * be asked for afterwards; the server may number it anew.
 */
int identity_folder(struct identity *identity, const char *folder,
	uint32_t uidvalidity, struct error *error);

/*
 * Before the messages of a folder are stored in this pass: what is known of it
 * on both sides. 1: its UIDs are home's; batches are to be cut at gaps of
 * home's UIDs and identity_before called in between. 0: they are not.
 */
int identity_begin(struct identity *identity,
	const struct journal_folder *folder, enum journal_side home,
	uint32_t other_uidnext);

/*
 * The message stored next shall get this UID, which is above all there, and
 * a modification sequence that is not below modseq: the highest that home has
 * for any message of the batch; 0 when home has none. All answers to earlier
 * APPENDs have come. Asks the server only when it has to be told.
 */
int identity_before(struct identity *identity, const char *folder, uint32_t uid,
	uint64_t modseq, struct error *error);

/* An APPEND to the folder was answered; next is the UID that follows on it. 1
 * when uid is the one that was wanted; 0: identity has ended there. */
int identity_stored(struct identity *identity, const char *folder,
	uint32_t wanted, uint32_t uid);

/*
 * Before flags are changed or messages expunged in the folder (home has that
 * HIGHESTMODSEQ), and at the end of a round: the other side's is not below it.
 */
int identity_raise(struct identity *identity, const char *folder,
	uint64_t modseq, struct error *error);

#endif

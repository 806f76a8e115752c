/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of an IMAP mailbox, shared by the driver_imap*.c. */
#ifndef REHOME_COPIER_DRIVER_IMAP_PRIVATE_H
#define REHOME_COPIER_DRIVER_IMAP_PRIVATE_H

#include "copier/driver.h"
#include "copier/imap_session.h"
#include "copier/spool.h"

/* UIDs and characters of a set in one command line. */
#define IMAP_SET_UIDS 500
#define IMAP_SET_ROOM 7000

/* Commands under way at most, where each has one answer. */
#define IMAP_COMMANDS_MAX 32

/* Messages in one APPEND, batches of more than one under way, and octets under
 * way, at most. */
#define IMAP_BATCH_MAX	      256
#define IMAP_BATCHES_MAX      3
#define IMAP_APPEND_BYTES_MAX (4 << 20)

/* FETCH commands of bodies under way at most. */
#define IMAP_FETCHES 2

/* What was asked for before it is wanted: EXAMINE and the first FETCHes. */
struct imap_ahead {
	char *folder; /* NULL: nothing */
	const struct uidset *uids;
	size_t index; /* of the first UID that was not asked for */
	unsigned select;
	unsigned tags[IMAP_FETCHES];
	size_t asked;
};

/* One APPEND command: what is stored as a whole or not at all. */
struct imap_batch {
	unsigned tag; /* 0: none */
	void *cookies[IMAP_BATCH_MAX];
	size_t count;
	uint64_t bytes;
};

struct imap_mailbox {
	struct mailbox mailbox;
	struct imap_session *session;
	struct flagpool *flags;
	struct spool *spool;   /* NULL until it is needed */
	char *spool_directory; /* or NULL */
	struct mailbox_features features;
	char *prefix;
	char **others; /* prefixes of namespaces that are not the user's own */
	int *others_kinds; /* 1 other users', 2 shared */
	size_t others_count;
	char **more; /* prefixes of further personal namespaces */
	size_t more_count;

	struct imap_ahead ahead;
	char *selected; /* or NULL */
	bool writable;
	bool resync;	 /* QRESYNC is enabled (RFC 7162) */
	uint32_t exists; /* messages of the selected folder */
	uint32_t came;	 /* of which so many since it was selected */

	struct imap_batch *batches[IMAP_COMMANDS_MAX]; /* wait for answers */
	size_t batches_count;
	uint64_t batches_bytes;
	struct imap_batch *batch; /* not committed yet, or NULL */
	bool batch_refused;	  /* before its end, with these words */
	struct error batch_words;
	void *cookie; /* of the message between begin and end */
	uint64_t left;
};

static inline struct imap_mailbox *imap_mailbox(struct mailbox *mailbox)
{
	return (struct imap_mailbox *)mailbox;
}

/* driver_imap_list.c */
int imap_mailbox_list(struct mailbox *mailbox, mailbox_folder_fn *callback,
	void *context, struct error *error);
int imap_mailbox_status(struct mailbox *mailbox, const char *folder,
	struct mailbox_status *status_r, struct error *error);
int imap_mailbox_select(struct mailbox *mailbox, const char *folder, bool write,
	struct mailbox_selected *selected_r, struct error *error);

/* Leaves the selected folder without removing anything from it. 0 or -1. */
int imap_mailbox_deselect(struct imap_mailbox *imap, struct error *error);
/* Gives a STATUS command. Returns its tag. */
unsigned imap_mailbox_ask_status(struct imap_mailbox *imap, const char *folder);
/* What a response of SELECT or EXAMINE tells. */
void imap_select_take(struct imap_mailbox *imap,
	const struct imap_response *response,
	struct mailbox_selected *selected);
/* The command has been answered with OK. 1, or 0: it did not tell enough. */
int imap_select_done(struct imap_mailbox *imap, const char *folder, bool write,
	struct mailbox_selected *selected, struct error *error);

/* driver_imap_scan.c */
int imap_mailbox_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error);

int imap_mailbox_look(struct mailbox *mailbox, struct mailbox_look *looks,
	size_t count, mailbox_message_fn *message,
	mailbox_vanished_fn *vanished, struct error *error);

/* driver_imap_fetch.c */
/* What a FETCH response tells, in the driver's terms. */
void imap_fetch_message(struct imap_mailbox *imap,
	const struct imap_fetch *fetch, struct mailbox_message *message_r);
/* Says that a FETCH response is no such. Returns -1. */
int imap_fetch_bad(struct error *error);
int imap_mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error);

/* driver_imap_append.c */
int imap_mailbox_append_begin(struct mailbox *mailbox,
	const struct mailbox_append *append, void *cookie, struct error *error);
int imap_mailbox_append_data(struct mailbox *mailbox, const char *data,
	size_t size, struct error *error);
int imap_mailbox_append_end(struct mailbox *mailbox, struct error *error);
int imap_mailbox_append_commit(struct mailbox *mailbox, struct error *error);
int imap_mailbox_append_wait(struct mailbox *mailbox, struct error *error);

/* driver_imap_change.c */
int imap_mailbox_change(struct mailbox *mailbox, struct mailbox_change *changes,
	size_t count, struct error *error);

/* driver_imap_prepare.c */
int imap_mailbox_prepare(struct mailbox *mailbox, struct mailbox_wish *wishes,
	size_t count, struct error *error);

/* Gives an EXAMINE or SELECT command. Returns its tag. */
unsigned imap_mailbox_ask_select(
	struct imap_mailbox *imap, const char *folder, bool write);
/* Gives a FETCH command for UIDs of the set from index on, which is moved. */
unsigned imap_mailbox_ask_fetch(
	struct imap_mailbox *imap, const struct uidset *uids, size_t *index);

/* driver_imap_ahead.c */
void imap_mailbox_ahead(
	struct mailbox *mailbox, const char *folder, const struct uidset *uids);
/* The tag of an EXAMINE of that folder that is under way, or 0 when there is
 * none; what was asked for otherwise is read to its end. 0 or -1. */
int imap_ahead_select(struct imap_mailbox *imap, const char *folder, bool write,
	unsigned *tag_r, struct error *error);
/* Whether the messages that were asked for are the first of these. */
bool imap_ahead_is_of(
	const struct imap_mailbox *imap, const struct uidset *uids);
/* Reads what was asked for to its end; nobody gets it. 0 or -1. */
int imap_ahead_drop(struct imap_mailbox *imap, struct error *error);

/* Forgets what was under way. */
void imap_mailbox_append_clear(struct imap_mailbox *imap);

/*
 * Gives a command without arguments beyond those of its format and waits for
 * the answer.
 */
int imap_mailbox_simple(struct imap_mailbox *imap, struct error *error,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif

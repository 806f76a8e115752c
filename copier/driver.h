/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interface between the copier and a kind of mail store. A mailbox is one
 * open connection to one account; a driver says how to speak to it. Rounds,
 * sweeps and proofs know nothing but this: a new kind of source is one more
 * struct mailbox_driver. A mailbox belongs to one thread at a time.
 *
 * Results, unless a function says otherwise: 1 done, 0 the server refused (the
 * error has its words; the mailbox can be used on), -1 the mailbox is of no
 * further use (connection lost, protocol broken) and only closed.
 */
#ifndef REHOME_COPIER_DRIVER_H
#define REHOME_COPIER_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/flags.h"
#include "copier/maildate.h"
#include "copier/namehash.h"
#include "copier/special_use.h"
#include "copier/uidset.h"

struct folder_notes;
struct foldermap;
struct mailbox;
struct access;

enum mailbox_security {
	MAILBOX_CLEAR,
	MAILBOX_STARTTLS,
	MAILBOX_TLS,
};

/* How an mbox hides lines of messages that begin with "From ". */
enum mailbox_quoting {
	MAILBOX_QUOTING_NONE,	/* taken as they are */
	MAILBOX_QUOTING_MBOXRD, /* a '>' of each ">From ", ">>From " is taken
				   off */
	MAILBOX_QUOTING_MBOXO,	/* of ">From " alone */
};

/* Where an account is and how one gets in. All strings are the caller's. */
struct mailbox_target {
	const char *label;    /* for messages: "old", "imap.example.org" */
	const char *protocol; /* names the driver: "imap" */
	enum mailbox_security security;
	const char *host;
	unsigned port;
	const char *login;	/* whose mailbox */
	const char *authorizer; /* logs in on its behalf, or NULL */
	const char *password;	/* of the authorizer, or of the login */
	const char *ca_file;	/* NULL: the system's trust anchors */
	bool verify;		/* the server's certificate */
	/* How login names are made of addresses, as system.user; or NULL. */
	const char *user_pattern;
	/* What it excludes is not listed, and noted; either may be NULL. They
	 * live as long as the mailbox. */
	const struct foldermap *map;
	struct folder_notes *notes;
	int timeout_ms;	   /* without a byte */
	const char *spool; /* directory for temporary files; NULL: a default */
	/* Mechanism, token, pins and limits, shared by the account's mailboxes
	 * there; NULL for the defaults (copier/access.h). */
	struct access *access;

	/* Local mail (maildir, mbox): where it lies; then nothing of the above
	 * is needed but the label. */
	const char *path;
	enum mailbox_quoting quoting;
	/* Stores without UIDs (pop3, maildir, mbox): the file that keeps those
	 * we give, for the caller who has the journal open; NULL: none is
	 * kept. */
	const char *uidmap;
	/* pop3: a session lasts so long and then leaves the maildrop to its
	 * user for so long (ms); 0: a default. */
	int session_ms, pause_ms;
};

/* What the server can do, and how it writes folder names. */
struct mailbox_features {
	bool read_only;	       /* all that would change it is refused */
	bool single;	       /* it lets one session in at a time: one lane */
	bool expunge_by_uid;   /* without it nothing is ever removed there */
	bool append_uid;       /* appended() learns the new UID */
	size_t append_batch;   /* messages that one commit may hold; 0 as 1 */
	uint64_t append_limit; /* octets of one message; 0: not told */
	bool modseq;	    /* status and scans tell modification sequences */
	bool vanished;	    /* looks tell what has gone */
	char separator;	    /* of the personal namespace; 0: none */
	const char *prefix; /* of the personal namespace, "" or "INBOX." */
	bool utf8; /* names are UTF-8 (RFC 6855), else modified UTF-7 */
	/* Prefixes of the namespaces of other users and of all. */
	const char *const *others;
	size_t others_count;
};

/* Why a mailbox could not be opened. */
enum mailbox_failure {
	MAILBOX_LATER,	/* nobody answers, too busy, cannot tell */
	MAILBOX_DENIED, /* the server has refused the login */
	/* The server is not trusted, or cannot do what is asked for: settings
	 * must change, there or here. */
	MAILBOX_UNFIT,
};

struct mailbox_status {
	uint32_t uidvalidity;
	uint32_t uidnext; /* 0: the server does not tell */
	uint32_t messages;
	uint64_t modseq; /* 0: the server does not tell */
};

static inline bool mailbox_status_same(
	const struct mailbox_status *one, const struct mailbox_status *other)
{
	return one->uidvalidity == other->uidvalidity &&
	       one->uidnext == other->uidnext &&
	       one->messages == other->messages && one->modseq == other->modseq;
}

struct mailbox_folder {
	const char *name; /* as the server writes it */
	char separator;	  /* 0: none */
	bool selectable;
	bool subscribed;
	bool has_status;
	enum special_use use;
	struct mailbox_status status;
};

struct mailbox_selected {
	struct mailbox_status status;
	/* Flags that can be stored for good; NULL: the server does not say, or
	 * the folder was not selected for writing. */
	const struct flagset *permanent;
	bool any_keyword; /* new keywords can be made */
};

struct mailbox_message {
	uint32_t uid;
	const struct flagset *flags;
	uint64_t modseq;
	uint64_t size;		  /* octets */
	char date[MAILDATE_SIZE]; /* INTERNALDATE; "" when not asked for */
};

/* Which messages of the selected folder a scan looks at. */
struct mailbox_scan {
	const struct uidset *uids; /* these; NULL: all of the folder */
	uint32_t first;		   /* without uids: from this UID on; 0 all */
	bool measured;		   /* size and date too, else 0 and "" */
};

/* A look at a folder: it is selected and scanned in one go. */
struct mailbox_look {
	const char *folder;
	bool write; /* as in mailbox_select */
	/* Told of are the messages that came or changed after the folder was
	 * in this state; modseq 0: all that are there. */
	struct mailbox_status since;
	void *context; /* of the callbacks */
	/* what has come of it: */
	int result;	    /* 1, or 0: the folder was refused */
	struct error words; /* the server's, with 0 */
	struct mailbox_selected selected;
	bool whole; /* all messages were told of */
};

struct mailbox_append {
	const char *folder;
	const struct flagset *flags;
	const char *date; /* INTERNALDATE */
	uint64_t size;	  /* octets that will follow */
};

/* The end of one append, in any order. */
struct mailbox_appended {
	void *cookie;	      /* of the append */
	bool refused;	      /* error has the server's words */
	size_t batch;	      /* messages that were refused with it, or 1 */
	uint32_t uidvalidity; /* 0 with uid 0: the server does not tell */
	uint32_t uid;
	const struct error *error;
};

/* What shall become of messages of the selected folder. */
struct mailbox_change {
	const struct uidset *uids;
	/* Their flags are replaced by these; NULL: exactly these messages are
	 * removed, whatever their flags and those of others. */
	const struct flagset *flags;
	/* what has come of it: */
	bool done;	    /* all of it; else some may be (words) */
	struct error words; /* the server's */
};

/* What a folder shall be, and what it has become. */
struct mailbox_wish {
	const char *folder;
	bool create, ask, subscribe, unsubscribe; /* ask: for its status */
	bool made;				  /* it was created just now */
	bool refused;	     /* it cannot be made, or is not there (words) */
	bool not_subscribed; /* (un)subscribing it was refused (words) */
	struct mailbox_status status; /* with ask, unless refused */
	struct error words;
};

/*
 * Callbacks return 0 to go on. A negative value stops a scan, list or fetch:
 * it ends with -1 (and so does the mailbox), with the text that the callback
 * has put into the same error that was given to the call.
 */
typedef int mailbox_folder_fn(
	void *context, const struct mailbox_folder *folder);
typedef int mailbox_message_fn(
	void *context, const struct mailbox_message *message);
/* UIDs that are no longer there; some may never have been. */
typedef void mailbox_vanished_fn(void *context, uint32_t first, uint32_t last);

/*
 * Where fetched messages go, one after the other. begin returns 1 to take the
 * message, 0 to pass over it (no data, no end), -1 to stop. data comes in
 * pieces of exactly message->size octets in all. After -1 from any of them the
 * fetch ends with -1.
 */
struct mailbox_sink {
	int (*begin)(void *context, const struct mailbox_message *message);
	int (*data)(void *context, const char *data, size_t size);
	int (*end)(void *context);
};

struct extension_driver;

struct mailbox_driver {
	const char *protocol;
	const struct extension_driver *extension; /* extension.h; or NULL */
	struct mailbox *(*open)(const struct mailbox_target *target,
		struct flagpool *flags, enum mailbox_failure *failure_r,
		struct error *error);
	void (*close)(struct mailbox *mailbox);
	const struct mailbox_features *(*features)(struct mailbox *mailbox);
	int (*list)(struct mailbox *mailbox, mailbox_folder_fn *callback,
		void *context, struct error *error);
	int (*status)(struct mailbox *mailbox, const char *folder,
		struct mailbox_status *status_r, struct error *error);
	int (*select)(struct mailbox *mailbox, const char *folder, bool write,
		struct mailbox_selected *selected_r, struct error *error);
	int (*scan)(struct mailbox *mailbox, const struct mailbox_scan *scan,
		mailbox_message_fn *callback, void *context,
		struct error *error);
	/* NULL: made of select and scan */
	int (*look)(struct mailbox *mailbox, struct mailbox_look *looks,
		size_t count, mailbox_message_fn *message,
		mailbox_vanished_fn *vanished, struct error *error);
	int (*fetch)(struct mailbox *mailbox, const struct uidset *uids,
		const struct mailbox_sink *sink, void *context,
		struct error *error);
	void (*ahead)(struct mailbox *mailbox, const char *folder,
		const struct uidset *uids); /* or NULL */
	int (*append_begin)(struct mailbox *mailbox,
		const struct mailbox_append *append, void *cookie,
		struct error *error);
	int (*append_data)(struct mailbox *mailbox, const char *data,
		size_t size, struct error *error);
	int (*append_end)(struct mailbox *mailbox, struct error *error);
	int (*append_commit)(struct mailbox *mailbox, struct error *error);
	int (*append_wait)(struct mailbox *mailbox, struct error *error);
	int (*change)(struct mailbox *mailbox, struct mailbox_change *changes,
		size_t count, struct error *error);
	int (*create)(struct mailbox *mailbox, const char *folder,
		struct error *error);
	int (*subscribe)(struct mailbox *mailbox, const char *folder, bool on,
		struct error *error);
	int (*prepare)(struct mailbox *mailbox, struct mailbox_wish *wishes,
		size_t count, struct error *error);
	/* NULL: it cannot */
	int (*rename)(struct mailbox *mailbox, const char *from, const char *to,
		struct error *error);
	int (*remove)(struct mailbox *mailbox, const char *folder,
		struct error *error);
	int (*keep_alive)(struct mailbox *mailbox, struct error *error);
};

typedef void mailbox_appended_fn(
	void *context, const struct mailbox_appended *appended);

/* The part of a mailbox that all drivers share; theirs begins with it. */
struct mailbox {
	const struct mailbox_driver *driver;
	mailbox_appended_fn *appended;
	void *appended_context;
	char *login; /* as in the target, copied */
	char *user_pattern;
	const struct foldermap *map;
	struct folder_notes *notes;
	struct namehash excluded; /* folders that the last listing left out */
};

extern const struct mailbox_driver mailbox_imap;
extern const struct mailbox_driver mailbox_pop3;    /* read only */
extern const struct mailbox_driver mailbox_maildir; /* read only */
extern const struct mailbox_driver mailbox_mbox;    /* read only */

/*
 * Connects and logs in by the driver that target names. Flag sets that the
 * mailbox hands out live in the pool, which the caller keeps longer. NULL with
 * an error and *failure_r.
 */
struct mailbox *mailbox_open(const struct mailbox_target *target,
	struct flagpool *flags, enum mailbox_failure *failure_r,
	struct error *error);
/* What a program ends with after that failure (sysexits.h). */
int mailbox_failure_code(enum mailbox_failure failure);
/* Ends the session; takes NULL. Never waits for the server. */
void mailbox_close(struct mailbox **mailbox);

/* Valid as long as the mailbox. */
const struct mailbox_features *mailbox_features(struct mailbox *mailbox);

/*
 * All folders of the personal namespaces, each once, with their status as of
 * now (has_status) when it is selectable and there. Leaves no folder selected,
 * since servers answer a STATUS of the selected one from an old view. What the
 * folder map of the target excludes is not told.
 */
int mailbox_list(struct mailbox *mailbox, mailbox_folder_fn *callback,
	void *context, struct error *error);
/* The status of one folder, as of now. Leaves no folder selected. */
int mailbox_status(struct mailbox *mailbox, const char *folder,
	struct mailbox_status *status_r, struct error *error);
/* Selects a folder; without write nothing can change by it, not \Recent. */
int mailbox_select(struct mailbox *mailbox, const char *folder, bool write,
	struct mailbox_selected *selected_r, struct error *error);

/* Messages of the selected folder, in the server's order; the last word about
 * one that is told of more than once counts. */
int mailbox_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error);
/*
 * Looks at folders one after the other, with the commands for all of them under
 * way at once. What has vanished since is told where the server can
 * (features.vanished); it may be told of too little, if the server has
 * forgotten: whoever asks counts what is left. 1, also when a folder was
 * refused, or -1. The last folder may be left selected.
 */
int mailbox_look(struct mailbox *mailbox, struct mailbox_look *looks,
	size_t count, mailbox_message_fn *message,
	mailbox_vanished_fn *vanished, struct error *error);
/*
 * The messages with these UIDs, streamed; flags, size and date are told. Those
 * that are gone are passed over in silence. Marks nothing as seen.
 */
int mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error);

/*
 * Tells what will be called next: select of this folder, not for writing, and
 * fetch of these UIDs, which stay until then. Where it takes a network to ask
 * it is asked for now. No folder is selected until then.
 */
void mailbox_ahead(
	struct mailbox *mailbox, const char *folder, const struct uidset *uids);

/*
 * Appends are streamed and answered later: begin, data until size octets are
 * there, end, for each message of a batch, then commit; several batches may be
 * under way at the server. A batch is of one folder, features.append_batch
 * messages at most, and stored as a whole or not at all (RFC 3502). The answer
 * to each message comes to the function set by mailbox_on_appended, from inside
 * any append call; append_wait returns when all have come. Nothing is stored at
 * the server before append_commit is called, so that the caller can write down
 * its intention in between. begin returns 0 when the server refuses at once;
 * that append is over (no answer comes), and the messages that were in the open
 * batch before it have been answered as refused with it: the next begin opens a
 * new one. Between begin and end no other call is allowed, nothing but appends
 * before append_commit, and nothing but appends before append_wait. After a
 * message that could not be ended append_wait tells the answers to what was
 * committed before it, and then the mailbox is only closed.
 */
void mailbox_on_appended(
	struct mailbox *mailbox, mailbox_appended_fn *callback, void *context);
int mailbox_append_begin(struct mailbox *mailbox,
	const struct mailbox_append *append, void *cookie, struct error *error);
int mailbox_append_data(struct mailbox *mailbox, const char *data, size_t size,
	struct error *error);
int mailbox_append_end(struct mailbox *mailbox, struct error *error);
/* Without an open batch nothing is done. */
int mailbox_append_commit(struct mailbox *mailbox, struct error *error);
int mailbox_append_wait(struct mailbox *mailbox, struct error *error);

/*
 * Changes messages of the selected folder, in the order given, with many
 * commands under way at once where there are commands. Removals are refused
 * where the server cannot (expunge_by_uid); what comes behind a refused change
 * is done all the same. 1, whatever was refused; or -1.
 */
int mailbox_change(struct mailbox *mailbox, struct mailbox_change *changes,
	size_t count, struct error *error);
/* A folder that is there already is no error: 1. */
int mailbox_create(
	struct mailbox *mailbox, const char *folder, struct error *error);
int mailbox_subscribe(struct mailbox *mailbox, const char *folder, bool on,
	struct error *error);
/*
 * Creates folders, in the order given, asks for their status and subscribes
 * them, with many commands under way where there are commands. With ask, a
 * folder that is there already is not refused. Leaves no folder selected. 1,
 * whatever was refused of them; or -1.
 */
int mailbox_prepare(struct mailbox *mailbox, struct mailbox_wish *wishes,
	size_t count, struct error *error);
/* Renames a folder, and with it those below it (RFC 3501 section 6.3.5). */
int mailbox_rename(struct mailbox *mailbox, const char *from, const char *to,
	struct error *error);
/* Removes a folder; the caller has seen that it is empty. */
int mailbox_remove(
	struct mailbox *mailbox, const char *folder, struct error *error);
int mailbox_keep_alive(struct mailbox *mailbox, struct error *error);

#endif

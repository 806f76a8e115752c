/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a POP3 mailbox, shared by the driver_pop3*.c. */
#ifndef REHOME_COPIER_DRIVER_POP3_PRIVATE_H
#define REHOME_COPIER_DRIVER_POP3_PRIVATE_H

#include "copier/driver.h"
#include "copier/pop3_session.h"
#include "copier/spool.h"
#include "copier/uidmap.h"

struct pop3_message {
	uint32_t uid;
	uint32_t number; /* in the present session */
	uint64_t size;	 /* true only when measured */
	int64_t seen;	 /* first, in seconds since 1970 */
	bool measured;	 /* it was read: size and date are its own */
	char date[MAILDATE_SIZE];
};

struct pop3_mailbox {
	struct mailbox mailbox;
	struct mailbox_target target; /* its strings are the caller's */
	struct flagpool *flags;
	struct mailbox_features features;
	struct uidmap *map;
	struct uidmap_folder *folder; /* INBOX */
	struct spool *spool;

	struct pop3_session *session; /* or NULL */
	bool fresh;		      /* not listed yet in this session */
	int64_t ends;	  /* when the session is to leave (monotonic, ms) */
	int64_t login_at; /* the last one (monotonic, ms) */
	int64_t delay_ms; /* that the server wants between two logins */

	struct pop3_message *messages; /* as last listed, by UID */
	size_t count;
};

static inline struct pop3_mailbox *pop3_mailbox(struct mailbox *mailbox)
{
	return (struct pop3_mailbox *)mailbox;
}

/* driver_pop3.c */

/*
 * Logs in unless that is done, waiting while the maildrop is in use or the
 * server wants a delay. 0, or -1 with an error and *failure_r.
 */
int pop3_mailbox_enter(struct pop3_mailbox *pop3,
	enum mailbox_failure *failure_r, struct error *error);
/* Ends the session, so that the maildrop is its user's again. */
void pop3_mailbox_leave(struct pop3_mailbox *pop3);
/* Sleeps; false when a signal has come in. */
bool pop3_mailbox_sleep(int64_t ms);

/* driver_pop3_list.c */

/* Lists the maildrop of the present session and gives UIDs. 1, 0 or -1. */
int pop3_mailbox_take(struct pop3_mailbox *pop3, struct error *error);
struct pop3_message *pop3_mailbox_find(
	const struct pop3_mailbox *pop3, uint32_t uid);
int pop3_mailbox_list(struct mailbox *mailbox, mailbox_folder_fn *callback,
	void *context, struct error *error);
int pop3_mailbox_status(struct mailbox *mailbox, const char *folder,
	struct mailbox_status *status_r, struct error *error);
int pop3_mailbox_select(struct mailbox *mailbox, const char *folder, bool write,
	struct mailbox_selected *selected_r, struct error *error);

/* driver_pop3_fetch.c */
int pop3_mailbox_scan(struct mailbox *mailbox, const struct mailbox_scan *scan,
	mailbox_message_fn *callback, void *context, struct error *error);
int pop3_mailbox_fetch(struct mailbox *mailbox, const struct uidset *uids,
	const struct mailbox_sink *sink, void *context, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a session, for imap_session.c, imap_login.c and
 * imap_authenticate.c. */
#ifndef REHOME_COPIER_IMAP_SESSION_PRIVATE_H
#define REHOME_COPIER_IMAP_SESSION_PRIVATE_H

#include "lib/buffer.h"

#include "copier/imap_session.h"
#include "copier/imap_stream.h"
#include "copier/imap_wire.h"
#include "copier/sasl.h"

#define IMAP_SESSION_IN 65536

struct imap_session {
	struct imap_stream *stream;
	struct imap_wire wire;
	unsigned capabilities;
	unsigned mechanisms; /* set of those offered before the login */
	struct access *access;
	unsigned token;	       /* serial of the one that let us in */
	uint64_t append_limit; /* octets of one message; 0: not told */
	bool logged_in;

	bool broken;
	struct error failure; /* why */
	struct error goodbye; /* the text of a BYE */

	struct buffer out;
	char in[IMAP_SESSION_IN];
	size_t in_at, in_end;

	const struct imap_handler *handler;
	void *context;

	unsigned tag;	    /* of the newest command */
	bool open;	    /* it has begun and not ended */
	unsigned waiting;   /* the tag that wait looks for; 0 none */
	bool answered;	    /* it has come */
	bool ok;	    /* and says OK */
	struct error words; /* or else these words */
	bool go_on;	    /* a continuation request came */
	/* Responses since the newest command or answer: of folders, of
	 * messages, and of what nobody has asked for. */
	unsigned list_words;
	uint64_t idle_words, message_words;
	uint64_t exists; /* messages in the largest folder told of */
	bool refused; /* the present command was refused before its end: what
			 is still written of it is dropped */
};

/* Marks the session as of no further use. Returns -1. */
int imap_session_break(struct imap_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Sends what is buffered. 0 or -1. */
int imap_session_flush(struct imap_session *session);
/* Overwrites what was written, for it held a secret. */
void imap_session_wipe(struct imap_session *session);
/*
 * Sends what is buffered and reads until the server wants more of the command
 * (1) or answers it (0); -1 when the session is broken.
 */
int imap_session_prompt(struct imap_session *session, unsigned tag);
/* Takes the capabilities of a list of names. */
void imap_session_learn(struct imap_session *session, struct imap_span names);

/* Says who we are and learns what the server then can. Results as imap_login.
 */
int imap_authenticate(struct imap_session *session,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error);
/*
 * Set-up and login on a stream just opened. Returns 0, or -1 with an error;
 * *failure_r as in imap_session_open.
 */
int imap_login(struct imap_session *session,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a session, for pop3_session.c and pop3_login.c. */
#ifndef REHOME_COPIER_POP3_SESSION_PRIVATE_H
#define REHOME_COPIER_POP3_SESSION_PRIVATE_H

#include "lib/buffer.h"

#include "copier/imap_stream.h"
#include "copier/pop3_session.h"
#include "copier/pop3_wire.h"

#define POP3_SESSION_IN 65536

struct pop3_session {
	struct imap_stream *stream; /* sockets and TLS, of any protocol */
	struct pop3_wire wire;
	struct pop3_capabilities capabilities;
	bool logged_in;
	bool broken;
	struct buffer out;
	char in[POP3_SESSION_IN];
	size_t in_at, in_end;
};

/* What an answer says; taken apart by pop3_session_answer. */
struct pop3_answer {
	bool ok;
	bool go_on; /* "+ text" */
	enum pop3_refusal refusal;
	struct error words;
};

/* What comes behind a status line; NULL functions let it pass. */
struct pop3_handler {
	int (*line)(void *context, const char *line, struct error *error);
	int (*data)(void *context, const char *data, size_t size,
		struct error *error);
};

/* Writes a command, with its CRLF, into the buffer. */
void pop3_session_command(struct pop3_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Sends what is buffered and reads one whole response. 0 whatever the server
 * says, -1 with an error when the session is of no further use.
 */
int pop3_session_answer(struct pop3_session *session,
	enum pop3_wire_shape shape, const struct pop3_handler *handler,
	void *context, struct pop3_answer *answer_r, struct error *error);

/* Greeting, capabilities, STLS, login. As pop3_session_open: 0 or -1. */
int pop3_login(struct pop3_session *session,
	const struct mailbox_target *target, enum pop3_refusal *refusal_r,
	struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One POP3 session (RFC 1939): connected, made secure, logged in, read from,
 * and ended. There is no DELE in it. While it lasts most servers lock the
 * maildrop: it is to be short.
 */
#ifndef REHOME_COPIER_POP3_SESSION_H
#define REHOME_COPIER_POP3_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/driver.h"
#include "copier/pop3_parse.h"

/* Messages asked for at once. Few: a session ends behind the last of them. */
#define POP3_PIPELINE 16

struct pop3_session;

/* One message of the maildrop, as long as the session lasts. */
struct pop3_entry {
	uint32_t number;
	uint64_t size; /* what the server says; it may be wrong */
	char *uidl;    /* may occur twice in a list, though it must not */
};

struct pop3_list {
	struct pop3_entry *entries; /* in the order of their numbers */
	size_t count, room;
};

/*
 * Connects to target (its protocol is not looked at), STLS or TLS as it says,
 * logs in: SASL PLAIN (RFC 5034) where offered and always with an authorizer,
 * else USER and PASS. NULL with an error, which has the server's words;
 * *refusal_r says whether to try again later (also when nobody answers), or not
 * with this password, or not with this server as it is.
 */
struct pop3_session *pop3_session_open(const struct mailbox_target *target,
	enum pop3_refusal *refusal_r, struct error *error);
/* Says RSET and QUIT and waits for the answers, so that the maildrop is free
 * when it returns; closes. Takes NULL. */
void pop3_session_close(struct pop3_session **session);

/* As announced after the login. */
const struct pop3_capabilities *pop3_session_capabilities(
	const struct pop3_session *session);

/*
 * Reads LIST and UIDL into an empty list. 1; 0 when the server refuses one of
 * them (it has no UIDL); -1 when the session is of no further use.
 */
int pop3_session_list(struct pop3_session *session, struct pop3_list *list,
	struct error *error);
void pop3_list_clear(struct pop3_list *list);

/*
 * Which messages to read, and where they go, one after the other. next gives
 * the number of the next one, 0 for no more; it is asked ahead of what has
 * come when the server can be pipelined. data and end return 0 or, to end the
 * session, -1 with an error. refused: the server's words about that one; no
 * end comes.
 */
struct pop3_sink {
	uint32_t (*next)(void *context);
	int (*data)(void *context, const char *data, size_t size,
		struct error *error);
	int (*end)(void *context, uint32_t number, struct error *error);
	void (*refused)(
		void *context, uint32_t number, const struct error *words);
};

/*
 * Reads messages by RETR, octet for octet with the dots unstuffed; with head
 * by TOP n 0, the header and the empty line alone. 1 or -1.
 */
int pop3_session_read(struct pop3_session *session, bool head,
	const struct pop3_sink *sink, void *context, struct error *error);
/* NOOP: 1, or -1. */
int pop3_session_keep_alive(struct pop3_session *session, struct error *error);

#endif

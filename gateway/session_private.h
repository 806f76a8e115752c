/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of a session; each has the states of its part. */
#ifndef REHOME_GATEWAY_SESSION_PRIVATE_H
#define REHOME_GATEWAY_SESSION_PRIVATE_H

#include "lib/buffer.h"

#include "gateway/entry.h"
#include "gateway/session.h"
#include "gateway/session_state.h"
#include "gateway/stream.h"
#include "gateway/submission.h"

struct session {
	struct worker *worker;
	struct session *next, **before; /* of the worker */
	struct settings *settings;	/* as it began */
	struct session_origin origin;
	uint64_t number;
	enum session_state state;
	struct loop_timer timer; /* of the state */
	struct loop_work work;	 /* another turn */

	struct stream client, home;
	struct loop_watch *client_watch, *home_watch;
	struct buffer in;  /* of the client: read, but nobody's yet */
	struct buffer out; /* for the client */
	struct buffer up;  /* for the home */
	struct buffer down; /* of the home: behind its acceptance */

	/* Before the relay; NULL in it. */
	struct dialog *dialog;
	struct entry *entry;
	const struct home *at; /* the home of this login */
	size_t turn;	       /* of its addresses */
	struct link_member member;
	bool asked;	 /* policyd, at least once */
	bool challenged; /* by the home, in this login */

	bool relaying;
	struct relay relay;
	struct submission *submission; /* of that protocol only */
	int64_t began_at;	       /* ms; the relay */
	int64_t heard_at; /* ms; the client has said something last */
	bool told_quiet;  /* policyd knows that it is quiet */
	/* ms; the client is not heard any more from the first on, the second
	 * is the end of it; 0: nobody wants so */
	int64_t cut_at, end_at;
	const char *words; /* that are said then */
	size_t discarded;  /* octets, behind them */
};

/* What a state's function has found. */
enum session_step {
	SESSION_ON,   /* the state has changed, or may get on at once */
	SESSION_WAIT, /* until something is ready */
};

/* ---- session.c ---- */

/* The one place that changes the state. Sets its time limit. */
void session_enter(struct session *session, enum session_state state);
/* Another time limit for the present state. */
void session_limit(struct session *session, int64_t ms);
/* Goes on as far as it can; the session may be freed then. */
void session_run(struct session *session);
/* The same after all others had their turn. */
void session_later(struct session *session);
const char *session_protocol_name(const struct session *session);
/* Writes what there is for the client, or for the home. 1: all of it, 0: wait,
 * -1: the connection is lost. */
int session_flush(struct stream *stream, struct buffer *buffer);
/* Lets the home go, and policyd with it, when nothing can happen there any
 * more. */
void session_drop_home(struct session *session);
/* Secrets may have been in it. */
void session_wipe(struct buffer *buffer);
/* A line of the log with the session's number. */
void session_log(struct session *session, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- session_login.c ---- */

/* Begins the dialog. */
void session_greet(struct session *session);
enum session_step session_tls(struct session *session);
enum session_step session_dialog(struct session *session);
enum session_step session_challenge(struct session *session);
/* Policyd is asked (again) for the login that the dialog has. */
void session_ask(struct session *session);
extern const struct link_calls session_link_calls;
/* The login has failed: the dialog goes on, or that was it. */
void session_refuse(struct session *session, enum dialog_refusal refusal,
	const char *words);
/* The last words before a relay. */
void session_goodbye(struct session *session, const char *words);

/* The login is held: tells the client so, now and then. */
void session_hold_on(struct session *session);

/* ---- session_home.c ---- */

/* The route is there: begins to connect. */
void session_connect(struct session *session);
enum session_step session_connecting(struct session *session);
enum session_step session_home_tls(struct session *session);
enum session_step session_entry(struct session *session);
enum session_step session_withdraw(struct session *session);
/* The home cannot be reached; words for the log. */
void session_home_failed(struct session *session, const char *words);

/* ---- session_relay.c ---- */

/* The home has let the client in. */
void session_relay_begin(
	struct session *session, const char *data, size_t size);
enum session_step session_relay(struct session *session);
enum session_step session_closing(struct session *session);
enum session_step session_drain_home(struct session *session);
enum session_step session_farewell(struct session *session);
/* It is to be over within ms, with these last words. */
void session_relay_close(
	struct session *session, int64_t ms, const char *words);

#endif

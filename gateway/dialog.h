/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conversation with a client before it is connected to a home: greeting,
 * capabilities, STARTTLS, login. Pure: bytes in, bytes out, no socket; input
 * may be cut anywhere. Everything is bounded, whatever the client sends.
 */
#ifndef REHOME_GATEWAY_DIALOG_H
#define REHOME_GATEWAY_DIALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"

#include "gateway/login.h"

enum dialog_protocol {
	DIALOG_IMAP,
	DIALOG_POP3,
	DIALOG_SMTP, /* submission */
	DIALOG_SIEVE,
};

/* What is offered on this connection. Strings are the caller's and live as
 * long as the dialog. */
struct dialog_offer {
	const char *host;    /* our name, in greetings */
	bool starttls;	     /* TLS can be begun */
	bool secure;	     /* TLS is on, or the peer is trusted like that */
	bool cleartext;	     /* logins are taken though it is not */
	unsigned mechanisms; /* 1 << enum login_mechanism */
	/* What every home can do, in the protocol's own words, NULL at the end:
	 * IMAP atoms, lines of POP3's CAPA, of EHLO, of ManageSieve. */
	const char *const *capabilities;
};

enum dialog_result {
	DIALOG_MORE,	  /* more input is wanted */
	DIALOG_STARTTLS,  /* write the output, then do the handshake; input
			     that is left over was injected: close */
	DIALOG_LOGIN,	  /* somebody wants in: dialog_login() */
	DIALOG_RESPONSE,  /* to a challenge of the home: dialog_response() */
	DIALOG_CANCELLED, /* the client has given up that exchange */
	DIALOG_END,	  /* write the output and close */
};

enum dialog_refusal {
	DIALOG_DENIED, /* the home said no */
	DIALOG_LATER,  /* it cannot be told now, or the account is moved */
	DIALOG_LIMIT,  /* too many: the connection is closed */
};

struct dialog;

/* Copies the offer. */
struct dialog *dialog_new(
	enum dialog_protocol protocol, const struct dialog_offer *offer);
/* Wipes what was told; takes NULL. */
void dialog_free(struct dialog **dialog);

/* The first words, and those after a TLS handshake (ManageSieve has some). */
void dialog_greet(struct dialog *dialog, struct buffer *out);
void dialog_secured(struct dialog *dialog, struct buffer *out);

/*
 * Takes input until something is to be done by the caller. *used_r tells how
 * much of it; what is left belongs to what comes next (behind a login: to the
 * home). Answers are added to out. Not to be called between DIALOG_LOGIN and
 * dialog_challenge or dialog_refuse.
 */
enum dialog_result dialog_input(struct dialog *dialog, const char *data,
	size_t size, size_t *used_r, struct buffer *out);

/* After DIALOG_LOGIN; the dialog's, valid until it is refused or freed. */
const struct login *dialog_login(const struct dialog *dialog);
/* After DIALOG_RESPONSE: the client's base64, valid until the next call. */
const char *dialog_response(const struct dialog *dialog);
/* What the client calls itself in EHLO, or NULL. */
const char *dialog_client_name(const struct dialog *dialog);

/* Hands on a challenge of the home, in base64; DIALOG_RESPONSE follows. */
void dialog_challenge(
	struct dialog *dialog, const char *challenge, struct buffer *out);
/* Says that it takes longer, where the protocol has words for that. */
void dialog_hold(struct dialog *dialog, struct buffer *out);
/*
 * The login failed, for the reason in words (a line, without line end). The
 * dialog goes on, but for DIALOG_LIMIT and after too many: then the result is
 * DIALOG_END, else DIALOG_MORE.
 */
enum dialog_result dialog_refuse(struct dialog *dialog,
	enum dialog_refusal refusal, const char *words, struct buffer *out);
/*
 * The home has let the client in. capabilities: of the home behind the login
 * (IMAP; else NULL), words: of the home (a line) or NULL. The dialog has no
 * more to say.
 */
void dialog_accept(struct dialog *dialog, const char *capabilities,
	const char *words, struct buffer *out);
/* The last words when we end it ourselves. */
void dialog_goodbye(
	struct dialog *dialog, const char *words, struct buffer *out);
/* The same when there is no dialog any more. host: our name. */
void dialog_last_words(enum dialog_protocol protocol, const char *host,
	const char *words, struct buffer *out);

#endif

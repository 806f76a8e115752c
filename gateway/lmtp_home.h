/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our side of a connection to a home that is spoken to by LMTP (RFC 2033) or
 * SMTP (RFC 5321): set-up, then one transaction behind the other. What is to be
 * said is put in at once and sent as the home allows (RFC 2920). Pure: bytes
 * in, bytes out.
 */
#ifndef REHOME_GATEWAY_LMTP_HOME_H
#define REHOME_GATEWAY_LMTP_HOME_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"

#include "gateway/lmtp_command.h"
#include "gateway/lmtp_offer.h"
#include "gateway/lmtp_reply.h"

/* Strings are the caller's and live as long as the conversation. */
struct lmtp_home_terms {
	bool smtp;	  /* one answer for all recipients, and EHLO */
	bool starttls;	  /* TLS is to be begun first */
	const char *host; /* our name */
	/* The address of the mail server that delivers, to be told by XCLIENT
	 * where the home takes that; or NULL. */
	const char *client_address;
};

enum lmtp_home_event {
	LMTP_HOME_MORE,	    /* more input is wanted, or orders are */
	LMTP_HOME_STARTTLS, /* write the output, then do the handshake; input
			       that is left over was injected: close */
	LMTP_HOME_READY,    /* set-up is done: lmtp_home_offer() */
	LMTP_HOME_RCPT,	    /* the home has answered for a recipient */
	LMTP_HOME_GO,	    /* the home takes content */
	LMTP_HOME_ANSWER,   /* it has answered the end of data for one, or it
			       takes no content for that one */
	LMTP_HOME_FREE,	    /* the transaction is over: another may begin */
	LMTP_HOME_LOST,	    /* it makes no sense or wants to end: close */
};

struct lmtp_home;

struct lmtp_home *lmtp_home_new(const struct lmtp_home_terms *terms);
/* Takes NULL. */
void lmtp_home_free(struct lmtp_home **home);

/* The TLS handshake is done. */
void lmtp_home_secured(struct lmtp_home *home, struct buffer *out);

/*
 * Takes what the home says until something is to be done by the caller, who
 * calls again until it is LMTP_HOME_MORE.
 */
enum lmtp_home_event lmtp_home_input(struct lmtp_home *home, const char *data,
	size_t size, size_t *used_r, struct buffer *out);

/* What the home offers; complete after LMTP_HOME_READY. */
const struct lmtp_offer *lmtp_home_offer(const struct lmtp_home *home);
/* With RCPT and ANSWER: whose, in the order of lmtp_home_recipient, and what;
 * with LOST: 4xx or 5xx with the home's words. Valid until the next call. */
size_t lmtp_home_number(const struct lmtp_home *home);
const struct lmtp_reply *lmtp_home_reply(const struct lmtp_home *home);

/*
 * The orders of a transaction, after LMTP_HOME_READY or LMTP_HOME_FREE: MAIL,
 * then recipients; when all of these were answered and some were accepted, data
 * (chunked: by BDAT, where the home offers it); content; end. data returns true
 * when content may follow at once, false when LMTP_HOME_GO comes first.
 */
void lmtp_home_mail(struct lmtp_home *home, const struct lmtp_mail *mail,
	struct buffer *out);
void lmtp_home_recipient(struct lmtp_home *home,
	const struct lmtp_recipient *recipient, struct buffer *out);
bool lmtp_home_data(struct lmtp_home *home, bool chunked, struct buffer *out);
void lmtp_home_content(struct lmtp_home *home, const char *data, size_t size,
	struct buffer *out);
void lmtp_home_end(struct lmtp_home *home, struct buffer *out);
/* Instead of data: gives the transaction up; LMTP_HOME_FREE follows. */
void lmtp_home_reset(struct lmtp_home *home, struct buffer *out);
/* Between two transactions. */
void lmtp_home_quit(struct lmtp_home *home, struct buffer *out);

/* Whether the end of data was put into the output, and there are recipients
 * that were not answered since: the home may take the message at any time. */
bool lmtp_home_is_ending(const struct lmtp_home *home);
/* Whether the home has said anything in this transaction. */
bool lmtp_home_has_answered(const struct lmtp_home *home);

#endif

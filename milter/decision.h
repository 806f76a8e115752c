/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the milter answers, as pure functions: from who the client is and what
 * policyd says of each recipient to the reply of RCPT, DATA and end of message.
 * No input or output, nothing of libmilter. What is not known means "later",
 * never "deliver" and never "reject".
 */
#ifndef REHOME_DECISION_H
#define REHOME_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/attr.h"

enum decision_verdict {
	DECISION_GO_ON,
	DECISION_DEFER, /* the mailbox is out of service: 451 4.2.1 */
	DECISION_LATER, /* it cannot be told: 451 4.3.0 */
};

#define DECISION_TEXT_SIZE 256

/* What is known of one recipient. */
struct decision {
	enum decision_verdict verdict;
	bool moving; /* its account is being moved: ask again at the end */
	char text[DECISION_TEXT_SIZE]; /* of the SMTP reply; may be empty */
};

/*
 * Reads policyd's reply to request=rehome_recipient. A status other than ok and
 * an action that is not known are DECISION_LATER; a missing or unknown "moving"
 * counts as yes.
 */
void decision_read(const struct attr_list *reply, struct decision *decision_r);
/* No reply could be had. */
void decision_unknown(struct decision *decision_r);

/* The client of a session, as far as the mail server tells. */
struct decision_client {
	const char *name;		/* host name, or NULL */
	const struct sockaddr *address; /* or NULL: none was given */
	bool in_own_networks;
	const char *login; /* of SMTP AUTH, or NULL */
};

/*
 * Whether the client is one of our own, whose mail is parked and never
 * deferred: authenticated, in our networks, or a local program. Local
 * submission is told by Sendmail as host "localhost" without an address, by
 * Postfix (non_smtpd_milters) as a loopback address with port 0.
 */
bool decision_is_own(const struct decision_client *client);

/*
 * The recipients of one message that were accepted although their accounts are
 * being moved: those that are asked for again at end of message.
 */
struct decision_message;

struct decision_message *decision_message_new(void);
void decision_message_free(struct decision_message **message);
/* Forgets all recipients: a message begins. */
void decision_message_reset(struct decision_message *message);
/* Notes what was decided for a recipient at RCPT; the text is copied. */
void decision_message_add(struct decision_message *message,
	const char *recipient, const struct decision *decision);
/* How many are to be asked for again; 0: the message may go at DATA. */
size_t decision_message_count(const struct decision_message *message);
const char *decision_message_recipient(
	const struct decision_message *message, size_t index);

/* A reply of SMTP (RFC 5321, RFC 3463). */
struct decision_reply {
	const char *code;
	const char *enhanced;
	char text[2 * DECISION_TEXT_SIZE];
};

/*
 * The reply that refuses, or false when the verdict is to go on. The text is
 * printable ASCII; a '%' is doubled, as smfi_setreply wants it.
 */
bool decision_refusal(
	const struct decision *decision, struct decision_reply *reply_r);

#endif

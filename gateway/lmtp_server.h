/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LMTP as a mail server's delivery agent speaks it to us (RFC 2033): commands
 * are read and answered, each recipient's answers in the order of the RCPTs,
 * whenever they are known. Pure: bytes in, bytes out; all is bounded but the
 * message, which is handed on as it comes.
 */
#ifndef REHOME_GATEWAY_LMTP_SERVER_H
#define REHOME_GATEWAY_LMTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buffer.h"

#include "gateway/lmtp_command.h"
#include "gateway/lmtp_offer.h"
#include "gateway/lmtp_reply.h"

/* RFC 5321 section 4.5.3.1.8 wants 100 at least. */
#define LMTP_RECIPIENTS_MAX 1000

enum lmtp_server_event {
	LMTP_SERVER_MORE,     /* more input is wanted, or answers are */
	LMTP_SERVER_STARTTLS, /* write the output, then do the handshake; input
			  that is left over was injected: close */
	LMTP_SERVER_RCPT,     /* a recipient: lmtp_server_recipient() */
	LMTP_SERVER_DATA,     /* content follows for those that were accepted */
	LMTP_SERVER_CONTENT,  /* some of it: lmtp_server_content() */
	LMTP_SERVER_COMPLETE, /* that was all of it */
	LMTP_SERVER_RESET,    /* the transaction is given up */
	LMTP_SERVER_END,      /* the same; write the output and close */
};

struct lmtp_server;

/* host: our name, the caller's. starttls: TLS can be begun. */
struct lmtp_server *lmtp_server_new(const char *host, bool starttls);
/* Takes NULL. */
void lmtp_server_free(struct lmtp_server **server);

/* The first words; lmtp_server_secured after a handshake: none, but the client
 * is unknown again. */
void lmtp_server_greet(struct lmtp_server *server, struct buffer *out);
void lmtp_server_secured(struct lmtp_server *server);

/* What all homes can do now; told in the next answer to LHLO. */
void lmtp_server_offer(
	struct lmtp_server *server, const struct lmtp_offer *offer);

/*
 * Takes input until something is to be done by the caller, who calls again
 * until it is LMTP_SERVER_MORE. *used_r tells how much was taken: with
 * LMTP_SERVER_MORE and some left over, answers must be given first.
 */
enum lmtp_server_event lmtp_server_input(struct lmtp_server *server,
	const char *data, size_t size, size_t *used_r, struct buffer *out);

/* Of the transaction; valid until it is over. */
const struct lmtp_mail *lmtp_server_mail(const struct lmtp_server *server);
/* After LMTP_SERVER_RCPT: valid until the transaction is over, with its number.
 */
const struct lmtp_recipient *lmtp_server_recipient(
	const struct lmtp_server *server, size_t *number_r);
/* After LMTP_SERVER_DATA: whether content comes in chunks, and may be binary.
 */
bool lmtp_server_is_chunked(const struct lmtp_server *server);
/* After LMTP_SERVER_CONTENT: the caller takes it out of there (buffer_clear).
 */
struct buffer *lmtp_server_content(struct lmtp_server *server);

/*
 * The answer for a recipient: to its RCPT, and, where that was good, again
 * after LMTP_SERVER_COMPLETE. Any order; copied. The transaction is over when
 * the last one was given.
 */
void lmtp_server_answer(struct lmtp_server *server, size_t number,
	const struct lmtp_reply *reply, struct buffer *out);

/* Whether the client waits for answers of the caller's. */
bool lmtp_server_awaits(const struct lmtp_server *server);
/* Between two transactions. */
bool lmtp_server_is_idle(const struct lmtp_server *server);
/* The last words when we end it ourselves: "4.3.2 words". */
void lmtp_server_goodbye(
	struct lmtp_server *server, const char *words, struct buffer *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Between lmtp_server.c, which knows the commands and their answers, and
 * lmtp_server_input.c, which takes lines and content out of the input. */
#ifndef REHOME_GATEWAY_LMTP_SERVER_PRIVATE_H
#define REHOME_GATEWAY_LMTP_SERVER_PRIVATE_H

#include <stdint.h>

#include "gateway/lmtp_content.h"
#include "gateway/lmtp_server.h"

enum lmtp_stage {
	LMTP_AT_COMMAND,
	LMTP_AT_CONTENT, /* behind DATA */
	LMTP_AT_CHUNK,	 /* behind BDAT, lmtp_server.left octets of it */
	LMTP_AT_ANSWERS, /* the homes' are awaited */
};

struct lmtp_slot {
	struct lmtp_recipient recipient;
	bool accepted; /* its RCPT was */
	bool known;    /* the reply is, and has not been sent */
	struct lmtp_reply reply;
};

struct lmtp_server {
	const char *host;
	bool starttls;
	char *client;
	struct lmtp_offer offer; /* as it was told in LHLO */
	struct lmtp_offer common;
	enum lmtp_stage stage;
	struct buffer line;
	bool too_long; /* the line is, and dropped up to its end */
	unsigned mistakes;

	bool begun; /* a transaction, by MAIL */
	struct lmtp_mail mail;
	struct lmtp_slot *slots;
	size_t count, room;
	size_t answered; /* slots in front of which all answers are out */
	size_t accepted;

	bool chunked, last, discard; /* of BDAT */
	uint64_t left;
	enum lmtp_place place;
	struct buffer content;
};

/* Does what the whole line in server->line says; it has no line end. */
enum lmtp_server_event lmtp_server_command(
	struct lmtp_server *server, struct buffer *out);
/* Answers with these words; LMTP_SERVER_MORE. */
enum lmtp_server_event lmtp_server_say(struct buffer *out, const char *words);
/* The same to a mistake; LMTP_SERVER_END where there were too many in a row. */
enum lmtp_server_event lmtp_server_bad(
	struct lmtp_server *server, const char *words, struct buffer *out);

#endif

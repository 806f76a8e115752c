/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arguments of MAIL, RCPT and BDAT (RFC 5321 section 4.1.1; parameters of
 * RFC 1870, 3030, 3461, 6152 and 6531): checked, and printed again for a home.
 * Pure. What was not offered is refused.
 */
#ifndef REHOME_GATEWAY_LMTP_COMMAND_H
#define REHOME_GATEWAY_LMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"

#include "gateway/lmtp_offer.h"

/* Octets of a path without its brackets: with UTF-8, and with quotes. */
#define LMTP_PATH_MAX 1024
/* RFC 3461 sections 4.2 and 4.4. */
#define LMTP_ORCPT_MAX 500
#define LMTP_ENVID_MAX 100

enum lmtp_body {
	LMTP_BODY_NONE, /* not told */
	LMTP_BODY_7BIT,
	LMTP_BODY_8BITMIME,
	LMTP_BODY_BINARYMIME,
};

/* Strings are malloc'd, or NULL when they were not given. */
struct lmtp_mail {
	char *from; /* without brackets; "" is the null path */
	bool has_size;
	uint64_t size;
	enum lmtp_body body;
	bool utf8;
	char *ret, *envid;
};

struct lmtp_recipient {
	char *to;
	char *notify, *orcpt;
};

/*
 * Read what is behind the command's name. Return 0, or -1 with the whole reply
 * ("501 5.5.4 ..."), static. utf8 of RCPT: the transaction is SMTPUTF8.
 */
int lmtp_mail_parse(const char *text, const struct lmtp_offer *offer,
	struct lmtp_mail *mail_r, const char **reply_r);
int lmtp_recipient_parse(const char *text, const struct lmtp_offer *offer,
	bool utf8, struct lmtp_recipient *recipient_r, const char **reply_r);
/* "100 LAST". Returns 0 or -1. */
int lmtp_chunk_parse(const char *text, uint64_t *size_r, bool *last_r);

void lmtp_mail_clear(struct lmtp_mail *mail);
void lmtp_recipient_clear(struct lmtp_recipient *recipient);

/* The extensions that a server must have for this message. */
unsigned lmtp_mail_needs(const struct lmtp_mail *mail);
unsigned lmtp_recipient_needs(const struct lmtp_recipient *recipient);

/* Add the command for a server with that offer, with its line end. */
void lmtp_mail_print(const struct lmtp_mail *mail,
	const struct lmtp_offer *offer, struct buffer *out);
void lmtp_recipient_print(
	const struct lmtp_recipient *recipient, struct buffer *out);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads what clients say in SASL far enough to know whose mailbox they want:
 * PLAIN (RFC 4616), LOGIN, XOAUTH2, OAUTHBEARER (RFC 7628) and the first
 * message of SCRAM (RFC 5802). Pure; nothing is verified, that is the home's.
 */
#ifndef REHOME_GATEWAY_SASL_H
#define REHOME_GATEWAY_SASL_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/login.h"

/* Longest answer of a client, in base64: a token may be some kilobytes. */
#define SASL_ANSWER_MAX 16384

/*
 * Takes a client's answer in base64 without its line end; "=" is the empty one
 * (RFC 4954). login->mechanism says what it is to be; step counts the answers
 * of this exchange from 0. Fills login: 1 the login is complete, 0 one more
 * answer is wanted (LOGIN's password), -1 with a reason (static text, no
 * secret in it) and login cleared but for its mechanism.
 */
int sasl_answer(struct login *login, unsigned step, const char *text,
	size_t size, const char **reason_r);

/*
 * Whether a client's answer may go on as it is in a command of ours: base64, or
 * nothing; no longer than SASL_ANSWER_MAX.
 */
bool sasl_is_answer(const char *text, size_t size);

/*
 * What the server says to get that answer, in base64; "" for mechanisms where
 * the client speaks first.
 */
const char *sasl_prompt(enum login_mechanism mechanism, unsigned step);

#endif

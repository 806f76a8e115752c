/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of a POP3 server in our terms. Pure; strings end with NUL. */
#ifndef REHOME_COPIER_POP3_PARSE_H
#define REHOME_COPIER_POP3_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* What CAPA announces (RFC 2449). */
struct pop3_capabilities {
	bool known; /* the server has CAPA at all */
	bool user, sasl_plain, stls, pipelining, top, uidl;
	bool auth_codes; /* RFC 3206: a wrong password is said to be one */
	/* Days that a message is kept at least; -1: not announced, or for
	 * ever. 0: what was read is gone at QUIT. */
	int64_t expire;
	bool expire_user; /* it may be another figure for each user */
	/* Seconds between two logins that the server demands at least. */
	int64_t login_delay;
};

/* Makes it what a server without CAPA has. */
void pop3_capabilities_clear(struct pop3_capabilities *capabilities);
/* Takes one line of the answer to CAPA; unknown ones are left alone. */
void pop3_capability_parse(
	const char *line, struct pop3_capabilities *capabilities);

/* "NUMBER SIZE", a line of LIST. Returns 0 or -1. */
int pop3_list_parse(const char *line, uint32_t *number_r, uint64_t *size_r);
/*
 * "NUMBER IDENTITY", a line of UIDL; *uidl_r points into the line. An identity
 * has no blank in it and is not empty; how long it is (RFC 1939: 70) nobody
 * depends on. Returns 0 or -1.
 */
int pop3_uidl_parse(const char *line, uint32_t *number_r, const char **uidl_r);

/* Why a server refuses. */
enum pop3_refusal {
	POP3_REFUSED,	     /* for a reason of the command's own */
	POP3_REFUSED_BUSY,   /* somebody has the maildrop open: soon */
	POP3_REFUSED_LATER,  /* not now: too often, disturbed, no answer */
	POP3_REFUSED_DENIED, /* it is the name or the password */
	POP3_REFUSED_UNFIT,  /* the server is not trusted, or lacks something */
};

/*
 * Judges a line "-ERR [CODE] text" by its code (RFC 2449 section 8, RFC 3206),
 * without one by its words. DENIED only comes of a code; the caller knows
 * whether it was a login.
 */
enum pop3_refusal pop3_refusal_parse(const char *line);
/* The server's words: what stands behind the status, code included. */
const char *pop3_words(const char *line);

#endif

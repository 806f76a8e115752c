/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run of rehome: its global options, the connection to policyd, and the
 * ways that a command reports results and errors.
 */
#ifndef REHOME_SESSION_H
#define REHOME_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sysexits.h>

#include "ctl/command.h"
#include "ctl/line.h"
#include "lib/account.h"
#include "lib/attr.h"
#include "lib/config.h"
#include "lib/control_client.h"
#include "lib/error.h"

/* Not found, or the account's state forbids it. Others: sysexits(3). */
#define EXIT_REFUSED 1

struct session {
	const struct command *command; /* NULL before it is known */
	const char *config_path;
	const char *endpoint; /* NULL: the configuration's */
	bool json;
	bool quiet;
	size_t width;	       /* of the terminal on stdout; 0: it is none */
	int timeout;	       /* ms to wait for policyd */
	struct config *config; /* NULL until asked for */
	struct control_client *client;
};

void session_init(struct session *session);
void session_clear(struct session *session);

/*
 * Prints "rehome: COMMAND [OBJECT]: TEXT[; ADVICE]" on standard error; object
 * and advice may be NULL. Returns code.
 */
int session_fail(const struct session *session, int code, const char *object,
	const char *text, const char *advice);
/* A bad command line: adds where its help is. Returns EX_USAGE. */
int session_misused(const struct session *session, const char *text);
/* The one to exit with after several: the greater. */
int session_worse(int code, int other);

/* The configuration; NULL after it was reported: exit with EX_CONFIG. */
const struct config *session_config(struct session *session);
/* Where policyd listens; NULL after it was reported: exit with EX_CONFIG. */
const char *session_endpoint(struct session *session);

/*
 * A connection of its own, for a watch. Returns 0 or the exit code, with an
 * error that is not yet reported.
 */
int session_connect(struct session *session, struct control_client **client_r,
	struct error *error);

/*
 * Sends the request over the session's connection, which is made when there is
 * none. Returns 0 with the reply (valid until the next call), or the exit code
 * with an error that is not yet reported: EXIT_REFUSED, EX_NOPERM, EX_TEMPFAIL,
 * EX_UNAVAILABLE, EX_CONFIG; the reply is NULL unless policyd gave
 * one. Without one after EX_TEMPFAIL it is not known whether it was done.
 */
int session_call(struct session *session, const struct attr_list *request,
	const struct attr_list **reply_r, struct error *error);
/* The exit code of a reply; unless it is 0 the error gets its reason. */
int session_status_code(const struct attr_list *reply, struct error *error);
/* The next message of a list reply: 0 or the exit code, as above. */
int session_next(struct session *session, const struct attr_list **message_r,
	struct error *error);

/* A request with its verb, and the address when that is not NULL. */
struct attr_list *session_request(const char *verb, const char *address);
/* Adds by=: who types this. */
void session_add_by(struct attr_list *request);

/* policyd's reason without the account that it begins with, which our own
 * message names already. */
const char *session_bare_reason(const char *reason, const char *address);

/*
 * Asks for an account by any of its access addresses. *account_r is set up when
 * 0 is returned; account_clear it.
 */
int session_get_account(struct session *session, const char *address,
	struct account *account_r, struct error *error);

/*
 * Calls back for each account that the filter request (account-list with its
 * attributes) matches, page by page, at most limit of them. The message is
 * valid during the callback, which must not use the session's connection; it
 * returns false to stop. Returns 0 or the exit code.
 */
typedef bool session_account_fn(const struct attr_list *message, void *context);
int session_list_accounts(struct session *session,
	const struct attr_list *filter, size_t limit,
	session_account_fn *callback, void *context, struct error *error);

/* Flushes standard output; EX_IOERR after it was reported, when it did not take
 * all, else code. */
int session_finish_output(const struct session *session, int code);

#endif

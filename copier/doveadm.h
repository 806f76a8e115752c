/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection to a Dovecot's doveadm server (its protocol 1.2; 1.0 is enough):
 * commands of doveadm(1) for one user after the other. Commands can be sent
 * ahead; the answers come in their order. One thread at a time.
 */
#ifndef REHOME_COPIER_DOVEADM_H
#define REHOME_COPIER_DOVEADM_H

#include <stddef.h>

#include "lib/error.h"

#include "copier/driver.h"

/* More commands than this are never under way: neither side's buffers fill. */
#define DOVEADM_AHEAD 64

struct doveadm;

struct doveadm_target {
	const char *endpoint; /* "inet:HOST:PORT" or "unix:/PATH" */
	const char *password; /* doveadm_password there; NULL when the socket
				 asks for none */
	int timeout_ms;	      /* for an answer */
};

/* Connects and logs in. NULL with an error; *failure_r tells whether it is the
 * password that the server does not take (or asks for and is not given). */
struct doveadm *doveadm_open(const struct doveadm_target *target,
	enum mailbox_failure *failure_r, struct error *error);
/* Closes the connection; takes NULL. */
void doveadm_close(struct doveadm **doveadm);

/*
 * Sends a command: its name and arguments, NULL-terminated. 1, or -1 with an
 * error: the connection is of no further use. At most DOVEADM_AHEAD commands
 * may be without an answer.
 */
int doveadm_send(struct doveadm *doveadm, const char *user,
	const char *const *command, struct error *error);

/*
 * Waits for the answer to the oldest command. 1 done; 0 refused, and the error
 * has the server's words, or its code where it logs to itself alone; -1 the
 * connection is of no further use.
 */
int doveadm_answer(struct doveadm *doveadm, struct error *error);

/* Both at once; nothing else may be under way. */
int doveadm_call(struct doveadm *doveadm, const char *user,
	const char *const *command, struct error *error);

#endif

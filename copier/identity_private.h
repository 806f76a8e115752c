/* SPDX-License-Identifier: BSD-2-Clause */
/* Between identity.c, which tells the server, and identity_all.c, which works
 * on all folders at once. */
#ifndef REHOME_COPIER_IDENTITY_PRIVATE_H
#define REHOME_COPIER_IDENTITY_PRIVATE_H

#include <pthread.h>

#include "copier/doveadm.h"
#include "copier/identity.h"

/* Idle connections that are kept: as many as there may be lanes. */
#define IDENTITY_CONNECTIONS 16

/* What is known of one folder in this run. */
struct identity_place {
	char *folder;
	bool kept;
	const struct view_folder *view; /* of home, or NULL */
	uint32_t next;			/* UIDNEXT; 0: not known */
	uint64_t highest;		/* HIGHESTMODSEQ is not below this */
	bool judged;	/* no clash when last looked at, with so many */
	size_t foreign; /* foreign messages */
	bool raised;	/* and nothing was stored since it was set */
};

struct identity {
	char *endpoint;
	char *password;
	char *user;
	int timeout_ms;
	pthread_mutex_t mutex; /* over all below; places stay where they are */
	struct doveadm *idle[IDENTITY_CONNECTIONS];
	size_t idle_count;
	struct identity_place **places;
	size_t places_count;
};

/* What `doveadm mailbox update` is to set; 0: nothing. */
struct identity_update {
	uint32_t uidvalidity;
	uint32_t uidnext;
	uint64_t modseq;
};

/* What is known of the folder; it is one thread's alone. */
struct identity_place *identity_place(
	struct identity *identity, const char *folder);

/* A connection for this thread alone, new or one that was given back. A new
 * one on request: an idle one may have been closed by the server. NULL with an
 * error and *failure_r, as of doveadm_open. */
struct doveadm *identity_take(struct identity *identity, bool fresh,
	enum mailbox_failure *failure_r, struct error *error);
/* Gives it back, or closes it when it is broken. */
void identity_give(
	struct identity *identity, struct doveadm **doveadm, bool broken);
/* Closes the idle connections. */
void identity_hang_up(struct identity *identity);
/* Sends the command for a folder; its answer is to be waited for. 1 or -1; 0
 * the name is none that can be sent. */
int identity_send(struct identity *identity, struct doveadm *doveadm,
	const char *folder, const struct identity_update *update,
	struct error *error);
/* Both, with a second try where the first one met a closed connection. */
int identity_update(struct identity *identity, const char *folder,
	const struct identity_update *update, struct error *error);

#endif

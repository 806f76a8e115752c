/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The POP3 driver: a source with one folder and no flags, whose messages are
 * known by their UIDLs. Sessions are short, for nobody else gets in meanwhile,
 * and nothing is ever deleted there.
 */
#include "config.h"

#include "copier/driver_pop3_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copier/readonly.h"

#include "lib/instant.h"
#include "lib/xalloc.h"

/* A session, and the pause behind it in which the user gets in (ms). */
#define POP3_SESSION_MS 30000
#define POP3_PAUSE_MS	10000
/* How long a maildrop that is in use, and how long a server that wants a delay
 * between logins, is waited for (ms). */
#define POP3_BUSY_MS  60000
#define POP3_DELAY_MS 600000
/* The first wait for a maildrop in use; later ones are longer (ms). */
#define POP3_BUSY_FIRST_MS 500

bool pop3_mailbox_sleep(int64_t ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

	return ms <= 0 || nanosleep(&pause, NULL) == 0;
}

void pop3_mailbox_leave(struct pop3_mailbox *pop3)
{
	pop3_session_close(&pop3->session);
	pop3->fresh = false;
}

/* Servers that we must not read from, or cannot. */
static int pop3_mailbox_judge(
	const struct pop3_capabilities *capabilities, struct error *error)
{
	if (capabilities->expire == 0) {
		error_set(error,
			"the server deletes what has been read (EXPIRE 0%s): "
			"reading would take the mail away from its user",
			capabilities->expire_user ? " USER" : "");
		return -1;
	}
	if (capabilities->known && !capabilities->uidl) {
		error_set(error, "the server has no UIDL: its messages cannot "
				 "be told from each other");
		return -1;
	}
	return 0;
}

/* Waits as the server has asked for. */
static int pop3_mailbox_delay(struct pop3_mailbox *pop3, struct error *error)
{
	int64_t left = pop3->login_at + pop3->delay_ms - instant_monotonic();

	if (pop3->delay_ms == 0 || left <= 0)
		return 0;
	if (left > POP3_DELAY_MS) {
		error_set(error,
			"the server wants %" PRId64 " s between two logins",
			pop3->delay_ms / 1000);
		return -1;
	}
	if (pop3_mailbox_sleep(left))
		return 0;
	error_set(error, "interrupted");
	return -1;
}

/* Of a login that has failed. */
static enum mailbox_failure pop3_mailbox_failure(enum pop3_refusal refusal)
{
	return refusal == POP3_REFUSED_DENIED  ? MAILBOX_DENIED
	       : refusal == POP3_REFUSED_UNFIT ? MAILBOX_UNFIT
					       : MAILBOX_LATER;
}

int pop3_mailbox_enter(struct pop3_mailbox *pop3,
	enum mailbox_failure *failure_r, struct error *error)
{
	int64_t until = instant_monotonic() + POP3_BUSY_MS;
	int64_t wait = POP3_BUSY_FIRST_MS;
	enum pop3_refusal refusal;
	const struct pop3_capabilities *capabilities;

	if (pop3->session != NULL)
		return 0;
	if (pop3_mailbox_delay(pop3, error) < 0)
		return -1;
	for (;; wait = wait < 8000 ? 2 * wait : wait) {
		pop3->session =
			pop3_session_open(&pop3->target, &refusal, error);
		if (pop3->session != NULL)
			break;
		*failure_r = pop3_mailbox_failure(refusal);
		if (refusal != POP3_REFUSED_BUSY ||
			instant_monotonic() + wait > until ||
			!pop3_mailbox_sleep(wait))
			return -1;
	}
	pop3->login_at = instant_monotonic();
	pop3->ends = pop3->login_at + pop3->target.session_ms;
	pop3->fresh = true;
	capabilities = pop3_session_capabilities(pop3->session);
	pop3->delay_ms = capabilities->login_delay * 1000;
	if (pop3_mailbox_judge(capabilities, error) == 0)
		return 0;
	pop3_mailbox_leave(pop3);
	*failure_r = MAILBOX_UNFIT;
	return -1;
}

static void pop3_mailbox_close(struct mailbox *mailbox)
{
	struct pop3_mailbox *pop3 = pop3_mailbox(mailbox);

	pop3_session_close(&pop3->session);
	uidmap_close(&pop3->map);
	spool_free(&pop3->spool);
	free(pop3->messages);
	free(pop3);
}

static int pop3_mailbox_open_map(struct pop3_mailbox *pop3, struct error *error)
{
	const struct mailbox_target *target = &pop3->target;
	char *source = xasprintf(
		"pop3://%s@%s:%u", target->login, target->host, target->port);

	pop3->map = uidmap_open(target->uidmap, source, error);
	if (pop3->map != NULL)
		pop3->folder = uidmap_folder(pop3->map, "INBOX", 0);
	pop3->spool = spool_new_beside(target->uidmap);
	free(source);
	if (pop3->map != NULL && pop3->folder == NULL)
		error_set(error, "another session of this account is open");
	return pop3->folder != NULL ? 0 : -1;
}

static struct mailbox *pop3_mailbox_open(const struct mailbox_target *target,
	struct flagpool *flags, enum mailbox_failure *failure_r,
	struct error *error)
{
	struct pop3_mailbox *pop3 = xcalloc(1, sizeof(*pop3));

	pop3->target = *target;
	if (pop3->target.session_ms <= 0)
		pop3->target.session_ms = POP3_SESSION_MS;
	if (pop3->target.pause_ms <= 0)
		pop3->target.pause_ms = POP3_PAUSE_MS;
	pop3->flags = flags;
	pop3->features.read_only = pop3->features.single = true;
	pop3->features.prefix = "";
	if (pop3_mailbox_open_map(pop3, error) < 0 ||
		pop3_mailbox_enter(pop3, failure_r, error) < 0) {
		pop3_mailbox_close(&pop3->mailbox);
		return NULL;
	}
	/* The login is good. A later list needs a later session; where logins
	 * are scarce this one will do. */
	if (pop3->delay_ms == 0)
		pop3_mailbox_leave(pop3);
	return &pop3->mailbox;
}

static const struct mailbox_features *pop3_mailbox_features(
	struct mailbox *mailbox)
{
	return &pop3_mailbox(mailbox)->features;
}

/* Between two calls there is a session only where logins are scarce. */
static int pop3_mailbox_keep_alive(struct mailbox *mailbox, struct error *error)
{
	struct pop3_mailbox *pop3 = pop3_mailbox(mailbox);

	if (pop3->session == NULL ||
		pop3_session_keep_alive(pop3->session, error) == 1)
		return 1;
	pop3_mailbox_leave(pop3);
	return -1;
}

const struct mailbox_driver mailbox_pop3 = {
	.protocol = "pop3",
	.open = pop3_mailbox_open,
	.close = pop3_mailbox_close,
	.features = pop3_mailbox_features,
	.list = pop3_mailbox_list,
	.status = pop3_mailbox_status,
	.select = pop3_mailbox_select,
	.scan = pop3_mailbox_scan,
	.fetch = pop3_mailbox_fetch,
	READONLY_FUNCTIONS,
	.keep_alive = pop3_mailbox_keep_alive,
};

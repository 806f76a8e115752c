/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The identifiers by which POP3 clients know what they have: read at both
 * systems in short sessions while the account is in use, compared, and told to
 * the operator, who decides when they would change.
 */
#include "config.h"

#include "copier/move_private.h"

#include <stdlib.h>
#include <string.h>

#include "copier/pop3_session.h"
#include "copier/refused.h"
#include "copier/uidl.h"

#include "lib/xalloc.h"

/* One side's list, and what uidl.h reads of it. */
struct move_uidls {
	struct pop3_list list;
	const char **uidls;
	struct uidl_list view;
};

static void move_uidls_clear(struct move_uidls *uidls)
{
	pop3_list_clear(&uidls->list);
	free(uidls->uidls);
	uidls->uidls = NULL;
}

/*
 * Reads the list of a system. 1; 0 there is none to be had for this account,
 * and the error says why; -1 not now.
 */
static int move_read_uidls(struct move *move,
	const struct config_system *system, struct move_uidls *uidls,
	struct error *error)
{
	struct config_system pop3 = *system;
	struct location location;
	struct pop3_session *session = NULL;
	enum pop3_refusal refusal = POP3_REFUSED_LATER;
	int result = -1;
	size_t i;

	memset(uidls, 0, sizeof(*uidls));
	pop3.imap = pop3.pop3;
	if (location_of_account(&pop3, move->account->address,
		    move->learned.data, &location, error) == 0)
		session = pop3_session_open(&location.target, &refusal, error);
	if (session != NULL)
		result = pop3_session_list(session, &uidls->list, error);
	else if (refusal == POP3_REFUSED_DENIED)
		result = 0;
	pop3_session_close(&session);
	location_clear(&location);
	uidls->uidls = xcalloc(uidls->list.count + 1, sizeof(*uidls->uidls));
	for (i = 0; i < uidls->list.count; i++)
		uidls->uidls[i] = uidls->list.entries[i].uidl;
	uidls->view.uidls = uidls->uidls;
	uidls->view.count = uidls->list.count;
	if (result < 1)
		error_prefix(error, "system %s: POP3", system->name);
	return result;
}

void move_learn_uidl(struct move *move)
{
	const struct config_system *system = config_system(
		move->order->config, account_home_system(move->account));
	struct mailbox_status inbox;
	struct move_uidls uidls;
	struct error error = { "" };

	move->uidl_format = NULL;
	if (system == NULL || system->pop3 == NULL || system->imap == NULL)
		return;
	if (mailbox_status(move->pass.home, "INBOX", &inbox, &error) == 1 &&
		move_read_uidls(move, system, &uidls, &error) == 1)
		move->uidl_format = uidl_format(
			&uidls.view, inbox.uidvalidity, inbox.uidnext);
	else
		move_log(move, LOG_INFO, "%s", error.text);
	move_uidls_clear(&uidls);
	if (move->uidl_format != NULL)
		move_log(move, LOG_INFO, "pop3_uidl_format %s",
			move->uidl_format);
}

/* What the operator reads in `rehome show`; NULL: nothing. */
static void move_uidl_tell(struct move *move, const char *text)
{
	free(move->uidl_told);
	move->uidl_told = text != NULL ? xasprintf("%s\n", text) : NULL;
}

static void move_uidl_judge(struct move *move, const struct move_uidls *home,
	const struct move_uidls *other)
{
	struct error words = { "" };
	enum uidl_change change =
		uidl_compare(&home->view, &other->view, &words);

	if (change == UIDL_CHANGED) {
		move_uidl_tell(move, words.text);
		refused_note(move->pass.refused, "uidl", NULL, words.text);
		return;
	}
	refused_note(move->pass.refused, "uidl", NULL, NULL);
	move_uidl_tell(move, home->view.count == 0
				     ? "POP3: there are no messages"
				     : "POP3 clients keep what they have: the "
				       "identifiers (UIDL) are the same");
}

int move_check_uidl(struct move *move, struct error *error)
{
	const struct config_system *home = config_system(
		move->order->config, account_home_system(move->account));
	const struct config_system *other = config_system(
		move->order->config, account_other_system(move->account));
	struct move_uidls old = { .uidls = NULL }, new = { .uidls = NULL };
	int result;

	if (home == NULL || other == NULL || home->pop3 == NULL ||
		other->pop3 == NULL || home->imap == NULL || !other->uidl)
		return 0;
	/* home first: what comes in between is only at the other side's end */
	result = move_read_uidls(move, home, &old, error);
	if (result == 1)
		result = move_read_uidls(move, other, &new, error);
	if (result == 1)
		move_uidl_judge(move, &old, &new);
	else if (result == 0)
		move_uidl_tell(move, error->text);
	move_uidls_clear(&old);
	move_uidls_clear(&new);
	return result < 0 ? -1 : 0;
}

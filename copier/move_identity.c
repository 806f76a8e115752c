/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Identity in a move: kept up in the rounds towards a Dovecot that is told
 * UIDs, a gap of UIDs before the flip, and what the operator reads of it.
 */
#include "config.h"

#include "copier/move_private.h"

#include <stdlib.h>
#include <string.h>

#include "copier/identity.h"
#include "copier/identity_judge.h"

#include "lib/buffer.h"
#include "lib/document.h"
#include "lib/xalloc.h"

int move_open_identity(struct move *move, struct error *error)
{
	const struct config_system *system = config_system(
		move->order->config, account_other_system(move->account));
	enum mailbox_failure failure;
	char *login;

	if (system == NULL || system->doveadm == NULL ||
		move->pass.identity != NULL)
		return 0;
	login = config_login_name(system, move->account->address);
	move->pass.identity =
		identity_open(system->doveadm, system->doveadm_password_file,
			login, (int)system->timeout, &failure, error);
	free(login);
	if (move->pass.identity == NULL)
		error_prefix(error, "system %s", system->name);
	return move->pass.identity != NULL ? 0 : -1;
}

void move_close_identity(struct move *move)
{
	identity_free(&move->pass.identity);
}

int move_gap(struct move *move, bool inbox, struct error *error)
{
	if (move->pass.identity == NULL ||
		!move->account->strategy->copy_before_flip)
		return 0;
	return identity_gap(move->pass.identity, move->pass.journal,
		       move->pass.side, inbox, error) == 1
		       ? 0
		       : -1;
}

int move_tell_identity(struct move *move, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	int result = 0;

	identity_report(move->pass.journal, move->pass.side,
		move->pass.identity != NULL, &text);
	if (move->uidl_told != NULL)
		buffer_add_text(&text, move->uidl_told);
	if (move->identity_told == NULL ||
		strcmp(move->identity_told, text.data) != 0)
		result = worker_document(
			&move->worker, DOCUMENT_IDENTITY, text.data, error);
	if (result == 0) {
		free(move->identity_told);
		move->identity_told = xstrdup(text.data);
	}
	buffer_free(&text);
	return result < 0 ? -1 : 0;
}

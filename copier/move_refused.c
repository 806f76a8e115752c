/* SPDX-License-Identifier: BSD-2-Clause */
/* What was refused in a move: told to policyd, measured by the approvals. */
#include "config.h"

#include "copier/move_private.h"

#include <inttypes.h>

#include "copier/refused.h"

#include "lib/buffer.h"
#include "lib/document.h"

/* An operator may have approved while we worked, or asked to try what is
 * altered once more. 0 or -1. */
static int move_read_approvals(struct move *move, struct error *error)
{
	struct buffer approved = BUFFER_EMPTY, again = BUFFER_EMPTY;
	int result = -1;

	if (worker_read_document(
		    &move->worker, DOCUMENT_APPROVALS, &approved, error) >= 0 &&
		worker_read_document(
			&move->worker, DOCUMENT_AGAIN, &again, error) >= 0 &&
		refused_approve(move->pass.refused, approved.data, error) == 0)
		result = refused_ask(move->pass.refused, again.data, error);
	buffer_free(&approved);
	buffer_free(&again);
	return result;
}

int move_load_refused(struct move *move, struct error *error)
{
	struct buffer listed = BUFFER_EMPTY;

	if (worker_read_document(
		    &move->worker, DOCUMENT_REFUSED, &listed, error) >= 0)
		move->pass.refused = refused_new(listed.data, NULL, error);
	buffer_free(&listed);
	return move->pass.refused != NULL ? move_read_approvals(move, error)
					  : -1;
}

static void move_log_refused(const struct move *move, const struct pass *pass)
{
	for (size_t i = 0; i < pass->refusals_count; i++)
		move_log(move, LOG_WARNING,
			"refused: folder=%s uid=%" PRIu32 ": %s",
			pass->refusals[i].folder, pass->refusals[i].uid,
			pass->refusals[i].words.text);
}

int move_refusals(
	struct move *move, struct pass *pass, bool whole, struct error *error)
{
	struct error words;
	uint64_t open;

	refused_towards(pass->refused, pass->side == JOURNAL_SOURCE
					       ? move->account->destination
					       : move->account->source);
	open = refused_gather(pass, whole, whole && !move->frozen);

	if (refused_changed(pass->refused)) {
		move_log_refused(move, pass);
		if (worker_document(&move->worker, DOCUMENT_REFUSED,
			    refused_text(pass->refused), error) < 0)
			return -1;
	}
	if (open > 0) {
		if (move_read_approvals(move, error) < 0)
			return -1;
		open = refused_gather(pass, whole, false);
	}
	if (open == 0)
		return 0;
	refused_summary(pass->refused, &words);
	error_set(error, "%s", words.text);
	return -1;
}

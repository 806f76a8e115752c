/* SPDX-License-Identifier: BSD-2-Clause */
/* What was refused in a move: told to policyd, measured by the approvals. */
#include "config.h"

#include "copier/move_private.h"

#include <inttypes.h>

#include "copier/refused.h"

#include "lib/buffer.h"
#include "lib/document.h"

int move_load_refused(struct move *move, struct error *error)
{
	struct buffer listed = BUFFER_EMPTY, approved = BUFFER_EMPTY;
	int result = -1;

	if (worker_read_document(
		    &move->worker, DOCUMENT_REFUSED, &listed, error) >= 0 &&
		worker_read_document(&move->worker, DOCUMENT_APPROVALS,
			&approved, error) >= 0) {
		move->pass.refused =
			refused_new(listed.data, approved.data, error);
		result = move->pass.refused != NULL ? 0 : -1;
	}
	buffer_free(&listed);
	buffer_free(&approved);
	return result;
}

/* An operator may have approved while we worked. 0 or -1. */
static int move_read_approvals(struct move *move, struct error *error)
{
	struct buffer approved = BUFFER_EMPTY;
	int result = -1;

	if (worker_read_document(
		    &move->worker, DOCUMENT_APPROVALS, &approved, error) >= 0)
		result = refused_approve(
			move->pass.refused, approved.data, error);
	buffer_free(&approved);
	return result;
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
	uint64_t open = refused_gather(pass, whole, whole && !move->frozen);

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

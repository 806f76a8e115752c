/* SPDX-License-Identifier: BSD-2-Clause */
/* The folder map of a move, what became of folders, and what is shared. */
#include "config.h"

#include "copier/move_private.h"

#include <stdlib.h>

#include "copier/folder_notes.h"
#include "copier/foldermap.h"
#include "copier/shared.h"

#include "lib/document.h"

int move_folders_begin(struct move *move, struct error *error)
{
	const struct config_system *source =
		config_system(move->order->config, move->account->source);

	move->pass.notes = folder_notes_new();
	/* Rights and limits are no business of a freeze. */
	move->pass.prepared = move->account->phase == ACCOUNT_FROZEN ||
			      move->account->phase == ACCOUNT_SWEEPING;
	if (source == NULL || source->folders == NULL)
		return 0;
	move->map = foldermap_load(source->folders, error);
	move->pass.map = move->map;
	return move->map != NULL ? 0 : -1;
}

void move_folders_end(struct move *move)
{
	move->pass.map = NULL;
	foldermap_free(&move->map);
	folder_notes_free(&move->pass.notes);
}

void move_folders_tell(struct move *move)
{
	for (; move->notes_told < folder_notes_count(move->pass.notes);
		move->notes_told++) {
		char *line = folder_note_line(
			folder_notes_at(move->pass.notes, move->notes_told));

		move_log(move, LOG_NOTICE, "folder %s", line);
		free(line);
	}
}

int move_folders_shared(struct move *move, struct error *error)
{
	struct buffer text = BUFFER_EMPTY;
	int result;

	buffer_add(&text, "", 0);
	result = shared_list(move->pass.home, &text, error);
	if (result >= 0)
		result = worker_document(
			&move->worker, DOCUMENT_SHARED, text.data, error);
	buffer_free(&text);
	return result < 0 ? -1 : 0;
}

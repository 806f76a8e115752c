/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a journal, for the journal*.c. */
#ifndef REHOME_COPIER_JOURNAL_PRIVATE_H
#define REHOME_COPIER_JOURNAL_PRIVATE_H

#include <pthread.h>

#include "lib/buffer.h"

#include "copier/journal.h"
#include "copier/namehash.h"

/* The pairs by their UIDs of either side, for the verdicts; made when first
 * asked for. What an entry says may be over. */
struct journal_paired {
	size_t *heads, *next; /* two entries for each pair, from 1 on */
	size_t room;	      /* in pairs, a power of two */
	size_t count;	      /* pairs that are in it */
};

struct journal {
	char *path;
	char *directory;
	char *systems[2];
	int file;
	int lock;
	struct flagpool *flags;
	struct journal_folder **folders;
	size_t folders_count, folders_room;
	struct namehash names[2]; /* place in folders, from 1; of each side */
	unsigned next_id;
	size_t damaged;	 /* lines in the file */
	size_t replayed; /* octets of it */
	/* Of what follows, while several threads work on folders of their own;
	 * and of names. */
	pthread_mutex_t mutex;
	size_t lines; /* in the file */
	struct buffer out;
	bool failed; /* a write failed: nothing more is written */
	struct error failure;
};

/* Changes in memory, as replayed from a line; no line is written. */
struct journal_folder *journal_folder_new(
	struct journal *journal, unsigned id, const char *const names[2]);
void journal_folder_free(struct journal_folder *folder);
struct journal_folder *journal_by_id(
	const struct journal *journal, unsigned id);
void journal_apply_drop(struct journal *journal, struct journal_folder *folder);
/* Makes the index of names anew, after places have changed. */
void journal_index(struct journal *journal);
void journal_apply_uidvalidity(struct journal_folder *folder,
	enum journal_side side, uint32_t uidvalidity);
/* Puts a pair at an index; what lies between is gone. */
void journal_apply_pair(struct journal_folder *folder, size_t index,
	const struct journal_pair *pair);
void journal_apply_unpair(struct journal_folder *folder, size_t index);
void journal_apply_assure(struct journal_folder *folder, size_t index);
void journal_apply_widow(
	struct journal_folder *folder, size_t index, enum journal_side side);
void journal_apply_intent(
	struct journal_folder *folder, const struct journal_intent *intent);
void journal_apply_answer(
	struct journal_folder *folder, enum journal_side from, uint32_t uid);
void journal_apply_unintend(
	struct journal_folder *folder, enum journal_side from, uint32_t uid);
/* Ends the intent that the pair answers. */
void journal_end_intent(
	struct journal_folder *folder, const struct journal_pair *pair);
/* Makes the index of intents anew, after their UIDs have changed. */
void journal_index_intents(struct journal_folder *folder);
void journal_apply_forget(struct journal_folder *folder, int64_t before);
void journal_apply_judge(
	struct journal_folder *folder, const struct journal_verdict *verdict);
void journal_apply_acquit(
	struct journal_folder *folder, enum journal_side from, uint32_t uid);
/* The side's UIDVALIDITY has changed: its UIDs are void. */
void journal_void_verdicts(
	struct journal_folder *folder, enum journal_side side);
void journal_free_verdicts(struct journal_folder *folder);
/* The pairs have other places now. */
void journal_forget_paired(struct journal_folder *folder);
/* A new pair may be of a message whose UID was void. */
void journal_revive_verdict(
	struct journal_folder *folder, const struct journal_pair *pair);

/* Adds a line with its check sum. */
void journal_line(struct journal *journal, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The lines that say what memory holds. */
void journal_print_folder(
	struct journal *journal, const struct journal_folder *folder);
void journal_print_rename(
	struct journal *journal, const struct journal_folder *folder);
void journal_print_uidvalidity(struct journal *journal,
	const struct journal_folder *folder, enum journal_side side);
void journal_print_seen(struct journal *journal,
	const struct journal_folder *folder, enum journal_side side);
void journal_print_pair(struct journal *journal,
	const struct journal_folder *folder, size_t index);
void journal_print_intent(struct journal *journal,
	const struct journal_folder *folder,
	const struct journal_intent *intent);
void journal_print_verdict(struct journal *journal,
	const struct journal_folder *folder,
	const struct journal_verdict *verdict);

/* Replays one line without its end. False when it is damaged. */
bool journal_scan_line(struct journal *journal, char *line, size_t size);
#endif

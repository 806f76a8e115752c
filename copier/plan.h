/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a round will do, worked out before anything is done: from what is at
 * home, what is at the other side, and what the journal says. Pure: no input or
 * output, nothing of what it is given is changed. May be printed and thrown
 * away (--dry-run).
 */
#ifndef REHOME_COPIER_PLAN_H
#define REHOME_COPIER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"

#include "copier/foldermap.h"
#include "copier/journal.h"
#include "copier/view.h"

/* What is removed at the other side once home has deleted it. */
enum plan_removal {
	PLAN_REMOVE_NOTHING,
	PLAN_REMOVE_COPIED, /* only what we have put there */
	PLAN_REMOVE_PAIRED,
};

struct plan_input {
	const struct view *home;
	const struct view *other;
	const struct journal *journal;
	struct flagpool *flags;
	enum journal_side side; /* which side home is */
	enum plan_removal removal;
	const struct foldermap *map; /* NULL: none */
};

/* A message that is at the other side already: paired without a copy. */
struct plan_adoption {
	uint32_t home_uid;
	uint32_t other_uid;
	uint64_t size;
	enum journal_origin origin;
	unsigned char risk; /* to be read back: it is altered, it seems */
	const struct flagset *flags; /* at home */
	const struct flagset *store; /* to be stored at the other, or NULL */
	unsigned char digest[JOURNAL_DIGEST];
};

/* A paired message whose flags at home are other than last carried over. */
struct plan_flags {
	size_t pair;
	uint32_t other_uid;
	const struct flagset *flags; /* at home */
	const struct flagset *store; /* to be stored at the other, or NULL:
					they are there already */
};

struct plan_folder {
	struct view_folder *home;	/* NULL: not at home (any more) */
	struct view_folder *other;	/* NULL: not there (yet) */
	struct journal_folder *journal; /* NULL: new */
	char *home_name;
	char *other_name;
	/* As in struct folder_entry; shown and note are NULL where there is
	 * nothing to say. */
	char *shown;
	char *note;
	char *apart;
	enum special_use use;
	bool made; /* by folder_create_odd, ahead of the others */
	bool create;
	bool subscribe;
	bool unsubscribe;
	bool remove; /* we made it, home has none: when it is empty then */
	bool drop;   /* on neither side: the journal need not know it */
	struct uidset copy; /* at home */
	/* At home: stored by the server's word, but which message at the other
	 * side it is cannot be told; not to be stored again. */
	struct uidset unsettled;
	struct plan_adoption *adoptions;
	size_t adoptions_count;
	struct plan_flags *flags;
	size_t flags_count;
	size_t *gone; /* pairs that are none any more */
	size_t gone_count;
	size_t *removed; /* pairs that are none once expunge is done */
	size_t removed_count;
	size_t *widowed; /* pairs gone at home that are kept at the other */
	size_t widowed_count;
	struct uidset expunge;	/* at the other side */
	struct uidset foreign;	/* at the other side, newly found */
	struct uidset departed; /* on the foreign list and no longer there */
	/* What must be known before there can be a plan for this folder: as
	 * long as one of these is not empty the rest means nothing. */
	struct uidset measure_home, measure_other;
	struct uidset digest_home, digest_other;
};

struct plan {
	struct plan_folder *folders;
	size_t count, room;
	struct namehash others; /* names at the other side */
	bool complete;		/* nothing must be measured or digested first */
	size_t copies, adoptions, stores, expunges, foreign, creates;
};

void plan_make(const struct plan_input *input, struct plan *plan_r);
void plan_clear(struct plan *plan);
/* One line for each action, for people. */
void plan_print(const struct plan *plan, struct buffer *text);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What clients will do again after the move, by what the journal knows: a pure
 * look, for destinations with and without doveadm.
 */
#ifndef REHOME_COPIER_IDENTITY_JUDGE_H
#define REHOME_COPIER_IDENTITY_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buffer.h"

#include "copier/journal.h"

enum identity_fate {
	/* UIDVALIDITY and all UIDs are home's */
	IDENTITY_KEPT,
	/* the same, but for messages whose UIDs home has never given */
	IDENTITY_PARTLY,
	/* another UIDVALIDITY: clients know nothing of the folder */
	IDENTITY_ANEW,
	/* the same UIDVALIDITY, and a UID of home's is another message there:
	 * clients would show one for the other */
	IDENTITY_CLASH,
};

struct identity_verdict {
	enum identity_fate fate;
	size_t messages;  /* that have their like on the other side */
	size_t other_uid; /* of these have another UID */
	size_t foreign;	  /* messages of its own there */
};

static inline bool identity_same_validity(const struct journal_folder *folder)
{
	return folder->uidvalidity[0] != 0 &&
	       folder->uidvalidity[0] == folder->uidvalidity[1];
}

/* UIDNEXT of home as the journal knows it. */
uint32_t identity_home_uidnext(
	const struct journal_folder *folder, enum journal_side home);

struct identity_verdict identity_judge(
	const struct journal_folder *folder, enum journal_side home);

/*
 * One line for each folder where clients do something again, in words for an
 * administrator, and a first one that sums up. doveadm tells whether the other
 * side can be told UIDs at all.
 */
void identity_report(const struct journal *journal, enum journal_side home,
	bool doveadm, struct buffer *text);

#endif

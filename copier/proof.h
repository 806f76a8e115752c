/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proof that the other side holds all of home: by the digests and UIDs in
 * the journal, a fresh look at both sides, and messages read back. It changes
 * nothing.
 */
#ifndef REHOME_COPIER_PROOF_H
#define REHOME_COPIER_PROOF_H

#include "copier/pass.h"

struct proof_bound {
	char *folder; /* at home */
	uint32_t uidvalidity;
	uint32_t uidnext;
};

struct proof {
	uint64_t messages; /* at home, each with its like */
	uint64_t bytes;
	uint64_t foreign;	    /* at the other side besides */
	struct proof_bound *bounds; /* of all folders of home, as of now */
	size_t bounds_count;
};

/*
 * 1 proved; 0 not, and the error names the first difference; -1 the mailboxes
 * are of no further use. proof_r is to be cleared in every case.
 */
int proof_run(struct pass *pass, struct proof *proof_r, struct error *error);
void proof_clear(struct proof *proof);

/* What the journal pairs at one time; valid until it is compacted. */
struct proof_marks {
	size_t *pairs; /* of each folder */
	size_t count;
};

void proof_marks_take(const struct pass *pass, struct proof_marks *marks_r);
/* Takes empty marks, too. */
void proof_marks_clear(struct proof_marks *marks);

/*
 * Reads back up to count messages of at most max octets, chosen by chance, at
 * the other side, and compares their digests with what was sent; with marks,
 * only of those that were paired since. 1 all are as they were sent, 0 one is
 * not (named in the error), -1 as above.
 */
int proof_sample(struct pass *pass, const struct proof_marks *since,
	size_t count, uint64_t max, struct error *error);

#endif

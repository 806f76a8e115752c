/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that a server acknowledges and stores otherwise than they were
 * sent: NUL octets, bare CR or LF, octets beyond ASCII in a header. Those that
 * have such a thing are marked in the journal until they are read back, and
 * what is altered is taken out again, so that no pair that counts is a lie.
 */
#ifndef REHOME_COPIER_ALTERED_H
#define REHOME_COPIER_ALTERED_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/pass.h"

/* Looks at the octets of one message as they pass; fields are its own. */
struct altered_scan {
	enum journal_risk risk;
	char last;
	bool body;
	size_t line; /* octets of the present line */
};

void altered_begin(struct altered_scan *scan);
void altered_add(struct altered_scan *scan, const char *data, size_t size);
/* The first risk that was met. */
enum journal_risk altered_end(const struct altered_scan *scan);

/*
 * Reads back from the other side, where no append is under way, the pairs of
 * the folder that the journal marks: of this run, or of one that was broken off
 * before it came to that. What is as it was sent is marked no longer. What is
 * altered is expunged there, its pair is dissolved and the pass told that the
 * server refused it; where nothing can be expunged it stays, marked, and the
 * pass is told the same. Left out is what was approved to be left behind. Pairs
 * from the index first on count as copied in this pass. Selects the folder.
 * Returns 1, or -1 with an error when the other side is of no further use.
 */
int altered_check(struct pass *pass, struct journal_folder *folder,
	size_t first, struct error *error);

/* The first of home's UIDs in the folder whose like was not read back yet and
 * is not approved either, or 0. */
uint32_t altered_open(
	const struct pass *pass, const struct journal_folder *folder);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks at the octets of a message as they pass: whether it has something that
 * servers acknowledge and store otherwise (NUL octets, bare CR or LF, octets
 * beyond ASCII in a header), and what would be left of it.
 */
#ifndef REHOME_COPIER_ALTERED_SCAN_H
#define REHOME_COPIER_ALTERED_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "copier/journal.h"

/* So many letters and digits make the skeleton. */
#define ALTERED_BONES 4096

/* Of one message; fields are its own. */
struct altered_scan {
	enum journal_risk risk;
	char last;
	bool body;
	size_t line; /* octets of the present line */
	uint64_t skeleton;
	size_t bones;
};

void altered_begin(struct altered_scan *scan);
void altered_add(struct altered_scan *scan, const char *data, size_t size);
/* The first risk that was met. */
enum journal_risk altered_end(const struct altered_scan *scan);
/*
 * A digest of the first ALTERED_BONES letters and digits alone, which is the
 * same before and after what servers do to such messages. Together with other
 * signs it tells which message is which; alone it proves nothing.
 */
uint64_t altered_skeleton(const struct altered_scan *scan);

#endif

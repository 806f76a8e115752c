/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that a server acknowledges and stores otherwise than they were
 * sent: NUL octets, bare CR or LF, octets beyond ASCII in a header. Those that
 * have such a thing are read back, and what is altered is taken out again, so
 * that no pair in the journal is a lie.
 */
#ifndef REHOME_COPIER_ALTERED_H
#define REHOME_COPIER_ALTERED_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/pass.h"

enum altered_risk {
	ALTERED_NONE,
	ALTERED_NUL,
	ALTERED_LINES,	/* a CR or LF without the other, or no last line end */
	ALTERED_HEADER, /* octets beyond ASCII before the empty line */
};

/* Looks at the octets of one message as they pass; fields are its own. */
struct altered_scan {
	enum altered_risk risk;
	char last;
	bool body;
	size_t line; /* octets of the present line */
};

void altered_begin(struct altered_scan *scan);
void altered_add(struct altered_scan *scan, const char *data, size_t size);
/* The first risk that was met. */
enum altered_risk altered_end(const struct altered_scan *scan);

/* A message that was stored, and that may be another there. */
struct altered_suspect {
	enum altered_risk risk;
	size_t pair;			      /* of the journal's folder */
	unsigned char digest[JOURNAL_DIGEST]; /* of what was sent */
};

struct altered {
	struct altered_suspect *suspects;
	size_t count;
};

#define ALTERED_EMPTY                                                          \
	{                                                                      \
		NULL, 0                                                        \
	}

void altered_suspect(
	struct altered *altered, const struct altered_suspect *suspect);
void altered_free(struct altered *altered);

/*
 * Reads the suspects back from the other side, where no append is under way.
 * One that is altered is expunged there, its pair is dissolved and the pass
 * told that the server refused it; where nothing can be expunged it stays, and
 * the pass is told the same. Selects the folder. Returns 1, or -1 with an error
 * when the other side is of no further use.
 */
int altered_check(struct pass *pass, struct journal_folder *folder,
	const struct altered *altered, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Flags that the other side does not keep: left out, counted, and told by name.
 */
#ifndef REHOME_COPIER_KEYWORDS_H
#define REHOME_COPIER_KEYWORDS_H

#include "copier/pass.h"

/*
 * The flags of a message that can be stored at the other side: those that
 * permanent (NULL: not known) has, with any all keywords, but none that is no
 * atom (RFC 3501 section 9) and would make the command one that no server
 * understands. What is left out is counted in the pass and noted by name.
 */
const struct flagset *keywords_storable(struct pass *pass,
	const struct flagset *wanted, const struct flagset *permanent,
	bool any);

#endif

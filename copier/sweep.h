/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sweep: stragglers that came into the old home after the last round are
 * carried to the new one. It looks only above the bounds of the flip, leaves
 * out what the journal knows by digest, and only adds.
 */
#ifndef REHOME_COPIER_SWEEP_H
#define REHOME_COPIER_SWEEP_H

#include "copier/pass.h"
#include "copier/proof.h"

/*
 * In the pass home is the old home and other the new one. The bounds are those
 * of the flip; a folder without one is new, and all of it is above. Returns 1;
 * 0 when it must not go on without somebody's decision (the error tells what
 * has happened, the mailboxes are good); -1 as in round_run.
 */
int sweep_run(struct pass *pass, const struct proof_bound *bounds,
	size_t bounds_count, struct error *error);

#endif

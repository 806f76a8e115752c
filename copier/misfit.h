/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A full mailbox: what did not fit for its quota tells that nothing as large
 * will, so that it need not be fetched and sent to be refused. Of one folder,
 * since folders may have quotas of their own.
 */
#ifndef REHOME_COPIER_MISFIT_H
#define REHOME_COPIER_MISFIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#include "copier/driver.h"

/* After so many in a row nothing fits any more, however small. */
#define MISFIT_IN_A_ROW 20

struct misfit {
	bool full;	   /* something did not fit */
	uint64_t size;	   /* octets of the smallest that did not */
	unsigned in_a_row; /* that were sent and refused */
	bool changed;	   /* since misfit_sift */
	struct error words;
};

/* Whether a refusal is about a quota. */
bool misfit_is_quota(const struct error *words);
/* A message was sent and refused with these words, or stored. */
void misfit_refused(
	struct misfit *misfit, uint64_t size, const struct error *words);
void misfit_stored(struct misfit *misfit);
/* False with the words for one that is not to be sent. */
bool misfit_fits(
	const struct misfit *misfit, uint64_t size, struct error *words);
/*
 * Takes out of todo what does not fit, by the sizes that home tells of the
 * selected folder, and tells each. Result as in driver.h.
 */
int misfit_sift(struct misfit *misfit, struct mailbox *home,
	struct uidset *todo,
	void (*callback)(
		void *context, uint32_t uid, const struct error *words),
	void *context, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dates that servers take and store otherwise without a word: before 1970, from
 * 2038 on, and in the future. What has become of them is looked up and noted;
 * it stops nothing.
 */
#ifndef REHOME_COPIER_DATES_H
#define REHOME_COPIER_DATES_H

#include <stdint.h>

#include "lib/error.h"

#include "copier/pass.h"

struct dates_suspect {
	uint32_t uid; /* at home */
	uint32_t other;
	int64_t date; /* seconds since 1970 */
};

/* Empty when all is 0. */
struct dates {
	struct dates_suspect *list;
	size_t count;
};

/* Adds a message that was stored, if its date is such a one. */
void dates_add(struct dates *dates, uint32_t uid, uint32_t other, int64_t date);
void dates_free(struct dates *dates);
/*
 * Asks the other side, where no append is under way, for the dates of those in
 * the folder, and notes with both dates which are others there. Selects the
 * folder. Results as in driver.h.
 */
int dates_check(struct pass *pass, const struct journal_folder *folder,
	const struct dates *dates, struct error *error);

#endif

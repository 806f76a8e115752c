/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of a freeze with their milliseconds, as one line of text:
 * "publish=3 lock=21 round=140". Pure.
 */
#ifndef REHOME_STEPS_H
#define REHOME_STEPS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/*
 * Adds the steps of more to steps, a buffer of size bytes: the figures of a
 * step that stands in both are summed. A step that does not fit is left out.
 * Returns 0, or -1 with an error when more is not well formed (names of up to
 * 32 letters, digits, '-' and '_', figures of up to 15 digits); steps is then
 * unchanged.
 */
int steps_merge(
	char *steps, size_t size, const char *more, struct error *error);
/* The milliseconds of all steps of a text that is well formed. */
int64_t steps_sum(const char *steps);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts and events in words. Pure: an account, an event and the time in,
 * text out. Texts are not yet cleaned for a terminal (ctl/text.h does).
 */
#ifndef REHOME_DESCRIBE_H
#define REHOME_DESCRIBE_H

#include <stdint.h>

#include "lib/account.h"
#include "lib/attr.h"
#include "lib/buffer.h"

/* Where it is served and what happens to it: "at old, copying to new". */
void describe_state(
	const struct account *account, int64_t now, struct buffer *out);
/* What an operator should notice, or nothing: "held: ...", "failed twice, again
 * in 3 min: ...". */
void describe_note(
	const struct account *account, int64_t now, struct buffer *out);
/* The freeze by step: "publish 21 ms, lock 40 ms"; from "publish=21 lock=40" */
void describe_steps(const char *steps, struct buffer *out);

/*
 * An audit record or an event of a watch in one line, without time and address:
 * "copying -> frozen by worker host/123". Unknown events are printed with all
 * their attributes, so that nothing is hidden.
 */
void describe_event(const struct attr_list *event, struct buffer *out);

/*
 * What to do about a refused request, or NULL: for `rehome COMMAND` of the
 * account as it is now. malloc'd.
 */
char *describe_way_out(const char *command, const struct account *account);
/* What to do about the account's failure or state, or NULL. malloc'd. */
char *describe_advice(const struct account *account, int64_t now);

#endif

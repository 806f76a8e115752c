/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a followed move is over, how it ended, and telling so. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "ctl/describe.h"
#include "lib/figure.h"
#include "ctl/follow_private.h"
#include "ctl/text.h"
#include "lib/instant.h"

static void follow_report(struct follow *follow,
	const struct tracker_item *item, int code, const char *outcome)
{
	const struct account *account = &item->account;
	struct attr_list *message;

	follow->code = session_worse(follow->code, code);
	if (!follow->session->json)
		return;
	message = attr_list_new();
	account_print(account, true, message);
	attr_list_add(message, "status", control_status_name(CONTROL_OK));
	attr_list_add(message, "outcome", outcome);
	json_array_add(follow->array, message);
	attr_list_free(&message);
}

/* Whether an account goes on by itself; if not, how it ended. */
static const char *follow_outcome(const struct follow *follow,
	const struct tracker_item *item, int *code_r)
{
	const struct account *account = &item->account;

	*code_r = EXIT_REFUSED;
	if (item->removed)
		return "removed";
	if (!account_is_moving(account)) {
		if (account->home != follow->to)
			return "cancelled";
		*code_r = 0;
		return "settled";
	}
	if (account->held)
		return "held";
	if (account->attempts > 0 && account->phase != ACCOUNT_FROZEN) {
		*code_r = EX_TEMPFAIL;
		return "failed";
	}
	*code_r = 0;
	if (account->phase == ACCOUNT_READY &&
		account->complete_after == INSTANT_NEVER)
		return "ready";
	return NULL;
}

static void follow_tell(const struct follow *follow,
	const struct tracker_item *item, int code, const char *outcome)
{
	const struct account *account = &item->account;
	const struct session *session = follow->session;
	struct buffer text = BUFFER_EMPTY;
	char length[FIGURE_SIZE];
	int64_t now = instant_now();
	char *advice = describe_advice(account, now);

	if (code != 0) {
		describe_note(account, now, &text);
		session_fail(session, code, account->address,
			text.size > 0 ? text.data : outcome, advice);
	} else if (!session->quiet && !session->json) {
		describe_state(account, now, &text);
		if (strcmp(outcome, "settled") == 0)
			buffer_printf(&text, ", was out of service for %s",
				figure_duration(account->freeze_ms, length));
		text_print(stdout, "%s: %s", account->address, text.data);
		putchar('\n');
	}
	free(advice);
	buffer_free(&text);
}

void follow_judge(struct follow *follow, struct follow_target *target)
{
	const struct tracker_item *item =
		tracker_find(follow->tracker, target->address);
	const char *outcome;
	int code;

	if (target->over || item == NULL)
		return;
	outcome = follow_outcome(follow, item, &code);
	if (outcome == NULL)
		return;
	target->over = true;
	follow->targets_open--;
	follow_report(follow, item, code, outcome);
	if (follow->terminal == NULL)
		follow_tell(follow, item, code, outcome);
}

void follow_tell_all(const struct follow *follow)
{
	for (size_t i = 0; i < follow->targets_count; i++) {
		const struct follow_target *target = &follow->targets[i];
		const struct tracker_item *item =
			tracker_find(follow->tracker, target->address);
		const char *outcome;
		int code;

		if (!target->over || item == NULL)
			continue;
		outcome = follow_outcome(follow, item, &code);
		if (outcome != NULL)
			follow_tell(follow, item, code, outcome);
	}
}

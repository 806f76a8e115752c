/* SPDX-License-Identifier: BSD-2-Clause */
/* Accounts in words, see describe.h; events are in event.c. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "ctl/describe.h"
#include "lib/figure.h"

/* What it waits for, with what is put before it; nothing when it does not. */
static void describe_begin(const struct account *account, int64_t now,
	const char *before, struct buffer *out)
{
	char text[FIGURE_SIZE];

	if (account->not_before > now)
		buffer_printf(out, "%snot before %s", before,
			figure_instant(account->not_before, text));
	else if (account_awaits_login(account))
		buffer_printf(out, "%swaits for the first login", before);
}

static void describe_end(const struct account *account, int64_t now,
	const char *before, struct buffer *out)
{
	char text[FIGURE_SIZE];

	if (account->complete_after == INSTANT_NEVER)
		buffer_printf(out, "%swaits for `rehome complete`", before);
	else if (account->complete_after > now)
		buffer_printf(out, "%scompletes after %s", before,
			figure_instant(account->complete_after, text));
	else if (account->phase == ACCOUNT_READY &&
		 account->strategy->freeze == ACCOUNT_AT_LOGOUT)
		buffer_printf(out, "%swaits until nobody is logged in", before);
}

static const char *describe_frozen_for(
	const struct account *account, int64_t now, char text[FIGURE_SIZE])
{
	int64_t ms = now - account->frozen_at;

	return figure_duration(ms > 0 ? ms : 0, text);
}

void describe_state(
	const struct account *account, int64_t now, struct buffer *out)
{
	const char *home = account_home_system(account);
	const char *other = account_other_system(account);
	char text[FIGURE_SIZE];

	switch (account->phase) {
	case ACCOUNT_SETTLED:
		buffer_printf(out, "at %s", home);
		return;
	case ACCOUNT_REQUESTED:
		buffer_printf(out, "at %s, move to %s requested", home, other);
		describe_begin(account, now, ", ", out);
		describe_end(account, now, ", ", out);
		return;
	case ACCOUNT_COPYING:
		buffer_printf(out, "at %s, copying to %s", home, other);
		describe_end(account, now, ", ", out);
		return;
	case ACCOUNT_READY:
		buffer_printf(out, "at %s, ready to move to %s", home, other);
		describe_end(account, now, ", ", out);
		return;
	case ACCOUNT_FROZEN:
		buffer_printf(out, "out of service for %s, from %s to %s",
			describe_frozen_for(account, now, text), home, other);
		return;
	case ACCOUNT_SWEEPING:
		buffer_printf(out, "at %s, late mail is fetched from %s", home,
			other);
		return;
	case ACCOUNT_RETIRED:
		buffer_printf(out, "at %s, the mailbox at %s is retired", home,
			other);
		return;
	case ACCOUNT_PHASES:
		break;
	}
}

static void describe_failure(
	const struct account *account, int64_t now, struct buffer *out)
{
	char count[FIGURE_SIZE], wait[FIGURE_SIZE];

	if (account->attempts > 2)
		buffer_printf(out, "failed %s times",
			figure_count(account->attempts, count));
	else
		buffer_printf(out, "failed %s",
			account->attempts == 2 ? "twice" : "once");
	if (account->due > now && account->due != INSTANT_NEVER &&
		account_is_moving(account))
		buffer_printf(out, ", again in %s",
			figure_duration(
				(account->due - now + 999) / 1000 * 1000,
				wait));
	buffer_printf(out, ": %s",
		account->failure[0] != '\0' ? account->failure
					    : "no reason given");
}

void describe_note(
	const struct account *account, int64_t now, struct buffer *out)
{
	char text[FIGURE_SIZE];

	if (account->held)
		buffer_printf(out, "held: %s%s",
			account->hold_reason[0] != '\0' ? account->hold_reason
							: "no reason given",
			account->attempts > 0 ? "; " : "");
	if (account->attempts > 0) {
		describe_failure(account, now, out);
		return;
	}
	if (account->held)
		return;
	if (account->phase == ACCOUNT_REQUESTED &&
		(account->not_before > now || account_awaits_login(account)))
		describe_begin(account, now, "", out);
	else if (account->phase == ACCOUNT_REQUESTED ||
		 account->phase == ACCOUNT_READY ||
		 account->phase == ACCOUNT_COPYING)
		describe_end(account, now, "", out);
	else if (account->phase == ACCOUNT_FROZEN)
		buffer_printf(out, "out of service for %s",
			describe_frozen_for(account, now, text));
}

/* The front's work when the freeze has ended; its time is not the freeze's. */
static bool describe_is_later(const char *name, size_t size)
{
	return (size == 4 && strncmp(name, "open", size) == 0) ||
	       (size == 5 && strncmp(name, "flush", size) == 0);
}

void describe_steps(const char *steps, struct buffer *out)
{
	bool first = true, later = false;

	while (*steps != '\0') {
		size_t size = strcspn(steps, " ");
		size_t name = strcspn(steps, "= ");

		if (name < size) {
			const char *gap = first ? "" : ", ";

			if (!first && !later && describe_is_later(steps, name))
				gap = "; then ";
			later = later || describe_is_later(steps, name);
			buffer_printf(out, "%s%.*s %.*s ms", gap, (int)name,
				steps, (int)(size - name - 1),
				steps + name + 1);
			first = false;
		}
		steps += size;
		steps += strspn(steps, " ");
	}
}

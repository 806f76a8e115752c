/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events in words: the lines of an account's history and those of a watch have
 * the same attributes, see rehome-control(7) and describe.h.
 */
#include <config.h>

#include <string.h>

#include "copier/mutf7.h"
#include "ctl/describe.h"
#include "lib/figure.h"
#include "lib/instant.h"

#define EVENT_SOON 500 /* ms: not worth a word */

static const char *event_get(const struct attr_list *event, const char *name)
{
	const char *value = attr_list_get(event, name);

	return value != NULL ? value : "";
}

static bool event_has(const struct attr_list *event, const char *name)
{
	return *event_get(event, name) != '\0';
}

static bool event_number(
	const struct attr_list *event, const char *name, int64_t *number_r)
{
	return attr_list_get_number(event, name, number_r, NULL) == 1;
}

static void event_add_text(const struct attr_list *event, const char *name,
	const char *before, struct buffer *out)
{
	if (event_has(event, name))
		buffer_printf(out, "%s%s", before, event_get(event, name));
}

/* Who did it. Our own daemon is not worth a word. */
static void event_add_actor(const struct attr_list *event, struct buffer *out)
{
	const char *by = event_get(event, "by");

	if (event_has(event, "worker"))
		buffer_printf(out, " by worker %s", event_get(event, "worker"));
	else if (*by != '\0')
		buffer_printf(out, " by %s", by);
	if (strcmp(event_get(event, "force"), "yes") == 0)
		buffer_add_text(out, ", forced");
}

static void event_add_instant(const struct attr_list *event, const char *name,
	const char *before, struct buffer *out)
{
	const char *value = event_get(event, name);
	char text[FIGURE_SIZE];
	int64_t instant;

	if (strcmp(value, "never") == 0)
		instant = INSTANT_NEVER;
	else if (!event_number(event, name, &instant))
		return;
	if (instant != 0)
		buffer_printf(
			out, "%s%s", before, figure_instant(instant, text));
}

static void event_add_duration(const struct attr_list *event, const char *name,
	const char *before, struct buffer *out)
{
	char text[FIGURE_SIZE];
	int64_t ms;

	if (event_number(event, name, &ms))
		buffer_printf(out, "%s%s", before, figure_duration(ms, text));
}

/* The attributes of a request, as it was made. */
static void event_add_request(const struct attr_list *event, struct buffer *out)
{
	event_add_text(event, "strategy", ": strategy ", out);
	if (event_has(event, "mail"))
		buffer_printf(out, ", mail %s",
			strcmp(event_get(event, "mail"), "park") == 0
				? "parked"
				: "deferred");
	event_add_duration(event, "freeze_budget", ", freeze budget ", out);
	event_add_instant(event, "not_before", ", not before ", out);
	if (strcmp(event_get(event, "complete_after"), "never") == 0)
		buffer_add_text(out, ", waits for `rehome complete`");
	else
		event_add_instant(
			event, "complete_after", ", completes after ", out);
	event_add_text(event, "batch", ", batch ", out);
}

/* How long the freeze was that has ended, by step. */
static void event_add_freeze(const struct attr_list *event, struct buffer *out)
{
	int64_t deferred;
	char text[FIGURE_SIZE];

	event_add_duration(event, "freeze_ms", "; out of service for ", out);
	if (event_has(event, "freeze_steps")) {
		buffer_add_text(out, " (");
		describe_steps(event_get(event, "freeze_steps"), out);
		buffer_add_text(out, ")");
	}
	if (event_number(event, "deferred", &deferred) && deferred > 0)
		buffer_printf(out, ", %s deferred",
			figure_plural(deferred, "recipient", text));
}

static void event_transition(const struct attr_list *event, struct buffer *out)
{
	const char *from = event_get(event, "from");
	const char *to = event_get(event, "to");
	bool thawed = strcmp(from, "frozen") == 0 && strcmp(to, "copying") == 0;
	bool flipped =
		strcmp(from, "frozen") == 0 && strcmp(to, "sweeping") == 0;
	bool cancelled =
		strcmp(to, "settled") == 0 && strcmp(from, "sweeping") != 0;

	buffer_printf(out, "%s -> %s", from, to);
	if (flipped)
		buffer_printf(out, ", flipped: now at the %s",
			event_get(event, "home"));
	else if (thawed)
		buffer_add_text(out, ", thawed");
	else if (cancelled)
		buffer_add_text(out, ", cancelled");
	event_add_actor(event, out);
	event_add_text(event, "reason", ": ", out);
	if (strcmp(to, "requested") == 0)
		event_add_request(event, out);
	if (thawed || flipped)
		event_add_freeze(event, out);
}

static void event_add_count(const struct attr_list *event, const char *name,
	const char *word, struct buffer *out)
{
	char text[FIGURE_SIZE];
	int64_t count;

	if (event_number(event, name, &count) && count != 0)
		buffer_printf(out, ", %s %s", word, figure_count(count, text));
}

static void event_round(const struct attr_list *event, struct buffer *out)
{
	char text[FIGURE_SIZE];
	int64_t number;

	buffer_printf(out, "%s round",
		event_has(event, "kind") ? event_get(event, "kind") : "a");
	event_add_duration(event, "duration_ms", " of ", out);
	if (event_number(event, "messages", &number))
		buffer_printf(
			out, ": %s", figure_plural(number, "message", text));
	if (event_number(event, "bytes", &number))
		buffer_printf(out, ", %s", figure_size(number, text));
	event_add_count(event, "copied", "copied", out);
	event_add_count(event, "removed", "removed", out);
	event_add_count(event, "flags", "flags changed", out);
	event_add_count(event, "adopted", "found there already", out);
	event_add_count(event, "left_out", "left out", out);
	event_add_count(event, "foreign", "foreign", out);
	event_add_count(event, "refused", "refused", out);
	event_add_count(event, "keywords_refused", "keywords refused", out);
}

static const char *event_messages(int64_t count, char text[FIGURE_SIZE])
{
	return figure_plural(count, "message", text);
}

/* "5 of 10 messages", "5 messages" when the total is not known. */
static void event_add_share(const struct attr_list *event, const char *done,
	const char *total, const char *(*part)(int64_t, char[FIGURE_SIZE]),
	const char *(*whole)(int64_t, char[FIGURE_SIZE]), struct buffer *out)
{
	char one[FIGURE_SIZE], two[FIGURE_SIZE];
	int64_t number, all;

	if (!event_number(event, done, &number))
		return;
	if (event_number(event, total, &all))
		buffer_printf(
			out, ", %s of %s", part(number, one), whole(all, two));
	else
		buffer_printf(out, ", %s", whole(number, one));
}

static void event_progress(const struct attr_list *event, struct buffer *out)
{
	struct error folder;
	buffer_printf(out, "%s round under way",
		event_has(event, "round") ? event_get(event, "round") : "a");
	event_add_share(event, "messages_done", "messages_total", figure_count,
		event_messages, out);
	event_add_share(event, "bytes_done", "bytes_total", figure_size,
		figure_size, out);
	mutf7_show(event_get(event, "folder"), &folder);
	if (folder.text[0] != '\0')
		buffer_printf(out, ", in %s", folder.text);
}

static void event_deferral(const struct attr_list *event, struct buffer *out)
{
	buffer_add_text(out, "mail deferred");
	event_add_text(event, "recipient", " for ", out);
	event_add_count(event, "deferred", "so far", out);
}

static void event_front(const struct attr_list *event, struct buffer *out)
{
	const char *to = event_get(event, "to");

	if (strcmp(to, "closed") == 0)
		buffer_add_text(out, "front closed: no mail, no logins");
	else if (strcmp(to, "open") == 0)
		buffer_add_text(out, "front open: waiting mail is let go");
	else
		buffer_printf(out, "front %s", to);
	if (event_has(event, "steps")) {
		buffer_add_text(out, " (");
		describe_steps(event_get(event, "steps"), out);
		buffer_add_text(out, ")");
	}
}

static void event_add(const struct attr_list *event, struct buffer *out)
{
	buffer_add_text(out, "added to the directory");
	event_add_actor(event, out);
	event_add_text(event, "source", ": source ", out);
	event_add_text(event, "destination", ", destination ", out);
	event_add_text(event, "home", ", at the ", out);
	for (size_t i = 0; i < attr_list_count(event); i++)
		if (strcmp(attr_list_name(event, i), "alias") == 0)
			buffer_printf(
				out, ", alias %s", attr_list_value(event, i));
}

static void event_remove(const struct attr_list *event, struct buffer *out)
{
	buffer_add_text(out, "removed from the directory");
	event_add_actor(event, out);
}

static void event_alias_add(const struct attr_list *event, struct buffer *out)
{
	buffer_printf(out, "alias %s added", event_get(event, "alias"));
	event_add_actor(event, out);
}

static void event_alias_remove(
	const struct attr_list *event, struct buffer *out)
{
	buffer_printf(out, "alias %s removed", event_get(event, "alias"));
	event_add_actor(event, out);
}

static void event_approve(const struct attr_list *event, struct buffer *out)
{
	char text[FIGURE_SIZE];
	int64_t number;

	buffer_add_text(out, "approved");
	if (event_number(event, "items", &number))
		buffer_printf(out, ": %s",
			figure_plural(number, "refused item", text));
	event_add_text(event, "named", " ", out);
	event_add_actor(event, out);
	event_add_text(event, "reason", ": ", out);
	if (event_number(event, "left", &number) && number > 0)
		buffer_printf(out, "; %s left", figure_count(number, text));
}

static void event_retry(const struct attr_list *event, struct buffer *out)
{
	char text[FIGURE_SIZE];
	int64_t number;

	buffer_add_text(out, "to be tried once more");
	if (event_number(event, "items", &number))
		buffer_printf(out, ": %s",
			figure_plural(number, "altered message", text));
	event_add_text(event, "named", " ", out);
	event_add_actor(event, out);
	event_add_text(event, "reason", ": ", out);
}

static void event_hold(const struct attr_list *event, struct buffer *out)
{
	buffer_add_text(out, "held");
	event_add_actor(event, out);
	event_add_text(event, "reason", ": ", out);
}

static void event_resume(const struct attr_list *event, struct buffer *out)
{
	buffer_add_text(out, "resumed");
	event_add_actor(event, out);
}

static void event_complete(const struct attr_list *event, struct buffer *out)
{
	buffer_add_text(out, "completion asked for");
	event_add_actor(event, out);
}

static void event_login(const struct attr_list *event, struct buffer *out)
{
	bool begins = strcmp(event_get(event, "begins"), "yes") == 0;
	bool learned = strcmp(event_get(event, "learned"), "yes") == 0;

	buffer_add_text(out, "login");
	event_add_text(event, "system", " at ", out);
	if (begins)
		buffer_add_text(out, ": the move begins");
	if (learned)
		buffer_printf(
			out, "%s the password is learned", begins ? "," : ":");
}

static void event_logout(const struct attr_list *event, struct buffer *out)
{
	(void)event;
	buffer_add_text(out, "nobody is logged in any more");
}

static void event_lease(const struct attr_list *event, struct buffer *out)
{
	buffer_add_text(out, "taken");
	event_add_actor(event, out);
}

static void event_release(const struct attr_list *event, struct buffer *out)
{
	int64_t at = 0, due = INSTANT_NEVER;

	buffer_add_text(out, "given back");
	event_add_actor(event, out);
	event_add_text(event, "failure", ", failed: ", out);
	event_number(event, "at", &at);
	event_number(event, "due", &due);
	/* what is done is due at once, and never taken again */
	if (due > at + EVENT_SOON && due != INSTANT_NEVER)
		event_add_instant(event, "due", ", goes on at ", out);
}

static void event_prove(const struct attr_list *event, struct buffer *out)
{
	char text[FIGURE_SIZE];
	int64_t number;

	buffer_add_text(out, "the copy is proved");
	if (event_number(event, "messages", &number))
		buffer_printf(
			out, ": %s", figure_plural(number, "message", text));
	if (event_number(event, "bytes", &number))
		buffer_printf(out, ", %s", figure_size(number, text));
	if (event_number(event, "folders", &number))
		buffer_printf(
			out, ", %s", figure_plural(number, "folder", text));
	event_add_count(event, "foreign", "foreign", out);
}

static void event_end(const struct attr_list *event, struct buffer *out)
{
	buffer_add_text(out, "the watch has ended");
	event_add_text(event, "reason", ": ", out);
}

/* What frames an event; the rest is its own. */
static bool event_frames(const char *name)
{
	static const char *const frames[] = { "event", "what", "serial", "at",
		"address", "version", "revision" };

	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		if (strcmp(frames[i], name) == 0)
			return true;
	return false;
}

static void event_other(
	const struct attr_list *event, const char *name, struct buffer *out)
{
	bool whole = attr_list_get(event, "revision") != NULL;

	buffer_add_text(out, name);
	for (size_t i = 0; i < attr_list_count(event); i++) {
		const char *attribute = attr_list_name(event, i);

		/* the account's fields say where it is, not what happened */
		if (event_frames(attribute) ||
			(whole && account_field_kind(attribute) != 0))
			continue;
		buffer_printf(
			out, " %s=%s", attribute, attr_list_value(event, i));
	}
}

void describe_event(const struct attr_list *event, struct buffer *out)
{
	static const struct {
		const char *name;
		void (*describe)(
			const struct attr_list *event, struct buffer *out);
	} kinds[] = {
		{ "transition", event_transition },
		{ "round", event_round },
		{ "progress", event_progress },
		{ "deferral", event_deferral },
		{ "login", event_login },
		{ "logout", event_logout },
		{ "lease", event_lease },
		{ "release", event_release },
		{ "prove", event_prove },
		{ "front", event_front },
		{ "add", event_add },
		{ "remove", event_remove },
		{ "alias-add", event_alias_add },
		{ "alias-remove", event_alias_remove },
		{ "approve", event_approve },
		{ "retry", event_retry },
		{ "hold", event_hold },
		{ "resume", event_resume },
		{ "complete", event_complete },
		{ "end", event_end },
	};
	const char *name = event_get(event, "event");

	if (strcmp(name, "change") == 0 && event_has(event, "what"))
		name = event_get(event, "what");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0) {
			kinds[i].describe(event, out);
			return;
		}
	event_other(event, name, out);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked, told and heard: questions and their answers, members, pushes.
 */
#include "config.h"

#include "gateway/link_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/control_client.h"
#include "lib/instant.h"
#include "lib/xalloc.h"

#define LINK_NO_SLOT SIZE_MAX
/* An id is a slot and which question of that slot it is. */
#define LINK_SLOT_BITS 24

/* ---- questions ---- */

static size_t link_take_slot(struct link *link)
{
	size_t slot = link->slots_free;

	if (link->slots_count == 0 || slot == LINK_NO_SLOT) {
		slot = link->slots_count;
		link->slots = xreallocarray(
			link->slots, slot + 1, sizeof(*link->slots));
		memset(&link->slots[slot], 0, sizeof(*link->slots));
		link->slots[slot].next = LINK_NO_SLOT;
		link->slots_count++;
	}
	link->slots_free = link->slots[slot].next;
	link->slots[slot].turn++;
	link->slots[slot].left = false;
	return slot;
}

static void link_give_slot(struct link *link, size_t slot)
{
	link->slots[slot].member = NULL;
	link->slots[slot].left = false;
	link->slots[slot].next = link->slots_free;
	link->slots_free = slot;
}

static int64_t link_question_id(const struct link *link, size_t slot)
{
	return (int64_t)(link->slots[slot].turn << LINK_SLOT_BITS | slot);
}

void link_tell_question(struct link *link, const struct link_member *member)
{
	struct attr_list *words = link_request(link, "route");

	attr_list_add_number(words, "id", link_question_id(link, member->slot));
	attr_list_add_number(words, "session", (int64_t)member->number);
	attr_list_add(words, "login", member->login);
	attr_list_add(words, "protocol", member->protocol);
	attr_list_add(words, "client", member->client);
	if (member->wait)
		attr_list_add(words, "wait", "yes");
	link_send(link);
}

static void link_tell_end(struct link *link, uint64_t number)
{
	attr_list_add_number(
		link_request(link, "end"), "session", (int64_t)number);
	link_send(link);
}

void link_tell_member(struct link *link, const struct link_member *member)
{
	struct attr_list *words = link_request(link, "session");

	attr_list_add_number(words, "session", (int64_t)member->number);
	attr_list_add(words, "address", member->address);
	attr_list_add(words, "protocol", member->protocol);
	attr_list_add(words, "system", member->system);
	attr_list_add_number(words, "since", member->since);
	attr_list_add(words, "client", member->client);
	link_send(link);
}

/* ---- members ---- */

static void link_forget(char **text)
{
	free(*text);
	*text = NULL;
}

/* It does not count at policyd any more. */
static void link_unregister(struct link_member *member)
{
	if (member->stage == LINK_REGISTERED || member->stage == LINK_LOGIN) {
		*member->before = member->next;
		if (member->next != NULL)
			member->next->before = member->before;
	}
	link_forget(&member->address);
	link_forget(&member->system);
	link_forget(&member->user);
}

/* It is none any more. */
static void link_clear_member(struct link *link, struct link_member *member)
{
	link_unregister(member);
	loop_timer_clear(link->loop, &member->timer);
	link_forget(&member->login);
	member->stage = LINK_NONE;
}

static void link_register(struct link *link, struct link_member *member,
	const struct attr_list *answer)
{
	const char *address = attr_list_get(answer, "address");
	const char *user = attr_list_get(answer, "user");

	member->address = xstrdup(address != NULL ? address : member->login);
	member->system = xstrdup(attr_list_get(answer, "system"));
	member->user = xstrdup(user != NULL ? user : member->address);
	member->may_wait = attr_list_get(answer, "wait") != NULL;
	member->since = instant_now();
	member->stage = LINK_REGISTERED;
	loop_timer_clear(link->loop, &member->timer);
	member->next = link->members;
	member->before = &link->members;
	if (member->next != NULL)
		member->next->before = &member->next;
	link->members = member;
}

/* The login does not wait. Its question may be answered yet. */
static void link_let_in(
	struct link *link, struct link_member *member, bool unanswered)
{
	struct link_slot *slot = &link->slots[member->slot];

	if (unanswered && link->stage == LINK_UP) {
		slot->member = NULL;
		slot->left = true;
		slot->number = member->number;
	} else {
		link_give_slot(link, member->slot);
	}
	loop_timer_clear(link->loop, &member->timer);
	member->stage = LINK_REGISTERED;
	member->calls->let_in(member->context);
}

/* Nobody has answered: policyd is to forget it, too. */
static void link_unanswered(void *context)
{
	struct link_member *member = context;

	if (member->stage == LINK_LOGIN && !member->held) {
		link_let_in(member->link, member, true);
		return;
	}
	link_leave(member->link, member);
	member->calls->routed(
		member->context, LINK_LATER, "policyd has not answered");
}

void link_ask(struct link *link, struct link_member *member, const char *login,
	bool wait)
{
	member->link = link;
	member->login = xstrdup(login);
	member->wait = wait;
	member->held = false;
	member->stage = LINK_ASKING;
	member->slot = link_take_slot(link);
	link->slots[member->slot].member = member;
	loop_timer_set(link->loop, &member->timer, link->settings.timeout,
		link_unanswered, member);
	if (link->stage == LINK_UP)
		link_tell_question(link, member);
}

/* policyd may be at work on the question, or hold it: its place stays taken
 * until the answer has come. */
static void link_leave_question(struct link *link, struct link_member *member)
{
	struct link_slot *slot = &link->slots[member->slot];

	if (link->stage != LINK_UP) {
		link_give_slot(link, member->slot);
		return;
	}
	slot->member = NULL;
	slot->left = true;
	slot->number = member->number;
	/* Of a login that is held: of the session, and of the wish for one. */
	if (member->stage == LINK_LOGIN)
		link_tell_end(link, member->number);
	link_tell_end(link, member->number);
}

void link_leave(struct link *link, struct link_member *member)
{
	if (member->stage == LINK_ASKING || member->stage == LINK_LOGIN)
		link_leave_question(link, member);
	else if (member->stage == LINK_REGISTERED && link->stage == LINK_UP)
		link_tell_end(link, member->number);
	link_clear_member(link, member);
}

void link_forget_left(struct link *link)
{
	for (size_t i = 0; i < link->slots_count; i++)
		if (link->slots[i].left)
			link_give_slot(link, i);
}

static struct attr_list *link_login(struct link *link,
	const struct link_member *member, bool accepted, const char *mechanism,
	const char *client, const char *sealed)
{
	struct attr_list *words = link_request(link, "login");

	attr_list_add_number(words, "session", (int64_t)member->number);
	attr_list_add(words, "outcome", accepted ? "ok" : "denied");
	if (mechanism != NULL)
		attr_list_add(words, "mechanism", mechanism);
	if (client != NULL)
		attr_list_add(words, "clientname", client);
	if (sealed != NULL)
		attr_list_add(words, "sealed", sealed);
	return words;
}

void link_tell_login(struct link *link, const struct link_member *member,
	bool accepted, const char *mechanism, const char *client,
	const char *sealed)
{
	if (link->stage != LINK_UP)
		return;
	link_login(link, member, accepted, mechanism, client, sealed);
	link_send(link);
}

void link_ask_login(struct link *link, struct link_member *member,
	const char *mechanism, const char *client, const char *sealed)
{
	struct attr_list *words;

	member->slot = link_take_slot(link);
	member->stage = LINK_LOGIN;
	member->held = false;
	link->slots[member->slot].member = member;
	/* Never answered at once: the caller is in the middle of something. */
	loop_timer_set(link->loop, &member->timer,
		link->stage == LINK_UP ? link->settings.timeout : 0,
		link_unanswered, member);
	if (link->stage != LINK_UP)
		return;
	words = link_login(link, member, true, mechanism, client, sealed);
	attr_list_add_number(words, "id", link_question_id(link, member->slot));
	attr_list_add(words, "wait", "yes");
	link_send(link);
}

void link_withdrawn(struct link *link, struct link_member *member)
{
	char *login;

	/* The connection that knew of it may be lost: then it asks again. */
	if (member->stage != LINK_LOGIN) {
		login = xstrdup(member->login);
		link_leave(link, member);
		link_ask(link, member, login, true);
		member->held = true; /* that was told already */
		free(login);
		return;
	}
	link_tell_end(link, member->number);
	link_unregister(member);
	member->stage = LINK_ASKING;
}

/* The connection is lost. Who waits for leave to go on has it; who is held
 * already goes through with it. */
void link_forget_logins(struct link *link)
{
	for (size_t i = 0; i < link->slots_count; i++) {
		struct link_member *member = link->slots[i].member;

		if (member == NULL || member->stage != LINK_LOGIN)
			continue;
		if (!member->held) {
			link_let_in(link, member, false);
			continue;
		}
		link_give_slot(link, i);
		loop_timer_clear(link->loop, &member->timer);
		member->stage = LINK_REGISTERED;
	}
}

void link_tell_quiet(
	struct link *link, const struct link_member *member, int64_t since)
{
	struct attr_list *words;

	if (link->stage != LINK_UP)
		return;
	words = link_request(link, "quiet");
	attr_list_add_number(words, "session", (int64_t)member->number);
	if (since > 0)
		attr_list_add_number(words, "since", since);
	else
		attr_list_add(words, "busy", "yes");
	link_send(link);
}

/* ---- what is heard ---- */

/* The slot of the question with that id; LINK_NO_SLOT: of none that waits. */
static size_t link_find_question(
	const struct link *link, const struct attr_list *message)
{
	int64_t id = -1;
	size_t slot;

	if (attr_list_get_number(message, "id", &id, NULL) <= 0 || id < 0)
		return LINK_NO_SLOT;
	slot = (size_t)id & ((1 << LINK_SLOT_BITS) - 1);
	if (slot >= link->slots_count || link_question_id(link, slot) != id ||
		(link->slots[slot].member == NULL && !link->slots[slot].left))
		return LINK_NO_SLOT;
	return slot;
}

/* What is not understood is no route. */
static enum link_outcome link_outcome(
	const struct attr_list *answer, struct error *reason)
{
	enum control_status status = control_status(answer, reason);

	if (status == CONTROL_CONFLICT)
		return LINK_MOVED;
	if (status != CONTROL_OK && status != CONTROL_NOT_FOUND)
		return LINK_LATER;
	if (attr_list_get(answer, "system") != NULL)
		return LINK_ROUTED;
	error_set(reason, "policyd has named no system");
	return LINK_LATER;
}

static void link_take_answer(
	struct link *link, size_t slot, const struct attr_list *answer)
{
	struct link_member *member = link->slots[slot].member;
	uint64_t number = link->slots[slot].number;
	enum link_outcome outcome;
	struct error reason = { "" };

	if (member != NULL && member->stage == LINK_LOGIN) {
		link_let_in(link, member, false);
		return;
	}
	link_give_slot(link, slot);
	outcome = link_outcome(answer, &reason);
	if (member == NULL) {
		if (outcome == LINK_ROUTED)
			link_tell_end(link, number);
		return;
	}
	if (outcome == LINK_ROUTED) {
		link_register(link, member, answer);
	} else {
		link_clear_member(link, member);
	}
	member->calls->routed(member->context, outcome, reason.text);
}

static void link_take_held(struct link *link, const struct attr_list *message)
{
	size_t slot = link_find_question(link, message);
	struct link_member *member =
		slot != LINK_NO_SLOT ? link->slots[slot].member : NULL;

	if (member == NULL)
		return;
	/* policyd ends the hold; only if it does not, we do. */
	loop_timer_set(link->loop, &member->timer,
		link->hold + link->settings.timeout, link_unanswered, member);
	if (!member->held) {
		member->held = true;
		member->calls->held(member->context);
	}
}

static void link_take_close(struct link *link, const struct attr_list *message)
{
	const char *address = attr_list_get(message, "address");
	struct link_member *member = link->members, *next;
	int64_t ms = 0;

	(void)attr_list_get_number(message, "deadline", &ms, NULL);
	for (; address != NULL && member != NULL; member = next) {
		next = member->next;
		if (strcmp(member->address, address) == 0)
			member->calls->close(member->context, ms);
	}
}

static void link_take_kick(struct link *link, const struct attr_list *message)
{
	struct link_member *member = link->members;
	int64_t number = -1;

	(void)attr_list_get_number(message, "session", &number, NULL);
	while (member != NULL && (int64_t)member->number != number)
		member = member->next;
	if (member != NULL)
		member->calls->kick(member->context);
}

static void link_take_event(
	struct link *link, const char *event, const struct attr_list *message)
{
	if (strcmp(event, "held") == 0)
		link_take_held(link, message);
	else if (strcmp(event, "close") == 0)
		link_take_close(link, message);
	else if (strcmp(event, "kick") == 0)
		link_take_kick(link, message);
}

/* Without a lease there is no saying how long sessions are safe. */
static bool link_take_hello(struct link *link, const struct attr_list *answer)
{
	struct error reason;
	int64_t lease = 0;

	if (control_status(answer, &reason) != CONTROL_OK) {
		link_break(link, reason.text);
		return false;
	}
	if (attr_list_get_number(answer, "lease", &lease, NULL) <= 0 ||
		lease <= 0) {
		link_break(link, "its hello has no lease");
		return false;
	}
	link->lease = lease;
	link->hold = 0;
	(void)attr_list_get_number(answer, "hold", &link->hold, NULL);
	link_is_up(link);
	return link->stage == LINK_UP;
}

/* False: the connection was given up. */
static bool link_take_message(
	struct link *link, const struct attr_list *message)
{
	const char *event = attr_list_get(message, "event");
	size_t slot;

	if (link->stage == LINK_HELLO)
		return link_take_hello(link, message);
	if (event != NULL) {
		link_take_event(link, event, message);
	} else {
		slot = link_find_question(link, message);
		if (slot != LINK_NO_SLOT)
			link_take_answer(link, slot, message);
	}
	return link->stage == LINK_UP;
}

bool link_take(struct link *link, const char *data, size_t size)
{
	struct error error;
	size_t at = 0, used;
	int result;

	while (at < size) {
		result = attr_parser_feed(
			link->parser, data + at, size - at, &used, &error);
		at += used;
		if (result < 0) {
			link_break(link, error.text);
			return false;
		}
		if (result > 0 && !link_take_message(link,
					  attr_parser_message(link->parser)))
			return false;
	}
	return true;
}

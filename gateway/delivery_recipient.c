/* SPDX-License-Identifier: BSD-2-Clause */
/* One recipient: routed, offered to its home, answered. */
#include "config.h"

#include "gateway/delivery_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define TO(state) (1u << DELIVERY_##state)

static const struct {
	const char *name;
	unsigned to;
} delivery_states[DELIVERY_STATES] = {
	[DELIVERY_ROUTE] = { "route", TO(OFFERED) | TO(DONE) },
	[DELIVERY_OFFERED] = { "offered", TO(ACCEPTED) | TO(DONE) },
	[DELIVERY_ACCEPTED] = { "accepted", TO(ENDING) | TO(DONE) },
	[DELIVERY_ENDING] = { "ending", TO(DONE) },
	[DELIVERY_DONE] = { "done", 0 },
};

static void delivery_recipient_log(
	struct delivery_recipient *recipient, int level, const char *words)
{
	log_write(recipient->delivery->worker->log, level,
		"session=%u/%" PRIu64 " protocol=lmtp from=<%s> to=<%s> "
		"account=%s system=%s: %s",
		recipient->delivery->worker->index, recipient->member.number,
		recipient->delivery->sender, recipient->name,
		recipient->member.address != NULL ? recipient->member.address
						  : "",
		recipient->leg != NULL ? recipient->leg->system : "", words);
}

/* The one place where a state changes. */
static void delivery_recipient_enter(
	struct delivery_recipient *recipient, enum delivery_state state)
{
	char trace[64];

	if ((delivery_states[recipient->state].to & 1u << state) == 0)
		abort();
	snprintf(trace, sizeof(trace), "%s -> %s",
		delivery_states[recipient->state].name,
		delivery_states[state].name);
	delivery_recipient_log(recipient, LOG_DEBUG, trace);
	recipient->state = state;
}

void delivery_recipient_leave(struct delivery_recipient *recipient)
{
	struct worker *worker = recipient->delivery->worker;

	loop_timer_clear(worker->loop, &recipient->cut);
	link_leave(worker->link, &recipient->member);
}

/* ---- what policyd says ---- */

static void delivery_recipient_routed(
	void *context, enum link_outcome outcome, const char *reason)
{
	struct delivery_recipient *recipient = context;

	switch (outcome) {
	case LINK_ROUTED:
		delivery_leg_add(recipient);
		return;
	case LINK_MOVED:
		delivery_recipient_refuse(
			recipient, 451, "4.2.1 mailbox is being moved");
		return;
	case LINK_LATER:
		delivery_recipient_log(recipient, LOG_WARNING, reason);
		delivery_recipient_refuse(recipient, 451,
			"4.3.0 the mailbox's home is not known now");
		return;
	}
}

static void delivery_recipient_held(void *context)
{
	(void)context; /* only who waits is held */
}

/* The freeze waits no longer: what the home has not got yet it will not get. */
static void delivery_recipient_cut(void *context)
{
	struct delivery_recipient *recipient = context;

	if (recipient->leg != NULL)
		delivery_leg_cut(
			recipient->leg, "4.2.1 a mailbox is being moved");
}

static void delivery_recipient_close(void *context, int64_t ms)
{
	struct delivery_recipient *recipient = context;

	loop_timer_set(recipient->delivery->worker->loop, &recipient->cut, ms,
		delivery_recipient_cut, recipient);
}

static void delivery_recipient_kick(void *context)
{
	delivery_recipient_close(context, 0);
}

static const struct link_calls delivery_recipient_calls = {
	.routed = delivery_recipient_routed,
	.held = delivery_recipient_held,
	.close = delivery_recipient_close,
	.kick = delivery_recipient_kick,
};

void delivery_recipient_begin(struct delivery *delivery, size_t number,
	const struct lmtp_recipient *to)
{
	struct delivery_recipient *recipient = xcalloc(1, sizeof(*recipient));
	struct link *link = delivery->worker->link;

	recipient->delivery = delivery;
	recipient->number = number;
	recipient->to = *to;
	recipient->name = xstrdup(to->to);
	*delivery->last = recipient;
	delivery->last = &recipient->next;
	recipient->member = (struct link_member){
		.number = link_number(link),
		.protocol = "lmtp",
		.client = delivery->client,
		.calls = &delivery_recipient_calls,
		.context = recipient,
	};
	link_ask(link, &recipient->member, recipient->name, false);
}

/* ---- answers ---- */

void delivery_recipient_tell(struct delivery_recipient *recipient)
{
	struct delivery *delivery = recipient->delivery;

	if (recipient->told || recipient->state != DELIVERY_DONE ||
		delivery->mail == NULL)
		return;
	/* the second answer has its time: behind the content */
	if (recipient->accepted && !delivery->complete)
		return;
	recipient->told = true;
	delivery->calls->answer(
		delivery->context, recipient->number, &recipient->reply);
}

void delivery_recipient_reply(
	struct delivery_recipient *recipient, const struct lmtp_reply *reply)
{
	bool first = recipient->state == DELIVERY_ROUTE ||
		     recipient->state == DELIVERY_OFFERED;

	lmtp_reply_copy(&recipient->reply, reply);
	lmtp_reply_tame(&recipient->reply);
	if (first && lmtp_reply_is_good(&recipient->reply)) {
		delivery_recipient_enter(recipient, DELIVERY_ACCEPTED);
		recipient->accepted = true;
		recipient->delivery->calls->answer(recipient->delivery->context,
			recipient->number, &recipient->reply);
		return;
	}
	delivery_recipient_enter(recipient, DELIVERY_DONE);
	delivery_recipient_log(recipient,
		lmtp_reply_is_good(&recipient->reply) ? LOG_INFO : LOG_NOTICE,
		lmtp_reply_words(&recipient->reply));
	delivery_recipient_tell(recipient);
}

void delivery_recipient_refuse(
	struct delivery_recipient *recipient, int code, const char *words)
{
	struct lmtp_reply reply = { 0, BUFFER_EMPTY };

	lmtp_reply_set(&reply, code, words);
	delivery_recipient_reply(recipient, &reply);
	lmtp_reply_clear(&reply);
}

void delivery_recipient_offered(struct delivery_recipient *recipient)
{
	delivery_recipient_enter(recipient, DELIVERY_OFFERED);
}

void delivery_recipient_ending(struct delivery_recipient *recipient)
{
	delivery_recipient_enter(recipient, DELIVERY_ENDING);
}

void delivery_recipient_free(struct delivery_recipient **recipient_pointer)
{
	struct delivery_recipient *recipient = *recipient_pointer;

	delivery_recipient_leave(recipient);
	lmtp_reply_clear(&recipient->reply);
	free(recipient->name);
	free(recipient);
	*recipient_pointer = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* One home's part of a transaction. */
#include "config.h"

#include "gateway/delivery_private.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

/* Octets that are put into the output at a time. */
#define DELIVERY_LEG_OUT 65536

#define DELIVERY_UNSURE                                                        \
	"4.4.2 the home has not answered the end of data: it may have the "    \
	"message"

static int64_t delivery_leg_patience(const struct delivery_leg *leg)
{
	const struct config *config = leg->delivery->worker->settings->config;
	const struct config_system *system = config_system(config, leg->system);

	if (leg->ended)
		return config->gateway.delivery_timeout;
	return system != NULL ? system->timeout
			      : config->gateway.delivery_timeout;
}

/* The home owes us a word. */
static void delivery_leg_expect(struct delivery_leg *leg)
{
	delivery_line_expect(leg->line, delivery_leg_patience(leg));
	delivery_line_send(leg->line);
}

/* Every recipient that has no final reply gets this one. */
static void delivery_leg_refuse(
	struct delivery_leg *leg, const struct lmtp_reply *reply)
{
	for (size_t i = 0; i < leg->count; i++)
		if (leg->recipients[i]->state != DELIVERY_DONE)
			delivery_recipient_reply(leg->recipients[i], reply);
}

/* Nothing goes to the home any more, and nothing can happen there. */
static void delivery_leg_over(struct delivery_leg *leg)
{
	delivery_line_close(&leg->line);
	for (size_t i = 0; i < leg->count; i++)
		delivery_recipient_leave(leg->recipients[i]);
}

/* ---- recipients ---- */

/* Tells the home of those that it was not told of. */
static void delivery_leg_offer(struct delivery_leg *leg)
{
	struct lmtp_home *talk = leg->line->talk;
	struct buffer *out = &leg->line->out;
	const struct lmtp_mail *mail = leg->delivery->mail;
	unsigned lacks =
		lmtp_mail_needs(mail) & ~lmtp_home_offer(talk)->extensions;

	for (size_t i = leg->offered; i < leg->count && lacks == 0; i++)
		lacks = lmtp_recipient_needs(&leg->recipients[i]->to) &
			~lmtp_home_offer(talk)->extensions;
	if (lacks != 0) {
		/* it did when we were asked: we offer it no more */
		delivery_leg_cut(leg, "4.6.3 the home cannot take this now");
		return;
	}
	if (leg->offered == 0)
		lmtp_home_mail(talk, mail, out);
	for (; leg->offered < leg->count; leg->offered++)
		lmtp_home_recipient(
			talk, &leg->recipients[leg->offered]->to, out);
	delivery_leg_expect(leg);
}

static void delivery_leg_answered(struct delivery_leg *leg)
{
	struct delivery_recipient *recipient =
		leg->recipients[lmtp_home_number(leg->line->talk)];

	leg->answered++;
	delivery_recipient_reply(recipient, lmtp_home_reply(leg->line->talk));
	if (recipient->state == DELIVERY_ACCEPTED)
		leg->accepted++;
	else
		delivery_recipient_leave(recipient);
	if (leg->answered == leg->offered)
		delivery_line_expect(leg->line, 0);
}

/* ---- content ---- */

static void delivery_leg_end(struct delivery_leg *leg)
{
	lmtp_home_end(leg->line->talk, &leg->line->out);
	leg->ended = true;
	for (size_t i = 0; i < leg->count; i++)
		if (leg->recipients[i]->state == DELIVERY_ACCEPTED)
			delivery_recipient_ending(leg->recipients[i]);
}

void delivery_leg_pump(struct delivery_leg *leg)
{
	struct delivery *delivery = leg->delivery;
	struct error error;
	const char *data;
	ssize_t size = 1;

	if (leg->line == NULL || !leg->flowing || leg->ended)
		return;
	while (size > 0 && leg->line->out.size < DELIVERY_LEG_OUT) {
		size = delivery_spool_peek(
			delivery->spool, leg->at, &data, &error);
		if (size < 0) {
			log_write(delivery->worker->log, LOG_ERR, "%s",
				error.text);
			delivery_leg_cut(leg, "4.3.0 the message is lost here");
			return;
		}
		if (size > DELIVERY_LEG_OUT)
			size = DELIVERY_LEG_OUT;
		lmtp_home_content(
			leg->line->talk, data, (size_t)size, &leg->line->out);
		leg->at += (size_t)size;
	}
	if (delivery->complete &&
		leg->at == delivery_spool_size(delivery->spool))
		delivery_leg_end(leg);
	if (leg->line->out.size > 0)
		delivery_leg_expect(leg);
	else
		delivery_line_expect(leg->line, 0); /* it is our turn */
}

static void delivery_leg_flow(struct delivery_leg *leg)
{
	leg->flowing = true;
	delivery_leg_pump(leg);
	delivery_moved(leg->delivery);
}

void delivery_leg_data(struct delivery_leg *leg)
{
	if (leg->line == NULL)
		return;
	if (leg->accepted == 0) {
		lmtp_home_reset(leg->line->talk, &leg->line->out);
		delivery_leg_expect(leg);
		return;
	}
	if (lmtp_home_data(
		    leg->line->talk, leg->delivery->chunked, &leg->line->out))
		leg->flowing = true;
	delivery_leg_expect(leg);
}

/* ---- what the home says ---- */

static void delivery_leg_final(struct delivery_leg *leg)
{
	struct delivery_recipient *recipient =
		leg->recipients[lmtp_home_number(leg->line->talk)];

	if (recipient->state == DELIVERY_DONE)
		return;
	/* before the end of data nobody can have taken anything */
	if (recipient->state == DELIVERY_ACCEPTED &&
		lmtp_reply_is_good(lmtp_home_reply(leg->line->talk)))
		delivery_recipient_refuse(
			recipient, 451, "4.3.0 no sensible reply");
	else
		delivery_recipient_reply(
			recipient, lmtp_home_reply(leg->line->talk));
	delivery_recipient_leave(recipient);
}

static void delivery_leg_event(void *context, enum lmtp_home_event event)
{
	struct delivery_leg *leg = context;
	struct delivery *delivery = leg->delivery;

	switch (event) {
	case LMTP_HOME_READY:
		delivery_pool_learn(delivery->pool, leg->line);
		delivery_leg_offer(leg);
		break;
	case LMTP_HOME_RCPT:
		delivery_leg_answered(leg);
		break;
	case LMTP_HOME_GO:
		delivery_leg_flow(leg);
		break;
	case LMTP_HOME_ANSWER:
		delivery_leg_final(leg);
		break;
	case LMTP_HOME_FREE:
		delivery_pool_give(delivery->pool, &leg->line);
		delivery_moved(delivery);
		break;
	case LMTP_HOME_MORE:
	case LMTP_HOME_STARTTLS:
	case LMTP_HOME_LOST:
		break;
	}
}

static void delivery_leg_room(void *context)
{
	struct delivery_leg *leg = context;

	delivery_leg_pump(leg);
	delivery_moved(leg->delivery);
}

/* Whether the same can be said again on a new connection: the idle one was
 * closed by the home, which has not heard of this message. */
static bool delivery_leg_retry(struct delivery_leg *leg);

/* The home may have the message, or not: nobody is told that it has. */
static void delivery_leg_unsure(struct delivery_leg *leg, bool hung)
{
	struct lmtp_reply reply = { 0, BUFFER_EMPTY };

	log_write(leg->delivery->worker->log, LOG_WARNING,
		"system %s: no answer to the end of data of a message from "
		"<%s>: if it was taken, its repeat is a second one",
		leg->system, leg->delivery->sender);
	lmtp_reply_set(&reply, 451, DELIVERY_UNSURE);
	delivery_leg_refuse(leg, &reply);
	lmtp_reply_clear(&reply);
	/* it may still be at work on it: its accounts cannot be flipped */
	leg->lingers = hung;
	if (hung)
		delivery_line_linger(leg->line, delivery_leg_patience(leg));
}

/* Only while it takes content a home's last word is about the message. */
static void delivery_leg_lost_refuse(
	struct delivery_leg *leg, const struct lmtp_reply *reply)
{
	struct lmtp_reply later = { 0, BUFFER_EMPTY };

	lmtp_reply_copy(&later, reply);
	if (!leg->flowing && later.code >= 500)
		lmtp_reply_set(&later, 451, "4.4.2 the home has refused us");
	delivery_leg_refuse(leg, &later);
	lmtp_reply_clear(&later);
}

static void delivery_leg_lost(
	void *context, const struct lmtp_reply *reply, bool hung)
{
	struct delivery_leg *leg = context;
	struct delivery *delivery = leg->delivery;

	if (!leg->lingers && (hung || !leg->line->ready))
		delivery_pool_failed(delivery->pool, leg->line, reply);
	if (leg->ended && !leg->lingers && lmtp_home_is_ending(leg->line->talk))
		delivery_leg_unsure(leg, hung);
	else if (!leg->lingers && delivery_leg_retry(leg))
		return;
	else
		leg->lingers = false;
	if (!leg->lingers) {
		if (!leg->ended)
			delivery_leg_lost_refuse(leg, reply);
		leg->line = NULL; /* it closes itself */
		delivery_leg_over(leg);
	}
	delivery_moved(delivery);
}

static const struct delivery_line_calls delivery_leg_calls = {
	.event = delivery_leg_event,
	.room = delivery_leg_room,
	.lost = delivery_leg_lost,
};

static bool delivery_leg_retry(struct delivery_leg *leg)
{
	struct delivery *delivery = leg->delivery;
	struct lmtp_reply reply = { 0, BUFFER_EMPTY };

	if (!leg->line->reused || leg->accepted > 0 || delivery->mail == NULL ||
		lmtp_home_has_answered(leg->line->talk))
		return false;
	leg->line = delivery_pool_take(delivery->pool, leg->system,
		delivery->client, true, &delivery_leg_calls, leg, &reply);
	leg->offered = leg->answered = 0;
	if (leg->line == NULL) {
		delivery_leg_refuse(leg, &reply);
		delivery_leg_over(leg);
		delivery_moved(delivery);
	}
	lmtp_reply_clear(&reply);
	return true;
}

/* ---- beginning and end ---- */

/* The leg to that system that takes recipients, or a new one. */
static struct delivery_leg *delivery_leg_get(
	struct delivery *delivery, const char *system, struct lmtp_reply *reply)
{
	struct delivery_leg *leg = delivery->legs;

	while (leg != NULL &&
		(leg->line == NULL || strcmp(leg->system, system) != 0))
		leg = leg->next;
	if (leg != NULL)
		return leg;
	leg = xcalloc(1, sizeof(*leg));
	leg->delivery = delivery;
	leg->system = xstrdup(system);
	leg->line = delivery_pool_take(delivery->pool, system, delivery->client,
		false, &delivery_leg_calls, leg, reply);
	leg->next = delivery->legs;
	return delivery->legs = leg;
}

void delivery_leg_add(struct delivery_recipient *recipient)
{
	struct lmtp_reply reply = { 0, BUFFER_EMPTY };
	struct delivery_leg *leg;

	leg = delivery_leg_get(
		recipient->delivery, recipient->member.system, &reply);
	recipient->leg = leg;
	if (leg->line == NULL) {
		delivery_recipient_reply(recipient, &reply);
		delivery_recipient_leave(recipient);
		lmtp_reply_clear(&reply);
		return;
	}
	if (leg->count == leg->room) {
		leg->room = leg->room * 2 + 4;
		leg->recipients = xreallocarray(
			leg->recipients, leg->room, sizeof(leg->recipients[0]));
	}
	leg->recipients[leg->count++] = recipient;
	delivery_recipient_offered(recipient);
	if (leg->line->ready)
		delivery_leg_offer(leg);
}

void delivery_leg_cut(struct delivery_leg *leg, const char *words)
{
	struct lmtp_reply reply = { 0, BUFFER_EMPTY };

	if (leg->line == NULL || leg->ended)
		return;
	lmtp_reply_set(&reply, 451, words);
	delivery_leg_refuse(leg, &reply);
	lmtp_reply_clear(&reply);
	delivery_leg_over(leg);
	delivery_moved(leg->delivery);
}

bool delivery_leg_leave(struct delivery_leg *leg)
{
	if (leg->line == NULL)
		return false;
	if (leg->ended)
		return true;
	/* nothing was begun that closing would not undo */
	if (leg->line->ready && !leg->flowing &&
		leg->answered == leg->offered && !leg->delivery->data) {
		lmtp_home_reset(leg->line->talk, &leg->line->out);
		delivery_leg_expect(leg);
		return true;
	}
	delivery_leg_over(leg);
	return false;
}

void delivery_leg_free(struct delivery_leg **leg_pointer)
{
	struct delivery_leg *leg = *leg_pointer;

	delivery_line_close(&leg->line);
	free(leg->recipients);
	free(leg->system);
	free(leg);
	*leg_pointer = NULL;
}

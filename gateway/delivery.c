/* SPDX-License-Identifier: BSD-2-Clause */
/* The transaction: recipients, the content, and who still needs it. */
#include "config.h"

#include "gateway/delivery_private.h"

#include <stdlib.h>

#include "lib/xalloc.h"

struct delivery *delivery_new(struct worker *worker, struct delivery_pool *pool,
	const struct lmtp_mail *mail, const char *client,
	const struct delivery_calls *calls, void *context)
{
	struct delivery *delivery = xcalloc(1, sizeof(*delivery));

	delivery->worker = worker;
	delivery->pool = pool;
	delivery->mail = mail;
	delivery->client = xstrdup(client);
	delivery->sender = xstrdup(mail->from);
	delivery->calls = calls;
	delivery->context = context;
	delivery->last = &delivery->recipients;
	return delivery;
}

void delivery_recipient(struct delivery *delivery, size_t number,
	const struct lmtp_recipient *recipient)
{
	delivery_recipient_begin(delivery, number, recipient);
}

/* ---- content ---- */

/* Whether the leg wants content, now or when its home says so. */
static bool delivery_wants(const struct delivery_leg *leg)
{
	return leg->line != NULL && leg->accepted > 0 && !leg->ended;
}

/* How far the slowest and the fastest home are. false: nobody wants any. */
static bool delivery_progress(const struct delivery *delivery,
	uint64_t *slowest_r, uint64_t *fastest_r)
{
	bool wanted = false;

	*slowest_r = UINT64_MAX;
	*fastest_r = 0;
	for (const struct delivery_leg *leg = delivery->legs; leg != NULL;
		leg = leg->next) {
		if (!delivery_wants(leg))
			continue;
		wanted = true;
		if (leg->at < *slowest_r)
			*slowest_r = leg->at;
		if (leg->at > *fastest_r)
			*fastest_r = leg->at;
	}
	return wanted;
}

void delivery_data(struct delivery *delivery, bool chunked)
{
	const struct config *config = delivery->worker->settings->config;

	delivery->data = true;
	delivery->chunked = chunked;
	delivery->spool =
		delivery_spool_new((size_t)config->gateway.delivery_memory,
			config->gateway.delivery_spool);
	for (struct delivery_leg *leg = delivery->legs; leg != NULL;
		leg = leg->next)
		delivery_leg_data(leg);
}

/* There is no room for the message: nobody gets it. */
static void delivery_fail(struct delivery *delivery, const struct error *error)
{
	log_write(delivery->worker->log, LOG_ERR, "%s", error->text);
	for (struct delivery_leg *leg = delivery->legs; leg != NULL;
		leg = leg->next)
		delivery_leg_cut(leg, "4.3.1 no room for the message");
}

static void delivery_pump(struct delivery *delivery)
{
	for (struct delivery_leg *leg = delivery->legs; leg != NULL;
		leg = leg->next)
		delivery_leg_pump(leg);
}

bool delivery_is_full(const struct delivery *delivery)
{
	uint64_t slowest, fastest;

	return delivery->spool != NULL &&
	       delivery_progress(delivery, &slowest, &fastest) &&
	       delivery_spool_is_full(delivery->spool, fastest);
}

void delivery_content(struct delivery *delivery, const char *data, size_t size)
{
	uint64_t slowest, fastest;
	struct error error;

	if (!delivery_progress(delivery, &slowest, &fastest))
		return;
	if (delivery_spool_add(delivery->spool, data, size, &error) < 0) {
		delivery_fail(delivery, &error);
		return;
	}
	delivery_pump(delivery);
	if (delivery_progress(delivery, &slowest, &fastest))
		delivery_spool_forget(delivery->spool, slowest);
	delivery->full = delivery_is_full(delivery);
}

void delivery_complete(struct delivery *delivery)
{
	delivery->complete = true;
	delivery_pump(delivery);
	for (struct delivery_recipient *recipient = delivery->recipients;
		recipient != NULL; recipient = recipient->next)
		delivery_recipient_tell(recipient);
}

/* ---- the end ---- */

static void delivery_free(struct delivery *delivery)
{
	while (delivery->legs != NULL) {
		struct delivery_leg *leg = delivery->legs;

		delivery->legs = leg->next;
		delivery_leg_free(&leg);
	}
	while (delivery->recipients != NULL) {
		struct delivery_recipient *recipient = delivery->recipients;

		delivery->recipients = recipient->next;
		delivery_recipient_free(&recipient);
	}
	delivery_spool_free(&delivery->spool);
	free(delivery->client);
	free(delivery->sender);
	if (delivery->before != NULL)
		*delivery->before = delivery->next;
	if (delivery->next != NULL)
		delivery->next->before = delivery->before;
	free(delivery);
}

void delivery_moved(struct delivery *delivery)
{
	bool waits = false;

	for (struct delivery_leg *leg = delivery->legs; leg != NULL;
		leg = leg->next)
		waits = waits || leg->line != NULL;
	if (delivery->mail == NULL && !waits) {
		delivery_free(delivery);
		return;
	}
	if (delivery->full && !delivery_is_full(delivery)) {
		delivery->full = false;
		if (delivery->mail != NULL)
			delivery->calls->room(delivery->context);
	}
}

void delivery_leave(struct delivery **delivery_pointer)
{
	struct delivery *delivery = *delivery_pointer;
	struct delivery **list = delivery_pool_left(delivery->pool);
	bool waits = false;

	*delivery_pointer = NULL;
	for (struct delivery_leg *leg = delivery->legs; leg != NULL;
		leg = leg->next)
		waits = delivery_leg_leave(leg) || waits;
	for (struct delivery_recipient *recipient = delivery->recipients;
		recipient != NULL; recipient = recipient->next)
		if (recipient->leg == NULL || !recipient->leg->ended)
			delivery_recipient_leave(recipient);
	delivery->mail = NULL;
	delivery->full = false;
	if (!waits) {
		delivery_free(delivery);
		return;
	}
	delivery->next = *list;
	delivery->before = list;
	if (delivery->next != NULL)
		delivery->next->before = &delivery->next;
	*list = delivery;
}

void delivery_abandon_all(struct delivery_pool *pool)
{
	struct delivery **list = delivery_pool_left(pool);

	while (*list != NULL)
		delivery_free(*list);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread for each home that is asked, and what they have in common. */
#include "config.h"

#include "gateway/offers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#include "gateway/probe.h"

/* Of login, not of delivery; in the order of the protocols. */
#define OFFERS_SERVICES HOME_LMTP

/* One home. */
struct offers_item {
	const struct home *home;
	const char *host;
	struct offer offer;
	bool known;
	bool asked;
	pthread_t thread;
	struct error error;
};

struct offers {
	struct offers_item *items; /* of each system OFFERS_SERVICES */
	size_t count;
	char **names; /* of the systems */
	char **lines[OFFERS_SERVICES];
	unsigned mechanisms[OFFERS_SERVICES];
};

static void *offers_ask(void *context)
{
	struct offers_item *item = context;

	item->known = probe_home(item->home, item->host, &item->offer,
			      &item->error) == 0;
	if (!item->known)
		offer_clear(&item->offer);
	return NULL;
}

/* What was known of the same service of a system of that name. */
static const struct offers_item *offers_former(const struct offers *former,
	const char *system, enum dialog_protocol protocol)
{
	for (size_t i = 0; former != NULL && i < former->count; i++)
		if (former->items[i].known &&
			former->items[i].offer.protocol == protocol &&
			strcmp(former->names[i / OFFERS_SERVICES], system) == 0)
			return &former->items[i];
	return NULL;
}

static void offers_begin(struct offers *offers, const struct homes *homes,
	unsigned wanted, const char *host, const struct offers *skip)
{
	for (size_t i = 0; i < offers->count; i++) {
		struct offers_item *item = &offers->items[i];
		enum home_service service =
			(enum home_service)(i % OFFERS_SERVICES);
		size_t system = i / OFFERS_SERVICES;

		item->offer.protocol = (enum dialog_protocol)service;
		item->host = host;
		if ((wanted & 1u << service) != 0)
			item->home = homes_at(homes, system, service);
		if (item->home != NULL &&
			offers_former(skip, offers->names[system],
				item->offer.protocol) == NULL)
			item->asked = pthread_create(&item->thread, NULL,
					      offers_ask, item) == 0;
	}
}

static void offers_end(
	struct offers *offers, const struct offers *former, struct log *log)
{
	for (size_t i = 0; i < offers->count; i++) {
		struct offers_item *item = &offers->items[i];
		const struct offers_item *before = offers_former(former,
			offers->names[i / OFFERS_SERVICES],
			item->offer.protocol);

		if (item->asked)
			pthread_join(item->thread, NULL);
		if (item->home == NULL || item->known)
			continue;
		if (before != NULL) {
			offer_copy(&item->offer, &before->offer);
			item->known = true;
		} else if (item->asked) {
			log_write(log, LOG_WARNING,
				"what it can do is unknown"
				": %s",
				item->error.text);
		}
	}
}

/* One that is not known could do nothing at all. */
static void offers_join(struct offers *offers, size_t service)
{
	struct offer common = { .protocol = (enum dialog_protocol)service };
	bool first = true, unknown = false;

	for (size_t i = service; i < offers->count; i += OFFERS_SERVICES) {
		const struct offers_item *item = &offers->items[i];

		if (item->home == NULL)
			continue;
		unknown = unknown || !item->known;
		if (first)
			offer_copy(&common, &item->offer);
		else
			offer_meet(&common, &item->offer);
		first = false;
	}
	if (unknown)
		offer_clear(&common);
	offers->lines[service] = offer_lines(&common);
	offers->mechanisms[service] = common.mechanisms;
	offer_clear(&common);
}

struct offers *offers_new(const struct homes *homes, unsigned wanted,
	const char *host, const struct offers *former, bool only_missing,
	struct log *log)
{
	struct offers *offers = xcalloc(1, sizeof(*offers));
	size_t systems = homes_count(homes);

	offers->count = systems * OFFERS_SERVICES;
	offers->items = xcalloc(offers->count + 1, sizeof(*offers->items));
	offers->names = xcalloc(systems + 1, sizeof(*offers->names));
	for (size_t i = 0; i < systems; i++)
		offers->names[i] = xstrdup(homes_name(homes, i));
	offers_begin(offers, homes, wanted, host, only_missing ? former : NULL);
	offers_end(offers, former, log);
	for (size_t i = 0; i < OFFERS_SERVICES; i++)
		offers_join(offers, i);
	/* These are others' and may go. */
	for (size_t i = 0; i < offers->count; i++)
		offers->items[i].home = NULL;
	return offers;
}

void offers_free(struct offers **offers_pointer)
{
	struct offers *offers = *offers_pointer;

	if (offers == NULL)
		return;
	for (size_t i = 0; i < offers->count; i++)
		offer_clear(&offers->items[i].offer);
	for (size_t i = 0; i < offers->count / OFFERS_SERVICES; i++)
		free(offers->names[i]);
	for (size_t i = 0; i < OFFERS_SERVICES; i++)
		offer_lines_free(&offers->lines[i]);
	free(offers->items);
	free(offers->names);
	free(offers);
	*offers_pointer = NULL;
}

size_t offers_known(const struct offers *offers)
{
	size_t known = 0;

	for (size_t i = 0; i < offers->count; i++)
		known += offers->items[i].known;
	return known;
}

const char *const *offers_lines(
	const struct offers *offers, enum dialog_protocol protocol)
{
	return (const char *const *)offers->lines[protocol];
}

unsigned offers_mechanisms(
	const struct offers *offers, enum dialog_protocol protocol)
{
	return offers->mechanisms[protocol];
}

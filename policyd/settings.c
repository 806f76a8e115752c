/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration in force: counted references under one lock, which is
 * taken twice for a batch of requests and held for a few instructions.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "lib/network.h"
#include "policyd/settings.h"

struct settings_entry {
	struct settings settings; /* first: the handle points here */
	struct config *config;
	struct network_list *own;
	size_t users; /* and one for being in force */
};

struct settings_box {
	pthread_mutex_t lock;
	struct settings_entry *present;
};

static void settings_entry_free(struct settings_entry *entry)
{
	network_list_free(&entry->own);
	config_free(&entry->config);
	free(entry);
}

static struct settings_entry *settings_entry_new(
	struct config *config, struct error *error)
{
	struct settings_entry *entry = xcalloc(1, sizeof(*entry));

	entry->config = config;
	entry->settings.config = config;
	entry->users = 1;
	entry->own = network_list_new(config->policyd.own_networks,
		config->policyd.own_networks_count, error);
	if (entry->own == NULL) {
		settings_entry_free(entry);
		return NULL;
	}
	return entry;
}

struct settings_box *settings_box_new(
	struct config *config, struct error *error)
{
	struct settings_entry *entry = settings_entry_new(config, error);
	struct settings_box *box;

	if (entry == NULL)
		return NULL;
	box = xcalloc(1, sizeof(*box));
	pthread_mutex_init(&box->lock, NULL);
	box->present = entry;
	return box;
}

void settings_box_free(struct settings_box **box)
{
	if (*box == NULL)
		return;
	settings_entry_free((*box)->present);
	pthread_mutex_destroy(&(*box)->lock);
	free(*box);
	*box = NULL;
}

/* One user less; frees the entry behind the last. */
static void settings_drop(
	struct settings_box *box, struct settings_entry *entry)
{
	bool last;

	pthread_mutex_lock(&box->lock);
	last = --entry->users == 0;
	pthread_mutex_unlock(&box->lock);
	if (last)
		settings_entry_free(entry);
}

int settings_replace(
	struct settings_box *box, struct config *config, struct error *error)
{
	struct settings_entry *entry = settings_entry_new(config, error);
	struct settings_entry *old;

	if (entry == NULL)
		return -1;
	pthread_mutex_lock(&box->lock);
	old = box->present;
	box->present = entry;
	pthread_mutex_unlock(&box->lock);
	settings_drop(box, old);
	return 0;
}

const struct settings *settings_get(struct settings_box *box)
{
	struct settings_entry *entry;

	pthread_mutex_lock(&box->lock);
	entry = box->present;
	entry->users++;
	pthread_mutex_unlock(&box->lock);
	return &entry->settings;
}

void settings_put(struct settings_box *box, const struct settings **settings)
{
	if (*settings == NULL)
		return;
	settings_drop(box, (struct settings_entry *)*settings);
	*settings = NULL;
}

bool settings_is_own(const struct settings *settings, const char *address)
{
	const struct settings_entry *entry =
		(const struct settings_entry *)settings;

	return network_list_has_text(entry->own, address);
}

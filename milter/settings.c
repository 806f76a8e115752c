/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The milter's view of the configuration, shared by all threads and freed by
 * its last holder.
 */
#include "config.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/instant.h"
#include "lib/network.h"
#include "lib/xalloc.h"
#include "milter/settings.h"

/* libmilter makes a thread for every callback that waits; more than these at
 * once only happens when policyd stands still, and then they wait in turn. */
#define SETTINGS_CONNECTIONS 64

struct settings {
	atomic_uint holders;
	struct config *config;
	struct network_list *own_networks;
	struct policyd_pool *pool;
};

struct settings *settings_load(const char *path, struct error *error)
{
	struct settings *settings = xcalloc(1, sizeof(*settings));
	const struct config *config;

	atomic_init(&settings->holders, 1);
	settings->config = config_load(path, error);
	config = settings->config;
	if (config == NULL)
		goto failed;
	if (config->domains_count == 0) {
		error_set(error,
			"%s: there is no domain section: "
			"the milter would watch over nothing",
			path);
		goto failed;
	}
	settings->own_networks = network_list_new(config->policyd.own_networks,
		config->policyd.own_networks_count, error);
	if (settings->own_networks == NULL) {
		error_prefix(error, "%s: own_networks", path);
		goto failed;
	}
	settings->pool =
		policyd_pool_new(config->policyd.policy, SETTINGS_CONNECTIONS);
	return settings;
failed:
	settings_release(&settings);
	return NULL;
}

struct settings *settings_hold(struct settings *settings)
{
	atomic_fetch_add(&settings->holders, 1);
	return settings;
}

void settings_release(struct settings **settings)
{
	struct settings *last = *settings;

	*settings = NULL;
	if (last == NULL || atomic_fetch_sub(&last->holders, 1) > 1)
		return;
	policyd_pool_free(&last->pool);
	network_list_free(&last->own_networks);
	config_free(&last->config);
	free(last);
}

const struct config *settings_config(const struct settings *settings)
{
	return settings->config;
}

struct policyd_pool *settings_pool(const struct settings *settings)
{
	return settings->pool;
}

int64_t settings_deadline(const struct settings *settings)
{
	return instant_monotonic() + settings->config->milter.timeout;
}

bool settings_has_network(
	const struct settings *settings, const struct sockaddr *address)
{
	return network_list_has(settings->own_networks, address);
}

bool settings_manages(const struct settings *settings, const char *recipient)
{
	const char *at = strrchr(recipient, '@');
	char domain[ADDRESS_DOMAIN_MAX + 1];

	if (at == NULL || address_domain_parse(at + 1, domain, NULL) < 0)
		return false;
	return config_domain(settings->config, domain) != NULL;
}

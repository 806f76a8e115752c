/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of the configuration for the front. */
#include "config.h"

#include <stdlib.h>

#include "lib/xalloc.h"
#include "policyd/front_config.h"

static char *front_config_text(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

static void front_config_systems(
	const struct config *config, struct config *copy)
{
	copy->systems =
		xcalloc(config->systems_count + 1, sizeof(*copy->systems));
	copy->systems_count = config->systems_count;
	for (size_t i = 0; i < config->systems_count; i++) {
		const struct config_system *from = &config->systems[i];
		struct config_system *to = &copy->systems[i];

		to->name = front_config_text(from->name);
		to->deliver = front_config_text(from->deliver);
		to->user = front_config_text(from->user);
		to->lock = front_config_text(from->lock);
		to->unlock = front_config_text(from->unlock);
		to->hook_timeout = from->hook_timeout;
	}
}

static void front_config_domains(
	const struct config *config, struct config *copy)
{
	copy->domains =
		xcalloc(config->domains_count + 1, sizeof(*copy->domains));
	copy->domains_count = config->domains_count;
	for (size_t i = 0; i < config->domains_count; i++) {
		const struct config_domain *from = &config->domains[i];
		struct config_domain *to = &copy->domains[i];

		to->name = front_config_text(from->name);
		to->default_system = front_config_text(from->default_system);
		to->complete = from->complete;
	}
}

struct config *front_config_copy(const struct config *config)
{
	struct config *copy = xcalloc(1, sizeof(*copy));

	copy->policyd.recipient_delimiter =
		front_config_text(config->policyd.recipient_delimiter);
	copy->maps = config->maps;
	copy->maps.directory = front_config_text(config->maps.directory);
	copy->maps.park = front_config_text(config->maps.park);
	copy->maps.retry = front_config_text(config->maps.retry);
	copy->maps.reload = front_config_text(config->maps.reload);
	copy->queue = config->queue;
	copy->queue.list = front_config_text(config->queue.list);
	copy->queue.flush = front_config_text(config->queue.flush);
	front_config_systems(config, copy);
	front_config_domains(config, copy);
	return copy;
}

void front_config_free(struct config **copy_pointer)
{
	struct config *copy = *copy_pointer;

	if (copy == NULL)
		return;
	free(copy->policyd.recipient_delimiter);
	free(copy->maps.directory);
	free(copy->maps.park);
	free(copy->maps.retry);
	free(copy->maps.reload);
	free(copy->queue.list);
	free(copy->queue.flush);
	for (size_t i = 0; i < copy->systems_count; i++) {
		free(copy->systems[i].name);
		free(copy->systems[i].deliver);
		free(copy->systems[i].user);
		free(copy->systems[i].lock);
		free(copy->systems[i].unlock);
	}
	free(copy->systems);
	for (size_t i = 0; i < copy->domains_count; i++) {
		free(copy->domains[i].name);
		free(copy->domains[i].default_system);
	}
	free(copy->domains);
	free(copy);
	*copy_pointer = NULL;
}

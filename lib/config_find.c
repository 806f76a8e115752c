/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of a configuration that was read. */
#include <config.h>

#include <string.h>

#include "lib/buffer.h"
#include "lib/config.h"

const struct config_system *config_system(
	const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->systems_count; i++) {
		if (strcmp(config->systems[i].name, name) == 0)
			return &config->systems[i];
	}
	return NULL;
}

const struct config_domain *config_domain(
	const struct config *config, const char *domain)
{
	size_t low = 0, high = config->domains_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(domain, config->domains[middle].name);

		if (order == 0)
			return &config->domains[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

char *config_login_name(const struct config_system *system, const char *address)
{
	const char *at = strrchr(address, '@');
	size_t local = at != NULL ? (size_t)(at - address) : strlen(address);
	struct buffer name = BUFFER_EMPTY;
	const char *pattern;

	buffer_add(&name, "", 0);
	for (pattern = system->user; *pattern != '\0'; pattern++) {
		if (*pattern != '%') {
			buffer_add(&name, pattern, 1);
			continue;
		}
		pattern++;
		if (*pattern == 'u')
			buffer_add_text(&name, address);
		else if (*pattern == 'n')
			buffer_add(&name, address, local);
		else if (*pattern == 'd')
			buffer_add_text(&name, at != NULL ? at + 1 : "");
		else
			buffer_add(&name, "%", 1);
	}
	return name.data;
}

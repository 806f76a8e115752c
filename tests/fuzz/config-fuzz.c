/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: any bytes are a configuration or an error with its line,
 * and nothing of them is left for the file that is read next.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void use(const struct config *config)
{
	size_t i;

	expect(config->policyd.control != NULL);
	expect(config->policyd.threads >= 1 && config->policyd.threads <= 64);
	expect(config->policyd.retry_min <= config->policyd.retry_max);
	for (i = 0; i < config->policyd.own_networks_count; i++)
		expect(config->policyd.own_networks[i][0] != '\0');
	for (i = 0; i < config->systems_count; i++) {
		const struct config_system *system = &config->systems[i];

		expect(config_system(config, system->name) == system);
		expect(system->imap != NULL && system->deliver != NULL);
		free(config_login_name(system, "ann@example.org"));
	}
	for (i = 0; i < config->domains_count; i++) {
		const struct config_domain *domain = &config->domains[i];

		expect(config_domain(config, domain->name) == domain);
		expect(domain->default_system == NULL ||
			config_system(config, domain->default_system) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "log { facility = stderr }";
	struct error error = { "" };
	struct config *config =
		config_parse((const char *)data, size, "f", &error);

	if (config != NULL)
		use(config);
	else
		expect(strncmp(error.text, "f:", 2) == 0 &&
			error.text[2] >= '1' && error.text[2] <= '9');
	config_free(&config);
	config = config_parse(good, strlen(good), "good", &error);
	expect(config != NULL && config->log.facility == -1);
	config_free(&config);
	return 0;
}

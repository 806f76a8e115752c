/* SPDX-License-Identifier: BSD-2-Clause */
/* The gateway's view of the configuration. */
#include "config.h"

#include "gateway/settings.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"

/* RFC 1035 section 2.3.4. */
#define SETTINGS_NAME_MAX 255

struct settings_held {
	struct settings settings; /* first: what others see of it */
	atomic_uint holders;
};

static char *settings_name(const struct config *config)
{
	char name[SETTINGS_NAME_MAX + 1] = "";

	if (config->gateway.name != NULL)
		return xstrdup(config->gateway.name);
	if (gethostname(name, sizeof(name) - 1) < 0 || name[0] == '\0')
		return xstrdup("localhost");
	return xstrdup(name);
}

/* LOGIN and USER with PASS are no mechanisms: always there. */
static unsigned settings_mechanisms(const struct config *config)
{
	unsigned mask = 1u << LOGIN_PASSWORD;

	for (size_t i = 0; i < config->gateway.mechanisms_count; i++) {
		const char *name = config->gateway.mechanisms[i];

		mask |= 1u << login_mechanism_find(name, strlen(name));
	}
	return mask;
}

static void settings_unknown(void *log, const struct error *error)
{
	log_write(log, LOG_WARNING, "%s", error->text);
}

static struct settings *settings_make(
	struct config *config, struct log *log, struct error *error)
{
	struct settings_held *held = xcalloc(1, sizeof(*held));
	struct settings *settings = &held->settings;

	atomic_init(&held->holders, 1);
	settings->config = config;
	settings->name = settings_name(config);
	settings->mechanisms = settings_mechanisms(config);
	settings->homes = homes_new(config, settings_unknown, log, error);
	return settings;
}

/* The services that clients come in for. */
static unsigned settings_services(const struct config *config)
{
	unsigned mask = 0;

	for (size_t i = 0; i < config->listens_count; i++)
		for (int service = 0; service < HOME_SERVICES; service++)
			if (strcmp(config->listens[i].protocol,
				    home_service_name(
					    (enum home_service)service)) == 0)
				mask |= 1u << service;
	return mask;
}

static void settings_ask(struct settings *settings,
	const struct settings *former, bool only_missing, struct log *log)
{
	settings->offers = offers_new(settings->homes,
		settings_services(settings->config), settings->name,
		former != NULL ? former->offers : NULL, only_missing, log);
}

struct settings *settings_new(struct config *config,
	const struct settings *former, struct log *log, struct error *error)
{
	struct settings *settings = settings_make(config, log, error);
	const char *file = config->gateway.public_key;

	if (settings->homes != NULL && file != NULL) {
		settings->seal = seal_read_public(file, error);
		if (settings->seal == NULL)
			error_prefix(error, "gateway: public_key");
	}
	if (settings->homes == NULL || (file != NULL && settings->seal == NULL))
		settings_release(&settings);
	else
		settings_ask(settings, former, false, log);
	return settings;
}

struct settings *settings_look_up(struct settings *settings, struct log *log)
{
	struct error error;
	struct settings *now = settings_make(settings->config, log, &error);
	bool changed;

	now->first = settings_hold(
		settings->first != NULL ? settings->first : settings);
	now->seal = settings->seal;
	if (now->homes == NULL) {
		log_write(log, LOG_WARNING, "%s", error.text);
		settings_release(&now);
		return NULL;
	}
	changed = homes_take_known(now->homes, settings->homes);
	settings_ask(now, settings, true, log);
	if (!changed &&
		offers_known(now->offers) == offers_known(settings->offers))
		settings_release(&now);
	return now;
}

struct settings *settings_hold(struct settings *settings)
{
	atomic_fetch_add(&((struct settings_held *)settings)->holders, 1);
	return settings;
}

void settings_release(struct settings **settings_pointer)
{
	struct settings *settings = *settings_pointer;
	struct settings_held *held = (struct settings_held *)settings;

	*settings_pointer = NULL;
	if (settings == NULL || atomic_fetch_sub(&held->holders, 1) > 1)
		return;
	homes_free(&settings->homes);
	offers_free(&settings->offers);
	if (settings->first == NULL) {
		config_free(&settings->config);
		seal_key_free(&settings->seal);
	}
	settings_release(&settings->first);
	free(settings->name);
	free(held);
}

int64_t settings_idle(
	const struct settings *settings, enum dialog_protocol protocol)
{
	const struct config *config = settings->config;

	switch (protocol) {
	case DIALOG_IMAP:
		return config->gateway.idle_imap;
	case DIALOG_POP3:
		return config->gateway.idle_pop3;
	case DIALOG_SMTP:
		return config->gateway.idle_submission;
	case DIALOG_SIEVE:
		break;
	}
	return config->gateway.idle_sieve;
}

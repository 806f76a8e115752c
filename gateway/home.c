/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs made into addresses and TLS contexts. */
#include "config.h"

#include "gateway/home.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

struct homes_system {
	char *name;
	struct tls_context *context; /* of all its servers */
	struct home *homes[HOME_SERVICES];
};

struct homes {
	struct homes_system *systems;
	size_t count;
};

/* What a scheme means. */
static const struct home_scheme {
	const char *name;
	enum home_service service;
	enum home_tls tls;
	const char *port;
	bool smtp;
} home_schemes[] = {
	{ "imap", HOME_IMAP, HOME_PLAIN, "143", false },
	{ "imap+starttls", HOME_IMAP, HOME_STARTTLS, "143", false },
	{ "imaps", HOME_IMAP, HOME_TLS, "993", false },
	{ "pop3", HOME_POP3, HOME_PLAIN, "110", false },
	{ "pop3+starttls", HOME_POP3, HOME_STARTTLS, "110", false },
	{ "pop3s", HOME_POP3, HOME_TLS, "995", false },
	{ "smtp", HOME_SUBMISSION, HOME_PLAIN, "587", true },
	{ "smtp+starttls", HOME_SUBMISSION, HOME_STARTTLS, "587", true },
	{ "smtps", HOME_SUBMISSION, HOME_TLS, "465", true },
	{ "sieve", HOME_SIEVE, HOME_PLAIN, "4190", false },
	{ "sieve+starttls", HOME_SIEVE, HOME_STARTTLS, "4190", false },
	{ "sieves", HOME_SIEVE, HOME_TLS, "4190", false },
	{ "lmtp", HOME_LMTP, HOME_PLAIN, "24", false },
	{ "lmtp+starttls", HOME_LMTP, HOME_STARTTLS, "24", false },
	{ "lmtps", HOME_LMTP, HOME_TLS, "24", false },
	{ "smtp", HOME_LMTP, HOME_PLAIN, "25", true },
	{ "smtp+starttls", HOME_LMTP, HOME_STARTTLS, "25", true },
	{ "smtps", HOME_LMTP, HOME_TLS, "465", true },
};

const char *home_service_name(enum home_service service)
{
	static const char *const names[] = {
		[HOME_IMAP] = "imap",
		[HOME_POP3] = "pop3",
		[HOME_SUBMISSION] = "submission",
		[HOME_SIEVE] = "sieve",
		[HOME_LMTP] = "lmtp",
	};

	return names[service];
}

/* The configuration has let pass nothing but these. */
static const struct home_scheme *home_scheme(
	const char *url, enum home_service service)
{
	size_t size = strcspn(url, ":");

	for (size_t i = 0; i < sizeof(home_schemes) / sizeof(home_schemes[0]);
		i++)
		if (home_schemes[i].service == service &&
			strlen(home_schemes[i].name) == size &&
			strncmp(home_schemes[i].name, url, size) == 0)
			return &home_schemes[i];
	abort();
}

/* "HOST", "HOST:PORT", "[::1]:PORT" */
static void home_parse_host(
	struct home *home, const char *text, const char *standard_port)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
	const char *port = strchr(end != NULL ? end : text, ':');
	size_t size = port != NULL ? (size_t)(port - text) : strlen(text);

	home->host = end != NULL ? xstrndup(text + 1, (size_t)(end - text) - 1)
				 : xstrndup(text, size);
	home->port = xstrdup(port != NULL ? port + 1 : standard_port);
}

static void home_free(struct home **home_pointer)
{
	struct home *home = *home_pointer;

	if (home == NULL)
		return;
	free(home->name);
	free(home->host);
	free(home->port);
	free(home);
	*home_pointer = NULL;
}

static struct home *home_new(const struct config_system *system,
	enum home_service service, const char *url, struct error *error)
{
	struct home *home = xcalloc(1, sizeof(*home));
	const struct home_scheme *scheme;

	home->name =
		xasprintf("%s of %s", home_service_name(service), system->name);
	home->client_address = system->client_address;
	error->text[0] = '\0';
	if (strncmp(url, "unix:", 5) == 0) {
		(void)dial_path(url + 5, &home->target, error);
		return home;
	}
	scheme = home_scheme(url, service);
	home->tls = scheme->tls;
	home->smtp = scheme->smtp;
	home_parse_host(home, strstr(url, "://") + 3, scheme->port);
	(void)dial_host(home->host, home->port, &home->target, error);
	return home;
}

/* The one context of a system. */
static struct tls_context *home_context(
	const struct config_system *system, struct error *error)
{
	struct tls_context *context =
		tls_client_context_new(system->ca_file, system->verify, error);

	if (context != NULL && system->pin != NULL &&
		tls_client_pin(context, system->pin, error) < 0)
		tls_context_free(&context);
	if (context == NULL)
		error_prefix(error, "system %s", system->name);
	return context;
}

/* It is made when the first of its servers wants it. */
static int home_secure(struct homes_system *to, struct home *home,
	const struct config_system *system, struct error *error)
{
	if (home->tls == HOME_PLAIN)
		return 0;
	if (to->context == NULL)
		to->context = home_context(system, error);
	home->context = to->context;
	return home->context != NULL ? 0 : -1;
}

static int homes_add_system(struct homes_system *to,
	const struct config_system *system, home_unknown_fn *unknown,
	void *context, struct error *error)
{
	const char *const urls[HOME_SERVICES] = {
		[HOME_IMAP] = system->imap,
		[HOME_POP3] = system->pop3,
		[HOME_SUBMISSION] = system->submit,
		[HOME_SIEVE] = system->sieve,
		[HOME_LMTP] = system->lmtp,
	};

	to->name = xstrdup(system->name);
	for (int i = 0; i < HOME_SERVICES; i++) {
		struct error cause;

		if (urls[i] == NULL)
			continue;
		to->homes[i] =
			home_new(system, (enum home_service)i, urls[i], &cause);
		if (to->homes[i]->target.count == 0) {
			error_prefix(&cause, "%s", to->homes[i]->name);
			unknown(context, &cause);
		}
		if (home_secure(to, to->homes[i], system, error) < 0)
			return -1;
	}
	return 0;
}

struct homes *homes_new(const struct config *config, home_unknown_fn *unknown,
	void *context, struct error *error)
{
	struct homes *homes = xcalloc(1, sizeof(*homes));

	homes->count = config->systems_count;
	homes->systems = xcalloc(homes->count + 1, sizeof(*homes->systems));
	for (size_t i = 0; i < homes->count; i++) {
		if (homes_add_system(&homes->systems[i], &config->systems[i],
			    unknown, context, error) < 0) {
			homes_free(&homes);
			return NULL;
		}
	}
	return homes;
}

void homes_free(struct homes **homes_pointer)
{
	struct homes *homes = *homes_pointer;

	if (homes == NULL)
		return;
	for (size_t i = 0; i < homes->count; i++) {
		for (int service = 0; service < HOME_SERVICES; service++)
			home_free(&homes->systems[i].homes[service]);
		tls_context_free(&homes->systems[i].context);
		free(homes->systems[i].name);
	}
	free(homes->systems);
	free(homes);
	*homes_pointer = NULL;
}

const struct home *homes_find(const struct homes *homes, const char *system,
	enum home_service service)
{
	for (size_t i = 0; i < homes->count; i++)
		if (strcmp(homes->systems[i].name, system) == 0)
			return homes->systems[i].homes[service];
	return NULL;
}

size_t homes_count(const struct homes *homes)
{
	return homes->count;
}

const char *homes_name(const struct homes *homes, size_t system)
{
	return homes->systems[system].name;
}

const struct home *homes_at(
	const struct homes *homes, size_t system, enum home_service service)
{
	return homes->systems[system].homes[service];
}

static bool home_take_known(struct home *home, const struct home *before)
{
	if (home == NULL)
		return false;
	if (home->target.count == 0)
		home->target = before->target;
	return !dial_equal(&home->target, &before->target);
}

bool homes_take_known(struct homes *homes, const struct homes *before)
{
	bool changed = false;

	for (size_t i = 0; i < homes->count; i++)
		for (int service = 0; service < HOME_SERVICES; service++)
			changed = home_take_known(
					  homes->systems[i].homes[service],
					  before->systems[i].homes[service]) ||
				  changed;
	return changed;
}

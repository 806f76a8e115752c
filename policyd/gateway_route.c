/* SPDX-License-Identifier: BSD-2-Clause */
/* The decision about one route. */
#include "config.h"

#include "policyd/gateway_route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "lib/xalloc.h"
#include "policyd/directory.h"

/* An account that is changed each time that it is looked at. */
#define GATEWAY_TRIES 4

void gateway_route_clear(struct gateway_route *route)
{
	free(route->login);
	free(route->protocol);
	free(route->client);
	memset(route, 0, sizeof(*route));
}

/* A lookup, and what was made of it. */
struct gateway_search {
	struct service *service;
	const struct settings *settings;
	struct sessions_gateway *gateway;
	const struct gateway_route *route;
	char *login; /* with a domain */
	struct directory_lookup lookup;
};

static void gateway_search_login(struct gateway_search *search)
{
	const char *domain = search->settings->config->policyd.login_domain;
	const char *login = search->route->login;

	search->login = strchr(login, '@') == NULL && domain != NULL
				? xasprintf("%s@%s", login, domain)
				: xstrdup(login);
}

/* Whether its user can get in at home, for which the unlock hook must have run,
 * and is to. Deliveries do not meet what the hook locks. */
static bool gateway_is_open(
	const struct gateway_search *search, const struct account *account)
{
	const struct config_system *system;

	if (account_is_frozen(account) ||
		(search->route->patient &&
			waits_apply(search->service->waits, account,
				instant_monotonic())))
		return false;
	if (account->front != ACCOUNT_FRONT_OPENING ||
		strcmp(search->route->protocol, "lmtp") == 0)
		return true;
	system = config_system(
		search->settings->config, account_home_system(account));
	return system == NULL || system->unlock == NULL ||
	       front_is_unlocked(search->service->front, account);
}

static int gateway_register(const struct gateway_search *search,
	const struct gateway_answer *answer)
{
	const struct sessions_entry entry = {
		.address = answer->address,
		.protocol = search->route->protocol,
		.system = answer->system,
		.client = search->route->client,
		.since = instant_now(),
	};

	return sessions_open(search->gateway, search->route->session, &entry);
}

static void gateway_withdraw(const struct gateway_search *search)
{
	(void)sessions_end(search->gateway, search->route->session, NULL, NULL);
}

static void gateway_fill(
	struct gateway_answer *answer, const char *address, const char *system)
{
	memcpy(answer->address, address, strlen(address) + 1);
	memset(answer->system, 0, sizeof(answer->system));
	answer->may_wait = false;
	memcpy(answer->system, system,
		strnlen(system, sizeof(answer->system) - 1));
}

static enum gateway_verdict gateway_finish(const struct gateway_search *search,
	struct gateway_answer *answer, enum gateway_verdict verdict,
	const char *address, struct error *error)
{
	const struct config_system *system =
		config_system(search->settings->config, answer->system);

	if (system != NULL) {
		answer->user = config_login_name(system, address);
		return verdict;
	}
	gateway_withdraw(search);
	error_set(error, "%s: system %s is not in the configuration", address,
		answer->system);
	return GATEWAY_LATER;
}

/* 1: the verdict holds; 0: the account was changed meanwhile. */
static int gateway_to_home(const struct gateway_search *search,
	struct gateway_answer *answer, enum gateway_verdict *verdict_r,
	struct error *error)
{
	const struct account *first = &search->lookup.account;
	struct account account;
	int found;

	gateway_fill(answer, first->address, account_home_system(first));
	answer->may_wait = waits_may(first);
	*verdict_r = GATEWAY_WAITS;
	if (!gateway_is_open(search, first))
		return 1;
	*verdict_r = GATEWAY_TWICE;
	if (gateway_register(search, answer) < 0)
		return 1;
	/* only what is read behind the registration counts */
	found = store_get_account(
		search->service->store, first->address, &account, error);
	if (found > 0 && account.home == first->home &&
		gateway_is_open(search, &account) &&
		strcmp(answer->system, account_home_system(&account)) == 0) {
		account_clear(&account);
		*verdict_r = gateway_finish(
			search, answer, GATEWAY_TO_HOME, first->address, error);
		return 1;
	}
	gateway_withdraw(search);
	if (found > 0)
		account_clear(&account);
	*verdict_r = GATEWAY_LATER;
	return found < 0 ? 1 : 0;
}

/* The same for an address that nobody knows: registered without its extension,
 * under the name that it would have as an account. */
static int gateway_to_default(const struct gateway_search *search,
	struct gateway_answer *answer, enum gateway_verdict *verdict_r,
	struct error *error)
{
	const struct config *config = search->settings->config;
	const struct directory_lookup *first = &search->lookup;
	struct directory_lookup again;
	struct address base = first->address;
	enum directory_result result;

	*verdict_r = GATEWAY_LATER;
	if (first->domain->default_system == NULL) {
		error_set(error,
			"%s: not in the directory, and its domain has "
			"no default system",
			first->address.text);
		return 1;
	}
	(void)address_base(
		&first->address, config->policyd.recipient_delimiter, &base);
	gateway_fill(answer, base.text, first->domain->default_system);
	*verdict_r = GATEWAY_TWICE;
	if (gateway_register(search, answer) < 0)
		return 1;
	directory_lookup(
		config, search->service->store, search->login, &again, error);
	result = again.result;
	directory_lookup_clear(&again);
	*verdict_r = GATEWAY_LATER;
	if (result == DIRECTORY_ABSENT) {
		*verdict_r = gateway_finish(search, answer, GATEWAY_TO_DEFAULT,
			first->address.text, error);
		return 1;
	}
	gateway_withdraw(search);
	return result == DIRECTORY_UNKNOWN;
}

static int gateway_try(struct gateway_search *search,
	struct gateway_answer *answer, enum gateway_verdict *verdict_r,
	struct error *error)
{
	struct directory_lookup *lookup = &search->lookup;
	int result = 1;

	directory_lookup(search->settings->config, search->service->store,
		search->login, lookup, error);
	*verdict_r = GATEWAY_LATER;
	if (lookup->result == DIRECTORY_UNKNOWN)
		service_cannot_tell(
			search->service, lookup->address.text, error);
	else if (lookup->domain == NULL || lookup->address.text[0] == '\0')
		error_set(error, "%.100s: not an address of our domains",
			search->login);
	else if (lookup->result == DIRECTORY_FOUND)
		result = gateway_to_home(search, answer, verdict_r, error);
	else
		result = gateway_to_default(search, answer, verdict_r, error);
	directory_lookup_clear(lookup);
	return result;
}

enum gateway_verdict gateway_route(struct service *service,
	const struct settings *settings, struct sessions_gateway *gateway,
	const struct gateway_route *route, struct gateway_answer *answer_r,
	struct error *error)
{
	struct gateway_search search = {
		.service = service,
		.settings = settings,
		.gateway = gateway,
		.route = route,
	};
	enum gateway_verdict verdict = GATEWAY_LATER;
	int done = 0;

	answer_r->user = NULL;
	error_set(error, "%.100s: it is being changed", route->login);
	gateway_search_login(&search);
	for (int try = 0; done == 0 && try < GATEWAY_TRIES; try++)
		done = gateway_try(&search, answer_r, &verdict, error);
	free(search.login);
	return verdict;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a gateway says, request by request. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "lib/seal.h"
#include "lib/xalloc.h"
#include "policyd/gateway_session.h"

#define GATEWAY_LOGIN_MAX  1024
#define GATEWAY_WORD_MAX   32
#define GATEWAY_CLIENT_MAX 63
#define GATEWAY_WORD_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-"

void gateway_send(struct gateway_session *session)
{
	attr_print(session->reply, ATTR_CONTROL,
		server_output(session->connection));
	attr_list_clear(session->reply);
}

const char *gateway_text(const struct attr_list *request, const char *name,
	size_t max, struct error *error)
{
	const char *text = attr_list_get(request, name);

	if (text == NULL || text[0] == '\0') {
		error_set(error, "%s is missing", name);
		return NULL;
	}
	if (strlen(text) > max) {
		error_set(error, "%s is longer than %zu bytes", name, max);
		return NULL;
	}
	return text;
}

static const char *gateway_word(
	const struct attr_list *request, const char *name, struct error *error)
{
	const char *text = gateway_text(request, name, GATEWAY_WORD_MAX, error);

	if (text == NULL || text[strspn(text, GATEWAY_WORD_CHARS)] == '\0')
		return text;
	error_set(error, "%s is not a word", name);
	return NULL;
}

/* A number from 0 on that must be there. */
static int gateway_number(const struct attr_list *request, const char *name,
	int64_t *number_r, struct error *error)
{
	int found = attr_list_get_number(request, name, number_r, error);

	if (found == 0)
		error_set(error, "%s is missing", name);
	if (found > 0 && *number_r >= 0)
		return 0;
	if (found > 0)
		error_set(error, "%s is less than 0", name);
	return -1;
}

static int gateway_session_number(const struct attr_list *request,
	uint64_t *number_r, struct error *error)
{
	int64_t number = 0;

	if (gateway_number(request, "session", &number, error) < 0)
		return -1;
	*number_r = (uint64_t)number;
	return 0;
}

/* yes or no; not there: no. */
static int gateway_switch(const struct attr_list *request, const char *name,
	bool *value_r, struct error *error)
{
	const char *text = attr_list_get(request, name);

	*value_r = text != NULL && strcmp(text, "yes") == 0;
	if (text == NULL || *value_r || strcmp(text, "no") == 0)
		return 0;
	error_set(error, "%s is neither yes nor no", name);
	return -1;
}

/* ---- session ---- */

static int gateway_read_entry(const struct attr_list *request,
	struct sessions_entry *entry_r, struct error *error)
{
	const char *client = attr_list_get(request, "client");
	struct address address;

	entry_r->address =
		gateway_text(request, "address", ADDRESS_SIZE - 1, error);
	if (entry_r->address == NULL)
		return -1;
	if (address_parse(entry_r->address, &address, error) < 0)
		return -1;
	if (strcmp(address.text, entry_r->address) != 0) {
		error_set(error, "address is not in its canonical form");
		return -1;
	}
	entry_r->protocol = gateway_word(request, "protocol", error);
	if (entry_r->protocol == NULL)
		return -1;
	entry_r->system =
		gateway_text(request, "system", ACCOUNT_NAME_SIZE - 1, error);
	if (entry_r->system == NULL)
		return -1;
	entry_r->client = client != NULL ? client : "";
	return gateway_number(request, "since", &entry_r->since, error);
}

/*
 * A session that came through a time without us, in an account that is out of
 * service by now, or served elsewhere, has to end.
 */
static void gateway_check_session(struct gateway_session *session,
	const struct sessions_entry *entry, const struct settings *settings)
{
	struct service *service = session->service;
	struct account account;
	struct error error;

	if (store_get_account(
		    service->store, entry->address, &account, &error) <= 0)
		return;
	if (account_is_frozen(&account) ||
		strcmp(account_home_system(&account), entry->system) != 0) {
		attr_list_add(session->reply, "event", "close");
		attr_list_add(session->reply, "address", entry->address);
		attr_list_add_number(session->reply, "deadline",
			settings->config->policyd.gateway_close);
		gateway_send(session);
	}
	account_clear(&account);
}

static int gateway_session_told(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	struct sessions_entry entry;
	uint64_t number;

	if (gateway_session_number(request, &number, error) < 0 ||
		gateway_read_entry(request, &entry, error) < 0)
		return -1;
	if (sessions_is_ready(session->gateway)) {
		error_set(error, "it was ready already");
		return -1;
	}
	if (sessions_open(session->gateway, number, &entry) < 0) {
		error_set(
			error, "session %" PRIu64 " is there already", number);
		return -1;
	}
	gateway_check_session(
		session, &entry, server_settings(session->connection));
	return 0;
}

static int gateway_ready(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	(void)request;
	if (sessions_is_ready(session->gateway)) {
		error_set(error, "it was ready already");
		return -1;
	}
	sessions_ready(session->gateway, instant_monotonic());
	log_write(session->service->log, LOG_INFO, "gateway %s is ready",
		session->identity.name);
	return 0;
}

/* ---- route and end ---- */

static int gateway_read_route(const struct attr_list *request,
	struct gateway_route *route_r, struct error *error)
{
	const char *login, *protocol;
	const char *client = attr_list_get(request, "client");

	if (gateway_session_number(request, &route_r->session, error) < 0)
		return -1;
	protocol = gateway_word(request, "protocol", error);
	login = gateway_text(request, "login", GATEWAY_LOGIN_MAX, error);
	if (protocol == NULL || login == NULL)
		return -1;
	route_r->protocol = xstrdup(protocol);
	route_r->login = xstrdup(login);
	route_r->client =
		xstrndup(client != NULL ? client : "", GATEWAY_CLIENT_MAX);
	return 0;
}

static int gateway_route_asked(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	const struct settings *settings = server_settings(session->connection);
	struct gateway_route route = { .session = 0 };
	const char *id =
		gateway_text(request, "id", GATEWAY_ID_SIZE - 1, error);
	bool wait;

	if (id == NULL || gateway_switch(request, "wait", &wait, error) < 0 ||
		gateway_read_route(request, &route, error) < 0)
		return -1;
	if (!sessions_is_ready(session->gateway)) {
		error_set(error, "a route before it was ready");
		gateway_route_clear(&route);
		return -1;
	}
	return gateway_held_begin(session, id, &route,
		wait ? instant_monotonic() +
				settings->config->policyd.gateway_hold
		     : 0,
		error);
}

/* Everybody has logged out of the account: its freeze may wait for that. */
static void gateway_logged_out(
	struct gateway_session *session, const char *address)
{
	struct account account;
	struct error error;

	if (store_get_account(
		    session->service->store, address, &account, &error) <= 0)
		return;
	if (account.phase == ACCOUNT_READY &&
		account.strategy->freeze == ACCOUNT_AT_LOGOUT)
		logins_look(session->service->logins, address);
	account_clear(&account);
}

/* The end of a session, or of the wish for one; either may have crossed an
 * answer of ours, so nothing at all is as well. */
static int gateway_end(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	char address[ADDRESS_SIZE];
	uint64_t number;
	size_t left;

	if (gateway_session_number(request, &number, error) < 0)
		return -1;
	if (sessions_end(session->gateway, number, &left, address) == 0 &&
		left == 0)
		gateway_logged_out(session, address);
	return gateway_held_end(session, number, error);
}

/* ---- what sessions do ---- */

static int gateway_quiet(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	int64_t idle = server_settings(session->connection)
			       ->config->policyd.gateway_idle;
	int64_t now = instant_now(), since = 0;
	char address[ADDRESS_SIZE];
	uint64_t number;
	size_t left;
	bool busy;

	if (gateway_session_number(request, &number, error) < 0 ||
		gateway_switch(request, "busy", &busy, error) < 0 ||
		(!busy && gateway_number(request, "since", &since, error) < 0))
		return -1;
	/* that it becomes so is looked for time and again */
	if (!busy && (since == 0 || since > now))
		since = now;
	if (sessions_set_quiet(
		    session->gateway, number, since, &left, address) == 0 &&
		left == 0 && !busy && since <= now - idle)
		gateway_logged_out(session, address);
	return 0;
}

/* A login as the registry and the request tell of it. */
struct gateway_login {
	char address[ADDRESS_SIZE];
	char system[ACCOUNT_NAME_SIZE];
	char protocol[SEEN_WORD_SIZE];
	char client[GATEWAY_CLIENT_MAX + 1];
	const char *id; /* or NULL: no answer is wanted */
	const char *sealed;
	bool wait;
	bool let_in;
	uint64_t number;
};

static bool gateway_copy_view(const struct sessions_view *view, void *context)
{
	struct gateway_login *login = context;

	snprintf(login->address, sizeof(login->address), "%s",
		view->entry.address);
	snprintf(
		login->system, sizeof(login->system), "%s", view->entry.system);
	snprintf(login->protocol, sizeof(login->protocol), "%s",
		view->entry.protocol);
	snprintf(
		login->client, sizeof(login->client), "%s", view->entry.client);
	return true;
}

static int gateway_read_login(const struct attr_list *request,
	struct gateway_login *login_r, struct error *error)
{
	const char *outcome = gateway_word(request, "outcome", error);

	login_r->id = attr_list_get(request, "id");
	login_r->sealed = attr_list_get(request, "sealed");
	if (outcome == NULL ||
		gateway_session_number(request, &login_r->number, error) < 0 ||
		gateway_switch(request, "wait", &login_r->wait, error) < 0)
		return -1;
	login_r->let_in = strcmp(outcome, "ok") == 0;
	if (!login_r->let_in && strcmp(outcome, "denied") != 0) {
		error_set(error, "outcome is neither ok nor denied");
		return -1;
	}
	if (login_r->id != NULL &&
		gateway_text(request, "id", GATEWAY_ID_SIZE - 1, error) == NULL)
		return -1;
	if (login_r->sealed != NULL &&
		(strlen(login_r->sealed) >= SEAL_SIZE_MAX ||
			login_r->sealed[strspn(login_r->sealed,
				"0123456789abcdefABCDEF")] != '\0')) {
		error_set(error, "sealed is not what it should be");
		return -1;
	}
	return 0;
}

/* Whether the login waits for the move of its account; then the route waits. */
static bool gateway_login_waits(struct gateway_session *session,
	const struct gateway_login *login, const struct account *account)
{
	const struct config *config =
		server_settings(session->connection)->config;
	struct gateway_route route = { .session = login->number };
	int64_t now = instant_monotonic();
	int64_t hold = config->policyd.gateway_hold;

	if (login->id == NULL || !login->wait || hold == 0 ||
		strcmp(account_home_system(account), login->system) != 0 ||
		waits_begin(session->service->waits, account,
			config->policyd.gateway_wait, now, instant_now()) == 0)
		return false;
	route.login = xstrdup(account->address);
	route.protocol = xstrdup(login->protocol);
	route.client = xstrdup(login->client);
	gateway_held_login(
		session, login->id, &route, account->address, now + hold);
	return true;
}

/* Tells those who keep what logins teach. Returns whether it waits. */
static bool gateway_let_in(struct gateway_session *session,
	const struct attr_list *request, const struct gateway_login *told)
{
	struct login login = {
		.address = told->address,
		.system = told->system,
		.sealed = told->sealed,
	};
	struct account account;
	struct error error;
	bool waits;

	/* of who is in no directory nothing is kept */
	if (store_get_account(session->service->store, told->address, &account,
		    &error) <= 0)
		return false;
	login.moving = account_is_moving(&account);
	seen_way_set(&login.way, told->protocol,
		attr_list_get(request, "mechanism"),
		attr_list_get(request, "clientname"), instant_now());
	waits = gateway_login_waits(session, told, &account);
	logins_note(session->service->logins, &login);
	account_clear(&account);
	return waits;
}

static int gateway_login(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	struct gateway_login login = { .number = 0 };

	if (gateway_read_login(request, &login, error) < 0)
		return -1;
	/* a session that has ended meanwhile has nothing to tell */
	if (sessions_look(session->gateway, login.number, gateway_copy_view,
		    &login) &&
		login.let_in && gateway_let_in(session, request, &login))
		return 0;
	if (login.id == NULL)
		return 0;
	attr_list_add(session->reply, "id", login.id);
	attr_list_add(session->reply, "status", "ok");
	gateway_send(session);
	return 0;
}

static const struct {
	const char *name;
	int (*answer)(struct gateway_session *session,
		const struct attr_list *request, struct error *error);
} gateway_requests[] = {
	{ "route", gateway_route_asked },
	{ "end", gateway_end },
	{ "quiet", gateway_quiet },
	{ "login", gateway_login },
	{ "session", gateway_session_told },
	{ "ready", gateway_ready },
};

int gateway_request(struct gateway_session *session,
	const struct attr_list *request, struct error *error)
{
	const char *name = attr_list_get(request, "request");

	for (size_t i = 0;
		name != NULL &&
		i < sizeof(gateway_requests) / sizeof(gateway_requests[0]);
		i++)
		if (strcmp(gateway_requests[i].name, name) == 0)
			return gateway_requests[i].answer(
				session, request, error);
	error_set(error, "unknown request %.100s", name != NULL ? name : "");
	return -1;
}

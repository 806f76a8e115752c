/* SPDX-License-Identifier: BSD-2-Clause */
/* The home's side of the login: connecting, TLS, the entry. */
#include "config.h"

#include "gateway/session_private.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/xalloc.h"

#include "gateway/proxy_header.h"

#define SESSION_READ 4096

void session_home_failed(struct session *session, const char *words)
{
	session_log(session, LOG_WARNING, "login=%s %s: %s",
		session->member.address,
		session->at != NULL ? session->at->name
				    : session->member.system,
		words);
	session_refuse(session, DIALOG_LATER, NULL);
}

/* ---- connecting ---- */

static void session_home_ready(void *context, bool readable, bool writable)
{
	struct session *session = context;

	/* Before it is connected the socket is no stream yet. */
	if (session->state == SESSION_CONNECT)
		session->home.writable = writable;
	else
		stream_ready(&session->home, readable, writable);
	session_run(session);
}

/* Tries the next address; each once. false: there is none left. */
static bool session_dial(struct session *session)
{
	const struct dial_target *target = &session->at->target;

	while (session->turn < target->count) {
		int socket = dial_begin(&target->addresses[session->turn++]);

		if (socket < 0)
			continue;
		session->home = (struct stream){ .socket = socket };
		session->home_watch = loop_watch_new(session->worker->loop,
			socket, session_home_ready, session);
		if (session->home_watch != NULL)
			return true;
		stream_close(&session->home);
		errno = ENOSPC;
	}
	return false;
}

void session_connect(struct session *session)
{
	session_enter(session, SESSION_CONNECT);
	session->at =
		homes_find(session->settings->homes, session->member.system,
			(enum home_service)session->origin.protocol);
	session->turn = 0;
	if (session->at == NULL) {
		session_home_failed(session, "there is no such service");
		return;
	}
	errno = EHOSTUNREACH;
	if (!session_dial(session))
		session_home_failed(session, strerror(errno));
}

/* Where the client has come in. */
static void session_find_server(
	const struct session *session, struct proxy_header *header)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char port[8];

	if (getsockname(session->client.socket, (struct sockaddr *)&address,
		    &size) < 0 ||
		getnameinfo((struct sockaddr *)&address, size, header->server,
			sizeof(header->server), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		header->known = false;
		return;
	}
	header->server_port = (unsigned)strtoul(port, NULL, 10);
}

/* Before all else, TLS included. */
static void session_say_proxy(struct session *session)
{
	struct proxy_header header = {
		.known = session->origin.client[0] != '\0',
		.client_port = session->origin.port,
	};
	char text[PROXY_HEADER_MADE];

	memcpy(header.client, session->origin.client, sizeof(header.client));
	session_find_server(session, &header);
	buffer_add(&session->up, text, proxy_header_make(&header, 2, text));
}

static void session_begin_entry(struct session *session)
{
	static const enum entry_forward forwards[] = {
		[CONFIG_CLIENT_NONE] = ENTRY_NOTHING,
		[CONFIG_CLIENT_ID] = ENTRY_ID,
		[CONFIG_CLIENT_XCLIENT] = ENTRY_XCLIENT,
		[CONFIG_CLIENT_PROXY] = ENTRY_NOTHING,
	};
	struct entry_terms terms = {
		.protocol = session->origin.protocol,
		.starttls = session->at->tls == HOME_STARTTLS,
		.login = dialog_login(session->dialog),
		.user = session->member.user,
		.forward = forwards[session->at->client_address],
		.client_address = session->origin.client,
		.client_port = session->origin.port,
		.client_name = dialog_client_name(session->dialog),
	};

	/* IMAP has no XCLIENT. A client at a path has no address. */
	if (terms.protocol == DIALOG_IMAP && terms.forward == ENTRY_XCLIENT)
		terms.forward = ENTRY_ID;
	if (session->origin.client[0] == '\0')
		terms.forward = ENTRY_NOTHING;
	session->entry = entry_new(&terms);
}

enum session_step session_connecting(struct session *session)
{
	int cause;

	if (!session->home.writable)
		return SESSION_WAIT;
	cause = dial_result(session->home.socket);
	if (cause == 0) {
		stream_open(&session->home, session->home.socket);
		if (session->at->client_address == CONFIG_CLIENT_PROXY)
			session_say_proxy(session);
		session_begin_entry(session);
		session_enter(session, session->at->tls == HOME_TLS
					       ? SESSION_HOME_TLS
					       : SESSION_ENTRY);
		return SESSION_ON;
	}
	loop_watch_free(&session->home_watch);
	stream_close(&session->home);
	errno = cause;
	if (!session_dial(session))
		session_home_failed(session, strerror(errno));
	return SESSION_ON;
}

/* ---- TLS ---- */

enum session_step session_home_tls(struct session *session)
{
	struct error error = { "it has closed" };
	int done = session_flush(&session->home, &session->up);

	/* What goes before TLS: the request for it. */
	if (done == 0)
		return SESSION_WAIT;
	if (done > 0 && session->home.tls == NULL &&
		stream_begin_tls_client(&session->home, session->at->context,
			session->at->host, &error) < 0)
		done = -1;
	if (done > 0)
		done = stream_handshake(&session->home, &error);
	if (done == 0)
		return SESSION_WAIT;
	if (done < 0) {
		session_home_failed(session, error.text);
		return SESSION_ON;
	}
	if (session->at->tls == HOME_STARTTLS)
		entry_secured(session->entry, &session->up);
	session_enter(session, SESSION_ENTRY);
	return SESSION_ON;
}

/* ---- the entry ---- */

/* The user's own password, sealed; never a master user's. False: not to be had.
 */
static bool session_learn(struct session *session, const struct login *login,
	char sealed_r[SEAL_SIZE_MAX])
{
	const struct seal_key *key = session->settings->seal;
	struct error error;
	char *owner;
	int result;

	if (key == NULL || login->password == NULL || login->authority != NULL)
		return false;
	owner = xasprintf(
		"%s %s", session->member.address, session->member.system);
	result = seal_close(key, owner, login->password,
		strlen(login->password), sealed_r, &error);
	free(owner);
	if (result < 0)
		session_log(session, LOG_WARNING, "login=%s password: %s",
			session->member.address, error.text);
	return result == 0;
}

static void session_tell_login(
	struct session *session, bool accepted, bool waits)
{
	const struct login *login = dialog_login(session->dialog);
	const char *mechanism = login_mechanism_name(login->mechanism);
	char sealed[SEAL_SIZE_MAX];
	bool learned = accepted && session_learn(session, login, sealed);
	int64_t now = loop_now(session->worker->loop);

	if (accepted)
		limits_passed(session->worker->limits, session->origin.client,
			login->user, now);
	else
		limits_failed(session->worker->limits, session->origin.client,
			login->user, now);

	if (waits)
		link_ask_login(session->worker->link, &session->member,
			mechanism != NULL ? mechanism : "password",
			dialog_client_name(session->dialog),
			learned ? sealed : NULL);
	else
		link_tell_login(session->worker->link, &session->member,
			accepted, mechanism != NULL ? mechanism : "password",
			dialog_client_name(session->dialog),
			learned ? sealed : NULL);
	session_log(session, accepted ? LOG_INFO : LOG_NOTICE,
		"login=%s system=%s mechanism=%s tls=%s: %s%s",
		session->member.address, session->member.system,
		mechanism != NULL ? mechanism : "password",
		session->client.tls != NULL ? "yes" : "no",
		accepted ? "logged in" : "denied: ",
		accepted ? "" : entry_words(session->entry));
}

/* Whoever could log in again at another home may have to wait for it. */
static void session_accepted(
	struct session *session, const char *data, size_t size)
{
	const struct login *login = dialog_login(session->dialog);
	bool waits =
		session->member.may_wait && !login_is_relayed(login->mechanism);

	session_tell_login(session, true, waits);
	if (!waits) {
		session_relay_begin(session, data, size);
		return;
	}
	buffer_add(&session->down, data, size);
	session_enter(session, SESSION_LET_IN);
}

/* Nothing is said to this home any more; when it has closed, policyd may move
 * the account. */
enum session_step session_withdraw(struct session *session)
{
	char data[SESSION_READ];
	ssize_t got = STREAM_WAIT;

	stream_shut(&session->home);
	if (session->home.readable)
		got = stream_read(&session->home, data, sizeof(data));
	if (got > 0)
		return SESSION_ON;
	if (got == STREAM_WAIT && !session->home.ended)
		return SESSION_WAIT;
	loop_watch_free(&session->home_watch);
	stream_close(&session->home);
	entry_free(&session->entry);
	session_wipe(&session->down);
	link_withdrawn(session->worker->link, &session->member);
	session_hold_on(session);
	return SESSION_WAIT;
}

/* data: what the home has said behind its last answer. */
static void session_entry_act(struct session *session, enum entry_result result,
	const char *data, size_t size)
{
	switch (result) {
	case ENTRY_MORE:
		break;
	case ENTRY_STARTTLS:
		/* As with clients: it was said in the clear. */
		if (size > 0)
			session_home_failed(
				session, "it says more behind STARTTLS");
		else
			session_enter(session, SESSION_HOME_TLS);
		break;
	case ENTRY_CHALLENGE:
		session->challenged = true;
		session_enter(session, SESSION_CHALLENGE);
		dialog_challenge(session->dialog,
			entry_challenge(session->entry), &session->out);
		break;
	case ENTRY_ACCEPTED:
		session_accepted(session, data, size);
		break;
	case ENTRY_DENIED:
		session_tell_login(session, false, false);
		session_refuse(
			session, DIALOG_DENIED, entry_words(session->entry));
		break;
	case ENTRY_LATER:
		session_log(session, LOG_WARNING, "login=%s %s: %s",
			session->member.address, session->at->name,
			entry_words(session->entry));
		session_refuse(
			session, DIALOG_LATER, entry_words(session->entry));
		break;
	}
}

enum session_step session_entry(struct session *session)
{
	char data[SESSION_READ];
	enum entry_result result;
	size_t used;
	ssize_t got;
	int flushed = session_flush(&session->home, &session->up);

	if (flushed < 0) {
		session_home_failed(session, "it has closed");
		return SESSION_ON;
	}
	if (flushed > 0 && session->up.data != NULL)
		OPENSSL_cleanse(session->up.data, session->up.room);
	if (!session->home.readable)
		return SESSION_WAIT;
	got = stream_read(&session->home, data, sizeof(data));
	if (got == STREAM_WAIT)
		return SESSION_WAIT;
	if (got < 0) {
		session_home_failed(session, "it has closed");
		return SESSION_ON;
	}
	result = entry_input(
		session->entry, data, (size_t)got, &used, &session->up);
	session_entry_act(session, result, data + used, (size_t)got - used);
	return SESSION_ON;
}

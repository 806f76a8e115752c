/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets and terms of all threads, made of the listen sections. */
#include "config.h"

#include "gateway/listener_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/certificate.h"
#include "lib/daemon.h"
#include "lib/xalloc.h"

/* ---- sockets ---- */

static void listener_socket_release(struct listener_socket **socket_pointer)
{
	struct listener_socket *socket = *socket_pointer;

	*socket_pointer = NULL;
	if (socket == NULL || atomic_fetch_sub(&socket->holders, 1) > 1)
		return;
	close(socket->descriptor);
	free(socket->endpoint);
	free(socket);
}

static struct listener_socket *listener_socket_new(
	const struct config_listen *listen, struct error *error)
{
	int descriptor = daemon_socket(listen->name, listen->address,
		(mode_t)listen->mode, listen->group, error);
	struct listener_socket *socket;

	if (descriptor < 0)
		return NULL;
	socket = xcalloc(1, sizeof(*socket));
	atomic_init(&socket->holders, 1);
	socket->descriptor = descriptor;
	socket->endpoint = xstrdup(listen->address);
	return socket;
}

/* The one that a former section of that name has at the same address. */
static struct listener_socket *listener_socket_keep(
	struct listeners *former, const struct config_listen *listen)
{
	for (size_t i = 0; former != NULL && i < former->count; i++) {
		struct listener *each = &former->list[i];

		if (strcmp(each->name, listen->name) != 0 ||
			strcmp(each->socket->endpoint, listen->address) != 0)
			continue;
		atomic_fetch_add(&each->socket->holders, 1);
		return each->socket;
	}
	return NULL;
}

/* ---- sections ---- */

static enum home_service listener_service(const char *protocol)
{
	enum home_service service = HOME_IMAP;

	/* The table of options lets no other names through. */
	while (strcmp(home_service_name(service), protocol) != 0)
		service++;
	return service;
}

static enum listener_tls listener_tls(const char *text)
{
	if (strcmp(text, "start") == 0)
		return LISTENER_STARTTLS;
	return strcmp(text, "implicit") == 0 ? LISTENER_TLS : LISTENER_CLEAR;
}

static int listener_fill(struct listener *listener, struct listeners *former,
	const struct config_listen *listen, struct error *error)
{
	struct listener_terms *terms = &listener->terms;

	listener->name = xstrdup(listen->name);
	listener->proxy = listen->proxy;
	terms->name = listener->name;
	terms->service = listener_service(listen->protocol);
	terms->tls = listener_tls(listen->tls);
	terms->plaintext = listen->plaintext;
	if (terms->tls != LISTENER_CLEAR) {
		terms->context = certificate_load(
			listen->certificate, listen->key, error);
		if (terms->context == NULL)
			return -1;
	}
	listener->socket = listener_socket_keep(former, listen);
	if (listener->socket == NULL)
		listener->socket = listener_socket_new(listen, error);
	return listener->socket == NULL ? -1 : 0;
}

/* limits is taken over. */
static struct listeners *listeners_new(const struct config *config,
	struct listeners *former, struct listener_limits *limits,
	struct error *error)
{
	struct listeners *listeners = xcalloc(
		1, sizeof(*listeners) +
			   config->listens_count * sizeof(struct listener));

	atomic_init(&listeners->holders, 1);
	atomic_init(&listeners->acceptors, 1);
	listeners->limits = limits;
	for (size_t i = 0; i < config->listens_count; i++) {
		const struct config_listen *listen = &config->listens[i];

		listeners->count = i + 1;
		if (listener_fill(&listeners->list[i], former, listen, error) ==
			0)
			continue;
		error_prefix(error, "listen \"%s\"", listen->name);
		listeners_release(&listeners);
		break;
	}
	return listeners;
}

struct listeners *listeners_open(
	const struct config *config, struct error *error)
{
	struct listener_limits *shared = xcalloc(1, sizeof(*shared));

	atomic_init(&shared->holders, 1);
	shared->limits = limits_new(config, error);
	if (shared->limits != NULL)
		return listeners_new(config, NULL, shared, error);
	free(shared);
	return NULL;
}

struct listeners *listeners_reopen(struct listeners *former,
	const struct config *config, struct error *error)
{
	struct listeners *listeners;

	atomic_fetch_add(&former->limits->holders, 1);
	listeners = listeners_new(config, former, former->limits, error);
	if (listeners != NULL &&
		limits_set(listeners->limits->limits, config, error) < 0)
		listeners_release(&listeners);
	return listeners;
}

struct listeners *listeners_hold(struct listeners *listeners)
{
	atomic_fetch_add(&listeners->holders, 1);
	return listeners;
}

static void listener_limits_release(struct listener_limits *shared)
{
	if (atomic_fetch_sub(&shared->holders, 1) > 1)
		return;
	limits_free(&shared->limits);
	free(shared);
}

void listeners_leave(struct listeners **listeners_pointer)
{
	struct listeners *listeners = *listeners_pointer;

	*listeners_pointer = NULL;
	if (listeners == NULL || atomic_fetch_sub(&listeners->holders, 1) > 1)
		return;
	for (size_t i = 0; i < listeners->count; i++) {
		tls_context_free(&listeners->list[i].terms.context);
		free(listeners->list[i].name);
	}
	listener_limits_release(listeners->limits);
	free(listeners);
}

struct listeners *listeners_accept(struct listeners *listeners)
{
	atomic_fetch_add(&listeners->acceptors, 1);
	return listeners_hold(listeners);
}

void listeners_release(struct listeners **listeners_pointer)
{
	struct listeners *listeners = *listeners_pointer;

	if (listeners != NULL &&
		atomic_fetch_sub(&listeners->acceptors, 1) == 1)
		for (size_t i = 0; i < listeners->count; i++)
			listener_socket_release(&listeners->list[i].socket);
	listeners_leave(listeners_pointer);
}

struct limits *listeners_limits(struct listeners *listeners)
{
	return listeners->limits->limits;
}

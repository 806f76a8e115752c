/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS on sockets that never wait. OpenSSL is never told that the socket has no
 * room: the records are kept here, so that nothing has to be offered twice, and
 * the records of a large piece go out in one call.
 */
#include <config.h>

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/tls_private.h"
#include "lib/xalloc.h"

/* More than one record of these is gathered. */
#define TLS_RECORD 16384
/* What a record adds to its text, at most (RFC 8446 section 5.2). */
#define TLS_RECORD_MORE (5 + 256)

/* ---- the socket ---- */

int tls_step_read(struct tls_session *session, BIO *bio, char *data, int size)
{
	ssize_t got;

	BIO_clear_retry_flags(bio);
	do
		got = recv(session->socket, data, (size_t)size, 0);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		session->ended = true;
	if (got < 0)
		session->number = errno;
	if (got < 0 && errno == EAGAIN) {
		session->starved = true;
		BIO_set_retry_read(bio);
	}
	return (int)got;
}

/* Makes room for so many octets behind what waits. */
static void tls_step_room(struct tls_session *session, size_t size)
{
	if (session->unsent_room - session->unsent_size >= size)
		return;
	session->unsent_room = session->unsent_size + size;
	session->unsent =
		xreallocarray(session->unsent, session->unsent_room, 1);
}

static void tls_step_keep(
	struct tls_session *session, const char *data, size_t size)
{
	if (size == 0)
		return;
	tls_step_room(session, size);
	memcpy(session->unsent + session->unsent_size, data, size);
	session->unsent_size += size;
}

/* What the socket takes of it. -1: it failed. */
static ssize_t tls_step_send(
	struct tls_session *session, const char *data, size_t size)
{
	ssize_t sent;

	do
		sent = send(session->socket, data, size, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return sent;
	session->number = errno;
	return errno == EAGAIN ? 0 : -1;
}

int tls_step_write(struct tls_session *session, const char *data, int size)
{
	ssize_t sent = 0;

	if (session->unsent == NULL)
		sent = tls_step_send(session, data, (size_t)size);
	if (sent < 0)
		return -1;
	tls_step_keep(session, data + sent, (size_t)(size - sent));
	return size;
}

static void tls_step_forget(struct tls_session *session)
{
	free(session->unsent);
	session->unsent = NULL;
	session->unsent_at = session->unsent_size = session->unsent_room = 0;
}

int tls_flush(struct tls_session *session)
{
	ssize_t sent;

	if (session->unsent == NULL)
		return 0;
	sent = tls_step_send(session, session->unsent + session->unsent_at,
		session->unsent_size - session->unsent_at);
	if (sent < 0) {
		session->failed = true;
		errno = session->number;
		return -1;
	}
	session->unsent_at += (size_t)sent;
	if (session->unsent_at == session->unsent_size) {
		tls_step_forget(session);
		return 0;
	}
	errno = EAGAIN;
	return -1;
}

size_t tls_unsent(const struct tls_session *session)
{
	return session->unsent_size - session->unsent_at;
}

/* ---- sessions ---- */

static struct tls_session *tls_step_new(
	struct tls_context *context, int socket, struct error *error)
{
	struct tls_session *session = tls_session_new(context, socket, error);

	if (session == NULL)
		return NULL;
	session->stepwise = true;
	/* An end without close_notify ends what the peer sends, not what we
	 * send; whole records are read in one call. */
	SSL_set_options(session->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_set_read_ahead(session->ssl, 1);
	return session;
}

struct tls_session *tls_begin_client(struct tls_context *context, int socket,
	const char *host, struct error *error)
{
	struct tls_session *session = tls_step_new(context, socket, error);

	if (session != NULL &&
		tls_session_expect(session, host, context->verify, error) < 0)
		tls_session_clear(&session);
	if (session == NULL) {
		error_prefix(error, "TLS with %s", host);
		return NULL;
	}
	SSL_set_connect_state(session->ssl);
	return session;
}

struct tls_session *tls_begin_server(
	struct tls_context *context, int socket, struct error *error)
{
	struct tls_session *session = tls_step_new(context, socket, error);

	if (session != NULL)
		SSL_set_accept_state(session->ssl);
	return session;
}

/* What kept a call from its end. -1, with errno. */
static int tls_step_fail(struct tls_session *session, int result)
{
	int kind = SSL_get_error(session->ssl, result);

	ERR_clear_error();
	if (kind == SSL_ERROR_WANT_READ) {
		errno = EAGAIN;
		return -1;
	}
	session->failed = true;
	errno = kind == SSL_ERROR_SYSCALL && session->number != 0
			? session->number
			: EPROTO;
	return -1;
}

int tls_handshake(struct tls_session *session, struct error *error)
{
	int result = -1;

	ERR_clear_error();
	session->starved = false;
	if (tls_flush(session) == 0 || errno == EAGAIN) {
		session->number = 0;
		result = SSL_do_handshake(session->ssl);
		if (SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ)
			return 0;
	}
	if (result == 1 &&
		(session->context->pins == NULL || tls_is_pinned(session)))
		return 1;
	session->failed = true;
	tls_explain_handshake(session, result, error);
	if (session->host != NULL)
		error_prefix(error, "TLS with %s", session->host);
	else
		error_prefix(error, "TLS");
	return -1;
}

bool tls_starved(const struct tls_session *session)
{
	return session->starved;
}

/* ---- octets ---- */

static bool tls_step_is_over(const struct tls_session *session)
{
	if (session->failed)
		errno = EPIPE;
	return session->failed;
}

ssize_t tls_receive(struct tls_session *session, void *data, size_t size)
{
	size_t got = 0;
	size_t each;
	int result = 1;

	if (tls_step_is_over(session))
		return -1;
	ERR_clear_error();
	session->starved = false;
	session->number = 0;
	/* A call gives one record at most. */
	while (got < size && result == 1) {
		result = SSL_read_ex(
			session->ssl, (char *)data + got, size - got, &each);
		got += result == 1 ? each : 0;
	}
	if (got > 0) {
		ERR_clear_error();
		return (ssize_t)got;
	}
	if (SSL_get_error(session->ssl, result) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return tls_step_fail(session, result);
}

ssize_t tls_send(struct tls_session *session, const void *data, size_t size)
{
	size_t sent = 0;
	int result;

	if (tls_step_is_over(session) || tls_flush(session) < 0)
		return -1;
	if (size == 0)
		return 0;
	ERR_clear_error();
	session->number = 0;
	if (size > TLS_RECORD)
		tls_step_room(session,
			size + (size / TLS_RECORD + 1) * TLS_RECORD_MORE);
	result = SSL_write_ex(session->ssl, data, size, &sent);
	if (result != 1)
		return tls_step_fail(session, result);
	if (tls_flush(session) < 0 && errno != EAGAIN)
		return -1;
	return (ssize_t)sent;
}

int tls_end(struct tls_session *session)
{
	if (tls_step_is_over(session))
		return -1;
	ERR_clear_error();
	if (SSL_shutdown(session->ssl) < 0)
		return tls_step_fail(session, -1);
	return tls_flush(session);
}

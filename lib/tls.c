/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS by OpenSSL: contexts, handshakes, bytes. Sockets are written without
 * SIGPIPE, whatever the program does about that signal.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "lib/instant.h"
#include "lib/tls_private.h"
#include "lib/xalloc.h"

/* Time-outs of the socket in which a handshake or a record must be over. */
#define TLS_PATIENCE 4

/* ---- sockets below OpenSSL ---- */

/* A record or a handshake is many reads: each within its time-out would be no
 * bound of the whole. */
static bool tls_is_late(struct tls_session *session)
{
	if (session->patience == 0 || instant_monotonic() < session->deadline)
		return false;
	session->number = EAGAIN;
	return true;
}

static void tls_begin_step(struct tls_session *session)
{
	session->deadline = instant_monotonic() + session->patience;
}

/* By the socket's own time-out. */
static void tls_learn_patience(struct tls_session *session)
{
	struct timeval wait = { 0, 0 };
	socklen_t size = sizeof(wait);

	if (getsockopt(session->socket, SOL_SOCKET, SO_RCVTIMEO, &wait, &size) <
		0)
		return;
	session->patience = TLS_PATIENCE *
			    ((int64_t)wait.tv_sec * 1000 + wait.tv_usec / 1000);
}

static int tls_socket_read(BIO *bio, char *data, int size)
{
	struct tls_session *session = BIO_get_data(bio);
	ssize_t got;

	if (session->stepwise)
		return tls_step_read(session, bio, data, size);
	if (tls_is_late(session))
		return -1;
	do
		got = recv(session->socket, data, (size_t)size, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		session->number = errno;
	if (got == 0)
		session->ended = true;
	return (int)got;
}

static int tls_socket_write(BIO *bio, const char *data, int size)
{
	struct tls_session *session = BIO_get_data(bio);
	int flags = MSG_NOSIGNAL | (session->closing ? MSG_DONTWAIT : 0);
	ssize_t sent;

	if (session->stepwise)
		return tls_step_write(session, data, size);
	if (!session->closing && tls_is_late(session))
		return -1;
	do
		sent = send(session->socket, data, (size_t)size, flags);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		session->number = errno;
	return (int)sent;
}

/* Nothing is buffered that OpenSSL should flush. */
static long tls_socket_control(BIO *bio, int command, long number, void *data)
{
	const struct tls_session *session = BIO_get_data(bio);

	(void)number;
	(void)data;
	if (command == BIO_CTRL_EOF)
		return session->stepwise && session->ended;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *tls_socket_method(void)
{
	BIO_METHOD *method = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");

	if (method != NULL && BIO_meth_set_read(method, tls_socket_read) &&
		BIO_meth_set_write(method, tls_socket_write) &&
		BIO_meth_set_ctrl(method, tls_socket_control))
		return method;
	BIO_meth_free(method);
	return NULL;
}

/* ---- contexts ---- */

const char *tls_cause(void)
{
	unsigned long code = ERR_get_error();
	const char *text = NULL;

	ERR_clear_error();
	if (ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	if (code != 0)
		text = ERR_reason_error_string(code);
	return text != NULL ? text : "unknown cause";
}

struct tls_context *tls_context_new(
	const SSL_METHOD *protocol, struct error *error)
{
	struct tls_context *context = xcalloc(1, sizeof(*context));

	ERR_clear_error();
	atomic_init(&context->holders, 1);
	context->method = tls_socket_method();
	context->ssl = SSL_CTX_new(protocol);
	if (context->method != NULL && context->ssl != NULL &&
		SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION)) {
		SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION);
		/* An idle session keeps no record buffers. */
		SSL_CTX_set_mode(context->ssl, SSL_MODE_RELEASE_BUFFERS);
		return context;
	}
	error_set(error, "set up TLS: %s", tls_cause());
	tls_context_free(&context);
	return NULL;
}

struct tls_context *tls_client_context_new(
	const char *ca_file, bool verify, struct error *error)
{
	struct tls_context *context =
		tls_context_new(TLS_client_method(), error);

	if (context == NULL)
		return NULL;
	context->verify = verify;
	if (!verify)
		return context;
	if (ca_file == NULL) {
		if (SSL_CTX_set_default_verify_paths(context->ssl))
			return context;
		error_set(
			error, "the system's CA certificates: %s", tls_cause());
	} else {
		context->ca_file = xstrdup(ca_file);
		if (SSL_CTX_load_verify_file(context->ssl, ca_file))
			return context;
		error_set(error, "CA file %s: %s", ca_file, tls_cause());
	}
	tls_context_free(&context);
	return NULL;
}

int tls_client_pin(
	struct tls_context *context, const char *pins, struct error *error)
{
	if (pin_check(pins, error) < 0)
		return -1;
	free(context->pins);
	context->pins = xstrdup(pins);
	context->verify = false;
	return 0;
}

void tls_context_free(struct tls_context **context)
{
	struct tls_context *old = *context;

	*context = NULL;
	if (old == NULL || atomic_fetch_sub(&old->holders, 1) > 1)
		return;
	for (size_t i = 0; i < old->others_count; i++)
		SSL_CTX_free(old->others[i]);
	free(old->others);
	SSL_CTX_free(old->ssl);
	BIO_meth_free(old->method);
	free(old->ca_file);
	free(old->pins);
	free(old);
}

/* ---- sessions ---- */

void tls_session_clear(struct tls_session **session)
{
	SSL_free((*session)->ssl);
	free((*session)->host);
	free((*session)->unsent);
	free((*session)->refusal);
	tls_context_free(&(*session)->context);
	free(*session);
	*session = NULL;
}

struct tls_session *tls_session_new(
	struct tls_context *context, int socket, struct error *error)
{
	struct tls_session *session = xcalloc(1, sizeof(*session));
	BIO *bio;

	ERR_clear_error();
	session->socket = socket;
	tls_learn_patience(session);
	tls_begin_step(session);
	atomic_fetch_add(&context->holders, 1);
	session->context = context;
	session->ssl = SSL_new(context->ssl);
	bio = BIO_new(context->method);
	if (session->ssl == NULL || bio == NULL) {
		error_set(error, "set up TLS: %s", tls_cause());
		BIO_free(bio);
		tls_session_clear(&session);
		return NULL;
	}
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_app_data(session->ssl, session);
	return session;
}

static bool tls_is_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 ||
	       inet_pton(AF_INET6, host, bytes) == 1;
}

/* Says whom the certificate must be for. Returns false with OpenSSL's error. */
static bool tls_expect(struct tls_session *session, bool verify)
{
	X509_VERIFY_PARAM *parameters = SSL_get0_param(session->ssl);
	bool address = tls_is_address(session->host);

	if (!address && !SSL_set_tlsext_host_name(session->ssl, session->host))
		return false;
	if (!verify)
		return true;
	SSL_set_verify(session->ssl, SSL_VERIFY_PEER, tls_verified);
	if (address)
		return X509_VERIFY_PARAM_set1_ip_asc(parameters, session->host);
	X509_VERIFY_PARAM_set_hostflags(
		parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(session->ssl, session->host);
}

/* The words for what the socket said. */
static const char *tls_explain_socket(const struct tls_session *session)
{
	if (session->ended || session->number == EPIPE ||
		session->number == ECONNRESET)
		return "the peer closed the connection";
	return session->number == EAGAIN ? "timed out"
					 : strerror(session->number);
}

bool tls_explain_handshake(
	const struct tls_session *session, int result, struct error *error)
{
	const char *text;
	bool refused = true;

	if (session->refusal != NULL)
		text = session->refusal->text;
	else if (session->ended ||
		 SSL_get_error(session->ssl, result) == SSL_ERROR_SYSCALL) {
		text = tls_explain_socket(session);
		refused = false;
	} else
		switch (ERR_GET_REASON(ERR_peek_error())) {
		case SSL_R_WRONG_VERSION_NUMBER:
		case SSL_R_PACKET_LENGTH_TOO_LONG:
		case SSL_R_HTTP_REQUEST:
		case SSL_R_HTTPS_PROXY_REQUEST:
			text = "the peer does not speak TLS here";
			break;
		case SSL_R_UNSUPPORTED_PROTOCOL:
		case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
			text = "the peer speaks no TLS version from 1.2 on";
			break;
		default:
			text = tls_cause();
			refused = false;
		}
	error_set(error, "%s", text);
	ERR_clear_error();
	return refused;
}

bool tls_client_refused(const struct tls_context *context)
{
	return context->refused;
}

int tls_session_expect(struct tls_session *session, const char *host,
	bool verify, struct error *error)
{
	size_t length = strlen(host);

	/* The dot that makes a name absolute is in no certificate. */
	if (length > 1 && host[length - 1] == '.')
		length--;
	session->host = xstrndup(host, length);
	if (length > 0 && tls_expect(session, verify))
		return 0;
	error_set(error, "bad host name");
	ERR_clear_error();
	return -1;
}

struct tls_session *tls_connect(struct tls_context *context, int socket,
	const char *host, struct error *error)
{
	struct tls_session *session = tls_session_new(context, socket, error);
	int result;

	if (session == NULL)
		return NULL;
	if (tls_session_expect(session, host, context->verify, error) == 0) {
		result = SSL_connect(session->ssl);
		if (result == 1 &&
			(context->pins == NULL || tls_is_pinned(session)))
			return session;
		if (tls_explain_handshake(session, result, error))
			context->refused = true;
	}
	error_prefix(error, "TLS with %s", host);
	ERR_clear_error();
	tls_session_clear(&session);
	return NULL;
}

struct tls_session *tls_accept(
	struct tls_context *context, int socket, struct error *error)
{
	struct tls_session *session = tls_session_new(context, socket, error);
	int result;

	if (session == NULL)
		return NULL;
	result = SSL_accept(session->ssl);
	if (result == 1)
		return session;
	tls_explain_handshake(session, result, error);
	error_prefix(error, "TLS");
	tls_session_clear(&session);
	return NULL;
}

void tls_session_free(struct tls_session **session)
{
	if (*session == NULL)
		return;
	if (!(*session)->failed) {
		(*session)->closing = true;
		SSL_shutdown((*session)->ssl);
		ERR_clear_error();
		(void)tls_flush(*session);
	}
	tls_session_clear(session);
}

/* After an error nothing may be sent any more, a close_notify neither. */
static ssize_t tls_fail(struct tls_session *session, int result)
{
	int kind = SSL_get_error(session->ssl, result);

	ERR_clear_error();
	session->failed = true;
	if (kind == SSL_ERROR_SYSCALL && !session->ended)
		errno = session->number;
	else
		errno = session->ended ? ECONNRESET : EPROTO;
	return -1;
}

ssize_t tls_read(struct tls_session *session, void *data, size_t size)
{
	size_t got = 0;
	int result;

	if (size == 0)
		return 0;
	if (session->failed) {
		errno = EPIPE;
		return -1;
	}
	ERR_clear_error();
	tls_begin_step(session);
	result = SSL_read_ex(session->ssl, data, size, &got);
	if (result == 1)
		return (ssize_t)got;
	if (SSL_get_error(session->ssl, result) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return tls_fail(session, result);
}

ssize_t tls_write(struct tls_session *session, const void *data, size_t size)
{
	size_t sent = 0;
	int result;

	if (size == 0)
		return 0;
	if (session->failed) {
		errno = EPIPE;
		return -1;
	}
	ERR_clear_error();
	tls_begin_step(session);
	result = SSL_write_ex(session->ssl, data, size, &sent);
	return result == 1 ? (ssize_t)sent : tls_fail(session, result);
}

bool tls_pending(const struct tls_session *session)
{
	return SSL_pending(session->ssl) > 0;
}

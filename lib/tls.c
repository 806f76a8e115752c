/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS by OpenSSL. Two things are done here that the library does not: sockets
 * are written without SIGPIPE, whatever the program does about that signal, and
 * a refused certificate is explained in words that name the host and the cause.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/buffer.h"
#include "lib/tls.h"
#include "lib/xalloc.h"

#define NAMES_SHOWN 6 /* of a certificate, in an error */
#define DATE_SIZE   32

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *method;
	char *ca_file; /* NULL: the system's */
	bool verify;
};

struct tls_session {
	SSL *ssl;
	int socket;
	char *host; /* of a client */
	const char *ca_file;
	struct error refusal; /* of the certificate */
	bool ended;	      /* the socket is at its end */
	bool failed;	      /* nothing more can be sent */
	bool closing;	      /* what is sent now must not wait */
	int number;	      /* errno of the socket */
};

/* ---- sockets below OpenSSL ---- */

static int tls_socket_read(BIO *bio, char *data, int size)
{
	struct tls_session *session = BIO_get_data(bio);
	ssize_t got;

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

	do
		sent = send(session->socket, data, (size_t)size, flags);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		session->number = errno;
	return (int)sent;
}

/* Nothing is buffered here: flushing is done. */
static long tls_socket_control(BIO *bio, int command, long number, void *data)
{
	(void)bio;
	(void)number;
	(void)data;
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

/* The cause of the first error in OpenSSL's queue, which is emptied. */
static const char *tls_cause(void)
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

static struct tls_context *tls_context_new(
	const SSL_METHOD *protocol, struct error *error)
{
	struct tls_context *context = xcalloc(1, sizeof(*context));

	ERR_clear_error();
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

/* A daemon has nobody to ask for the password of a key. */
static int tls_no_password(char *text, int size, int writing, void *context)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

struct tls_context *tls_server_context_new(
	const char *certificate_file, const char *key_file, struct error *error)
{
	struct tls_context *context =
		tls_context_new(TLS_server_method(), error);

	if (context == NULL)
		return NULL;
	SSL_CTX_set_default_passwd_cb(context->ssl, tls_no_password);
	if (!SSL_CTX_use_certificate_chain_file(context->ssl, certificate_file))
		error_set(error, "certificate file %s: %s", certificate_file,
			tls_cause());
	else if (!SSL_CTX_use_PrivateKey_file(
			 context->ssl, key_file, SSL_FILETYPE_PEM))
		error_set(error, "key file %s: %s", key_file, tls_cause());
	else
		return context;
	tls_context_free(&context);
	return NULL;
}

void tls_context_free(struct tls_context **context)
{
	if (*context == NULL)
		return;
	SSL_CTX_free((*context)->ssl);
	BIO_meth_free((*context)->method);
	free((*context)->ca_file);
	free(*context);
	*context = NULL;
}

/* ---- why a certificate is refused ---- */

static void tls_format_date(const ASN1_TIME *date, char text_r[DATE_SIZE])
{
	struct tm parts;

	if (date == NULL || !ASN1_TIME_to_tm(date, &parts) ||
		strftime(text_r, DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &parts) ==
			0)
		snprintf(text_r, DATE_SIZE, "an unknown date");
}

/* A name from a certificate may hold any bytes. */
static void tls_add_name(
	struct buffer *names, const unsigned char *name, int size)
{
	if (names->size > 0)
		buffer_add_text(names, ", ");
	for (int i = 0; i < size; i++)
		buffer_printf(names, "%c",
			name[i] >= 0x20 && name[i] < 0x7f ? name[i] : '?');
}

static void tls_add_common_name(const X509_NAME *subject, struct buffer *names)
{
	int at = X509_NAME_get_index_by_NID(
		(X509_NAME *)subject, NID_commonName, -1);
	const ASN1_STRING *text;

	if (at < 0)
		return;
	text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	tls_add_name(
		names, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
}

static void tls_add_alternative(const GENERAL_NAME *name, struct buffer *names)
{
	char text[INET6_ADDRSTRLEN];
	const ASN1_OCTET_STRING *bytes;
	int family;

	if (name->type == GEN_DNS) {
		tls_add_name(names, ASN1_STRING_get0_data(name->d.dNSName),
			ASN1_STRING_length(name->d.dNSName));
		return;
	}
	if (name->type != GEN_IPADD)
		return;
	bytes = name->d.iPAddress;
	family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
	if ((family == AF_INET || ASN1_STRING_length(bytes) == 16) &&
		inet_ntop(family, ASN1_STRING_get0_data(bytes), text,
			sizeof(text)) != NULL)
		tls_add_name(
			names, (const unsigned char *)text, (int)strlen(text));
}

/* What the certificate is for: "a.example, 192.0.2.1"; buffer_free it. */
static void tls_list_names(const X509 *certificate, struct buffer *names)
{
	GENERAL_NAMES *list =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int count = sk_GENERAL_NAME_num(list);

	for (int i = 0; i < count && i < NAMES_SHOWN; i++)
		tls_add_alternative(sk_GENERAL_NAME_value(list, i), names);
	if (count > NAMES_SHOWN)
		buffer_add_text(names, ", ...");
	GENERAL_NAMES_free(list);
	/* RFC 6125 section 6.4.4: the common name counts only without them. */
	if (names->size == 0)
		tls_add_common_name(X509_get_subject_name(certificate), names);
	if (names->size == 0)
		buffer_add_text(names, "nobody");
}

static void tls_explain_name(
	struct tls_session *session, const X509 *certificate)
{
	struct buffer names = BUFFER_EMPTY;

	tls_list_names(certificate, &names);
	error_set(&session->refusal, "certificate of %s is for %.250s, not %s",
		session->host, names.data, session->host);
	buffer_free(&names);
}

static void tls_explain_issuer(
	struct tls_session *session, const X509 *certificate, int number)
{
	const char *trusted =
		session->ca_file != NULL ? session->ca_file : "this host";
	struct buffer issuer = BUFFER_EMPTY;

	if (number == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
		error_set(&session->refusal,
			"certificate of %s is signed by itself and not among "
			"the trusted ones of %s",
			session->host, trusted);
		return;
	}
	tls_add_common_name(X509_get_issuer_name(certificate), &issuer);
	error_set(&session->refusal,
		"certificate of %s: its issuer \"%.100s\" is not among the "
		"trusted ones of %s",
		session->host, issuer.data != NULL ? issuer.data : "", trusted);
	buffer_free(&issuer);
}

static void tls_explain(
	struct tls_session *session, X509_STORE_CTX *store, int number)
{
	const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
	const char *whose = X509_STORE_CTX_get_error_depth(store) == 0
				    ? ""
				    : " (a CA certificate of its chain)";
	char date[DATE_SIZE];

	switch (certificate != NULL ? number : X509_V_ERR_UNSPECIFIED) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		tls_explain_name(session, certificate);
		return;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		tls_format_date(X509_get0_notAfter(certificate), date);
		error_set(&session->refusal,
			"certificate of %s%s expired on %s", session->host,
			whose, date);
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		tls_format_date(X509_get0_notBefore(certificate), date);
		error_set(&session->refusal,
			"certificate of %s%s is not valid before %s",
			session->host, whose, date);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		tls_explain_issuer(session, certificate, number);
		return;
	default:
		error_set(&session->refusal, "certificate of %s%s: %s",
			session->host, whose,
			X509_verify_cert_error_string(number));
	}
}

/* Called for each certificate of the chain; explains the first refusal. */
static int tls_verified(int fine, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_session *session = SSL_get_app_data(ssl);

	if (!fine && session->refusal.text[0] == '\0')
		tls_explain(session, store, X509_STORE_CTX_get_error(store));
	return fine;
}

/* ---- sessions ---- */

static void tls_session_clear(struct tls_session **session)
{
	SSL_free((*session)->ssl);
	free((*session)->host);
	free(*session);
	*session = NULL;
}

static struct tls_session *tls_session_new(
	struct tls_context *context, int socket, struct error *error)
{
	struct tls_session *session = xcalloc(1, sizeof(*session));
	BIO *bio;

	ERR_clear_error();
	session->socket = socket;
	session->ca_file = context->ca_file;
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

/* What ended the handshake, for an administrator. */
static void tls_explain_handshake(
	const struct tls_session *session, int result, struct error *error)
{
	const char *text;

	if (session->refusal.text[0] != '\0')
		text = session->refusal.text;
	else if (session->ended ||
		 SSL_get_error(session->ssl, result) == SSL_ERROR_SYSCALL)
		text = tls_explain_socket(session);
	else
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
		}
	error_set(error, "%s", text);
	ERR_clear_error();
}

struct tls_session *tls_connect(struct tls_context *context, int socket,
	const char *host, struct error *error)
{
	struct tls_session *session = tls_session_new(context, socket, error);
	size_t length = strlen(host);
	int result;

	if (session == NULL)
		return NULL;
	/* The dot that makes a name absolute is in no certificate. */
	if (length > 1 && host[length - 1] == '.')
		length--;
	session->host = xstrndup(host, length);
	if (length == 0 || !tls_expect(session, context->verify)) {
		error_set(error, "bad host name");
	} else {
		result = SSL_connect(session->ssl);
		if (result == 1)
			return session;
		tls_explain_handshake(session, result, error);
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
	result = SSL_write_ex(session->ssl, data, size, &sent);
	return result == 1 ? (ssize_t)sent : tls_fail(session, result);
}

bool tls_pending(const struct tls_session *session)
{
	return SSL_pending(session->ssl) > 0;
}

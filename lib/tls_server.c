/* SPDX-License-Identifier: BSD-2-Clause */
/* A TLS server's certificates, and which of them a client is shown. */
#include <config.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "lib/tls_private.h"
#include "lib/xalloc.h"

/* A daemon has nobody to ask for the password of a key. */
static int tls_no_password(char *text, int size, int writing, void *context)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static int tls_server_load(SSL_CTX *ssl, const char *certificate_file,
	const char *key_file, struct error *error)
{
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(ssl, tls_no_password);
	if (!SSL_CTX_use_certificate_chain_file(ssl, certificate_file))
		error_set(error, "certificate file %s: %s", certificate_file,
			tls_cause());
	else if (!SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM))
		error_set(error, "key file %s: %s", key_file, tls_cause());
	else
		return 0;
	return -1;
}

struct tls_context *tls_server_context_new(
	const char *certificate_file, const char *key_file, struct error *error)
{
	struct tls_context *context =
		tls_context_new(TLS_server_method(), error);

	if (context == NULL)
		return NULL;
	/* Tickets are all that a client needs to resume; a cache of sessions
	 * would only take memory. One ticket is what a mail client uses. */
	SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context->ssl, 1);
	if (tls_server_load(context->ssl, certificate_file, key_file, error) <
		0)
		tls_context_free(&context);
	return context;
}

static bool tls_server_has(SSL_CTX *ssl, const char *name)
{
	return X509_check_host(
		       SSL_CTX_get0_certificate(ssl), name, 0, 0, NULL) == 1;
}

/* OpenSSL asks when it has read the client's first message. */
static int tls_server_choose(SSL *ssl, int *alert, void *of)
{
	const struct tls_context *context = of;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	if (tls_server_has(context->ssl, name))
		return SSL_TLSEXT_ERR_OK;
	for (size_t i = 0; i < context->others_count; i++) {
		SSL_CTX *other = context->others[i];

		if (X509_check_host(SSL_CTX_get0_certificate(other), name, 0, 0,
			    NULL) != 1)
			continue;
		SSL_set_SSL_CTX(ssl, other);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

int tls_server_add(struct tls_context *context, const char *certificate_file,
	const char *key_file, struct error *error)
{
	SSL_CTX *other = SSL_CTX_new(TLS_server_method());

	if (other == NULL) {
		error_set(error, "set up TLS: %s", tls_cause());
		return -1;
	}
	if (tls_server_load(other, certificate_file, key_file, error) < 0) {
		SSL_CTX_free(other);
		return -1;
	}
	context->others = xreallocarray(context->others,
		context->others_count + 1, sizeof(*context->others));
	context->others[context->others_count++] = other;
	SSL_CTX_set_tlsext_servername_callback(context->ssl, tls_server_choose);
	SSL_CTX_set_tlsext_servername_arg(context->ssl, context);
	return 0;
}

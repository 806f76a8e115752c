/* SPDX-License-Identifier: BSD-2-Clause */
/* Between tls*.c, which alone know OpenSSL's TLS. */
#ifndef REHOME_TLS_PRIVATE_H
#define REHOME_TLS_PRIVATE_H

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lib/pin.h"
#include "lib/tls.h"

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *method;
	char *ca_file; /* NULL: the system's */
	bool verify;
	char *pins; /* of public keys that alone are trusted, or NULL */
	atomic_bool refused;
	atomic_uint holders; /* its maker, and its sessions */
	/* of a server: certificates for other names than the first one's */
	SSL_CTX **others;
	size_t others_count;
};

struct tls_session {
	SSL *ssl;
	int socket;
	struct tls_context *context;
	char *host;	       /* of a client */
	struct error *refusal; /* of the certificate, or NULL */
	bool ended;	       /* the socket is at its end */
	bool failed;	       /* nothing more can be sent */
	bool closing;	       /* what is sent now must not wait */
	int number;	       /* errno of the socket */

	bool stepwise; /* made for the functions of tls_step.c */
	bool starved;  /* the socket had nothing to read */
	char *unsent;  /* records that wait for the socket, or NULL: none */
	size_t unsent_at, unsent_size, unsent_room;
	int64_t patience; /* for one step, ms; 0: for ever */
	int64_t deadline; /* of the present one */
};

/* A context of nothing but what client and server share; NULL with an error. */
struct tls_context *tls_context_new(
	const SSL_METHOD *protocol, struct error *error);
/* A session without a handshake; NULL with an error. */
struct tls_session *tls_session_new(
	struct tls_context *context, int socket, struct error *error);
/* Frees it without a word to the peer. */
void tls_session_clear(struct tls_session **session);
/* Makes it a client's, and says whom the certificate must be for. 0 or -1. */
int tls_session_expect(struct tls_session *session, const char *host,
	bool verify, struct error *error);
/* What ended the handshake, for an administrator. True when it was what the
 * peer is. */
bool tls_explain_handshake(
	const struct tls_session *session, int result, struct error *error);

/* The socket of a stepwise session, below OpenSSL: as BIO_read and BIO_write.
 * All that is written is taken. */
int tls_step_read(struct tls_session *session, BIO *bio, char *data, int size);
int tls_step_write(struct tls_session *session, const char *data, int size);

/* The cause of the first error in OpenSSL's queue, which is emptied. */
const char *tls_cause(void);

/*
 * For SSL_set_verify: called for each certificate of the chain, puts the first
 * refusal into the session's words for an administrator.
 */
int tls_verified(int fine, X509_STORE_CTX *store);
/* The pin of a certificate's public key. 0, or -1 when it has none. */
int tls_pin_of(const X509 *certificate, unsigned char pin_r[PIN_SIZE]);
/* Whether the peer's key is among the pins; else with the session's words. */
bool tls_is_pinned(struct tls_session *session);

#endif

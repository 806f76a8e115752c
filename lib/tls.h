/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS by OpenSSL 3. A client verifies the server's certificate and host name
 * unless it is told not to; TLS 1.2 is the least. Blocking sockets.
 */
#ifndef REHOME_TLS_H
#define REHOME_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"

struct tls_context;
struct tls_session;

/*
 * ca_file: PEM file of trust anchors, NULL for the system's. verify false
 * switches verification off. One context serves many sessions and threads.
 */
struct tls_context *tls_client_context_new(
	const char *ca_file, bool verify, struct error *error);
/*
 * From now on the servers' public keys must be among these pins (lib/pin.h),
 * and nothing else of their certificates is looked at: neither issuer nor name
 * nor dates. Before the first session. 0, or -1 for what is no list of pins.
 */
int tls_client_pin(
	struct tls_context *context, const char *pins, struct error *error);
/*
 * True once a handshake has failed for what the peer is, so that another try
 * can only fail again: its certificate or key is refused, or it speaks no TLS,
 * or none that is good enough. What became of a connection is not meant.
 */
bool tls_client_refused(const struct tls_context *context);
/*
 * certificate_file: PEM chain; key_file: its PEM key, which may be in the same
 * file.
 */
struct tls_context *tls_server_context_new(const char *certificate_file,
	const char *key_file, struct error *error);
/*
 * A further certificate: it is shown to clients who ask for one of its names
 * (SNI, RFC 6066 section 3), the first one to all others. Before the first
 * session. 0 or -1.
 */
int tls_server_add(struct tls_context *context, const char *certificate_file,
	const char *key_file, struct error *error);
/* Its maker's; it is there until its last session is over. */
void tls_context_free(struct tls_context **context);

/*
 * Does the handshake on a connected blocking socket, bounded by the socket's
 * own time-outs, and as a whole by a few of them, as is each record later; the
 * socket stays the caller's. host (client only) is the name
 * or IP address that the certificate must be for; it is sent as SNI unless it
 * is an address. The error names the reason of a refused certificate.
 */
struct tls_session *tls_connect(struct tls_context *context, int socket,
	const char *host, struct error *error);
struct tls_session *tls_accept(
	struct tls_context *context, int socket, struct error *error);
/* Sends close_notify when the peer is alive, frees the session. */
void tls_session_free(struct tls_session **session);

/*
 * As read(2) and write(2): bytes, 0 at a clean end (the peer's close_notify),
 * -1 with errno on an error: EAGAIN for a time-out, ECONNRESET for an end
 * without close_notify, EPROTO for what is no TLS. After -1 the session is of
 * no further use. tls_write writes all or fails; SIGPIPE is never raised.
 */
ssize_t tls_read(struct tls_session *session, void *data, size_t size);
ssize_t tls_write(struct tls_session *session, const void *data, size_t size);
/* True when bytes are decrypted already, so that poll(2) would not tell. */
bool tls_pending(const struct tls_session *session);

/* ---- without waiting ---- */

/*
 * A session on a non-blocking socket, whose handshake is yet to be done; the
 * arguments are those of tls_connect and tls_accept. Only what follows may be
 * called with it, and tls_session_free. SIGPIPE is not raised.
 */
struct tls_session *tls_begin_client(struct tls_context *context, int socket,
	const char *host, struct error *error);
struct tls_session *tls_begin_server(
	struct tls_context *context, int socket, struct error *error);

/*
 * Goes on with the handshake. 1: done, 0: the socket has to be readable, or
 * writable when tls_unsent says so; -1 with an error as of tls_connect.
 */
int tls_handshake(struct tls_session *session, struct error *error);

/*
 * Octets, 0 at the end (with close_notify or without: a protocol of lines knows
 * what is whole), -1 with errno: EAGAIN when the socket has to be readable
 * first; after any other the session is of no further use. After the handshake.
 */
ssize_t tls_receive(struct tls_session *session, void *data, size_t size);
/* Whether the last of tls_handshake and tls_receive found nothing to read. */
bool tls_starved(const struct tls_session *session);
/*
 * size when all was taken, or -1 with errno: EAGAIN when the socket has to be
 * writable first, for what was taken before. What the socket has no room for is
 * kept, and goes with the next call or with tls_flush.
 */
ssize_t tls_send(struct tls_session *session, const void *data, size_t size);
/* Sends what is kept. 0, or -1 as tls_send. */
int tls_flush(struct tls_session *session);
/* Octets that are kept. */
size_t tls_unsent(const struct tls_session *session);
/* Says that no more will be sent (close_notify), behind all that is kept; what
 * the peer sends is still received. 0, or -1 as tls_send. */
int tls_end(struct tls_session *session);

#endif

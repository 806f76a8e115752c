/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A non-blocking connection, clear or by TLS. Readiness is told once, when it
 * begins (edge triggered): it is kept here until a call finds that there is no
 * more.
 */
#ifndef REHOME_GATEWAY_STREAM_H
#define REHOME_GATEWAY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"
#include "lib/tls.h"

/* Instead of a number of octets. */
#define STREAM_WAIT   0	   /* nothing now: wait for readiness */
#define STREAM_END    (-1) /* of what the peer sends; a last read told it */
#define STREAM_BROKEN (-2) /* the connection is of no further use */

struct stream {
	int socket;    /* -1: none */
	bool readable; /* for all that is known */
	bool writable;
	bool told_again;	 /* readable, while that was known already */
	bool ended;		 /* the peer sends no more */
	bool shut;		 /* we send no more */
	bool shaking;		 /* the handshake is not done */
	bool broken;		 /* the handshake has failed */
	struct tls_session *tls; /* or NULL */
};

/* Takes over a connected socket and makes it non-blocking, without delay. */
void stream_open(struct stream *stream, int socket);
/* Closes at once; a closed one may be closed again. What TLS still has of ours
 * (stream_unsent) is lost. */
void stream_close(struct stream *stream);

/* What the event loop says; before anything else is done about it. */
void stream_ready(struct stream *stream, bool readable, bool writable);

/*
 * The stream goes on by TLS, as server or as client (lib/tls.h); with STARTTLS
 * when the last clear line is written, and what came behind the client's is
 * thrown away by the caller. The context outlives the stream. 0, or -1.
 */
int stream_begin_tls_server(struct stream *stream, struct tls_context *context,
	struct error *error);
int stream_begin_tls_client(struct stream *stream, struct tls_context *context,
	const char *host, struct error *error);
/*
 * Goes on with the handshake. 1: done (or none is needed), 0: wait for
 * readiness, -1: refused or broken, with the reason the first time. Reading and
 * writing do this too, and wait meanwhile.
 */
int stream_handshake(struct stream *stream, struct error *error);

/* Octets, or one of the above. */
ssize_t stream_read(struct stream *stream, void *data, size_t size);
ssize_t stream_write(struct stream *stream, const void *data, size_t size);
/*
 * From the stream into a pipe, and out of one into the stream: without a copy.
 * As read and write. Only for streams without TLS.
 */
ssize_t stream_read_pipe(struct stream *stream, int pipe, size_t size);
ssize_t stream_write_pipe(struct stream *stream, int pipe, size_t size);

/*
 * Octets that were written, and wait in TLS for room in the socket: when there
 * are any the stream is not writable, and stream_ready sends them.
 */
size_t stream_unsent(const struct stream *stream);

/* Sends no more; the peer sees the end behind what was written. */
void stream_shut(struct stream *stream);

#endif

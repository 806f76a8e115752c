/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A non-blocking connection. Readiness is told once, when it begins (edge
 * triggered): it is kept here until a call finds that there is no more.
 */
#ifndef REHOME_GATEWAY_STREAM_H
#define REHOME_GATEWAY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Instead of a number of octets. */
#define STREAM_WAIT   0	   /* nothing now: wait for readiness */
#define STREAM_END    (-1) /* of what the peer sends; a last read told it */
#define STREAM_BROKEN (-2) /* the connection is of no further use */

struct stream {
	int socket;    /* -1: none */
	bool readable; /* for all that is known */
	bool writable;
	bool ended; /* the peer sends no more */
	bool shut;  /* we send no more */
};

/* Takes over a connected socket and makes it non-blocking, without delay. */
void stream_open(struct stream *stream, int socket);
/* Closes at once; a closed one may be closed again. */
void stream_close(struct stream *stream);

/* Octets, or one of the above. */
ssize_t stream_read(struct stream *stream, void *data, size_t size);
ssize_t stream_write(struct stream *stream, const void *data, size_t size);
/* From the stream into a pipe, and out of one into the stream: without a copy.
 * As read and write. */
ssize_t stream_read_pipe(struct stream *stream, int pipe, size_t size);
ssize_t stream_write_pipe(struct stream *stream, int pipe, size_t size);

/* Sends no more; the peer sees the end behind what was written. */
void stream_shut(struct stream *stream);

#endif

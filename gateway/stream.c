/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets without waiting, and TLS on them. */
#include "config.h"

#include "gateway/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

void stream_open(struct stream *stream, int socket)
{
	const int on = 1;

	*stream = (struct stream){
		.socket = socket, .readable = true, .writable = true
	};
	(void)fcntl(socket, F_SETFL, O_NONBLOCK);
	/* A UNIX socket has no such thing. */
	(void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void stream_close(struct stream *stream)
{
	tls_session_free(&stream->tls);
	if (stream->socket >= 0)
		close(stream->socket);
	*stream = (struct stream){ .socket = -1 };
}

void stream_ready(struct stream *stream, bool readable, bool writable)
{
	stream->told_again =
		stream->told_again || (readable && stream->readable);
	stream->readable = stream->readable || readable;
	stream->writable = stream->writable || writable;
	if (!writable || stream_unsent(stream) == 0)
		return;
	/* An end that waited behind it goes now. */
	if (tls_flush(stream->tls) < 0)
		stream->writable = false;
	else if (stream->shut)
		(void)shutdown(stream->socket, SHUT_WR);
}

/* ---- TLS ---- */

/* What the session found out about the socket; when it has read from it. */
static void stream_note(struct stream *stream, bool has_read)
{
	if (has_read && tls_starved(stream->tls))
		stream->readable = false;
	if (tls_unsent(stream->tls) > 0)
		stream->writable = false;
}

static int stream_begin(struct stream *stream, struct tls_session *session)
{
	stream->tls = session;
	stream->shaking = session != NULL;
	return session != NULL ? 0 : -1;
}

int stream_begin_tls_server(
	struct stream *stream, struct tls_context *context, struct error *error)
{
	return stream_begin(
		stream, tls_begin_server(context, stream->socket, error));
}

int stream_begin_tls_client(struct stream *stream, struct tls_context *context,
	const char *host, struct error *error)
{
	return stream_begin(
		stream, tls_begin_client(context, stream->socket, host, error));
}

int stream_handshake(struct stream *stream, struct error *error)
{
	int result;

	if (stream->broken)
		return -1;
	if (!stream->shaking)
		return 1;
	result = tls_handshake(stream->tls, error);
	stream_note(stream, true);
	stream->broken = result < 0;
	if (result == 1)
		stream->shaking = false;
	return result;
}

size_t stream_unsent(const struct stream *stream)
{
	return stream->tls != NULL ? tls_unsent(stream->tls) : 0;
}

/* What a failed call of the session means. */
static ssize_t stream_tls_failed(void)
{
	return errno == EAGAIN ? STREAM_WAIT : STREAM_BROKEN;
}

/* Whether octets can go now: else STREAM_WAIT or STREAM_BROKEN in *instead_r.
 */
static bool stream_is_open(struct stream *stream, ssize_t *instead_r)
{
	int done = stream_handshake(stream, NULL);

	*instead_r = done < 0 ? STREAM_BROKEN : STREAM_WAIT;
	return done == 1;
}

/* ---- octets ---- */

/* What a failed call of the system means. */
static ssize_t stream_failed(bool *ready)
{
	if (errno == EINTR)
		return STREAM_WAIT; /* and it is as ready as before */
	*ready = false;
	return errno == EAGAIN ? STREAM_WAIT : STREAM_BROKEN;
}

static ssize_t stream_end(struct stream *stream)
{
	stream->ended = true;
	stream->readable = false;
	return STREAM_END;
}

static ssize_t stream_read_tls(struct stream *stream, void *data, size_t size)
{
	ssize_t got;

	if (!stream_is_open(stream, &got))
		return got;
	got = tls_receive(stream->tls, data, size);
	stream_note(stream, true);
	if (got == 0)
		return stream_end(stream);
	return got > 0 ? got : stream_tls_failed();
}

ssize_t stream_read(struct stream *stream, void *data, size_t size)
{
	ssize_t got;

	if (stream->tls != NULL)
		return stream_read_tls(stream, data, size);
	got = recv(stream->socket, data, size, 0);
	if (got > 0) {
		/* An end that came with it is told again (gateway/loop.h), if
		 * it was not already while nobody could read. */
		stream->readable = (size_t)got == size || stream->told_again;
		stream->told_again = stream->told_again && (size_t)got == size;
		return got;
	}
	if (got < 0)
		return stream_failed(&stream->readable);
	return stream_end(stream);
}

static ssize_t stream_write_tls(
	struct stream *stream, const void *data, size_t size)
{
	ssize_t put;

	if (!stream_is_open(stream, &put))
		return put;
	put = tls_send(stream->tls, data, size);
	stream_note(stream, false);
	return put >= 0 ? put : stream_tls_failed();
}

ssize_t stream_write(struct stream *stream, const void *data, size_t size)
{
	ssize_t put;

	if (stream->tls != NULL)
		return stream_write_tls(stream, data, size);
	put = send(stream->socket, data, size, MSG_NOSIGNAL);
	if (put >= 0)
		return put;
	return stream_failed(&stream->writable);
}

ssize_t stream_read_pipe(struct stream *stream, int pipe, size_t size)
{
	ssize_t got = splice(stream->socket, NULL, pipe, NULL, size,
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (got > 0)
		return got;
	if (got < 0)
		return stream_failed(&stream->readable);
	return stream_end(stream);
}

ssize_t stream_write_pipe(struct stream *stream, int pipe, size_t size)
{
	ssize_t put = splice(pipe, NULL, stream->socket, NULL, size,
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (put >= 0)
		return put;
	return stream_failed(&stream->writable);
}

void stream_shut(struct stream *stream)
{
	if (stream->shut)
		return;
	stream->shut = true;
	if (stream->tls != NULL && !stream->shaking)
		(void)tls_end(stream->tls);
	if (stream_unsent(stream) == 0)
		(void)shutdown(stream->socket, SHUT_WR);
}

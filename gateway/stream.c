/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets without waiting. */
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
	if (stream->socket >= 0)
		close(stream->socket);
	*stream = (struct stream){ .socket = -1 };
}

/* What a failed call means. */
static ssize_t stream_failed(bool *ready)
{
	if (errno == EINTR)
		return STREAM_WAIT; /* and it is as ready as before */
	*ready = false;
	return errno == EAGAIN ? STREAM_WAIT : STREAM_BROKEN;
}

ssize_t stream_read(struct stream *stream, void *data, size_t size)
{
	ssize_t got = recv(stream->socket, data, size, 0);

	if (got > 0)
		return got;
	if (got < 0)
		return stream_failed(&stream->readable);
	stream->ended = true;
	stream->readable = false;
	return STREAM_END;
}

ssize_t stream_write(struct stream *stream, const void *data, size_t size)
{
	ssize_t put = send(stream->socket, data, size, MSG_NOSIGNAL);

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
	stream->ended = true;
	stream->readable = false;
	return STREAM_END;
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
	(void)shutdown(stream->socket, SHUT_WR);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets and TLS for libetpan by its public driver interface. Two of its
 * traps are closed here: an end of file inside a literal makes it loop for
 * ever unless a read then fails, and an endless line fills the memory.
 */
#include "config.h"

#include "copier/imap_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/endpoint.h"
#include "lib/tls.h"
#include "lib/xalloc.h"

/* Greeting and capabilities are far smaller. */
#define IMAP_STREAM_LINE_MAX  8192
#define IMAP_STREAM_TOTAL_MAX 65536

struct imap_stream {
	int socket;
	struct tls_context *context;
	struct tls_session *session;
	mailstream_low *low;
	bool guarded;
	size_t line;  /* bytes since the last line end, while guarded */
	size_t total; /* bytes read, while guarded */
	struct error failure;
};

static ssize_t imap_stream_low_read(
	mailstream_low *low, void *data, size_t size)
{
	return imap_stream_read(low->data, data, size, NULL);
}

static ssize_t imap_stream_low_write(
	mailstream_low *low, const void *data, size_t size)
{
	if (imap_stream_write(low->data, data, size, NULL) < 0)
		return -1;
	return (ssize_t)size;
}

static int imap_stream_low_close(mailstream_low *low)
{
	(void)low;
	return 0;
}

static int imap_stream_low_fd(mailstream_low *low)
{
	struct imap_stream *stream = low->data;

	return stream->socket;
}

static void imap_stream_low_free(mailstream_low *low)
{
	struct imap_stream *stream = low->data;

	stream->low = NULL;
	free(low);
}

static void imap_stream_low_cancel(mailstream_low *low)
{
	(void)low;
}

static mailstream_low_driver imap_stream_driver = {
	.mailstream_read = imap_stream_low_read,
	.mailstream_write = imap_stream_low_write,
	.mailstream_close = imap_stream_low_close,
	.mailstream_get_fd = imap_stream_low_fd,
	.mailstream_free = imap_stream_low_free,
	.mailstream_cancel = imap_stream_low_cancel,
};

struct imap_stream *imap_stream_open(
	const struct mailbox_target *target, struct error *error)
{
	struct imap_stream *stream = xcalloc(1, sizeof(*stream));
	const char *quote = strchr(target->host, ':') != NULL ? "[]" : "";
	char *endpoint = xasprintf("inet:%.1s%s%s:%u", quote, target->host,
		quote[0] != '\0' ? quote + 1 : "", target->port);

	stream->guarded = true;
	stream->socket = endpoint_connect(endpoint, target->timeout_ms, error);
	free(endpoint);
	if (stream->socket < 0 ||
		(target->security == MAILBOX_TLS &&
			imap_stream_encrypt(stream, target, error) < 0))
		imap_stream_free(&stream);
	return stream;
}

void imap_stream_free(struct imap_stream **stream)
{
	if (*stream == NULL)
		return;
	tls_session_free(&(*stream)->session);
	tls_context_free(&(*stream)->context);
	if ((*stream)->socket >= 0)
		close((*stream)->socket);
	free(*stream);
	*stream = NULL;
}

mailstream_low *imap_stream_low(struct imap_stream *stream)
{
	if (stream->low == NULL)
		stream->low = mailstream_low_new(stream, &imap_stream_driver);
	return stream->low;
}

int imap_stream_encrypt(struct imap_stream *stream,
	const struct mailbox_target *target, struct error *error)
{
	stream->context =
		tls_client_context_new(target->ca_file, target->verify, error);
	if (stream->context == NULL)
		return -1;
	stream->session = tls_connect(
		stream->context, stream->socket, target->host, error);
	return stream->session != NULL ? 0 : -1;
}

void imap_stream_unguard(struct imap_stream *stream)
{
	stream->guarded = false;
}

/* False when libetpan has been given more than it can be trusted with. */
static bool imap_stream_guard(
	struct imap_stream *stream, const char *data, size_t size)
{
	const char *end = data + size;
	const char *line;

	stream->total += size;
	while ((line = memchr(data, '\n', (size_t)(end - data))) != NULL) {
		if (stream->line + (size_t)(line - data) > IMAP_STREAM_LINE_MAX)
			return false;
		stream->line = 0;
		data = line + 1;
	}
	stream->line += (size_t)(end - data);
	return stream->line <= IMAP_STREAM_LINE_MAX &&
	       stream->total <= IMAP_STREAM_TOTAL_MAX;
}

static ssize_t imap_stream_fail(struct imap_stream *stream, struct error *error,
	const char *what, const char *why)
{
	error_set(&stream->failure, "%s: %s", what, why);
	error_set(error, "%s", stream->failure.text);
	return -1;
}

static const char *imap_stream_cause(void)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return "timed out";
	return errno != 0 ? strerror(errno) : "connection broken";
}

ssize_t imap_stream_read(struct imap_stream *stream, void *data, size_t size,
	struct error *error)
{
	ssize_t got;

	do {
		errno = 0;
		got = stream->session != NULL
			      ? tls_read(stream->session, data, size)
			      : read(stream->socket, data, size);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return imap_stream_fail(
			stream, error, "read", imap_stream_cause());
	if (got == 0)
		return imap_stream_fail(stream, error, "read",
			"connection closed by the server");
	if (stream->guarded && !imap_stream_guard(stream, data, (size_t)got))
		return imap_stream_fail(stream, error, "read",
			"the server's greeting is too long");
	return got;
}

int imap_stream_write(struct imap_stream *stream, const void *data, size_t size,
	struct error *error)
{
	const char *at = data;

	while (size > 0) {
		ssize_t put;

		errno = 0;
		put = stream->session != NULL
			      ? tls_write(stream->session, at, size)
			      : write(stream->socket, at, size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return (int)imap_stream_fail(
				stream, error, "write", imap_stream_cause());
		at += put;
		size -= (size_t)put;
	}
	return 0;
}

const char *imap_stream_failure(const struct imap_stream *stream)
{
	return stream->failure.text;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets and TLS for libetpan by its public driver interface. Two of its
 * traps are closed here: an end of file inside a literal makes it loop for
 * ever unless a read then fails, and an endless line fills the memory.
 */
#include "config.h"

#include "copier/imap_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "copier/access.h"

#include "copier/cutoff.h"
#include "copier/trickle.h"

#include "lib/endpoint.h"
#include "lib/instant.h"
#include "lib/tls.h"
#include "lib/xalloc.h"

/* Greeting and capabilities are far smaller. */
#define IMAP_STREAM_LINE_MAX  8192
#define IMAP_STREAM_TOTAL_MAX 65536
/* A server that is silent so long at first may be waiting for our TLS; to see
 * that takes so long at most (ms). */
#define IMAP_STREAM_SILENCE 3000
#define IMAP_STREAM_PROBE   5000

struct imap_stream {
	int socket;
	struct tls_context *context;
	struct tls_session *session;
	mailstream_low *low;
	bool guarded;
	size_t line;	   /* bytes since the last line end, while guarded */
	size_t total;	   /* bytes read, while guarded */
	struct pace *pace; /* or NULL */
	struct trickle in, out;
	bool inside; /* what the server has begun to say */
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

static int imap_stream_connect(const struct mailbox_target *target,
	int timeout_ms, struct error *error)
{
	const char *quote = strchr(target->host, ':') != NULL ? "[]" : "";
	char *endpoint = xasprintf("inet:%.1s%s%s:%u", quote, target->host,
		quote[0] != '\0' ? quote + 1 : "", target->port);
	int connected = endpoint_connect(endpoint, timeout_ms, error);

	free(endpoint);
	return connected;
}

/* Whether the server does a TLS handshake on a connection just opened. */
static bool imap_stream_is_tls(const struct mailbox_target *target)
{
	struct tls_context *context = tls_client_context_new(NULL, false, NULL);
	struct tls_session *session = NULL;
	int connected = -1;
	bool is_tls;

	if (context != NULL)
		connected =
			imap_stream_connect(target, IMAP_STREAM_PROBE, NULL);
	if (connected >= 0)
		session = tls_connect(context, connected, target->host, NULL);
	is_tls = session != NULL;
	tls_session_free(&session);
	tls_context_free(&context);
	if (connected >= 0)
		close(connected);
	return is_tls;
}

/* The server speaks first; one that does not may want TLS at once. */
static int imap_stream_listen(struct imap_stream *stream,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	struct pollfd wait = { .fd = stream->socket, .events = POLLIN };
	int ms = target->timeout_ms > 0 &&
				 target->timeout_ms < IMAP_STREAM_SILENCE
			 ? target->timeout_ms
			 : IMAP_STREAM_SILENCE;

	if (poll(&wait, 1, ms) != 0 || !imap_stream_is_tls(target))
		return 0;
	*failure_r = MAILBOX_UNFIT;
	error_set(error,
		"port %u of %s speaks TLS at once: it is one for imaps://",
		target->port, target->host);
	return -1;
}

static int imap_stream_handshake(struct imap_stream *stream,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	const char *pins = access_pins(target->access);

	/* What is pinned needs no trust anchors. */
	stream->context = tls_client_context_new(
		target->ca_file, target->verify && pins == NULL, error);
	if (stream->context == NULL ||
		(pins != NULL &&
			tls_client_pin(stream->context, pins, error) < 0)) {
		*failure_r = MAILBOX_UNFIT;
		return -1;
	}
	stream->session = tls_connect(
		stream->context, stream->socket, target->host, error);
	if (stream->session != NULL)
		return 0;
	if (tls_client_refused(stream->context))
		*failure_r = MAILBOX_UNFIT;
	return -1;
}

static int imap_stream_begin(struct imap_stream *stream,
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	if (target->security != MAILBOX_TLS)
		return imap_stream_listen(stream, target, failure_r, error);
	if (imap_stream_handshake(stream, target, failure_r, error) == 0)
		return 0;
	if (strstr(error->text, "does not speak TLS") != NULL)
		error_set(error,
			"TLS with %s: the peer does not speak TLS here: port "
			"%u is one for imap+starttls:// or imap://",
			target->host, target->port);
	return -1;
}

struct imap_stream *imap_stream_open(const struct mailbox_target *target,
	enum mailbox_failure *failure_r, struct error *error)
{
	struct imap_stream *stream = xcalloc(1, sizeof(*stream));

	stream->guarded = true;
	stream->pace = access_pace(target->access);
	stream->in.timeout_ms = stream->out.timeout_ms = target->timeout_ms;
	stream->socket = imap_stream_connect(target, target->timeout_ms, error);
	if (stream->socket >= 0)
		cutoff_add(stream->socket);
	if (stream->socket < 0 ||
		imap_stream_begin(stream, target, failure_r, error) < 0)
		imap_stream_free(&stream);
	return stream;
}

void imap_stream_free(struct imap_stream **stream)
{
	if (*stream == NULL)
		return;
	tls_session_free(&(*stream)->session);
	tls_context_free(&(*stream)->context);
	if ((*stream)->socket >= 0) {
		cutoff_drop((*stream)->socket);
		close((*stream)->socket);
	}
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
	const struct mailbox_target *target, enum mailbox_failure *failure_r,
	struct error *error)
{
	if (imap_stream_handshake(stream, target, failure_r, error) == 0)
		return 0;
	/* It has agreed: what comes in then is noise, or somebody's between. */
	if (strstr(error->text, "does not speak TLS") != NULL) {
		*failure_r = MAILBOX_LATER;
		error_set(error,
			"TLS with %s: other octets came in after both had "
			"agreed on it",
			target->host);
	}
	return -1;
}

static bool imap_stream_is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->ss_family == AF_INET6 &&
	       (IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) &&
			       six->sin6_addr.s6_addr[12] == IN_LOOPBACKNET));
}

bool imap_stream_is_exposed(const struct imap_stream *stream)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof(peer);

	return stream->session == NULL &&
	       (getpeername(stream->socket, (struct sockaddr *)&peer, &size) <
			       0 ||
		       !imap_stream_is_loopback(&peer));
}

void imap_stream_unguard(struct imap_stream *stream)
{
	stream->guarded = false;
	trickle_ended(&stream->in);
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
	if (cutoff_is_done())
		return "cut off";
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return "timed out";
	return errno != 0 ? strerror(errno) : "connection broken";
}

void imap_stream_expect(struct imap_stream *stream, bool inside)
{
	stream->inside = inside;
}

void imap_stream_ended(struct imap_stream *stream)
{
	trickle_ended(&stream->in);
}

ssize_t imap_stream_read(struct imap_stream *stream, void *data, size_t size,
	struct error *error)
{
	int64_t began = instant_monotonic();
	struct error slow;
	ssize_t got;

	size = pace_piece(stream->pace, size);
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
			cutoff_is_done() ? "cut off"
					 : "connection closed by the server");
	if (stream->guarded && !imap_stream_guard(stream, data, (size_t)got))
		return imap_stream_fail(stream, error, "read",
			"the server's greeting is too long");
	if (trickle_add(&stream->in, stream->inside,
		    instant_monotonic() - began, (size_t)got,
		    stream->guarded ? TRICKLE_SET_UP : TRICKLE_ANSWER,
		    &slow) < 0)
		return imap_stream_fail(stream, error, "read", slow.text);
	pace_spend(stream->pace, (uint64_t)got, 0);
	return got;
}

int imap_stream_write(struct imap_stream *stream, const void *data, size_t size,
	struct error *error)
{
	const char *at = data;

	while (size > 0) {
		size_t piece = pace_piece(stream->pace, size);
		int64_t began = instant_monotonic();
		struct error slow;
		ssize_t put;

		errno = 0;
		put = stream->session != NULL
			      ? tls_write(stream->session, at, piece)
			      : write(stream->socket, at, piece);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return (int)imap_stream_fail(
				stream, error, "write", imap_stream_cause());
		if (trickle_add(&stream->out, true, instant_monotonic() - began,
			    (size_t)put, TRICKLE_ANSWER, &slow) < 0)
			return (int)imap_stream_fail(
				stream, error, "write", slow.text);
		pace_spend(stream->pace, (uint64_t)put, 0);
		at += put;
		size -= (size_t)put;
	}
	return 0;
}

const char *imap_stream_failure(const struct imap_stream *stream)
{
	return stream->failure.text;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets to homes. */
#include "config.h"

#include "gateway/delivery_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#include "gateway/dial.h"
#include "gateway/proxy_header.h"

#define DELIVERY_LINE_READ 16384
/* ms: until it is connected, and has said what it can. */
#define DELIVERY_LINE_CONNECT 10000
#define DELIVERY_LINE_SETUP   10000

enum delivery_line_stage {
	DELIVERY_LINE_DIAL,
	DELIVERY_LINE_TALK,
	DELIVERY_LINE_BEFORE_TLS, /* when what goes in clear has gone out */
	DELIVERY_LINE_SHAKE,
	DELIVERY_LINE_LINGER,
	DELIVERY_LINE_DEAD, /* to be freed when nobody stands on it */
};

static void delivery_line_run(void *context);

static void delivery_line_free(struct delivery_line *line)
{
	lmtp_home_free(&line->talk);
	settings_release(&line->settings);
	buffer_free(&line->out);
	free(line->client);
	free(line);
}

void delivery_line_close(struct delivery_line **line_pointer)
{
	struct delivery_line *line = *line_pointer;

	*line_pointer = NULL;
	if (line == NULL || line->stage == DELIVERY_LINE_DEAD)
		return;
	loop_timer_clear(line->loop, &line->timer);
	loop_undefer(line->loop, &line->work);
	loop_watch_free(&line->watch);
	stream_close(&line->stream);
	line->stage = DELIVERY_LINE_DEAD;
	if (!line->busy)
		delivery_line_free(line);
}

/* Tells its user, and closes. */
static void delivery_line_fail(
	struct delivery_line *line, const struct lmtp_reply *reply)
{
	bool lingers = line->stage == DELIVERY_LINE_LINGER;

	line->calls->lost(line->context, reply, line->hung);
	if (lingers || line->stage != DELIVERY_LINE_LINGER)
		delivery_line_close(&line);
}

static void delivery_line_fail_words(
	struct delivery_line *line, const char *code, const char *words)
{
	struct lmtp_reply reply = { 0, BUFFER_EMPTY };

	reply.code = 451;
	buffer_printf(&reply.text, "%s %s: %s", code, line->home->name, words);
	delivery_line_fail(line, &reply);
	lmtp_reply_clear(&reply);
}

/* Whoever has called it goes back to the loop. */
static void delivery_line_leave(struct delivery_line *line)
{
	line->busy = false;
	if (line->stage == DELIVERY_LINE_DEAD)
		delivery_line_free(line);
}

static void delivery_line_late(void *context)
{
	struct delivery_line *line = context;

	line->busy = true;
	line->hung = true;
	delivery_line_fail_words(line,
		line->stage == DELIVERY_LINE_DIAL ? "4.4.1" : "4.4.2",
		"it does not answer");
	delivery_line_leave(line);
}

static void delivery_line_progress(struct delivery_line *line)
{
	if (line->limit > 0)
		loop_timer_set(line->loop, &line->timer, line->limit,
			delivery_line_late, line);
}

void delivery_line_expect(struct delivery_line *line, int64_t ms)
{
	line->limit = ms;
	if (ms > 0)
		delivery_line_progress(line);
	else
		loop_timer_clear(line->loop, &line->timer);
}

void delivery_line_send(struct delivery_line *line)
{
	loop_defer(line->loop, &line->work, delivery_line_run, line);
}

void delivery_line_linger(struct delivery_line *line, int64_t ms)
{
	line->stage = DELIVERY_LINE_LINGER;
	line->hung = false;
	stream_shut(&line->stream);
	delivery_line_expect(line, ms);
	delivery_line_send(line);
}

/* ---- connecting ---- */

static void delivery_line_ready(void *context, bool readable, bool writable)
{
	struct delivery_line *line = context;

	/* before it is connected the socket is no stream yet */
	if (line->stage == DELIVERY_LINE_DIAL)
		line->stream.writable = writable;
	else
		stream_ready(&line->stream, readable, writable);
	delivery_line_run(line);
}

/* Tries the next address; each once. false: there is none left. */
static bool delivery_line_dial(struct delivery_line *line)
{
	const struct dial_target *target = &line->home->target;

	while (line->turn < target->count) {
		int socket = dial_begin(&target->addresses[line->turn++]);

		if (socket < 0)
			continue;
		line->stream = (struct stream){ .socket = socket };
		line->watch = loop_watch_new(
			line->loop, socket, delivery_line_ready, line);
		if (line->watch != NULL)
			return true;
		stream_close(&line->stream);
		errno = ENOSPC;
	}
	return false;
}

static int delivery_line_shake(struct delivery_line *line, struct error *error)
{
	line->stage = DELIVERY_LINE_SHAKE;
	return stream_begin_tls_client(
		&line->stream, line->home->context, line->home->host, error);
}

/* Whose mail it is goes first of all, where the home wants that. The port is
 * not known: a connection serves many messages. */
static void delivery_line_introduce(struct delivery_line *line)
{
	struct proxy_header header = { .known = line->client != NULL };
	char text[PROXY_HEADER_MADE];

	if (line->home->client_address != CONFIG_CLIENT_PROXY)
		return;
	if (header.known) {
		snprintf(header.client, sizeof(header.client), "%s",
			line->client);
		snprintf(header.server, sizeof(header.server), "%s",
			strchr(line->client, ':') != NULL ? "::" : "0.0.0.0");
	}
	buffer_add(&line->out, text, proxy_header_make(&header, 2, text));
}

/* Returns false when there is nothing to do now, or ever. */
static bool delivery_line_connecting(struct delivery_line *line)
{
	int cause = 0;

	if (line->turn > 0 && !line->stream.writable)
		return false;
	errno = EHOSTUNREACH; /* of a name without addresses */
	if (line->turn > 0)
		cause = dial_result(line->stream.socket);
	if (line->turn == 0 || cause != 0) {
		loop_watch_free(&line->watch);
		stream_close(&line->stream);
		if (cause != 0)
			errno = cause;
		if (!delivery_line_dial(line))
			delivery_line_fail_words(
				line, "4.4.1", strerror(errno));
		return false;
	}
	stream_open(&line->stream, line->stream.socket);
	line->stage = DELIVERY_LINE_TALK;
	delivery_line_expect(line, DELIVERY_LINE_SETUP);
	delivery_line_introduce(line);
	if (line->home->tls == HOME_TLS)
		line->stage = DELIVERY_LINE_BEFORE_TLS;
	return true;
}

/* The same. */
static bool delivery_line_shaking(struct delivery_line *line)
{
	struct error error = { "it has closed" };
	int done = stream_handshake(&line->stream, &error);

	if (done < 0)
		delivery_line_fail_words(line, "4.7.5", error.text);
	if (done <= 0)
		return false;
	line->stage = DELIVERY_LINE_TALK;
	if (line->home->tls == HOME_STARTTLS)
		lmtp_home_secured(line->talk, &line->out);
	return true;
}

/* ---- talking ---- */

/* Writes what it can. 1 all has gone, 0 not, -1 the home is lost. */
static int delivery_line_flush(struct delivery_line *line)
{
	while (line->sent < line->out.size) {
		ssize_t put =
			stream_write(&line->stream, line->out.data + line->sent,
				line->out.size - line->sent);

		if (put < 0)
			return -1;
		if (put == STREAM_WAIT)
			return 0;
		line->sent += (size_t)put;
		delivery_line_progress(line);
	}
	buffer_clear(&line->out);
	line->sent = 0;
	return 1;
}

/* What the home says. Returns false when the line is no more. */
static bool delivery_line_hear(
	struct delivery_line *line, const char *data, size_t size)
{
	enum lmtp_home_event event;
	size_t used;

	do {
		event = lmtp_home_input(
			line->talk, data, size, &used, &line->out);
		data += used;
		size -= used;
		if (event == LMTP_HOME_LOST) {
			delivery_line_fail(line, lmtp_home_reply(line->talk));
			return false;
		}
		if (event == LMTP_HOME_STARTTLS) {
			line->stage = DELIVERY_LINE_BEFORE_TLS;
			if (size > 0)
				delivery_line_fail_words(line, "4.7.0",
					"it says too much before TLS");
			return size == 0;
		}
		if (event == LMTP_HOME_READY) {
			line->ready = true;
			delivery_line_expect(line, 0);
		}
		if (event != LMTP_HOME_MORE)
			line->calls->event(line->context, event);
		if (line->stage == DELIVERY_LINE_DEAD)
			return false;
	} while (event != LMTP_HOME_MORE || size > 0);
	return true;
}

/* Reads until there is no more. Returns false when the line is no more. */
static bool delivery_line_read(struct delivery_line *line)
{
	char data[DELIVERY_LINE_READ];
	ssize_t got;

	while (line->stage == DELIVERY_LINE_TALK) {
		got = stream_read(&line->stream, data, sizeof(data));
		if (got == STREAM_WAIT)
			return true;
		if (got < 0) {
			delivery_line_fail_words(
				line, "4.4.2", "it has closed");
			return false;
		}
		delivery_line_progress(line);
		if (!delivery_line_hear(line, data, (size_t)got))
			return false;
	}
	return true;
}

/* It is of no interest what the home still says, but that it ends. */
static void delivery_line_await_end(struct delivery_line *line)
{
	char data[DELIVERY_LINE_READ];
	ssize_t got;

	do
		got = stream_read(&line->stream, data, sizeof(data));
	while (got > 0);
	if (got < 0)
		delivery_line_fail_words(line, "4.4.2", "it has closed");
}

static void delivery_line_talk(struct delivery_line *line)
{
	bool had = line->out.size > 0;
	int done;

	if (!delivery_line_read(line))
		return;
	had = had || line->out.size > 0;
	done = delivery_line_flush(line);
	if (done < 0) {
		delivery_line_fail_words(line, "4.4.2", "it has closed");
		return;
	}
	if (line->stage == DELIVERY_LINE_BEFORE_TLS && done == 1) {
		struct error error;

		if (delivery_line_shake(line, &error) < 0)
			delivery_line_fail_words(line, "4.7.5", error.text);
		else
			delivery_line_send(line);
		return;
	}
	if (done == 1 && had && line->ready)
		line->calls->room(line->context);
}

static void delivery_line_turn(struct delivery_line *line)
{
	if (line->stage == DELIVERY_LINE_DIAL &&
		!delivery_line_connecting(line))
		return;
	if (line->stage == DELIVERY_LINE_SHAKE && !delivery_line_shaking(line))
		return;
	if (line->stage == DELIVERY_LINE_LINGER)
		delivery_line_await_end(line);
	else
		delivery_line_talk(line);
}

static void delivery_line_run(void *context)
{
	struct delivery_line *line = context;

	line->busy = true;
	delivery_line_turn(line);
	delivery_line_leave(line);
}

void delivery_line_quit(struct delivery_line **line_pointer)
{
	struct delivery_line *line = *line_pointer;

	lmtp_home_quit(line->talk, &line->out);
	(void)delivery_line_flush(line);
	delivery_line_close(line_pointer);
}

static struct delivery_line *delivery_line_named(const char *client)
{
	struct delivery_line *line = xcalloc(1, sizeof(*line));

	line->client = client != NULL ? xstrdup(client) : NULL;
	return line;
}

struct delivery_line *delivery_line_new(struct loop *loop,
	struct settings *settings, const struct home *home, const char *client,
	const struct delivery_line_calls *calls, void *context)
{
	struct delivery_line *line = delivery_line_named(client);
	const struct lmtp_home_terms terms = {
		.smtp = home->smtp,
		.starttls = home->tls == HOME_STARTTLS,
		.host = settings->name,
		.client_address = home->client_address == CONFIG_CLIENT_XCLIENT
					  ? line->client
					  : NULL,
	};

	line->loop = loop;
	line->settings = settings_hold(settings);
	line->home = home;
	line->calls = calls;
	line->context = context;
	line->stream.socket = -1;
	line->talk = lmtp_home_new(&terms);
	delivery_line_expect(line, DELIVERY_LINE_CONNECT);
	delivery_line_send(line);
	return line;
}

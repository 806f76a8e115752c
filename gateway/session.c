/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine: states, their functions, time limits, the end. */
#include "config.h"

#include "gateway/session_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "lib/xalloc.h"

/* Steps of one session before others have their turn. */
#define SESSION_STEPS_MAX 64
#define SESSION_RESTART	  "this server is being restarted"

static void session_overdue(void *context);

/* The services are in the order of the protocols. */
const char *session_protocol_name(const struct session *session)
{
	return home_service_name((enum home_service)session->origin.protocol);
}

void session_log(struct session *session, int level, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	if (!log_wants(session->worker->log, level))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_write(session->worker->log, level,
		"session=%u/%" PRIu64 " protocol=%s client=%s: %s",
		session->worker->index, session->number,
		session_protocol_name(session), session->origin.client, text);
}

void session_enter(struct session *session, enum session_state state)
{
	int64_t limit = session_state_limit(state);

	if (!session_state_allows(session->state, state))
		abort();
	session_log(session, LOG_DEBUG, "%s -> %s",
		session_state_name(session->state), session_state_name(state));
	session->state = state;
	loop_timer_clear(session->worker->loop, &session->timer);
	if (limit > 0)
		session_limit(session, limit);
}

void session_limit(struct session *session, int64_t ms)
{
	loop_timer_clear(session->worker->loop, &session->timer);
	loop_timer_set(session->worker->loop, &session->timer, ms,
		session_overdue, session);
}

/* ---- the end ---- */

void session_wipe(struct buffer *buffer)
{
	if (buffer->data != NULL)
		OPENSSL_cleanse(buffer->data, buffer->room);
	buffer_free(buffer);
}

static void session_free(struct session *session)
{
	struct worker *worker = session->worker;
	struct loop *loop = worker->loop;

	session_drop_home(session);
	if (session->relaying)
		relay_clear(&session->relay);
	loop_timer_clear(loop, &session->timer);
	loop_undefer(loop, &session->work);
	loop_watch_free(&session->client_watch);
	stream_close(&session->client);
	dialog_free(&session->dialog);
	session_wipe(&session->in);
	session_wipe(&session->out);
	free(session->submission);
	settings_release(&session->settings);
	*session->before = session->next;
	if (session->next != NULL)
		session->next->before = session->before;
	worker->count--;
	if (session->origin.over != NULL)
		session->origin.over(session->origin.over_context);
	free(session);
}

void session_drop_home(struct session *session)
{
	loop_watch_free(&session->home_watch);
	if (session->home.socket >= 0)
		stream_close(&session->home);
	entry_free(&session->entry);
	session_wipe(&session->up);
	session_wipe(&session->down);
	link_leave(session->worker->link, &session->member);
}

void session_abandon(struct session *session)
{
	session_free(session);
}

/* ---- going on ---- */

int session_flush(struct stream *stream, struct buffer *buffer)
{
	while (buffer->size > 0) {
		ssize_t put;

		if (!stream->writable)
			return 0;
		put = stream_write(stream, buffer->data, buffer->size);
		if (put == STREAM_WAIT)
			return 0;
		if (put < 0)
			return -1;
		buffer_drop(buffer, (size_t)put);
	}
	return 1;
}

static enum session_step session_waiting(struct session *session)
{
	(void)session;
	return SESSION_WAIT;
}

static enum session_step (*const session_functions[SESSION_STATES])(
	struct session *session) = {
	[SESSION_NEW] = session_waiting,
	[SESSION_TLS] = session_tls,
	[SESSION_DIALOG] = session_dialog,
	[SESSION_DELAY] = session_waiting,
	[SESSION_ROUTE] = session_waiting,
	[SESSION_HELD] = session_waiting,
	[SESSION_CONNECT] = session_connecting,
	[SESSION_HOME_TLS] = session_home_tls,
	[SESSION_ENTRY] = session_entry,
	[SESSION_LET_IN] = session_waiting,
	[SESSION_WITHDRAW] = session_withdraw,
	[SESSION_CHALLENGE] = session_challenge,
	[SESSION_RELAY] = session_relay,
	[SESSION_CLOSING] = session_closing,
	[SESSION_DRAIN] = session_drain_home,
	[SESSION_FAREWELL] = session_farewell,
	[SESSION_GONE] = session_waiting,
};

/* Words for a client that is not connected to its home go out in every state.
 * A client that is lost has nobody to work for. */
static bool session_speaks(struct session *session)
{
	if (session->relaying || session->client.shaking ||
		session_flush(&session->client, &session->out) >= 0)
		return true;
	session_enter(session, SESSION_GONE);
	return false;
}

void session_run(struct session *session)
{
	int steps = 0;

	while (session->state != SESSION_GONE && session_speaks(session) &&
		session_functions[session->state](session) == SESSION_ON) {
		if (++steps < SESSION_STEPS_MAX)
			continue;
		session_later(session);
		break;
	}
	if (session->state == SESSION_GONE)
		session_free(session);
}

static void session_again(void *context)
{
	session_run(context);
}

void session_later(struct session *session)
{
	loop_defer(
		session->worker->loop, &session->work, session_again, session);
}

static void session_client_ready(void *context, bool readable, bool writable)
{
	struct session *session = context;

	stream_ready(&session->client, readable, writable);
	session_run(session);
}

/* ---- time ---- */

/* Only states with a limit come here. */
static void session_overdue(void *context)
{
	struct session *session = context;

	switch (session->state) {
	case SESSION_DIALOG:
	case SESSION_CHALLENGE:
		session_goodbye(session, "you took too long to log in");
		break;
	case SESSION_CONNECT:
	case SESSION_HOME_TLS:
	case SESSION_ENTRY:
	case SESSION_WITHDRAW:
		session_home_failed(session, "no answer in time");
		break;
	case SESSION_CLOSING:
		session_enter(session, SESSION_DRAIN);
		break;
	case SESSION_DRAIN:
		session_log(session, LOG_WARNING,
			"the home has not closed after all this time");
		session_enter(session, SESSION_GONE);
		break;
	default:
		session_enter(session, SESSION_GONE);
		break;
	}
	session_run(session);
}

/* ---- for the worker ---- */

static void session_join(struct session *session, struct worker *worker)
{
	session->worker = worker;
	session->next = worker->sessions;
	session->before = &worker->sessions;
	if (session->next != NULL)
		session->next->before = &session->next;
	worker->sessions = session;
	worker->count++;
}

void session_begin(
	struct worker *worker, int socket, const struct session_origin *origin)
{
	struct session *session = xcalloc(1, sizeof(*session));

	session_join(session, worker);
	session->settings = settings_hold(worker->settings);
	session->origin = *origin;
	session->number = link_number(worker->link);
	session->home.socket = -1;
	session->member = (struct link_member){
		.number = session->number,
		.protocol = session_protocol_name(session),
		.client = session->origin.client,
		.calls = &session_link_calls,
		.context = session,
	};
	stream_open(&session->client, socket);
	session->client_watch = loop_watch_new(
		worker->loop, socket, session_client_ready, session);
	if (session->client_watch == NULL)
		session_enter(session, SESSION_GONE);
	else if (origin->implicit)
		session_enter(session, SESSION_TLS);
	else
		session_greet(session);
	session_run(session);
}

struct session *session_next(const struct session *session)
{
	return session->next;
}

void session_drain(struct session *session)
{
	if (session->state != SESSION_DIALOG)
		return;
	session_goodbye(session, SESSION_RESTART);
	session_run(session);
}

void session_close(struct session *session, int64_t ms)
{
	if (session->state == SESSION_TLS) /* nobody could read our words */
		session_enter(session, SESSION_GONE);
	else if (session->dialog != NULL && session->state != SESSION_FAREWELL)
		session_goodbye(session, SESSION_RESTART);
	else
		session_relay_close(session, ms, SESSION_RESTART);
	session_run(session);
}

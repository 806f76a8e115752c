/* SPDX-License-Identifier: BSD-2-Clause */
/* The byte phase of a session and its end. */
#include "config.h"

#include "gateway/session_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/instant.h"
#include "lib/xalloc.h"

#define SESSION_DISCARD 16384
/* Of a client that goes on talking behind our goodbye. */
#define SESSION_DISCARD_MAX (1 << 20)
/* Nothing said for so long, and nobody in the middle of anything: quiet. */
#define SESSION_QUIET_MS 250
/* How often it is looked whether a session that is to be closed is quiet. */
#define SESSION_LOOK_MS 100
/* A client that has said nothing for so long: policyd is told. */
#define SESSION_TELL_MS 5000
/* The longest line that only keeps a session alive. */
#define SESSION_KEEP_MAX 80

/* ---- what the client says ---- */

/* "DONE", "a1 IDLE" or "a1 NOOP" and nothing else: that is how an IMAP client
 * waits for mail, nobody sits before it. */
static bool session_only_keeps(const char *data, size_t size)
{
	static const char *const ends[] = { " IDLE", " NOOP", "DONE" };
	const char *end;

	if (data == NULL || size < 3 || size > SESSION_KEEP_MAX)
		return false;
	end = memchr(data, '\n', size);
	if (end != data + size - 1 || end[-1] != '\r')
		return false;
	size -= 2;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t length = strlen(ends[i]);

		if (size >= length &&
			strncasecmp(data + size - length, ends[i], length) == 0)
			return true;
	}
	return false;
}

static void session_heard(void *context, const char *data, size_t size)
{
	struct session *session = context;

	if (session->submission != NULL && data != NULL)
		submission_take(session->submission, data, size);
	if (session->origin.protocol == DIALOG_IMAP &&
		session_only_keeps(data, size))
		return;
	session->heard_at = loop_now(session->worker->loop);
	if (!session->told_quiet)
		return;
	session->told_quiet = false;
	link_tell_quiet(session->worker->link, &session->member, 0);
}

/* ---- time ---- */

static bool session_is_quiet(const struct session *session, int64_t now)
{
	return relay_is_quiet(&session->relay, now, SESSION_QUIET_MS) &&
	       (session->submission == NULL ||
		       !submission_is_open(session->submission));
}

static void session_tell_quiet(struct session *session, int64_t now)
{
	if (session->told_quiet || now - session->heard_at < SESSION_TELL_MS)
		return;
	session->told_quiet = true;
	link_tell_quiet(session->worker->link, &session->member,
		instant_now() - (now - session->heard_at));
}

/* ms until the next thing that time alone brings. */
static int64_t session_relay_next(const struct session *session, int64_t now)
{
	const struct settings *settings = session->worker->settings;
	int64_t idle = session->relay.active_at +
		       settings_idle(settings, session->origin.protocol) - now;
	int64_t tell = session->heard_at + SESSION_TELL_MS - now;

	if (session->cut_at != 0)
		return SESSION_LOOK_MS;
	if (!session->told_quiet && tell < idle)
		return tell > 0 ? tell : 1;
	return idle > 0 ? idle : 1;
}

static void session_relay_due(void *context);

static void session_relay_wait(struct session *session)
{
	struct loop *loop = session->worker->loop;

	loop_timer_set(loop, &session->timer,
		session_relay_next(session, loop_now(loop)), session_relay_due,
		session);
}

/* No more of the client: what it has said goes to the home, and its end. */
static void session_stop(struct session *session)
{
	session_enter(session, SESSION_CLOSING);
	relay_stop(&session->relay);
	if (session->end_at != 0)
		session_limit(session,
			session->end_at - loop_now(session->worker->loop));
}

static void session_relay_look(struct session *session)
{
	int64_t now = loop_now(session->worker->loop);
	int64_t idle = settings_idle(
		session->worker->settings, session->origin.protocol);

	if (session->cut_at != 0) {
		if (now >= session->cut_at || session_is_quiet(session, now)) {
			session_stop(session);
			return;
		}
	} else if (now - session->relay.active_at >= idle) {
		session->words = "nothing was said for too long";
		session_stop(session);
		return;
	} else {
		session_tell_quiet(session, now);
	}
	session_relay_wait(session);
}

static void session_relay_due(void *context)
{
	struct session *session = context;

	session_relay_look(session);
	session_run(session);
}

void session_relay_close(struct session *session, int64_t ms, const char *words)
{
	int64_t now = loop_now(session->worker->loop);

	if (session->state != SESSION_RELAY)
		return;
	/* A part of the time is for the home to come to its end. */
	session->end_at = now + ms;
	session->cut_at = session->end_at - ms / 4;
	session->words = words;
	session_relay_look(session);
}

/* ---- the byte phase ---- */

void session_relay_begin(struct session *session, const char *data, size_t size)
{
	struct relay *relay = &session->relay;
	bool mail = session->origin.protocol == DIALOG_SMTP;
	int64_t now = loop_now(session->worker->loop);

	dialog_accept(session->dialog, entry_capabilities(session->entry),
		entry_words(session->entry), &session->out);
	if (mail)
		session->submission = xcalloc(1, sizeof(*session->submission));
	relay_begin(relay, session->worker->pool, &session->client,
		&session->home, now);
	session->relaying = true;
	session->began_at = session->heard_at = now;
	relay_observe(relay, session_heard, session, mail);
	relay_add_down(relay, session->out.data, session->out.size);
	relay_add_down(relay, data, size);
	relay_add_up(relay, session->in.data, session->in.size);
	buffer_free(&session->in);
	buffer_free(&session->out);
	session_wipe(&session->up);
	dialog_free(&session->dialog);
	entry_free(&session->entry);
	session_enter(session, SESSION_RELAY);
	session_relay_wait(session);
}

/* The home has closed: nothing of the session can happen there any more. */
static void session_home_over(struct session *session)
{
	session_log(session, LOG_INFO,
		"login=%s system=%s: over after %" PRId64 " s",
		session->member.address, session->member.system,
		(loop_now(session->worker->loop) - session->began_at) / 1000);
	relay_clear(&session->relay);
	session->relaying = false;
	session_drop_home(session);
	session_enter(session, SESSION_FAREWELL);
}

/* The client is lost. What the home works on it may go on with, and what it
 * says is nobody's. */
static void session_client_over(struct session *session)
{
	relay_clear(&session->relay);
	session->relaying = false;
	loop_watch_free(&session->client_watch);
	stream_close(&session->client);
	stream_shut(&session->home);
}

static enum session_step session_move(
	struct session *session, enum relay_result *result_r)
{
	*result_r = relay_run(&session->relay, loop_now(session->worker->loop));
	switch (*result_r) {
	case RELAY_WAIT:
		return SESSION_WAIT;
	case RELAY_AGAIN:
		session_later(session);
		return SESSION_WAIT;
	case RELAY_OVER:
		break;
	case RELAY_BROKEN:
		session_enter(session, SESSION_DRAIN);
		break;
	}
	return SESSION_ON;
}

enum session_step session_relay(struct session *session)
{
	enum relay_result result;
	enum session_step step = session_move(session, &result);

	if (result == RELAY_OVER)
		session_home_over(session);
	return step;
}

enum session_step session_closing(struct session *session)
{
	enum relay_result result;
	enum session_step step = session_move(session, &result);

	if (result == RELAY_OVER) {
		session_home_over(session);
		dialog_last_words(session->origin.protocol,
			session->settings->name, session->words, &session->out);
	}
	return step;
}

/* What a home says to a client that is gone. Its end, or that it is lost, is
 * what is waited for. */
enum session_step session_drain_home(struct session *session)
{
	char data[SESSION_DISCARD];
	ssize_t got = STREAM_WAIT;

	if (session->relaying)
		session_client_over(session);
	if (session->home.readable)
		got = stream_read(&session->home, data, sizeof(data));
	if (got > 0)
		return SESSION_ON;
	if (got == STREAM_WAIT)
		return SESSION_WAIT;
	session_drop_home(session);
	session_enter(session, SESSION_GONE);
	return SESSION_ON;
}

/* The end is told behind the last words; then the client's is waited for a
 * little, since words on their way to us would take ours from it. */
enum session_step session_farewell(struct session *session)
{
	char data[SESSION_DISCARD];
	ssize_t got = STREAM_WAIT;

	if (session->out.size > 0 || stream_unsent(&session->client) > 0)
		return SESSION_WAIT;
	stream_shut(&session->client);
	if (session->client.readable)
		got = stream_read(&session->client, data, sizeof(data));
	session->discarded += got > 0 ? (size_t)got : 0;
	if (got > 0 && session->discarded < SESSION_DISCARD_MAX)
		return SESSION_ON;
	if (got == STREAM_WAIT && !session->client.ended)
		return SESSION_WAIT;
	session_enter(session, SESSION_GONE);
	return SESSION_ON;
}

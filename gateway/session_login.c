/* SPDX-License-Identifier: BSD-2-Clause */
/* The client's side of the login: TLS, the dialog, the question to policyd. */
#include "config.h"

#include "gateway/session_private.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/crypto.h>

#define SESSION_READ 4096
/* How often a client that is held is told so. */
#define SESSION_HOLD_MS 10000

/* Words for the client; those of a home go before them. */
#define SESSION_LATER "temporarily unavailable, please try again later"
#define SESSION_MOVED "the mailbox is being moved, please try again later"

#define SESSION_CLOSED "temporarily unavailable, please log in again"
#define SESSION_KICKED "disconnected by the administrator"
/* A kicked session that is busy has so long to come to a rest. */
#define SESSION_KICK_MS 5000

/* ---- TLS and greeting ---- */

/* What is handed on as it comes every home must have. */
static unsigned session_mechanisms(const struct session *session)
{
	const struct settings *settings = session->settings;
	unsigned mask =
		offers_mechanisms(settings->offers, session->origin.protocol);

	for (int i = 0; i < LOGIN_MECHANISMS; i++)
		if (!login_is_relayed((enum login_mechanism)i))
			mask |= 1u << i;
	return settings->mechanisms & mask;
}

void session_greet(struct session *session)
{
	const struct session_origin *origin = &session->origin;
	const struct dialog_offer offer = {
		.host = session->settings->name,
		.starttls = origin->starttls && session->client.tls == NULL,
		.secure = session->client.tls != NULL,
		.cleartext = origin->cleartext,
		.mechanisms = session_mechanisms(session),
		.capabilities = offers_lines(
			session->settings->offers, origin->protocol),
	};

	session->dialog = dialog_new(origin->protocol, &offer);
	dialog_greet(session->dialog, &session->out);
	session_enter(session, SESSION_DIALOG);
}

/* A handshake that fails is the client's affair, or a probe. */
static enum session_step session_tls_failed(
	struct session *session, const struct error *error)
{
	session_log(session, LOG_INFO, "%s", error->text);
	session_enter(session, SESSION_GONE);
	return SESSION_WAIT;
}

enum session_step session_tls(struct session *session)
{
	struct error error = { "" };
	int done;

	/* The answer to STARTTLS goes in the clear. */
	if (session->client.tls == NULL) {
		if (session->out.size > 0)
			return SESSION_WAIT;
		if (stream_begin_tls_server(&session->client,
			    session->origin.context, &error) < 0)
			return session_tls_failed(session, &error);
	}
	done = stream_handshake(&session->client, &error);
	if (done < 0)
		return session_tls_failed(session, &error);
	if (done == 0)
		return SESSION_WAIT;
	if (session->dialog == NULL) {
		session_greet(session);
	} else {
		dialog_secured(session->dialog, &session->out);
		session_enter(session, SESSION_DIALOG);
	}
	return SESSION_ON;
}

/* ---- the dialog ---- */

void session_goodbye(struct session *session, const char *words)
{
	dialog_goodbye(session->dialog, words, &session->out);
	session_drop_home(session);
	session_enter(session, SESSION_FAREWELL);
}

/* What was said in the clear behind STARTTLS somebody else may have put there:
 * it must not count as said inside (RFC 2595 section 2.3, RFC 3207 section 6).
 */
static void session_starttls(struct session *session)
{
	if (session->in.size == 0) {
		session_enter(session, SESSION_TLS);
		return;
	}
	session_log(session, LOG_WARNING, "words behind STARTTLS: refused");
	buffer_clear(&session->in);
	buffer_clear(&session->out);
	session_goodbye(session, "nothing may follow STARTTLS");
}

static void session_delayed(void *context)
{
	session_ask(context);
	session_run(context);
}

/* Who has guessed wrong waits. */
static void session_try(struct session *session)
{
	struct worker *worker = session->worker;
	int64_t delay = limits_delay(worker->limits, session->origin.client,
		dialog_login(session->dialog)->user, loop_now(worker->loop));

	if (delay <= 0) {
		session_ask(session);
		return;
	}
	session_enter(session, SESSION_DELAY);
	loop_timer_set(
		worker->loop, &session->timer, delay, session_delayed, session);
}

static void session_act(struct session *session, enum dialog_result result)
{
	switch (result) {
	case DIALOG_MORE:
		break;
	case DIALOG_STARTTLS:
		session_starttls(session);
		break;
	case DIALOG_LOGIN:
		session_try(session);
		break;
	case DIALOG_RESPONSE:
		session_enter(session, SESSION_ENTRY);
		entry_answer(session->entry, dialog_response(session->dialog),
			&session->up);
		break;
	case DIALOG_CANCELLED:
		session_drop_home(session);
		session_enter(session, SESSION_DIALOG);
		break;
	case DIALOG_END:
		session_drop_home(session);
		session_enter(session, SESSION_FAREWELL);
		break;
	}
}

/* Takes what was read ahead, or what there is. -1: wait; else a result. */
static int session_hear(struct session *session)
{
	char data[SESSION_READ];
	enum dialog_result result;
	size_t used;
	ssize_t got;

	if (session->in.size > 0) {
		result = dialog_input(session->dialog, session->in.data,
			session->in.size, &used, &session->out);
		buffer_drop(&session->in, used);
		return (int)result;
	}
	if (!session->client.readable)
		return -1;
	got = stream_read(&session->client, data, sizeof(data));
	if (got == STREAM_WAIT)
		return -1;
	if (got < 0) {
		session_enter(session, SESSION_GONE);
		return -1;
	}
	result = dialog_input(
		session->dialog, data, (size_t)got, &used, &session->out);
	if (used < (size_t)got)
		buffer_add(&session->in, data + used, (size_t)got - used);
	OPENSSL_cleanse(data, sizeof(data));
	return (int)result;
}

/* Who does not read our answers is not heard. */
enum session_step session_dialog(struct session *session)
{
	int result;

	if (session->out.size > 0)
		return SESSION_WAIT;
	result = session_hear(session);
	if (result < 0)
		return SESSION_WAIT;
	session_act(session, (enum dialog_result)result);
	return SESSION_ON;
}

enum session_step session_challenge(struct session *session)
{
	return session_dialog(session);
}

void session_refuse(
	struct session *session, enum dialog_refusal refusal, const char *words)
{
	enum dialog_result result;

	if (words == NULL || words[0] == '\0')
		words = refusal == DIALOG_DENIED ? "authentication failed"
						 : SESSION_LATER;
	result = dialog_refuse(session->dialog, refusal, words, &session->out);
	session_drop_home(session);
	session_enter(session,
		result == DIALOG_END ? SESSION_FAREWELL : SESSION_DIALOG);
}

/* ---- policyd ---- */

/* A number is asked with once: a late answer to the former question must not
 * be taken for one to this. */
static void session_renumber(struct session *session)
{
	uint64_t number = link_number(session->worker->link);

	session_log(session, LOG_INFO, "goes on as session=%u/%" PRIu64,
		session->worker->index, number);
	session->number = session->member.number = number;
}

void session_ask(struct session *session)
{
	if (session->asked)
		session_renumber(session);
	session->asked = true;
	session->challenged = false;
	session_enter(session, SESSION_ROUTE);
	link_ask(session->worker->link, &session->member,
		dialog_login(session->dialog)->user, true);
}

/* Tells the client that it takes longer, now and then. */
static void session_hold(void *context)
{
	struct session *session = context;

	dialog_hold(session->dialog, &session->out);
	loop_timer_set(session->worker->loop, &session->timer, SESSION_HOLD_MS,
		session_hold, session);
	session_run(session);
}

static void session_routed(
	void *context, enum link_outcome outcome, const char *reason)
{
	struct session *session = context;
	const char *user = dialog_login(session->dialog)->user;

	if (outcome == LINK_ROUTED) {
		session_connect(session);
	} else {
		session_log(session, LOG_NOTICE,
			"login=%s told to try later: "
			"%s",
			user, reason);
		session_refuse(session, DIALOG_LATER,
			outcome == LINK_MOVED ? SESSION_MOVED : NULL);
	}
	session_run(session);
}

void session_hold_on(struct session *session)
{
	session_enter(session, SESSION_HELD);
	loop_timer_set(session->worker->loop, &session->timer, 0, session_hold,
		session);
}

/* The home has let the client in, and it does not wait for a move. */
static void session_let_in(void *context)
{
	struct session *session = context;

	session_relay_begin(session, session->down.data, session->down.size);
	buffer_free(&session->down);
	session_run(session);
}

static void session_held(void *context)
{
	struct session *session = context;

	session_log(session, LOG_INFO, "login=%s held",
		dialog_login(session->dialog)->user);
	if (session->state != SESSION_LET_IN) {
		/* told at once: many a freeze is shorter than a timer's tick */
		session_enter(session, SESSION_HELD);
		session_hold(session);
		return;
	}
	session_enter(session, SESSION_WITHDRAW);
	session_run(session);
}

/* The account is to be frozen. A login that the home has not answered yet is
 * asked for again, and held; but not in the middle of a challenge, which is
 * between the client and that home. */
static void session_link_close(void *context, int64_t ms)
{
	struct session *session = context;

	switch (session->state) {
	case SESSION_CONNECT:
	case SESSION_HOME_TLS:
	case SESSION_ENTRY:
	case SESSION_LET_IN:
		if (!session->challenged) {
			session_drop_home(session);
			session_ask(session);
			break;
		}
		session_refuse(session, DIALOG_LATER, SESSION_MOVED);
		break;
	case SESSION_CHALLENGE:
		session_refuse(session, DIALOG_LATER, SESSION_MOVED);
		break;
	default:
		session_relay_close(session, ms, SESSION_CLOSED);
		break;
	}
	session_run(session);
}

static void session_link_kick(void *context)
{
	struct session *session = context;

	session_log(session, LOG_NOTICE, "kicked");
	if (session->dialog != NULL)
		session_goodbye(session, SESSION_KICKED);
	else
		session_relay_close(session, SESSION_KICK_MS, SESSION_KICKED);
	session_run(session);
}

const struct link_calls session_link_calls = {
	.routed = session_routed,
	.held = session_held,
	.let_in = session_let_in,
	.close = session_link_close,
	.kick = session_link_kick,
};

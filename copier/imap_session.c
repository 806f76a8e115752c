/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands out, responses in: the session once libetpan has set it up. */
#include "config.h"

#include "copier/imap_session_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "copier/access.h"
#include "copier/backoff.h"

#include "lib/xalloc.h"

/* Buffered output is sent when it is this much. */
#define IMAP_SESSION_OUT 65536
/* A server that says so much unasked (long lines count as several), or tells of so many folders, will never
 * come to the answer. */
#define IMAP_SESSION_IDLE_WORDS 100000
#define IMAP_SESSION_LIST_WORDS 1000000
/* More messages than that are in no folder: whoever tells so would have us keep
 * them all. About each a command may bring some words, and more of changes that
 * others make meanwhile. */
#define IMAP_SESSION_EXISTS_MAX	   (1 << 25)
#define IMAP_SESSION_MESSAGE_WORDS 4
#define IMAP_SESSION_CHANGE_WORDS  100000

int imap_session_break(struct imap_session *session, const char *format, ...)
{
	va_list arguments;
	char text[sizeof(session->failure.text)];

	if (!session->broken) {
		va_start(arguments, format);
		vsnprintf(text, sizeof(text), format, arguments);
		va_end(arguments);
		if (session->goodbye.text[0] != '\0')
			error_set(&session->failure, "%s (server: BYE %s)",
				text, session->goodbye.text);
		else
			error_set(&session->failure, "%s", text);
	}
	session->broken = true;
	return -1;
}

int imap_session_flush(struct imap_session *session)
{
	struct error cause;

	if (!session->broken && session->out.size > 0 &&
		imap_stream_write(session->stream, session->out.data,
			session->out.size, &cause) < 0)
		imap_session_break(session, "%s", cause.text);
	buffer_clear(&session->out);
	return session->broken ? -1 : 0;
}

int imap_session_send(struct imap_session *session, struct error *error)
{
	if (imap_session_flush(session) == 0)
		return 0;
	error_set(error, "%s", session->failure.text);
	return -1;
}

void imap_session_wipe(struct imap_session *session)
{
	if (session->out.data != NULL)
		OPENSSL_cleanse(session->out.data, session->out.room);
}

static void imap_session_write(
	struct imap_session *session, const char *data, size_t size)
{
	if (session->broken || session->refused)
		return;
	while (size > 0) {
		size_t room = IMAP_SESSION_OUT - session->out.size;
		size_t take = size < room ? size : room;

		buffer_add(&session->out, data, take);
		data += take;
		size -= take;
		if (session->out.size >= IMAP_SESSION_OUT &&
			imap_session_flush(session) < 0)
			return;
	}
}

__attribute__((format(printf, 2, 0))) static void imap_session_format(
	struct imap_session *session, const char *format, va_list arguments)
{
	char text[1024];
	int size = vsnprintf(text, sizeof(text), format, arguments);

	if (size < 0 || (size_t)size >= sizeof(text))
		abort();
	imap_session_write(session, text, (size_t)size);
}

static void imap_session_begin_count(struct imap_session *session)
{
	session->idle_words = session->list_words = 0;
	session->message_words = 0;
	imap_stream_ended(session->stream);
}

unsigned imap_command(struct imap_session *session, const char *format, ...)
{
	va_list arguments;
	char tag[16];

	session->refused = false;
	session->open = true;
	imap_session_begin_count(session);
	session->tag++;
	snprintf(tag, sizeof(tag), "A%u ", session->tag);
	imap_session_write(session, tag, strlen(tag));
	va_start(arguments, format);
	imap_session_format(session, format, arguments);
	va_end(arguments);
	return session->tag;
}

void imap_command_add(struct imap_session *session, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	imap_session_format(session, format, arguments);
	va_end(arguments);
}

void imap_command_bytes(
	struct imap_session *session, const char *data, size_t size)
{
	imap_session_write(session, data, size);
}

static bool imap_session_quotable(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			return false;
	return true;
}

void imap_command_name(struct imap_session *session, const char *name)
{
	struct error ignored;

	if (!imap_session_quotable(name)) {
		if (imap_command_literal(session, strlen(name), &ignored) == 1)
			imap_session_write(session, name, strlen(name));
		return;
	}
	imap_session_write(session, "\"", 1);
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			imap_session_write(session, "\\", 1);
		imap_session_write(session, name, 1);
	}
	imap_session_write(session, "\"", 1);
}

void imap_command_end(struct imap_session *session)
{
	imap_session_write(session, "\r\n", 2);
	session->open = false;
}

int imap_command_literal(
	struct imap_session *session, uint64_t size, struct error *error)
{
	bool plus = imap_session_can(session, IMAP_CAP_LITERAL_PLUS) ||
		    (imap_session_can(session, IMAP_CAP_LITERAL_MINUS) &&
			    size <= 4096);

	if (session->refused) {
		error_set(error, "%s", session->words.text);
		return 0;
	}
	imap_command_add(session, "{%llu%s}\r\n", (unsigned long long)size,
		plus ? "+" : "");
	if (plus && !session->broken)
		return 1;
	session->go_on = false;
	session->waiting = session->tag;
	session->answered = false;
	while (!session->broken && !session->answered && !session->go_on)
		imap_session_step(session, NULL);
	if (session->broken) {
		error_set(error, "%s", session->failure.text);
		return -1;
	}
	if (session->go_on) {
		session->waiting = 0;
		return 1;
	}
	session->refused = true;
	session->open = false;
	error_set(error, "%s", session->words.text);
	return 0;
}

void imap_session_handle(struct imap_session *session,
	const struct imap_handler *handler, void *context)
{
	session->handler = handler;
	session->context = context;
}

void imap_session_words(
	const struct imap_response *response, struct error *error)
{
	if (response->code.size > 0)
		error_set(error, "[%.*s] %.*s", (int)response->code.size,
			response->code.at, (int)response->rest.size,
			response->rest.at);
	else
		error_set(error, "%.*s", (int)response->rest.size,
			response->rest.at);
}

/* The number of one of our tags, or 0. */
static unsigned imap_session_tag(struct imap_span tag)
{
	struct imap_span digits = { tag.at + 1, tag.size - 1 };
	uint64_t number;

	if (tag.size < 2 || tag.at[0] != 'A' ||
		imap_number_parse(digits, &number) < 0 || number > UINT32_MAX)
		return 0;
	return (unsigned)number;
}

/*
 * A NO that is not about its command: the login is over, or the server is too
 * busy. The session is given up then, and what is under way is done again
 * later, by a session that a new login begins.
 */
static bool imap_session_is_over(
	struct imap_session *session, const struct imap_response *response)
{
	struct imap_response plain = *response;
	struct error text;
	bool expired = imap_span_is(response->code, "EXPIRED") ||
		       imap_span_is(response->code, "AUTHENTICATIONFAILED");
	bool busy = imap_span_is(response->code, "INUSE") ||
		    imap_span_is(response->code, "UNAVAILABLE") ||
		    imap_span_is(response->code, "THROTTLED");
	bool plainly;

	if (!session->logged_in || !imap_span_is(response->word, "NO"))
		return false;
	if (expired && access_has_token(session->access))
		access_token_bad(session->access, session->token);
	if (expired)
		return true;
	/* [LIMIT] is for good here (RFC 5530): so many flags, no more. */
	plain.code.size = 0;
	imap_session_words(&plain, &text);
	plainly = backoff_classify(text.text).kind == BACKOFF_LATER;
	return (busy || plainly) &&
	       access_turned_away(session->access, plainly);
}

static int imap_session_tagged(struct imap_session *session,
	const struct imap_response *response, struct error *cause)
{
	unsigned tag = imap_session_tag(response->tag);

	if (tag == 0 || tag > session->tag) {
		error_set(cause, "the server answered a command that was never "
				 "given");
		return -1;
	}
	imap_session_begin_count(session);
	if (imap_session_is_over(session, response)) {
		imap_session_words(response, cause);
		return -1;
	}
	if (tag == session->waiting && !session->answered) {
		session->answered = true;
		session->ok = imap_span_is(response->word, "OK");
		imap_session_words(response, &session->words);
		if (session->handler == NULL || session->handler->data == NULL)
			return 0;
		return session->handler->data(
			session->context, response, cause);
	}
	if (session->handler != NULL && session->handler->tagged != NULL)
		return session->handler->tagged(
			session->context, tag, response, cause);
	return 0;
}

/* False when the server says more than can be meant. */
static bool imap_session_count(
	struct imap_session *session, const struct imap_response *response)
{
	bool data = response->kind == IMAP_DATA && session->logged_in;

	if (data && imap_span_is(response->word, "EXISTS") &&
		response->number > session->exists) {
		session->exists = response->number;
		return session->exists <= IMAP_SESSION_EXISTS_MAX;
	}
	if (data && (imap_span_is(response->word, "FETCH") ||
			    imap_span_is(response->word, "EXPUNGE")))
		return ++session->message_words <=
		       IMAP_SESSION_MESSAGE_WORDS * session->exists +
			       IMAP_SESSION_CHANGE_WORDS;
	if (data && (imap_span_is(response->word, "LIST") ||
			    imap_span_is(response->word, "LSUB") ||
			    imap_span_is(response->word, "STATUS")))
		return ++session->list_words <= IMAP_SESSION_LIST_WORDS;
	session->idle_words += 1 + session->wire.text.size / 64;
	return session->idle_words <= IMAP_SESSION_IDLE_WORDS;
}

/* A whole response is there. */
static int imap_session_response(
	struct imap_session *session, struct error *cause)
{
	const struct buffer *text = &session->wire.text;
	struct imap_response response;

	if (imap_response_parse(text->data != NULL ? text->data : "",
		    text->size, &response) < 0) {
		error_set(cause, "the server broke the protocol: %.80s",
			text->data != NULL ? text->data : "");
		return -1;
	}
	if (!imap_session_count(session, &response)) {
		error_set(cause, "the server talks without end");
		return -1;
	}
	switch (response.kind) {
	case IMAP_CONTINUE:
		session->go_on = true;
		if (session->handler == NULL || session->handler->go_on == NULL)
			return 0;
		return session->handler->go_on(
			session->context, response.rest, cause);
	case IMAP_TAGGED:
		return imap_session_tagged(session, &response, cause);
	case IMAP_STATUS:
		if (imap_span_is(response.word, "BYE"))
			imap_session_words(&response, &session->goodbye);
		break;
	case IMAP_DATA:
		break;
	}
	if (session->handler == NULL || session->handler->data == NULL)
		return 0;
	return session->handler->data(session->context, &response, cause);
}

/* A body begins; what stands before it tells whose it is. */
static int imap_session_body(struct imap_session *session, struct error *cause)
{
	struct imap_response before;

	if (session->handler == NULL || session->handler->body == NULL)
		return 0;
	if (imap_response_parse(session->wire.text.data,
		    session->wire.text.size, &before) < 0) {
		error_set(cause, "the server broke the protocol in a FETCH");
		return -1;
	}
	return session->handler->body(
		session->context, &before, session->wire.body, cause);
}

static int imap_session_dispatch(struct imap_session *session,
	enum imap_wire_event event, struct error *cause)
{
	const struct imap_handler *handler = session->handler;

	switch (event) {
	case IMAP_WIRE_BAD:
		return -1;
	case IMAP_WIRE_MORE:
		return 0;
	case IMAP_WIRE_RESPONSE:
		return imap_session_response(session, cause);
	case IMAP_WIRE_BODY:
		return imap_session_body(session, cause);
	case IMAP_WIRE_DATA:
		if (handler == NULL || handler->piece == NULL)
			return 0;
		return handler->piece(session->context, session->wire.data,
			session->wire.data_size, cause);
	case IMAP_WIRE_BODY_END:
		imap_stream_ended(session->stream);
		return 0;
	}
	return -1;
}

static int imap_session_fill(struct imap_session *session)
{
	struct error cause;
	ssize_t got;

	if (imap_session_flush(session) < 0)
		return -1;
	imap_stream_expect(
		session->stream, imap_wire_is_inside(&session->wire));
	got = imap_stream_read(
		session->stream, session->in, sizeof(session->in), &cause);
	if (got < 0)
		return imap_session_break(session, "%s", cause.text);
	session->in_at = 0;
	session->in_end = (size_t)got;
	return 0;
}

int imap_session_step(struct imap_session *session, struct error *error)
{
	enum imap_wire_event event = IMAP_WIRE_MORE;
	struct error cause = { "" };
	size_t used;

	while (!session->broken && event != IMAP_WIRE_RESPONSE) {
		event = imap_wire_feed(&session->wire,
			session->in + session->in_at,
			session->in_end - session->in_at, &used, &cause);
		session->in_at += used;
		if (imap_session_dispatch(session, event, &cause) < 0)
			imap_session_break(session, "%s", cause.text);
		else if (event == IMAP_WIRE_MORE)
			imap_session_fill(session);
	}
	if (!session->broken)
		return 0;
	error_set(error, "%s", session->failure.text);
	return -1;
}

int imap_session_prompt(struct imap_session *session, unsigned tag)
{
	session->go_on = false;
	if (!(session->waiting == tag && session->answered)) {
		session->waiting = tag;
		session->answered = false;
	}
	while (!session->broken && !session->answered && !session->go_on)
		imap_session_step(session, NULL);
	if (session->broken)
		return -1;
	return session->answered ? 0 : 1;
}

int imap_session_wait(
	struct imap_session *session, unsigned tag, struct error *error)
{
	/* Refused before its end: the answer has come already. */
	if (!(session->waiting == tag && session->answered)) {
		session->waiting = tag;
		session->answered = false;
	}
	while (!session->broken && !session->answered)
		imap_session_step(session, NULL);
	session->waiting = 0;
	if (session->broken) {
		error_set(error, "%s", session->failure.text);
		return -1;
	}
	if (session->ok)
		return 1;
	error_set(error, "%s", session->words.text);
	return 0;
}

bool imap_session_can(
	const struct imap_session *session, enum imap_capability capability)
{
	return (session->capabilities & capability) != 0;
}

uint64_t imap_session_append_limit(const struct imap_session *session)
{
	return session->append_limit;
}

void imap_session_spend(struct imap_session *session, unsigned messages)
{
	pace_spend(access_pace(session->access), 0, messages);
}

bool imap_session_broken(const struct imap_session *session)
{
	return session->broken;
}

struct imap_session *imap_session_open(const struct mailbox_target *target,
	enum mailbox_failure *failure_r, struct error *error)
{
	struct imap_session *session = xcalloc(1, sizeof(*session));

	*failure_r = MAILBOX_LATER;
	/* The buffer never moves, so that a password has one place in it. */
	session->out.data = xcalloc(1, IMAP_SESSION_OUT + 1);
	session->out.room = IMAP_SESSION_OUT + 1;
	imap_wire_init(&session->wire);
	session->access = target->access;
	session->stream = imap_stream_open(target, failure_r, error);
	if (session->stream == NULL ||
		imap_login(session, target, failure_r, error) < 0)
		imap_session_free(&session);
	return session;
}

void imap_session_free(struct imap_session **session)
{
	struct imap_session *old = *session;

	if (old == NULL)
		return;
	/* In half a literal our LOGOUT would be part of a message. */
	if (old->logged_in && !old->broken && !old->open) {
		imap_command(old, "LOGOUT");
		imap_command_end(old);
		imap_session_flush(old);
	}
	imap_stream_free(&old->stream);
	imap_wire_free(&old->wire);
	buffer_free(&old->out);
	free(old);
	*session = NULL;
}

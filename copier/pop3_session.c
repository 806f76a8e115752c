/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands out, responses in, in their order: POP3 has no tags. */
#include "config.h"

#include "copier/pop3_session_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/xalloc.h"

/* Never grows beyond this, so that a password has one place in it. */
#define POP3_SESSION_OUT 4096

void pop3_session_command(struct pop3_session *session, const char *format, ...)
{
	va_list arguments;
	char text[POP3_SESSION_OUT];
	int size;

	va_start(arguments, format);
	size = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (size < 0 ||
		session->out.size + (size_t)size + 3 > session->out.room)
		abort();
	buffer_add(&session->out, text, (size_t)size);
	buffer_add(&session->out, "\r\n", 2);
	OPENSSL_cleanse(text, sizeof(text));
}

static int pop3_session_fill(struct pop3_session *session, struct error *error)
{
	ssize_t got = -1;

	imap_stream_expect(
		session->stream, pop3_wire_is_inside(&session->wire));
	if (session->out.size == 0 ||
		imap_stream_write(session->stream, session->out.data,
			session->out.size, error) == 0)
		got = imap_stream_read(session->stream, session->in,
			sizeof(session->in), error);
	if (session->out.size > 0)
		OPENSSL_cleanse(session->out.data, session->out.room);
	buffer_clear(&session->out);
	session->in_at = 0;
	session->in_end = got > 0 ? (size_t)got : 0;
	return got > 0 ? 0 : -1;
}

static void pop3_answer_take(
	struct pop3_answer *answer, const struct pop3_wire *wire)
{
	answer->ok = wire->ok;
	answer->go_on = !wire->ok && wire->line[0] == '+';
	answer->refusal =
		wire->ok ? POP3_REFUSED : pop3_refusal_parse(wire->line);
	error_set(&answer->words, "%s", pop3_words(wire->line));
}

static int pop3_session_dispatch(struct pop3_session *session,
	enum pop3_wire_event event, const struct pop3_handler *handler,
	void *context, struct pop3_answer *answer, struct error *error)
{
	const struct pop3_wire *wire = &session->wire;

	switch (event) {
	case POP3_WIRE_BAD:
		return -1;
	case POP3_WIRE_MORE:
		return pop3_session_fill(session, error);
	case POP3_WIRE_REPLY:
		pop3_answer_take(answer, wire);
		return 0;
	case POP3_WIRE_LINE:
		return handler != NULL && handler->line != NULL
			       ? handler->line(context, wire->line, error)
			       : 0;
	case POP3_WIRE_DATA:
		return handler != NULL && handler->data != NULL
			       ? handler->data(context, wire->data,
					 wire->data_size, error)
			       : 0;
	case POP3_WIRE_END:
		return 0;
	}
	return -1;
}

int pop3_session_answer(struct pop3_session *session,
	enum pop3_wire_shape shape, const struct pop3_handler *handler,
	void *context, struct pop3_answer *answer_r, struct error *error)
{
	enum pop3_wire_event event = POP3_WIRE_MORE;
	struct error cause = { "connection lost" };
	size_t used;

	pop3_wire_expect(&session->wire, shape);
	while (!session->broken && event != POP3_WIRE_END) {
		event = pop3_wire_feed(&session->wire,
			session->in + session->in_at,
			session->in_end - session->in_at, &used, &cause);
		session->in_at += used;
		session->broken = pop3_session_dispatch(session, event, handler,
					  context, answer_r, &cause) < 0;
	}
	if (!session->broken) {
		imap_stream_ended(session->stream);
		return 0;
	}
	error_set(error, "%s", cause.text);
	return -1;
}

void pop3_list_clear(struct pop3_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->entries[i].uidl);
	free(list->entries);
	memset(list, 0, sizeof(*list));
}

static int pop3_list_line(void *context, const char *line, struct error *error)
{
	struct pop3_list *list = context;
	struct pop3_entry entry = { .uidl = NULL };

	if (pop3_list_parse(line, &entry.number, &entry.size) < 0 ||
		(list->count > 0 &&
			entry.number <=
				list->entries[list->count - 1].number)) {
		error_set(error, "LIST: the server broke the protocol: %.80s",
			line);
		return -1;
	}
	if (list->count == list->room) {
		list->room = list->room > 0 ? 2 * list->room : 64;
		list->entries = xreallocarray(
			list->entries, list->room, sizeof(*list->entries));
	}
	list->entries[list->count++] = entry;
	return 0;
}

static int pop3_entry_compare(const void *key, const void *entry)
{
	uint32_t number = *(const uint32_t *)key;
	uint32_t other = ((const struct pop3_entry *)entry)->number;

	return (number > other) - (number < other);
}

/* One line of UIDL: that message is in the list, and was not told before. */
static int pop3_list_uidl(void *context, const char *line, struct error *error)
{
	struct pop3_list *list = context;
	struct pop3_entry *entry = NULL;
	const char *uidl;
	uint32_t number;

	if (pop3_uidl_parse(line, &number, &uidl) == 0 && list->count > 0)
		entry = bsearch(&number, list->entries, list->count,
			sizeof(*list->entries), pop3_entry_compare);
	if (entry == NULL || entry->uidl != NULL) {
		error_set(error, "UIDL: the server broke the protocol: %.80s",
			line);
		return -1;
	}
	entry->uidl = xstrdup(uidl);
	return 0;
}

static int pop3_list_check(const struct pop3_list *list, struct error *error)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (list->entries[i].uidl != NULL)
			continue;
		error_set(error, "UIDL: the server leaves out message %" PRIu32,
			list->entries[i].number);
		return -1;
	}
	return 1;
}

int pop3_session_list(struct pop3_session *session, struct pop3_list *list,
	struct error *error)
{
	static const struct pop3_handler lines = { .line = pop3_list_line };
	static const struct pop3_handler uidls = { .line = pop3_list_uidl };
	bool pipelining = session->capabilities.pipelining;
	struct pop3_answer list_answer, uidl_answer;

	pop3_session_command(session, "LIST");
	if (pipelining)
		pop3_session_command(session, "UIDL");
	if (pop3_session_answer(session, POP3_WIRE_LIST, &lines, list,
		    &list_answer, error) < 0)
		return -1;
	if (!pipelining)
		pop3_session_command(session, "UIDL");
	if (pop3_session_answer(session, POP3_WIRE_LIST, &uidls, list,
		    &uidl_answer, error) < 0)
		return -1;
	if (!list_answer.ok || !uidl_answer.ok) {
		error_set(error, "%s: %s", list_answer.ok ? "UIDL" : "LIST",
			list_answer.ok ? uidl_answer.words.text
				       : list_answer.words.text);
		return 0;
	}
	return pop3_list_check(list, error);
}

struct pop3_reading {
	const struct pop3_sink *sink;
	void *context;
};

static int pop3_reading_data(
	void *context, const char *data, size_t size, struct error *error)
{
	struct pop3_reading *reading = context;

	return reading->sink->data(reading->context, data, size, error);
}

/* Asks for one more message; its number, or 0. */
static uint32_t pop3_session_ask(struct pop3_session *session, bool head,
	const struct pop3_sink *sink, void *context)
{
	uint32_t number = sink->next(context);

	if (number > 0 && head)
		pop3_session_command(session, "TOP %" PRIu32 " 0", number);
	else if (number > 0)
		pop3_session_command(session, "RETR %" PRIu32, number);
	return number;
}

int pop3_session_read(struct pop3_session *session, bool head,
	const struct pop3_sink *sink, void *context, struct error *error)
{
	static const struct pop3_handler handler = {
		.data = pop3_reading_data
	};
	struct pop3_reading reading = { sink, context };
	size_t most = session->capabilities.pipelining ? POP3_PIPELINE : 1;
	uint32_t asked[POP3_PIPELINE], number = 1;
	size_t first = 0, under_way = 0;
	struct pop3_answer answer;

	for (;;) {
		while (number > 0 && under_way < most) {
			number = pop3_session_ask(session, head, sink, context);
			asked[(first + under_way) % POP3_PIPELINE] = number;
			under_way += number > 0;
		}
		if (under_way == 0)
			return 1;
		if (pop3_session_answer(session, POP3_WIRE_BODY, &handler,
			    &reading, &answer, error) < 0)
			return -1;
		if (!answer.ok)
			sink->refused(context, asked[first], &answer.words);
		else if (sink->end(context, asked[first], error) < 0) {
			session->broken = true;
			return -1;
		}
		first = (first + 1) % POP3_PIPELINE;
		under_way--;
	}
}

int pop3_session_keep_alive(struct pop3_session *session, struct error *error)
{
	struct pop3_answer answer;

	pop3_session_command(session, "NOOP");
	return pop3_session_answer(
		       session, POP3_WIRE_SHORT, NULL, NULL, &answer, error) < 0
		       ? -1
		       : 1;
}

const struct pop3_capabilities *pop3_session_capabilities(
	const struct pop3_session *session)
{
	return &session->capabilities;
}

struct pop3_session *pop3_session_open(const struct mailbox_target *target,
	enum pop3_refusal *refusal_r, struct error *error)
{
	struct pop3_session *session = xcalloc(1, sizeof(*session));
	enum mailbox_failure failure = MAILBOX_LATER;

	*refusal_r = POP3_REFUSED_LATER;
	pop3_capabilities_clear(&session->capabilities);
	session->out.room = 2 * POP3_SESSION_OUT;
	session->out.data = xcalloc(1, session->out.room);
	session->stream = imap_stream_open(target, &failure, error);
	if (failure == MAILBOX_UNFIT)
		*refusal_r = POP3_REFUSED_UNFIT;
	if (session->stream != NULL) {
		imap_stream_unguard(session->stream);
		if (pop3_login(session, target, refusal_r, error) == 0)
			return session;
	}
	pop3_session_close(&session);
	return NULL;
}

void pop3_session_close(struct pop3_session **session)
{
	struct pop3_session *old = *session;
	struct pop3_answer answer;

	if (old == NULL)
		return;
	/* RSET also takes back what some servers note of messages read. */
	if (old->stream != NULL && !old->broken) {
		if (old->logged_in) {
			pop3_session_command(old, "RSET");
			pop3_session_answer(old, POP3_WIRE_SHORT, NULL, NULL,
				&answer, NULL);
		}
		pop3_session_command(old, "QUIT");
		pop3_session_answer(
			old, POP3_WIRE_SHORT, NULL, NULL, &answer, NULL);
	}
	imap_stream_free(&old->stream);
	OPENSSL_cleanse(old->out.data, old->out.room);
	buffer_free(&old->out);
	free(old);
	*session = NULL;
}
